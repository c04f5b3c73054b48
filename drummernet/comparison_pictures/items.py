"""F1 over the items that a checkpoint had seen, the published trend beside it."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drummernet.comparison_pictures.style import (
    PUBLISHED_COLOUR,
    SMALL,
    SYSTEM_COLOURS,
    SYSTEM_MARKERS,
    TINY,
    WIDTH_INCHES,
    Picture,
    bare,
    wrapped,
)
from drummernet.evaluation.comparison import Labelled, ResultSet

_PANEL_INCHES = 2.9
_LEGEND_LETTERS = 40
_MEAN = ("track_mean", "mean", "f1")
_SEEN = ("items_seen",)
_PAPER = ("paper_convention", "mean", "f1")


def draw_items(sets: Sequence[ResultSet], trend: dict[str, Any]) -> Picture | None:
    """Draw the track mean of each system's checkpoints; None if no result says how much it had seen.

    Args:
        sets: All sets; each with such results gets a panel.
        trend: The 2019 paper's (see :class:`drummernet.evaluation.published.Published`).
    """
    curves = [(results, _curves(results)) for results in sets]
    curves = [(results, by_system) for results, by_system in curves if _tells(results, by_system, trend)]
    if not curves:
        return None
    figure = Figure(figsize=(WIDTH_INCHES, _PANEL_INCHES * len(curves)), layout="constrained")
    panels = figure.subplots(len(curves), 1, squeeze=False)[:, 0]
    for axes, (results, by_system) in zip(panels, curves, strict=True):
        published = _published(results, trend)
        if published:
            axes.plot(
                *zip(*published, strict=True),
                "--",
                color=PUBLISHED_COLOUR,
                label="DrummerNet 2019, published",
                gid="published",
            )
        for number, (system, rows) in enumerate(by_system.items()):
            _draw_curve(axes, number, system, rows)
            if published:
                _draw_paper_convention(axes, number, rows)
        axes.set_title(results.title, fontsize=SMALL + 1, loc="left", parse_math=False)
        axes.set_xscale("log")
        axes.set_xlabel("items seen", fontsize=SMALL)
        axes.set_ylabel("F1, mean of KD, SD, HH", fontsize=SMALL)
        axes.set_ylim(0, 1)
        axes.grid(color="0.9")
        bare(axes)
        legend = axes.legend(fontsize=TINY, frameon=False, loc="lower right", ncols=2)
        for text in legend.get_texts():
            text.set_parse_math(False)
    caption = (
        "Track mean of F1 at 50 ms over the items of 2 s that a checkpoint was trained on, with 95 % "
        "intervals over tracks."
    )
    if any(_published(results, trend) for results, _ in curves):
        caption += (
            " Dashed: the published trend on all tracks of that set, in the paper's convention; dotted: "
            "these results in that convention."
        )
    sources = [
        (row, (_SEEN, _MEAN, _PAPER)) for _, systems in curves for rows in systems.values() for row in rows
    ]
    return Picture("items", figure, caption, tuple(sources))


def _curves(results: ResultSet) -> dict[str, list[Labelled]]:
    """Return the results of each system that say how much it had seen, in that order."""
    curves: dict[str, list[Labelled]] = {}
    for row in results.results:
        if row.result.number(_SEEN):
            curves.setdefault(row.result.content["system"], []).append(row)
    return {
        name: sorted(rows, key=lambda row: row.result.content["items_seen"]) for name, rows in curves.items()
    }


def _published(results: ResultSet, trend: dict[str, Any]) -> list[tuple[float, float]]:
    key = results.dataset
    if trend["tasks"].get(key) != results.task:
        return []
    return [(row["items"], row["f1"][key]) for row in trend["points"] if key in row["f1"]]


def _tells(results: ResultSet, by_system: dict[str, list[Labelled]], trend: dict[str, Any]) -> bool:
    """Tell whether there is a curve, or a point beside the published one."""
    longest = max(map(len, by_system.values()), default=0)
    return longest > 1 or (longest == 1 and bool(_published(results, trend)))


def _draw_paper_convention(axes: Axes, number: int, rows: Sequence[Labelled]) -> None:
    points = [row.result.numbers(_SEEN, _PAPER) for row in rows]
    known = [point for point in points if point]
    if known:
        colour = SYSTEM_COLOURS[number % len(SYSTEM_COLOURS)]
        marker = SYSTEM_MARKERS[number % len(SYSTEM_MARKERS)]
        axes.plot(*zip(*known, strict=True), ":", marker=marker, markersize=3, color=colour, gid="paper")


def _draw_curve(axes: Axes, number: int, system: str, rows: Sequence[Labelled]) -> None:
    colour = SYSTEM_COLOURS[number % len(SYSTEM_COLOURS)]
    items = [row.result.required(_SEEN) for row in rows]
    f1 = [row.result.required(_MEAN) for row in rows]
    marker = SYSTEM_MARKERS[number % len(SYSTEM_MARKERS)]
    axes.plot(items, f1, marker=marker, markersize=5, color=colour, label=wrapped(system, _LEGEND_LETTERS))
    for row, x in zip(rows, items, strict=True):
        ends = row.result.interval("track_mean", "mean")
        if ends:
            axes.plot((x, x), ends, color=colour, linewidth=1, alpha=0.6)
