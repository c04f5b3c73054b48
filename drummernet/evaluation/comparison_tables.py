"""The tables of a comparison, and the numbers in them with the files they come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.comparison import ResultSet
from drummernet.evaluation.result_files import SCORE_COLUMNS, Pointer, Result

NOTHING = "\u2013"
"""What a cell without a number holds."""

_AVERAGES = {"track_mean": "track mean", "pooled": "pooled"}
_EXTRA_CLASSES = tuple(FIVE_CLASSES)[3:]
_MOST_NAMES = 12


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: What it shows.
        header: A text per column.
        rows: As many texts each.
        note: What to know when reading it, or "".
    """

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    note: str = ""


class Column(NamedTuple):
    """One number of each result: its title, where it lies, how it is written."""

    title: str
    pointer: Pointer
    write: Callable[[float], str] = "{:.3f}".format


def score_tables(results: ResultSet) -> list[Table]:
    """Return a table of F1 per average: per class, the mean with its interval, at 20 ms, of five classes."""
    tables = []
    for average, title in _AVERAGES.items():
        columns = _score_columns(average)
        titles = [column.title for column in columns]
        header = ("system", *titles, "95 % interval of the mean", "mean at 20 ms", "mean of five classes")
        rows = []
        for row in results.results:
            cells = [cell(row.result, column) for column in columns]
            cells += [_interval(row.result, average), cell(row.result, _fine_column(average))]
            rows.append((row.marked_label, *cells, cell(row.result, _five_column(row.result, average))))
        tables.append(Table(f"F1 at 50 ms, {title}", header, rows, results.legend))
    return tables


def fact_table(results: ResultSet) -> Table:
    """Return what was scored and how the systems were made."""
    rows = []
    for row in results.results:
        result = row.result
        rows.append(
            (
                row.marked_label,
                str(len(result.track_names)),
                NOTHING if result.unscored is None else str(len(result.unscored)),
                *(cell(result, column) for column in _FACT_COLUMNS[:2]),
                _chosen_on(result),
                *(cell(result, column) for column in _FACT_COLUMNS[2:]),
                ", ".join(cell(result, column) for column in _LEFT_OUT_COLUMNS),
                _words(result.value(("provenance",))),
                result.shown,
            )
        )
    return Table("What was scored, and how the systems were made", _FACT_HEADER, rows)


def shown_numbers(result: Result) -> dict[str, float]:
    """Return every number of a result that tables show, by its JSON pointer (RFC 6901) into the file."""
    columns = [*_FACT_COLUMNS, *_LEFT_OUT_COLUMNS, *map(paper_column, SCORE_COLUMNS)]
    pointers = [column.pointer for column in columns]
    for average in _AVERAGES:
        pointers += [column.pointer for column in _score_columns(average)]
        pointers += [_fine_column(average).pointer, _five_column(result, average).pointer]
        pointers += _interval_pointers(average)
    numbers = ((pointer, result.number(pointer)) for pointer in pointers if pointer)
    return {"/" + "/".join(pointer): number for pointer, number in numbers if number is not None}


_FACT_COLUMNS = (
    Column("items seen", ("items_seen",), "{:,.0f}".format),
    Column("threshold", ("threshold",), "{:g}".format),
    Column("CPU s per s", ("cpu_seconds_per_audio_second",), "{:.3g}".format),
    Column("side sticks", ("side_sticks",), "{:.0f}".format),
)
_FACT_HEADER = (
    *("system", "tracks", "not scored", "items seen", "threshold", "chosen on", "CPU s per s"),
    *("side sticks", "tracks without KD, SD, HH", "trained on", "file"),
)
_LEFT_OUT_COLUMNS = tuple(
    Column(name, ("left_out", name), "{:.0f}".format) for name in SCORE_COLUMNS if name != "mean"
)


def _score_columns(average: str) -> list[Column]:
    return [Column(name, (average, name, "f1")) for name in SCORE_COLUMNS]


def paper_column(name: str) -> Column:
    """Return F1 in the convention of the 2019 paper."""
    return Column(name, ("paper_convention", name, "f1"))


def _fine_column(average: str) -> Column:
    return Column("mean at 20 ms", ("at_20_ms", average, "mean", "f1"))


def _five_column(result: Result, average: str) -> Column:
    """Return the mean of five classes; nothing for a system that knows but three."""
    known = result.hears(_EXTRA_CLASSES)
    return Column("mean of five classes", ("five_classes", average, "mean", "f1") if known else ())


def _interval_pointers(average: str) -> list[Pointer]:
    return [("intervals", average, name, end) for name in SCORE_COLUMNS for end in ("0", "1")]


def _interval(result: Result, average: str) -> str:
    ends = result.interval(average, "mean")
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else NOTHING


def cell(result: Result, column: Column) -> str:
    """Write a number of a result, or a dash."""
    number = result.number(column.pointer) if column.pointer else None
    return NOTHING if number is None else column.write(number)


def _chosen_on(result: Result) -> str:
    if result.number(("threshold",)) is None:
        return NOTHING
    return _without_folders(result.text("tuned_on") or "fixed beforehand")


def _words(value: Any) -> str:
    """Write a value of any shape in one line."""
    if value is None or value in ({}, [], ""):
        return NOTHING
    if isinstance(value, dict):
        return "; ".join(f"{key.replace('_', ' ')}: {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        more = f" and {len(value) - _MOST_NAMES} more" if len(value) > _MOST_NAMES else ""
        return ", ".join(_words(part) for part in value[:_MOST_NAMES]) + more
    return _without_folders(str(value))


def _without_folders(text: str) -> str:
    """Name what a path, or ``SET:PATH``, leads to, not where that lies on the machine of the result."""
    start, colon, path = text.rpartition(":")
    return f"{start}{colon}{Path(path).name}" if Path(path).is_absolute() else text
