"""Bars of F1 per system and class, the published ones hatched."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drummernet.comparison_pictures.style import (
    CLASS_COLOURS,
    PUBLISHED_COLOUR,
    PUBLISHED_HATCH,
    SMALL,
    TINY,
    WIDTH_INCHES,
    Picture,
    bare,
    name_rows,
)
from drummernet.evaluation.comparison import Labelled, ResultSet
from drummernet.evaluation.published import PAPER_AVERAGE, Entry
from drummernet.evaluation.result_files import SCORE_COLUMNS, Pointer

_MEAN = ("track_mean", "mean", "f1")
_ROW_INCHES = 0.36
_AROUND_INCHES = 1.2
_BAR_HEIGHT, _BESIDE = 0.7, 0.17
"""In rows: the interval stands above the middle of the bar, the other averages below."""
_NUMBER_AT, _RIGHT_END = 1.04, 1.36


def draw_bars(results: ResultSet, published: Sequence[Entry]) -> Picture:
    """Draw F1 of every system: the track mean with its interval, pooled, and in the paper's convention.

    Args:
        results: A set.
        published: The entries of its dataset; drawn are those on its task, averaged as in the 2019 paper.
    """
    entries = [e for e in published if e.average == PAPER_AVERAGE and e.task == results.task]
    rows = results.results
    positions = [*range(len(rows)), *(len(rows) + 0.5 + number for number in range(len(entries)))]
    labels = [*(row.marked_label for row in rows), *(entry.system for entry in entries)]
    figure = Figure(
        figsize=(WIDTH_INCHES, _AROUND_INCHES + _ROW_INCHES * (positions[-1] + 1)), layout="constrained"
    )
    panels = figure.subplots(1, len(SCORE_COLUMNS), sharey=True)
    for axes, name in zip(panels, SCORE_COLUMNS, strict=True):
        for position, row in zip(positions, rows, strict=False):
            _draw_result(axes, position, row, name)
        for position, entry in zip(positions[len(rows) :], entries, strict=True):
            _draw_entry(axes, position, entry, name)
        axes.set_title(name, fontsize=SMALL + 1, color=CLASS_COLOURS[name], fontweight="bold", loc="left")
        axes.set(xlim=(0, _RIGHT_END), xticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticklabels(("0", "", ".5", "", "1"))
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        bare(axes)
    name_rows(panels[0], positions, labels)
    figure.legend(
        handles=_legend(bool(entries)), loc="outside lower center", ncols=2, fontsize=TINY, frameon=False
    )
    told = f"F1 on {results.title} at 50 ms per system and class: {_best(rows)}"
    if entries:
        told += " Hatched: published, scored on the tracks that the table names, not by this code."
    told = f"{told} {results.legend}".strip()
    sources = tuple((row, _pointers()) for row in rows)
    return Picture(f"{results.slug}_bars", figure, told, sources)


def _pointers() -> tuple[Pointer, ...]:
    averages = ("track_mean", "pooled", "paper_convention")
    scores = [(average, name, "f1") for name in SCORE_COLUMNS for average in averages]
    return (*scores, *(("intervals", "track_mean", name) for name in SCORE_COLUMNS))


def _best(rows: Sequence[Labelled]) -> str:
    best = max(rows, key=lambda row: row.result.required(_MEAN))
    return f"the highest track mean is {best.result.required(_MEAN):.3f}, of {best.label}."


def _draw_result(axes: Axes, position: float, row: Labelled, name: str) -> None:
    f1 = row.result.required(("track_mean", name, "f1"))
    axes.barh(position, f1, height=_BAR_HEIGHT, color=CLASS_COLOURS[name], alpha=0.65, label="track mean")
    ends = row.result.interval("track_mean", name)
    if ends:
        above = position - _BESIDE
        axes.plot(ends, (above, above), color="black", linewidth=1.5, gid="interval")
    pooled = row.result.required(("pooled", name, "f1"))
    below = position + _BESIDE
    axes.plot(pooled, below, "o", markersize=4, markerfacecolor="white", color="black", gid="pooled")
    paper = row.result.number(("paper_convention", name, "f1"))
    if paper is not None:
        axes.plot(paper, below, "|", markersize=7, markeredgewidth=2, color="black", gid="paper")
    axes.text(_NUMBER_AT, position, f"{f1:.3f}", va="center", fontsize=TINY)


def _draw_entry(axes: Axes, position: float, entry: Entry, name: str) -> None:
    f1 = entry.f1.get(name)
    if f1 is None:
        return
    axes.barh(
        position,
        f1,
        height=_BAR_HEIGHT,
        facecolor="white",
        edgecolor=PUBLISHED_COLOUR,
        hatch=PUBLISHED_HATCH,
        label="published",
    )
    axes.text(_NUMBER_AT, position, f"{f1:.3f}", va="center", fontsize=TINY, color="0.35")


def _legend(with_published: bool) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [
        Patch(color=CLASS_COLOURS["mean"], alpha=0.65, label="track mean (the number)"),
        Line2D([], [], color="black", linewidth=1.3, label="its 95 % interval over tracks"),
        Line2D([], [], color="black", marker="o", markerfacecolor="white", linewidth=0, label="pooled"),
        Line2D(
            [],
            [],
            color="black",
            marker="|",
            markersize=7,
            markeredgewidth=2,
            linewidth=0,
            label="the 2019 paper's convention",
        ),
    ]
    if with_published:
        handles.append(
            Patch(
                facecolor="white",
                edgecolor=PUBLISHED_COLOUR,
                hatch=PUBLISHED_HATCH,
                label="published, the paper's convention",
            )
        )
    return handles
