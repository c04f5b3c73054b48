"""Transcriptions to MIDI, TSV, JSON and pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from drummernet.errors import InputError
from drummernet.hits import write_json, write_midi, write_tsv
from drummernet.transcription.files import Transcription
from drummernet.transcription.pictures import draw_transcription

_WRITERS: dict[str, tuple[str, Callable[[Path, Transcription], None]]] = {
    "midi": (".mid", lambda path, t: write_midi(path, t.hits, beats=t.beats)),
    "tsv": (".tsv", lambda path, t: write_tsv(path, t.hits)),
    "json": (".json", lambda path, t: write_json(path, t.hits, t.beats)),
    "png": (".png", draw_transcription),
}
FORMATS = tuple(_WRITERS)
"""The names of what can be written."""
_WITH_BEATS = {"midi", "json"}


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return ``formats`` as a tuple after checking each.

    Raises:
        InputError: naming the unknown format, or if there is none.
    """
    for name in formats:
        if name not in _WRITERS:
            raise InputError("formats", "name", f"unknown {name!r}; known are {', '.join(FORMATS)}")
    if not formats:
        raise InputError("formats", "names", f"none given; known are {', '.join(FORMATS)}")
    return tuple(formats)


def needs_beats(formats: Sequence[str]) -> bool:
    """Return whether any of the formats holds beats."""
    return not _WITH_BEATS.isdisjoint(formats)


def write_transcription(
    transcription: Transcription, out_folder: Path, stem: str, formats: Sequence[str]
) -> list[Path]:
    """Write ``STEM.mid``, ``STEM.tsv``, ``STEM.json``, ``STEM.png``, each under a temporary name first.

    Args:
        transcription: What to write.
        out_folder: Where to; made if it is missing.
        stem: Name of the files without suffix. It may hold dots.
        formats: Names in ``FORMATS``.

    Returns:
        The files written, in the order of ``formats``.

    Raises:
        InputError: if a format is unknown; nothing is written then.
    """
    written = []
    for name in check_formats(formats):
        suffix, write = _WRITERS[name]
        path = out_folder / f"{stem}{suffix}"
        write(path, transcription)
        written.append(path)
    return written
