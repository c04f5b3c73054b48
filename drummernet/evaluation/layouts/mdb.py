"""MDB Drums (Southall et al. 2017): drums and full mixes of 23 tracks, classes and subclasses apart."""

from collections.abc import Sequence
from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import FIVE_CLASSES, MDB_SUBCLASSES, OTHER, class_of
from drummernet.errors import InputError
from drummernet.evaluation.layouts.annotations import (
    Event,
    class_onsets,
    read_beats,
    read_events,
    refuse_empty,
    tidied,
)
from drummernet.evaluation.layouts.files import matched, name_unannotated, named_files, subfolder
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import SIDE_STICK, Track

_AUDIO = {"DTP": ("drum_only", "_Drum"), "DTM": ("full_mix", "_MIX")}
_SAME_SECONDS = 0.001 + 1e-9
"""Class and subclass files may round a time differently."""
_LABELS = {**{name: name for name in (*FIVE_CLASSES, OTHER)}, **MDB_SUBCLASSES}


def _read(root: Path, task: str, split: str | None, problems: Problems) -> list[Track]:
    annotations = subfolder(root, "annotations")
    classes = _annotations(annotations, "class", problems)
    subclasses = _annotations(annotations, "subclass", problems)
    folder, ending = _AUDIO[task]
    files = named_files(subfolder(root, "audio", folder), AUDIO_SUFFIXES, problems)
    audio, unannotated = matched({name: name + ending for name in classes}, files)
    files = named_files(subfolder(annotations, "beats"), (".beats",), problems)
    beats, _ = matched({name: f"{name}_MIX" for name in classes}, files)
    name_unannotated(unannotated, problems)
    found, others = matched({name: name for name in classes}, subclasses)
    for path in others:
        problems.lose(f"{path}: annotation: no class file beside it, not scored")
    tracks = []
    for name, path in classes.items():
        try:
            onsets, side_sticks = class_onsets(_events(path, found.get(name), problems))
        except InputError as error:
            problems.lose(error)
            continue
        heard = read_beats(beats.get(name), problems)
        tracks.append(Track(name, audio.get(name), onsets, side_sticks, beats=heard))
    return tracks


def _annotations(folder: Path, kind: str, problems: Problems) -> dict[str, Path]:
    files = named_files(subfolder(folder, kind), (".txt",), problems)
    return {name.removesuffix(f"_{kind}"): path for name, path in files.items()}


def _events(path: Path, subclass_path: Path | None, problems: Problems) -> list[Event]:
    """Return the hits of a class file, in which the subclass file tells the side sticks.

    They are scored in no class, also where the class file counts them among the snares.

    Raises:
        InputError: if one of the files cannot be used.
    """
    events = read_events(path, _label)
    refuse_empty(path, events)
    if subclass_path is None:
        problems.append(f"{path}: subclass: no such file beside it, its side sticks are not known")
        return tidied(path, events, problems)
    subclasses = tidied(subclass_path, read_events(subclass_path, _label), problems)
    scored, side_sticks = _side_sticks(tidied(path, events, problems), subclasses)
    return scored + side_sticks


def _side_sticks(events: Sequence[Event], subclasses: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Tell the side sticks from the hits of a class file.

    Of the snares at a side stick one goes that the subclass file has no snare for.

    Returns:
        The other hits, and the side sticks at the class file's times: where it calls them OT they are two
        events from here on, but one onset of that class.
    """
    left = list(events)
    side_sticks = []
    for stick in (event for event in subclasses if event.label == SIDE_STICK):
        snares = _at(stick, left, "SD")
        if len(snares) > len(_at(stick, subclasses, "SD")):
            left.remove(min(snares, key=lambda event: abs(event.seconds - stick.seconds)))
        others = _at(stick, events, OTHER)
        side_sticks.append(stick._replace(seconds=others[0].seconds) if others else stick)
        left = [event for event in left if event.label != SIDE_STICK or event not in others]
    return left, side_sticks


def _at(stick: Event, events: Sequence[Event], name: str) -> list[Event]:
    """Return the hits of a class that are where a side stick is."""
    near = (event for event in events if abs(event.seconds - stick.seconds) <= _SAME_SECONDS)
    return [event for event in near if class_of(event.label) == name]


def _label(label: str) -> str:
    if label not in _LABELS:
        raise InputError("label", label, "unknown")
    return _LABELS[label]


def _fits(root: Path) -> bool:
    return subfolder(root, "annotations", "class").is_dir()


LAYOUT = Layout(
    read=_read,
    fits=_fits,
    expects="annotations/class/MusicDelta_X_class.txt and audio/drum_only/MusicDelta_X_Drum.wav",
    tasks=("DTP", "DTM"),
    published="MDB Drums has 23",
)
"""The layout: DTP hears ``audio/drum_only``, DTM ``audio/full_mix``."""
