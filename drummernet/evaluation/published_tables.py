"""The tables of published numbers, those of a scored set below one's own."""

from collections.abc import Sequence
from dataclasses import replace

from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.evaluation.comparison import ResultSet
from drummernet.evaluation.comparison_tables import NOTHING, Table, cell, paper_column
from drummernet.evaluation.published import PAPER_AVERAGE, Entry, Published

_COLUMNS = ("mean", "all", *FIVE_CLASSES)
_HEADER = (
    *_COLUMNS,
    *(
        "classes",
        "task",
        "average and tolerance",
        "tracks",
        "trained on",
        "read",
        "source",
        "differences to ours",
    ),
)


def published_table(results: ResultSet, published: Published) -> Table | None:
    """Return the published numbers on the set below ours in the 2019 paper's convention."""
    entries = published.on(results.dataset)
    if not entries:
        return None
    rows = [
        (
            row.marked_label,
            *(cell(row.result, paper_column(name)) for name in _COLUMNS),
            str(len(THREE_CLASSES)),
            results.task or NOTHING,
            f"{_average(PAPER_AVERAGE)}; 50 ms",
            str(len(row.result.track_names)),
            "see above",
            "measured",
            row.result.shown,
            "",
        )
        for row in results.results
    ]
    rows += [_published_row(entry, published) for entry in entries]
    header = ("system", *_HEADER)
    return _without_empty_columns(Table("Beside published numbers", header, rows, _marks(published)))


def other_tables(datasets: Sequence[str], published: Published) -> list[Table]:
    """Return the published numbers on sets that were not scored, and the 2019 paper's ablation."""
    others = [entry for entry in published.entries if entry.dataset not in datasets]
    rows = []
    for entry in others:
        name, *cells = _published_row(entry, published)
        rows.append((f"{entry.dataset}: {name}", *cells))
    ablation = published.ablation
    variants = [
        (row["variant"], row["what"], *(f"{row['f1'][key]:.3f}" for key in ("mean", "smt", "mdb", "enst")))
        for row in ablation["variants"]
    ]
    source = published.sources[ablation["source"]]
    return [
        Table("Published on other sets", ("set and system", *_HEADER), rows, _marks(published)),
        Table(
            "Published ablation of DrummerNet: mean F1 of KD, SD, HH per set",
            ("variant", "what", "mean of the sets", "smt", "mdb", "enst"),
            variants,
            f"{source}: {ablation['place']}; {ablation['about']}.",
        ),
    ]


def _published_row(entry: Entry, published: Published) -> tuple[str, ...]:
    values = (entry.f1.get(name) for name in _COLUMNS)
    source = published.sources[entry.source] + (f": {entry.place}" if entry.place else "")
    return (
        entry.system,
        *(NOTHING if value is None else f"{value:.3f}" for value in values),
        NOTHING if entry.classes is None else str(entry.classes),
        entry.task or NOTHING,
        f"{_average(entry.average)}; {1000 * entry.tolerance_seconds:.0f} ms",
        NOTHING if entry.tracks is None else str(entry.tracks),
        entry.trained_on,
        entry.read,
        source,
        "; ".join(entry.differences),
    )


def _average(average: str) -> str:
    return "the paper's" if average == PAPER_AVERAGE else average


def _marks(published: Published) -> str:
    marks = "; ".join(f"{mark}: {meaning}" for mark, meaning in published.marks.items())
    return f"The paper's average: {PAPER_AVERAGE}. Read: {marks}."


def _without_empty_columns(table: Table) -> Table:
    kept = [k for k in range(len(table.header)) if any(row[k] not in (NOTHING, "") for row in table.rows)]
    rows = [tuple(row[k] for k in kept) for row in table.rows]
    return replace(table, header=tuple(table.header[k] for k in kept), rows=rows)
