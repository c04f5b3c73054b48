"""The same seconds as every system heard them: activations, picks, reference."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drummernet.comparison_pictures.style import (
    CLASS_COLOURS,
    SMALL,
    SYSTEMS_PER_PICTURE,
    TINY,
    WIDTH_INCHES,
    Picture,
    bare,
    numbered,
    parts,
    wrapped,
)
from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.evaluation.comparison import Labelled, ResultSet
from drummernet.evaluation.result_files import Result

_SPAN = ("start_seconds", "duration_seconds")
_LANE_INCHES = 0.36
_AROUND_INCHES = 0.5
_TITLE_LETTERS = 50
_ACTIVATION_HEIGHT, _PICK_HEIGHT, _REFERENCE_HEIGHT = 0.66, 0.8, 0.92
"""Of a lane."""


def draw_examples(results: ResultSet) -> list[Picture]:
    """Draw the excerpts that results keep, those of the same seconds below each other.

    Args:
        results: A set; results without an example are left out.
    """
    excerpts: dict[tuple[str, float, float], list[Labelled]] = {}
    for row in results.results:
        if row.result.value(("example",)):
            start, duration = (row.result.required(("example", key)) for key in _SPAN)
            track = str(row.result.value(("example", "track")))
            excerpts.setdefault((track, start, duration), []).append(row)
    groups = [
        (excerpt, part) for excerpt, rows in excerpts.items() for part in parts(rows, SYSTEMS_PER_PICTURE)
    ]
    return [
        _draw(excerpt, rows, numbered(f"{results.slug}_example", number, len(groups)))
        for number, (excerpt, rows) in enumerate(groups)
    ]


def _draw(excerpt: tuple[str, float, float], rows: Sequence[Labelled], slug: str) -> Picture:
    track, start, duration = excerpt
    classes = _classes(rows)
    inches = _LANE_INCHES * len(classes) + _AROUND_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, inches * len(rows) + 1), layout="constrained")
    panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        for lane, name in enumerate(reversed(classes)):
            _draw_lane(axes, row.result, name, lane)
        axes.set(xlim=(start, start + duration), ylim=(0, len(classes)))
        axes.set_yticks(np.arange(len(classes)) + 0.4, classes[::-1])
        axes.set_title(
            wrapped(row.label, _TITLE_LETTERS).replace("\n", " "),
            fontsize=SMALL,
            loc="left",
            parse_math=False,
        )
        axes.hlines(range(1, len(classes)), start, start + duration, color="0.8", linewidth=0.6)
        bare(axes)
    panels[-1].set_xlabel(f"seconds of {track}", fontsize=SMALL, parse_math=False)
    handles = [
        Line2D([], [], color="black", linewidth=1, label="annotated hit"),
        Line2D([], [], color="0.3", marker="v", linewidth=0, label="hit that the system wrote down"),
        Patch(color="0.6", label="activation"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=TINY, frameon=False)
    caption = (
        f"{duration:g} s of {track} as each system hears them: lines are annotated hits, triangles what the "
        "system wrote down, areas its activations, where it has any."
    )
    return Picture(slug, figure, caption, tuple((row, (("example",),)) for row in rows))


def _classes(rows: Sequence[Labelled]) -> list[str]:
    """Return the three classes, and of the others those in which something is there to draw."""
    found = set(THREE_CLASSES)
    for row in rows:
        for kind in ("picks", "reference"):
            found |= {name for name in FIVE_CLASSES if _values(row.result, kind, name)}
    return [name for name in FIVE_CLASSES if name in found]


def _draw_lane(axes: Axes, result: Result, name: str, bottom: int) -> None:
    colour = CLASS_COLOURS[name]
    start = result.required(("example", "start_seconds"))
    activation = np.array(_values(result, "activations", name), dtype=float)
    if activation.size:
        seconds = start + np.arange(activation.size) / result.required(("example", "rate_hz"))
        top = bottom + _ACTIVATION_HEIGHT * activation.clip(0, 1)
        axes.fill_between(seconds, bottom, top, color=colour, alpha=0.45, linewidth=0)
    reference = _values(result, "reference", name)
    axes.vlines(reference, bottom, bottom + _REFERENCE_HEIGHT, color="black", linewidth=1)
    picks = _values(result, "picks", name)
    axes.scatter(
        picks,
        np.full(len(picks), bottom + _PICK_HEIGHT),
        marker="v",
        s=30,
        color=colour,
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
    )


def _values(result: Result, kind: str, name: str) -> list[float]:
    return result.value(("example", kind, name)) or []
