"""E-GMD (Callender et al. 2020) and Groove (Gillick et al. 2019): performances on an electronic kit as MIDI.

With a table its rows are read; without, any ``X.mid`` or ``X.midi`` below the root, with ``X.wav`` beside it.
"""

import csv
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import OTHER, ROLAND_COMPONENTS, ROLAND_OTHER_NOTES, class_of
from drummernet.errors import InputError
from drummernet.evaluation.layouts.annotations import Event, class_onsets, refuse_empty, shown, tidied
from drummernet.evaluation.layouts.files import first_part, matched, name_unannotated, named_files
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import ClassOnsets, Track
from drummernet.grooves.midi import LONGEST_SECONDS, RING_OUT_SECONDS
from drummernet.score import Score, read_score

_MIDI_SUFFIXES = (".mid", ".midi")
_COLUMNS = ("audio_filename", "midi_filename")
_NOTES = {**ROLAND_COMPONENTS, **dict.fromkeys(ROLAND_OTHER_NOTES, OTHER)}


class _Performance(NamedTuple):
    name: str
    midi_path: Path
    audio_path: Path | None
    group: str
    seconds: float = 0.0


def _read(root: Path, task: str, split: str | None, problems: Problems) -> list[Track]:
    table = _table(root)
    if table:
        performances = _listed(root, table, split, problems)
    elif inner := next((path.parent for path in sorted(root.glob("*/*")) if _is_table(path)), None):
        # Its MIDI would be found all the same, and with it that of whatever else lies beside it.
        raise InputError(root, "root", f"{inner} has the table; name that folder")
    elif split is not None:
        raise InputError(root, "split", f"{split!r} was asked for, but here is no info.csv or e-gmd*.csv")
    else:
        performances = _found(root, problems)
    tracks = []
    for performance in performances:
        try:
            tracks.append(_track(performance, problems))
        except InputError as error:
            problems.lose(error)
    return tracks


def _table(root: Path) -> Path | None:
    return next((path for path in sorted(root.iterdir()) if _is_table(path)), None)


def _is_table(path: Path) -> bool:
    stem = path.stem.lower()
    is_named = stem == "info" or stem.startswith("e-gmd")
    return is_named and path.suffix.lower() == ".csv" and path.is_file()


def _found(root: Path, problems: Problems) -> list[_Performance]:
    midi = named_files(root, _MIDI_SUFFIXES, problems)
    audio, unannotated = matched({name: name for name in midi}, named_files(root, AUDIO_SUFFIXES, problems))
    name_unannotated(unannotated, problems)
    return [_Performance(name, path, audio.get(name), first_part(name)) for name, path in midi.items()]


def _listed(root: Path, table: Path, split: str | None, problems: Problems) -> list[_Performance]:
    """Return the performances of a split whose MIDI is there; others, and audio in no row, are named."""
    rows = _rows(table)
    if split is not None:
        splits = sorted({row.get("split", "") for _, row in rows} - {""})
        if split not in splits:
            raise InputError(table, "split", f"no {split!r}; there are {', '.join(splits) or 'none'}")
    unannotated = named_files(root, AUDIO_SUFFIXES, problems)
    found: dict[str, _Performance] = {}
    for place, row in rows:
        audio_name, midi_name = (row[column] for column in _COLUMNS)
        name = PurePosixPath(audio_name or midi_name).with_suffix("").as_posix() if midi_name else ""
        unannotated.pop(name, None)
        if split not in (None, row.get("split")):
            continue
        midi_path = _inside(root, midi_name)
        if midi_path is None:
            problems.lose(f"{table}: {place}: left out, no such MIDI: {shown(midi_name)}")
        elif name in found:
            problems.append(f"{table}: {place}: left out, {shown(name)} is there twice")
        else:
            audio_path = _inside(root, audio_name)
            group, seconds = row.get("drummer", ""), _duration(row.get("duration", ""))
            found[name] = _Performance(name, midi_path, audio_path, group, seconds)
    name_unannotated(unannotated.values(), problems)
    return list(found.values())


def _rows(table: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the rows of a table, each with its line.

    Raises:
        InputError: if it cannot be read or lacks a column that is needed.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            rows = [(f"line {reader.line_num}", row) for row in reader]
            columns = reader.fieldnames or ()
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(table, "table", f"cannot be read: {error}") from error
    for column in _COLUMNS:
        if column not in columns:
            raise InputError(table, "columns", f"no {column} among {shown(', '.join(columns))}")
    return rows


def _inside(root: Path, name: str) -> Path | None:
    """Return a file that a table names, if it is there and lies below the root."""
    place = PurePosixPath(name)
    if not name or place.is_absolute() or ".." in place.parts:
        return None
    try:
        return root / name if (root / name).is_file() else None
    except (OSError, ValueError):  # what no file can be called
        return None


def _duration(text: str) -> float:
    """Return the seconds that a table states, 0 where that is no duration: only beats depend on it."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds <= LONGEST_SECONDS else 0.0


def _track(performance: _Performance, problems: Problems) -> Track:
    path = performance.midi_path
    score = read_score(path)
    events = _events(path, score)
    refuse_empty(path, events)
    onsets, side_sticks = class_onsets(tidied(path, events, problems))
    end_seconds = max(performance.seconds, events[-1].seconds)
    if not performance.seconds:
        end_seconds += RING_OUT_SECONDS
    if end_seconds > LONGEST_SECONDS:
        raise InputError(path, "duration", f"{end_seconds:.0f} s is more than 12 hours")
    beats = tuple(score.beats(end_seconds)) or None
    name, group = performance.name, performance.group
    velocities = _velocities(score, onsets)
    return Track(
        name, performance.audio_path, onsets, side_sticks, beats=beats, group=group, velocities=velocities
    )


def _velocities(score: Score, onsets: ClassOnsets) -> ClassOnsets:
    """Return the velocities of onsets; of strokes of a class at one time that of the hardest."""
    hardest: dict[tuple[str, float], float] = {}
    for tick, note, velocity in score.strokes:
        key = class_of(_NOTES[note]), score.seconds(tick)
        hardest[key] = max(hardest.get(key, 0.0), velocity / 127)
    return {name: np.array([hardest[name, at] for at in times.tolist()]) for name, times in onsets.items()}


def _events(path: Path, score: Score) -> list[Event]:
    """Return the strokes in order of time.

    Raises:
        InputError: naming the first note that the kit does not have.
    """
    events = []
    for tick, note, _ in sorted(score.strokes):
        seconds = score.seconds(tick)
        if note not in _NOTES:
            raise InputError(path, f"{seconds:.3f} s", f"unknown note {note}")
        events.append(Event(seconds, _NOTES[note], f"{seconds:.3f} s"))
    return events


def _fits(root: Path) -> bool:
    return root.is_dir() and (
        _table(root) is not None or any(path.suffix.lower() in _MIDI_SUFFIXES for path in root.iterdir())
    )


LAYOUT = Layout(
    read=_read,
    fits=_fits,
    expects="info.csv or e-gmd*.csv and the files that it lists, or X.mid and X.wav beside each other",
    tasks=("DTP",),
    has_splits=True,
)
"""The layout; splits are those of the table."""
