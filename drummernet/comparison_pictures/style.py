"""What the pictures of a comparison share: colours that colour-blind readers tell apart, names, sizes."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drummernet.evaluation.comparison import Labelled
from drummernet.evaluation.result_files import Pointer

WIDTH_INCHES = 8.0
SYSTEMS_PER_PICTURE = 8
"""More lines than that in one picture cannot be told apart."""

CLASS_COLOURS = {
    "KD": "#0072B2",
    "SD": "#D55E00",
    "HH": "#009E73",
    "TT": "#CC79A7",
    "CY": "#B8860B",
    "mean": "#444444",
}
SYSTEM_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#000000", "#56B4E9", "#B8860B", "#7A5195"),
)
"""Those of Okabe and Ito, its yellow darkened for thin lines on white."""
SYSTEM_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
PUBLISHED_COLOUR = "#777777"
PUBLISHED_HATCH = "////"

SMALL, TINY = 9.0, 7.5
"""Sizes of letters in points."""

_LINE_LETTERS = 26
_MOST_LINES = 2


@dataclass(frozen=True)
class Picture:
    """A figure and what it was drawn from.

    Attributes:
        slug: What its file is called.
        figure: The figure.
        caption: What it shows; also its text for those who cannot see it.
        sources: The results it was drawn from, and where in each the numbers lie.
    """

    slug: str
    figure: Figure
    caption: str
    sources: tuple[tuple[Labelled, tuple[Pointer, ...]], ...]


def wrapped(label: str, letters: int = _LINE_LETTERS) -> str:
    """Return a name on at most two lines of so many letters, cut if it is longer still."""
    lines = textwrap.wrap(label, letters, break_on_hyphens=False) or [label]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], lines[_MOST_LINES - 1][: letters - 1] + "\u2026"]
    return "\n".join(lines).encode("utf-8", "replace").decode("utf-8")  # a name on disk may be any bytes


def name_rows(axes: Axes, positions: Sequence[float], labels: Sequence[str]) -> None:
    """Name the rows of a picture, the first on top."""
    axes.set_yticks(positions, [wrapped(label) for label in labels], parse_math=False)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.set_ylim(max(positions) + 0.6, min(positions) - 0.6)


def bare(axes: Axes) -> None:
    """Remove what frames a panel but tells nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=TINY)
    axes.tick_params(axis="y", length=0)


def parts(rows: Sequence[Labelled], size: int) -> list[list[Labelled]]:
    """Cut a list of results into those of one picture each, as even as can be."""
    count = -(-len(rows) // size)
    ends = [round(number * len(rows) / count) for number in range(count + 1)] if count else []
    return [list(rows[start:end]) for start, end in pairwise(ends)]


def numbered(slug: str, number: int, count: int) -> str:
    """Return the name of one of several pictures."""
    return slug if count == 1 else f"{slug}_{number + 1}"
