"""The sounds of a folder, a Hydrogen kit or a SoundFont, each with a guess what it is."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import GM_COMPONENTS, GM_NOTES
from drummernet.errors import InputError
from drummernet.kits.guess import RIM, Guess, guess
from drummernet.kits.hydrogen import Instrument, hydrogen_instruments
from drummernet.kits.sf2_zones import Preset
from drummernet.kits.soundfont import soundfont_presets


class Found(NamedTuple):
    """A sound of a source.

    Attributes:
        label: What it is called.
        value: What a manifest calls it: a file, the number of an instrument, a note.
        guess: What it may be.
    """

    label: str
    value: str | int
    guess: Guess


SOUNDFONT_SUFFIXES = frozenset({".sf2", ".sf3"})
_PERCUSSION_BANK = 128


def find_sounds(source: Path, preset: str | None = None) -> tuple[dict[str, Any], list[Found]]:
    """Find what a kit may be made of.

    Args:
        source: A folder with audio files, a folder with a ``drumkit.xml``, or an sf2 or sf3 file.
        preset: Of a SoundFont: ``BANK:NUMBER`` or a name; needed if there are several of percussion.

    Returns:
        What a manifest says of the source beside its path and its components, and the sounds.

    Raises:
        InputError: if the source is something else, holds no audio or is broken; if the preset is not clear.
    """
    if (source / "drumkit.xml").is_file():
        instruments = [entry for entry in hydrogen_instruments(source) if entry.layers]
        return {"type": "hydrogen"}, [_instrument(entry) for entry in instruments]
    if source.is_dir():
        return {"type": "folder"}, _files(source)
    if source.suffix.lower() not in SOUNDFONT_SUFFIXES:
        raise InputError(source, "source", "is no folder, no .sf2 and no .sf3")
    chosen = _preset(soundfont_presets(source), preset, source)
    kind = {"type": "soundfont", "bank": chosen.bank, "preset": chosen.number}
    return kind, _notes(chosen.notes)


def _files(folder: Path) -> list[Found]:
    paths = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES
        and path.is_file()
        and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise InputError(folder, "folder", f"holds no audio ({', '.join(sorted(AUDIO_SUFFIXES))})")
    found = []
    for name in sorted((path.relative_to(folder) for path in paths), key=_natural):
        text = name.as_posix()
        found.append(Found(text if text.isprintable() else ascii(text), text, _guess_path(name)))
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())
    ]


def _guess_path(name: Path) -> Guess:
    """Guess by a file's name, and if it leaves a doubt by those of its folders, too."""
    words = name.stem
    first = best = guess(words)
    for folder in list(name.parents)[:-1]:
        if best.is_sure:
            break
        words = f"{folder.name} {words}"
        best = guess(words)
    return best if best.is_sure or not first.components else first


def _instrument(entry: Instrument) -> Found:
    """Guess by an instrument's name; its note decides among what that leaves open."""
    by_name, by_note = guess(entry.name), GM_COMPONENTS.get(entry.note or 0, "")
    if not by_name.is_sure and by_note in by_name.components and by_name.kind != RIM:
        by_name = Guess((by_note,), True, by_name.kind)
    return Found(f"{entry.name or 'unnamed'} (instrument {entry.id})", entry.id, by_name)


def _preset(presets: Sequence[Preset], wanted: str | None, path: Path) -> Preset:
    """Return the preset that is meant, if it is clear which."""
    known = [preset for preset in presets if preset.bank == _PERCUSSION_BANK] or list(presets)
    if wanted is not None:
        known = [p for p in presets if wanted in (f"{p.bank}:{p.number}", p.name)]
    if len(known) == 1:
        return known[0]
    names = ", ".join(f"{p.bank}:{p.number} {p.name}" for p in known or presets)
    problem = f"{wanted!r} is not one of" if wanted is not None and not known else "name one of"
    raise InputError(path, "preset", f"{problem} {names}")


def _notes(notes: Sequence[int]) -> list[Found]:
    """Take the usual note of every component before the alternatives."""
    ordered = sorted(notes, key=lambda note: (note not in GM_NOTES.values(), note))
    found = []
    taken: set[str] = set()
    for note in ordered:
        component = GM_COMPONENTS.get(note, "")
        is_first = bool(component) and component not in taken
        taken.add(component)
        found.append(Found(f"note {note}", note, Guess((component,), True) if is_first else Guess(())))
    return found
