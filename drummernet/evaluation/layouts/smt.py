"""IDMT-SMT-Drums (Dittmar & Gärtner 2014): loops of kick, snare and hi-hat, with single strokes of each."""

import re
from collections.abc import Mapping
from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.layouts.annotations import (
    Event,
    checked_event,
    class_onsets,
    refuse_empty,
    shown,
    tidied,
)
from drummernet.evaluation.layouts.files import matched, name_unannotated, named_files, subfolder
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import Track
from drummernet.xmlfile import read_xml

FAMILIES = ("RealDrum", "WaveDrum", "TechnoDrum")

_MIX = "#MIX"


def _read(root: Path, task: str, split: str | None, problems: Problems) -> list[Track]:
    annotations = {
        name[: -len(_MIX)]: path
        for name, path in named_files(subfolder(root, "annotation_xml"), (".xml",), problems).items()
        if name.upper().endswith(_MIX)
    }
    files = named_files(subfolder(root, "audio"), AUDIO_SUFFIXES, problems)
    audio, others = matched({name: name + _MIX for name in annotations}, files)
    name_unannotated((path for path in others if path.stem.upper().endswith(_MIX)), problems)
    one_shots: dict[str, dict[str, Path]] = {name: {} for name in annotations}
    for label in THREE_CLASSES:
        for name, path in matched({name: f"{name}#{label}#train" for name in annotations}, files)[0].items():
            one_shots[name][label] = path
    tracks = []
    for name, path in annotations.items():
        try:
            events = _events(path)
            refuse_empty(path, events)
            onsets, side_sticks = class_onsets(_tidied(path, events, problems))
        except InputError as error:
            problems.lose(error)
            continue
        _check_one_shots(path, one_shots[name], problems)
        group = next((family for family in FAMILIES if name.casefold().startswith(family.casefold())), "")
        tracks.append(
            Track(name, audio.get(name), onsets, side_sticks, one_shot_paths=one_shots[name], group=group)
        )
    return tracks


def _events(path: Path) -> list[Event]:
    """Read the ``<event>`` elements of an annotation, wherever they stand in it.

    Raises:
        InputError: naming the path, the event and the value at fault.
    """
    events = []
    for number, element in enumerate(read_xml(path).iter("event"), start=1):
        place = f"event {number}"
        words = [(element.findtext(tag) or "").strip() for tag in ("onsetSec", "instrument")]
        if not all(words):
            raise InputError(path, place, "lacks onsetSec or instrument")
        events.append(checked_event(path, place, words[0], words[1], _label))
    return events


def _tidied(path: Path, events: list[Event], problems: Problems) -> list[Event]:
    """Tidy each instrument by itself: a list of events need not be in order across instruments."""
    groups = ([event for event in events if event.label == label] for label in THREE_CLASSES)
    return [event for group in groups for event in tidied(path, group, problems)]


def _check_one_shots(path: Path, one_shots: Mapping[str, Path], problems: Problems) -> None:
    missing = [label for label in THREE_CLASSES if label not in one_shots]
    if one_shots and missing:
        files = ", ".join(re.sub(f"(?i){_MIX}$", f"#{label}#train", path.stem) for label in missing)
        problems.append(f"{path}: training audio: {files} is not there, beside others that are")


def _label(label: str) -> str:
    if label not in THREE_CLASSES:
        raise InputError("label", shown(label), "unknown")
    return label


def _fits(root: Path) -> bool:
    return subfolder(root, "annotation_xml").is_dir()


LAYOUT = Layout(
    read=_read,
    fits=_fits,
    expects="annotation_xml/RealDrum01_00#MIX.xml and audio/RealDrum01_00#MIX.wav",
    tasks=("DTD",),
    published="version 1 of SMT has 104 mixes, version 2 has 95",
)
"""The layout: only mixes are scored; the training files of a loop are its single strokes."""
