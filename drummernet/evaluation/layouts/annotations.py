"""Annotations: what has no meaning is refused by its line, what is out of order mended."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drummernet.errors import InputError
from drummernet.evaluation.layouts.layout import Problems
from drummernet.evaluation.tracks import SIDE_STICK, ClassOnsets, onsets_by_class
from drummernet.score import Beat

# Python's own float() also takes "1_0", "nan" and digits of any script.
_SECONDS = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST_SECONDS = 1e6
_EARLIEST_SECONDS = -0.010
"""SMT has onsets a little before 0, which can only mean the start."""
_SHOWN_CHARACTERS = 60
_SHOWN_PLACES = 8


class Event(NamedTuple):
    """An annotated hit.

    Attributes:
        seconds: When.
        label: Which drum: a component, subclass or class of this project's vocabulary.
        place: Where it stands in its file: ``"line 3"``.
    """

    seconds: float
    label: str
    place: str


def read_events(path: Path, label_of: Callable[[str], str]) -> list[Event]:
    """Read lines ``onset_seconds label``; a third column is tolerated.

    Args:
        path: The annotation.
        label_of: From the dataset's label to this project's; raises InputError for an unknown one.

    Returns:
        The hits in the order of the lines.

    Raises:
        InputError: naming the path, the line and the value at fault.
    """
    events = []
    for place, line in _numbered_lines(path):
        fields = line.split()
        if len(fields) not in (2, 3):
            raise InputError(path, place, f"{shown(line)} is not a time and a label")
        events.append(checked_event(path, place, fields[0], fields[1], label_of))
    return events


def checked_event(path: Path, place: str, time: str, label: str, label_of: Callable[[str], str]) -> Event:
    """Return a hit from its two words.

    Raises:
        InputError: naming the path, the place and the value at fault.
    """
    try:
        return Event(_seconds(path, place, time), label_of(label), place)
    except InputError as error:
        if error.args[0] == path:
            raise
        raise InputError(path, place, f"unknown label {shown(label)}") from error


def tidied(path: Path, events: Sequence[Event], problems: Problems) -> list[Event]:
    """Sort hits by time and keep one of those that are there twice, naming both kinds.

    Two drums of one class that sound together are annotated rightly: only the same label at the same time is
    there twice.
    """
    late = [b for a, b in pairwise(events) if b.seconds < a.seconds]
    _name(path, late, "comes after a later one; sorted", problems)
    kept: dict[tuple[float, str], Event] = {}
    twice = []
    for event in sorted(events, key=lambda event: event.seconds):
        if kept.setdefault((event.seconds, event.label), event) is not event:
            twice.append(event)
    _name(path, twice, "is there twice; taken once", problems)
    return list(kept.values())


def class_onsets(events: Iterable[Event]) -> tuple[ClassOnsets, int]:
    """Return the onsets of the five classes and ``OT``, each once, and the number of side sticks."""
    labels = [(event.seconds, event.label) for event in events]
    onsets = {name: np.unique(times) for name, times in onsets_by_class(labels).items()}
    return onsets, sum(label == SIDE_STICK for _, label in labels)


def refuse_empty(path: Path, events: Sequence[Event]) -> None:
    """Raise if there is no hit.

    Raises:
        InputError: then.
    """
    if not events:
        raise InputError(path, "annotation", "holds no hit")


def read_beats(path: Path | None, problems: Problems) -> tuple[Beat, ...] | None:
    """Read lines ``seconds number``, the number counting the beats of a bar from 1.

    Args:
        path: The file, None if there is none.
        problems: Here it is named if it cannot be used; the hits of its track can.

    Returns:
        The beats in order of time; None if there are none.
    """
    if path is None:
        return None
    try:
        events = [_checked_beat(path, place, line) for place, line in _numbered_lines(path)]
    except InputError as error:
        problems.append(f"{error}; its beats are not used")
        return None
    beats = tuple(Beat(event.seconds, int(event.label)) for event in tidied(path, events, problems))
    for before, beat in pairwise(beats):
        if beat.seconds == before.seconds:
            problems.append(f"{path}: {beat.seconds:g} s: two beats at one time; its beats are not used")
            return None
    return beats or None


def shown(value: str) -> str:
    """Return a value as messages show it: on one line, and not all of it if it is long."""
    return repr(value) if len(value) <= _SHOWN_CHARACTERS else repr(value[:_SHOWN_CHARACTERS]) + "…"


def _checked_beat(path: Path, place: str, line: str) -> Event:
    fields = line.split()
    if len(fields) != 2 or not re.fullmatch("[1-9][0-9]?", fields[1]):
        raise InputError(path, place, f"{shown(line)} is not a time and the number of a beat")
    return Event(_seconds(path, place, fields[0]), fields[1], place)


def _seconds(path: Path, place: str, time: str) -> float:
    seconds = float(time) if _SECONDS.fullmatch(time) else np.inf
    if not _EARLIEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise InputError(path, place, f"time {shown(time)} is not a number of seconds from 0 on")
    return max(0.0, seconds)


def _numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (``"line 3"``, text) of the lines that are not blank.

    Raises:
        InputError: if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "text", f"cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line


def _name(path: Path, events: Sequence[Event], problem: str, problems: Problems) -> None:
    if events:
        first = events[0]
        others = ", ".join(event.place for event in events[1:_SHOWN_PLACES])
        more = f"; also {others}" if others else ""
        more += f" and {len(events) - _SHOWN_PLACES} more" if len(events) > _SHOWN_PLACES else ""
        problems.append(f"{path}: {first.place}: {first.seconds:g} {first.label} {problem}{more}")
