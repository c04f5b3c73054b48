"""Grooves from folders of MIDI performances, such as the Groove MIDI Dataset."""

import csv
import logging
import math
from pathlib import Path, PurePosixPath

from drummernet.components import NOTE_MAPS
from drummernet.errors import InputError
from drummernet.grooves.groove import Groove
from drummernet.hits import score_hits
from drummernet.score import read_score

RING_OUT_SECONDS = 1.0
"""What follows the last hit where no table states the duration."""

LONGEST_SECONDS = 12 * 3600.0
"""What lasts longer is no performance but a broken file."""

_TABLE = "info.csv"
_COLUMNS = ("midi_filename", "duration", "split")

_logger = logging.getLogger(__name__)


def read_grooves(folder: str | Path, split: str | None = None, note_map: str = "roland") -> list[Groove]:
    """Read every usable groove of a folder; files that are not are named in a warning and skipped.

    Args:
        folder: With an ``info.csv`` (Gillick et al. 2019) the files that it lists are read, else all
            ``.mid`` and ``.midi`` files below the folder.
        split: Only this split of ``info.csv``; None is all of them.
        note_map: A name in ``NOTE_MAPS``.

    Returns:
        The grooves, in the order of the table or of their names.

    Raises:
        InputError: if the map is unknown, or the folder has no such split or not one usable groove.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, "folder", "no such folder")
    if note_map not in NOTE_MAPS:
        raise InputError(folder, "note_map", f"unknown {note_map!r}; known are {', '.join(NOTE_MAPS)}")
    grooves = []
    for name, duration in _listed(folder, split):
        try:
            grooves.append(_read_groove(folder, name, duration, note_map))
        except InputError as error:
            _logger.warning("groove skipped: %s", error)
    if not grooves:
        raise InputError(folder, "grooves", "no usable MIDI file")
    return grooves


def lists_splits(folder: Path) -> bool:
    """Return whether a folder has a table that says which performance is in which split."""
    return (folder / _TABLE).is_file()


def _listed(folder: Path, split: str | None) -> list[tuple[str, str | None]]:
    """Return (relative posix path, stated duration) of the grooves of ``split``."""
    table = folder / _TABLE
    if lists_splits(folder):
        rows = _rows(table)
        splits = sorted({row["split"] for row in rows})
        if split is not None and split not in splits:
            raise InputError(table, "split", f"no {split!r}; there are {', '.join(splits)}")
        return [(row["midi_filename"], row["duration"]) for row in rows if split in (None, row["split"])]
    if split is not None:
        raise InputError(folder, "split", f"{split!r} was asked for, but there is no info.csv")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    return [(path.relative_to(folder).as_posix(), None) for path in paths]


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(table, "table", f"cannot be read: {error}") from error
    missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise InputError(table, "columns", f"without {', '.join(missing)}, or without rows")
    return rows


def _read_groove(folder: Path, name: str, duration: str | None, note_map: str) -> Groove:
    score = read_score(folder / name)
    hits = score_hits(score, note_map)
    if not hits:
        raise InputError(folder / name, "hits", f"no drum notes of the map {note_map!r}")
    last_onset_seconds = hits[-1].onset_seconds
    if duration is None:
        duration_seconds = last_onset_seconds + RING_OUT_SECONDS
    else:
        duration_seconds = max(_seconds(folder / name, duration), last_onset_seconds)
    if duration_seconds > LONGEST_SECONDS:
        raise InputError(folder / name, "duration", f"{duration_seconds:.0f} s is more than 12 hours")
    beats = tuple(score.beats(duration_seconds))
    return Groove(PurePosixPath(name).with_suffix("").as_posix(), tuple(hits), duration_seconds, beats)


def _seconds(path: Path, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(path, "duration", f"info.csv states {text!r}, not a number of seconds")
    return seconds
