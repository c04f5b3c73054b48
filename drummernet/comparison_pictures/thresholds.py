"""Precision and recall over the threshold of the picking rule, the working point marked."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drummernet.comparison_pictures.style import (
    CLASS_COLOURS,
    SMALL,
    SYSTEM_COLOURS,
    SYSTEM_MARKERS,
    SYSTEMS_PER_PICTURE,
    TINY,
    WIDTH_INCHES,
    Picture,
    bare,
    numbered,
    parts,
    wrapped,
)
from drummernet.components import THREE_CLASSES
from drummernet.evaluation.comparison import Labelled, ResultSet
from drummernet.evaluation.result_files import Pointer

_PANEL_INCHES = 3.1
_LEGEND_LINE_INCHES = 0.24
_LEGEND_LETTERS = 50
_CURVE = "threshold_curve"


def draw_thresholds(results: ResultSet) -> list[Picture]:
    """Draw pooled precision over recall of each class, at most eight systems to a picture.

    Systems without a threshold are drawn as their working point alone; there is no picture if none has one.

    Args:
        results: A set.
    """
    if not any(row.result.content.get(_CURVE) for row in results.results):
        return []
    groups = parts(results.results, SYSTEMS_PER_PICTURE)
    return [
        _draw(results, rows, numbered(f"{results.slug}_thresholds", number, len(groups)))
        for number, rows in enumerate(groups)
    ]


def _draw(results: ResultSet, rows: Sequence[Labelled], slug: str) -> Picture:
    legend_lines = -(-len(rows) // 2)
    height = _PANEL_INCHES + _LEGEND_LINE_INCHES * legend_lines
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    panels = figure.subplots(1, len(THREE_CLASSES), sharey=True)
    for axes, name in zip(panels, THREE_CLASSES, strict=True):
        _draw_equal_f1(axes)
        for number, row in enumerate(rows):
            _draw_curve(axes, number, row, name)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
        axes.set_title(name, fontsize=SMALL + 1, color=CLASS_COLOURS[name], fontweight="bold", loc="left")
        axes.set_xlabel("recall", fontsize=SMALL)
        bare(axes)
    panels[0].set_ylabel("precision", fontsize=SMALL)
    handles = [
        Line2D(
            [],
            [],
            color=SYSTEM_COLOURS[number],
            marker=SYSTEM_MARKERS[number],
            label=_told(row),
        )
        for number, row in enumerate(rows)
    ]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=TINY, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    caption = (
        f"Pooled precision over recall on {results.title} as the threshold of the picking rule moves. The "
        "marks are the working points that the tables show; systems without a threshold have the mark alone. "
        "Grey: lines of equal F1."
    )
    pointers = ((_CURVE,), *(("pooled", name) for name in THREE_CLASSES))
    return Picture(slug, figure, caption, tuple((row, pointers) for row in rows))


def _told(row: Labelled) -> str:
    threshold = row.result.number(("threshold",))
    at = "" if threshold is None else f", at {threshold:g}"
    return wrapped(f"{row.label}{at}", _LEGEND_LETTERS)


def _draw_curve(axes: Axes, number: int, row: Labelled, name: str) -> None:
    colour = SYSTEM_COLOURS[number]
    steps = range(len(row.result.content.get(_CURVE) or []))
    rates = [row.result.numbers(*_rates((_CURVE, str(step), "pooled", name))) for step in steps]
    # Where nothing is picked any more, precision is 0/0, written as 0: no point of the curve.
    points = [point for point in rates if point and point != [0, 0]]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.5, gid="curve")
    working = row.result.numbers(*_rates(("pooled", name)))
    if working:
        axes.plot(
            *working,
            marker=SYSTEM_MARKERS[number],
            markersize=8,
            color=colour,
            markeredgecolor="white",
            linewidth=0,
            gid="working point",
            zorder=3,
        )


def _rates(pointer: Pointer) -> tuple[Pointer, Pointer]:
    """Return where recall and precision lie."""
    return (*pointer, "recall"), (*pointer, "precision")


def _draw_equal_f1(axes: Axes) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        # Harmonic mean: 1/precision + 1/recall = 2/F1
        recall = [f1 / (2 - f1) + (1 - f1 / (2 - f1)) * step / 100 for step in range(101)]
        precision = [1 / (2 / f1 - 1 / value) for value in recall]
        axes.plot(recall, precision, color="0.85", linewidth=0.8, zorder=0)
        axes.text(1.02, precision[-1], f"{f1:g}", color="0.55", fontsize=TINY - 1, va="center", ha="right")
