"""Which drum is heard when which is played."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drummernet.comparison_pictures.style import SMALL, TINY, WIDTH_INCHES, Picture, numbered, parts, wrapped
from drummernet.components import FIVE_CLASSES, OTHER
from drummernet.evaluation.comparison import Labelled, ResultSet
from drummernet.evaluation.confusion import NOTHING

_COLUMNS = 3
_PANEL_INCHES = 3.0
_PER_PICTURE = 9
_PLAYED = (*FIVE_CLASSES, OTHER)
_AGAIN = "again"
_COLOURS = "Blues"
_DARK = 0.55
"""Numbers on a darker cell than that are white."""


def draw_confusion(results: ResultSet) -> list[Picture]:
    """Draw a heat map per system that says what was heard, nine to a picture.

    Args:
        results: A set; results without a confusion are left out.
    """
    known = [row for row in results.results if row.result.value(("confusion",))]
    groups = parts(known, _PER_PICTURE)
    return [
        _draw(results, rows, numbered(f"{results.slug}_confusion", number, len(groups)))
        for number, rows in enumerate(groups)
    ]


def _draw(results: ResultSet, rows: Sequence[Labelled], slug: str) -> Picture:
    lines = -(-len(rows) // _COLUMNS)
    figure = Figure(figsize=(WIDTH_INCHES, _PANEL_INCHES * lines), layout="constrained")
    panels = figure.subplots(lines, _COLUMNS, squeeze=False)
    for axes in panels.flat[len(rows) :]:
        axes.set_axis_off()
    for axes, row in zip(panels.flat, rows, strict=False):
        _draw_map(axes, row)
    caption = (
        "What is heard (columns) when which drum is played (rows, with the number of hits) on "
        f"{results.title}. On the diagonal: hits that were found. Beside it: false hits of the "
        "column's class within 50 ms of a hit "
        "of the row's; one near two drums counts in both rows. Shade and first number: per 100 hits of "
        f"the row; second number: how many. Row {NOTHING}: false hits near no hit at all."
    )
    if any(row.result.value(("confusion", _AGAIN)) for row in rows):
        caption += (
            f" Row {_AGAIN}: false hits near hits that others stand for already, in none of the rows above."
        )
    return Picture(slug, figure, caption, tuple((row, (("confusion",),)) for row in rows))


def _draw_map(axes: Axes, row: Labelled) -> None:
    hits = [row.result.required(("confusion", "hits", played)) for played in _PLAYED]
    extra = {NOTHING: ("confusion", "heard", NOTHING), _AGAIN: ("confusion", _AGAIN)}
    extra = {name: pointer for name, pointer in extra.items() if row.result.value(pointer)}
    pointers = [*(("confusion", "heard", played) for played in _PLAYED), *extra.values()]
    heard = np.array(
        [[row.result.required((*pointer, name)) for name in FIVE_CLASSES] for pointer in pointers]
    )
    shares = heard[: len(_PLAYED)] / np.maximum(hits, 1)[:, None]
    shades = np.vstack((shares, np.zeros((len(extra), len(FIVE_CLASSES)))))
    axes.imshow(shades, cmap=_COLOURS, vmin=0, vmax=1, aspect="auto")
    for (line, column), count in np.ndenumerate(heard):
        colour = "white" if shades[line, column] > _DARK else "black"
        if line < len(shares) and hits[line]:
            percent = f"{100 * shares[line, column]:.0f}"
            axes.text(column, line - 0.16, percent, ha="center", va="center", color=colour, fontsize=SMALL)
            axes.text(column, line + 0.26, f"{count:.0f}", ha="center", va="center", color=colour, fontsize=6)
        elif line >= len(shares):
            axes.text(column, line, f"{count:.0f}", ha="center", va="center", fontsize=6.5)
    axes.axhline(len(shares) - 0.5, color="black", linewidth=0.8)
    axes.set_xticks(range(len(FIVE_CLASSES)), list(FIVE_CLASSES), fontsize=TINY)
    names = [f"{played} {number:.0f}" for played, number in zip(_PLAYED, hits, strict=True)]
    axes.set_yticks(range(len(heard)), [*names, *extra], fontsize=TINY)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xlabel("heard", fontsize=TINY)
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("played", fontsize=TINY)
    axes.set_title(wrapped(row.label), fontsize=SMALL, parse_math=False)
