"""``drummernet kits import``: sounds that somebody has, to a manifest that makes a kit of them.

What a sound is, its name says, or in a SoundFont its General MIDI note. What is not sure is asked, and left
out.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice
from drummernet.kits.found import Found, find_sounds
from drummernet.kits.hydrogen import hydrogen_about
from drummernet.kits.kit import GROUPS, normalised
from drummernet.kits.manifest import SOURCES
from drummernet.kits.names import strength, velocities
from drummernet.resources import replaced_file

_UNKNOWN = "no component goes by such a name or note"
UNKNOWN_LICENCE = "LicenseRef-unknown"
"""The licence of a kit of which nobody has said it."""


@dataclass
class Imported:
    """A manifest, and how it came about.

    Attributes:
        manifest: Its content.
        used: Component to what it is made of.
        questions: What may be something, with the line that would add it.
        unused: Reason to what was left out for it.
    """

    manifest: dict[str, Any]
    used: dict[str, list[str]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    unused: dict[str, list[str]] = field(default_factory=dict)


def import_kit(
    source: Path,
    out: Path,
    preset: str | None = None,
    family: str | None = None,
    group: str = "sampled_train",
    licence: str | None = None,
) -> Imported:
    """Write the manifest of a folder of sounds, a SoundFont or a Hydrogen kit.

    Args:
        source: A folder, which is searched with all folders in it; one with a ``drumkit.xml``; or an sf2 or
            sf3 file.
        out: The manifest, which must not exist; the stem of its name is the kit's.
        preset: Of a SoundFont: ``BANK:NUMBER`` or a name; needed if there are several of percussion.
        family: The recording session or machine; else the kit's name.
        group: One of :data:`drummernet.kits.kit.GROUPS`.
        licence: An SPDX identifier; else ``LicenseRef-unknown``.

    Raises:
        InputError: if the source holds no sounds, or none whose component is sure; if the group is unknown
            or the manifest exists.
    """
    if out.suffix != ".yaml":
        raise InputError(out, "name", "is not that of a manifest, NAME.yaml")
    if out.exists():
        raise InputError(out, "manifest", "is there already")
    check_choice(group, GROUPS, out, "group")
    kind, found = find_sounds(source, preset)
    attribution = ""
    if kind["type"] == "hydrogen":
        about = hydrogen_about(source)
        attribution = ", ".join(part for part in (about.author, about.licence) if part)
    kind["path"] = _path(source, out)
    if not _is_text(kind["path"]):
        raise InputError(ascii(str(source)), "name", "is not UTF-8, as manifests are")
    result = Imported(
        {
            "name": out.stem,
            "family": family or out.stem,
            "group": group,
            "licence": licence or UNKNOWN_LICENCE,
            **({"attribution": attribution} if attribution else {}),
        }
    )
    members = _sorted_out(_sounding(found, kind, out, result), result)
    if not members:
        problem = "; ".join(result.questions or result.unused) or "it has no sounds"
        raise InputError(source, "components", f"none is sure: {problem}")
    result.manifest["source"] = kind | {"components": members}
    with replaced_file(out) as temporary:
        text = yaml.safe_dump(result.manifest, sort_keys=False, allow_unicode=True, width=110)
        temporary.write_text(text, encoding="utf-8")
    return result


def format_import(result: Imported) -> str:
    """Return what was guessed, what is asked and what was left out, a line each."""
    lines = [f"{component}: {', '.join(labels)}" for component, labels in result.used.items()]
    lines += [f"question: {question}" for question in result.questions]
    lines += [f"not used, {reason}: {', '.join(labels)}" for reason, labels in result.unused.items()]
    if result.manifest["licence"] == UNKNOWN_LICENCE:
        lines.append(f"question: what is its licence? The manifest says {UNKNOWN_LICENCE}")
    return "\n".join(lines)


def _path(source: Path, out: Path) -> str:
    """Return a path that moves with the manifest if the sounds lie beside or below it."""
    sounds = source.absolute()
    relative = Path(os.path.relpath(sounds, out.absolute().parent))
    return str(sounds) if ".." in relative.parts else relative.as_posix()


def _is_text(name: str) -> bool:
    """Return whether a name can be written; those of files may be any bytes."""
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def _sounding(found: Sequence[Found], kind: dict[str, Any], out: Path, result: Imported) -> list[Found]:
    """Keep the sounds that may be used and can be; say of the others why not."""
    kept = []
    for sound in found:
        if not sound.guess.components:
            result.unused.setdefault(_UNKNOWN, []).append(sound.label)
            continue
        if not _is_text(str(sound.value)):
            result.unused.setdefault("the name is not UTF-8, as manifests are", []).append(sound.label)
            continue
        try:
            component = sound.guess.components[0]
            entries = {key: value for key, value in kind.items() if key != "type"}
            sounds = SOURCES[kind["type"]](entries | {"components": {component: sound.value}}, out)
            normalised(sounds[component], sound.label, component)
        except InputError as error:
            result.unused.setdefault(str(error), []).append(sound.label)
        else:
            kept.append(sound)
    return kept


def _sorted_out(found: Sequence[Found], result: Imported) -> dict[str, Any]:
    """Return the components of the manifest; add to the result what is used and what is asked."""
    members: dict[str, Any] = {}
    for component in WIDER_COMPONENTS:
        sure = [sound for sound in found if sound.guess.is_sure and sound.guess.components[0] == component]
        if len({sound.guess.kind for sound in sure}) > 1:
            labels = " or ".join(sound.label for sound in sure)
            line = _line(component, sure[0].value)
            result.questions.append(f"{component} could be {labels}; add one, such as {line}")
        elif sure:
            members[component], result.used[component] = _member(sure)
    for sound in found:
        if not sound.guess.is_sure:
            names = sound.guess.components
            meant = ", ".join(names[:-1]) + " or " * (len(names) > 1) + names[-1]
            result.questions.append(
                f"{sound.label} could be {meant}; to add it, write {_line(names[0], sound.value)}"
            )
    return members


def _line(component: str, value: str | int) -> str:
    return yaml.safe_dump({component: value}, allow_unicode=True, width=1 << 16).strip()


def _member(sounds: Sequence[Found]) -> tuple[Any, list[str]]:
    """Return the entry of a component and what to say of it: one sound, takes, or layers."""
    labels, values = [sound.label for sound in sounds], [sound.value for sound in sounds]
    if len(values) == 1:
        return values[0], labels
    strokes = velocities([strength(str(value)) for value in values]) or [1.0]
    if len(set(strokes)) == 1 or not isinstance(values[0], str):
        return values, [f"{label} (take {n})" for n, label in enumerate(labels, 1)]
    layers: list[Mapping[str, Any]] = []
    for stroke in sorted(set(strokes)):
        takes = [value for value, own in zip(values, strokes, strict=True) if own == stroke]
        layers.append({"velocity": round(stroke, 3), "takes": takes})
    said = [f"{label} (up to {stroke:.2f})" for label, stroke in zip(labels, strokes, strict=True)]
    return layers, said
