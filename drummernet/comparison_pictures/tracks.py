"""How F1 is spread over the tracks: every track a point, with quartiles."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from drummernet.components import THREE_CLASSES
from drummernet.evaluation.comparison import Labelled, ResultSet
from drummernet.evaluation.published import Entry
from drummernet.evaluation.result_files import Result

_ROW_INCHES = 0.5
_AROUND_INCHES = 1.0
_GOLDEN = 0.618034
"""Multiples of it spread evenly over an interval: points beside each other without a random draw."""
_BOX_HEIGHT, _POINTS_HEIGHT = 0.62, 0.5
_NUMBER_AT, _RIGHT_END = 1.05, 1.3


def draw_tracks(results: ResultSet, published: Sequence[Entry]) -> Picture:
    """Draw F1 of every track per system and class.

    Args:
        results: A set.
        published: The entries of its dataset; drawn are those on its task whose quartiles are known.
    """
    entries = [entry for entry in published if entry.spread and entry.task == results.task]
    rows = results.results
    positions = [float(number) for number in range(len(rows) + len(entries))]
    labels = [*(row.marked_label for row in rows), *(f"{entry.system}, published" for entry in entries)]
    figure = Figure(
        figsize=(WIDTH_INCHES, _AROUND_INCHES + _ROW_INCHES * len(positions)), layout="constrained"
    )
    panels = figure.subplots(1, len(THREE_CLASSES), sharey=True)
    for axes, name in zip(panels, THREE_CLASSES, strict=True):
        for position, row in enumerate(rows):
            _draw_row(axes, position, row, name)
        for position, entry in enumerate(entries, len(rows)):
            spread = (entry.spread or {})[name]
            quartiles = [spread[key] for key in ("min", "q25", "median", "q75", "max")]
            _draw_box(axes, position, quartiles, PUBLISHED_COLOUR, PUBLISHED_HATCH)
            axes.text(_NUMBER_AT, position, f"{spread['median']:.2f}", va="center", fontsize=TINY)
        axes.set_title(name, fontsize=SMALL + 1, color=CLASS_COLOURS[name], fontweight="bold", loc="left")
        axes.text(_NUMBER_AT, 1.02, "median", transform=axes.get_xaxis_transform(), fontsize=TINY)
        axes.set(xlim=(-0.03, _RIGHT_END), xticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticklabels(("0", "", ".5", "", "1"))
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        bare(axes)
    name_rows(panels[0], positions, labels)
    caption = (
        f"F1 of every track of {results.title} that has the class: a point each; the box holds the middle "
        "half of the tracks, its line is the median, the thin line reaches from the worst to the best."
    )
    if entries:
        caption += (
            " The hatched box was reconstructed from a figure of the 2019 paper, on that paper's tracks."
        )
    caption = f"{caption} {results.legend}".strip()
    sources = tuple((row, (("per_track",),)) for row in rows)
    return Picture(f"{results.slug}_tracks", figure, caption, sources)


def track_f1(result: Result, name: str) -> list[float]:
    """Return F1 of the tracks that have a class, in the file's order."""
    rows = [track[name] for track in result.content["per_track"]]
    return [row["f1"] for row in rows if row["tp"] + row["fn"] > 0]


def _draw_row(axes: Axes, position: int, row: Labelled, name: str) -> None:
    f1 = track_f1(row.result, name)
    if not f1:
        axes.text(0.5, position, "not in these tracks", ha="center", va="center", fontsize=TINY)
        return
    quartiles = np.percentile(f1, (0, 25, 50, 75, 100)).tolist()
    _draw_box(axes, position, quartiles, CLASS_COLOURS[name], "")
    beside = (np.arange(1, len(f1) + 1) * _GOLDEN % 1 - 0.5) * _POINTS_HEIGHT
    axes.scatter(f1, position + beside, s=11, color="black", alpha=0.55, linewidths=0)
    axes.text(_NUMBER_AT, position, f"{quartiles[2]:.2f}", va="center", fontsize=TINY)


def _draw_box(axes: Axes, position: float, quartiles: Sequence[float], colour: str, hatch: str) -> None:
    lowest, low, median, high, highest = quartiles
    axes.plot((lowest, highest), (position, position), color=colour, linewidth=1, zorder=1)
    axes.barh(
        position,
        high - low,
        left=low,
        height=_BOX_HEIGHT,
        facecolor="white" if hatch else f"{colour}44",
        edgecolor=colour,
        hatch=hatch,
    )
    half = _BOX_HEIGHT / 2
    axes.plot((median, median), (position - half, position + half), color=colour, linewidth=2.5)
