"""Velocity layers from ranges that may overlap, or leave gaps."""

from collections.abc import Sequence
from itertools import pairwise

from drummernet.kits.kit import Layer


def bands(
    ranges: Sequence[tuple[float, float]], only_first: bool = False
) -> list[tuple[float, tuple[int, ...]]]:
    """Return the velocities at which it changes which ranges hold.

    Args:
        ranges: Above which velocity each begins, and the last one for which it holds.
        only_first: Whether the first of several that hold hides the others.

    Returns:
        From soft to loud: a band's highest velocity and the numbers of the ranges that hold in it.
    """
    found: list[tuple[float, tuple[int, ...]]] = []
    for low, high in pairwise(sorted({edge for edges in ranges for edge in edges})):
        members = tuple(n for n, (start, end) in enumerate(ranges) if start <= low and high <= end)
        members = members[:1] if only_first else members
        if found and found[-1][1] == members:
            found[-1] = high, members
        elif members:
            found.append((high, members))
    return found


def layer_at(layers: Sequence[Layer], velocity: float) -> Layer:
    """Return the layer of a stroke; the loudest serves what is harder still."""
    return next((layer for layer in layers if velocity <= layer.velocity), layers[-1])
