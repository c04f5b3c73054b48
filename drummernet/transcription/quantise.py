"""Hits on a grid between the beats, with the swing that was played.

Swing is where the second note of a pair begins, in parts of the pair: 1/2 is straight, 2/3 a triplet's. Pairs
of eighths last a beat, pairs of sixteenths half of one. One swing is estimated for a recording.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.score import Beat

DIVISIONS = (8, 12, 16, 24, 32)
"""Places per whole note: eighths and their triplets to thirty-seconds."""

STRAIGHT = 0.5
MOST_SWING = 0.7
"""Beyond it the second note is a dotted figure's."""

_LEAST_SWING = 0.53
_FAR_PAIRS = 0.08
"""What is further from every place of a grid, in parts of the pair, does not speak for or against it."""
_LEAST_GAIN = 0.7
"""A swung grid is believed in if what is left of the hits' distances is less than that part."""
_LEAST_SECOND_NOTES = 4


class Grid(NamedTuple):
    """Places between beats.

    Attributes:
        places: Per beat.
        pair_beats: How long a pair of notes is, in beats.
        swing: Where its second note begins, in parts of the pair.
    """

    places: int
    pair_beats: float = 1.0
    swing: float = STRAIGHT

    def nearest(self, beats: np.ndarray) -> np.ndarray:
        """Return the nearest place to each position (n,) in beats."""
        pairs = beats / self.pair_beats
        whole = np.floor(pairs)
        own = _bent(self._places_of_pair(), self.swing)
        indices = np.abs((pairs - whole)[:, None] - own).argmin(axis=1)
        return (whole + own[indices]) * self.pair_beats

    def _places_of_pair(self) -> np.ndarray:
        """Return the places of a straight pair and the first of the next."""
        count = round(self.places * self.pair_beats)
        return np.arange(count + 1) / count


def check_division(division: int) -> int:
    """Return a grid's number of places per whole note.

    Raises:
        InputError: if it is none of ``DIVISIONS``.
    """
    if division not in DIVISIONS:
        raise InputError("quantise", "division", f"{division} is none of {', '.join(map(str, DIVISIONS))}")
    return division


def quantise(hits: Sequence[Hit], beats: Sequence[Beat], division: int) -> list[Hit]:
    """Move hits to the places of a grid between beats; before the first and behind the last they go on.

    Args:
        hits: In any order.
        beats: Of the recording; with fewer than two there is no grid and nothing is moved.
        division: One of ``DIVISIONS``, places per whole note.

    Returns:
        The hits in order of time; of those of a component on one place the loudest.

    Raises:
        InputError: as :func:`check_division`.
    """
    check_division(division)
    if len(beats) < 2 or not hits:
        return sorted(hits)
    clock = _Clock(np.array([beat.seconds for beat in beats]))
    positions = clock.beats(np.array([hit.onset_seconds for hit in hits]))
    places = find_grid(positions, division).nearest(positions)
    onsets = np.maximum(clock.seconds(places), 0.0)
    loudest: dict[tuple[float, str], Hit] = {}
    for hit, place, onset in zip(hits, places.tolist(), onsets.tolist(), strict=True):
        moved = Hit(onset, hit.component, hit.velocity)
        key = (round(place, 6), hit.component)
        loudest[key] = max(moved, loudest.get(key, moved), key=lambda one: one.velocity)
    return sorted(loudest.values())


def find_grid(positions_beats: np.ndarray, division: int) -> Grid:
    """Find the grid, straight or swung, that hits lie on.

    Args:
        positions_beats: (n,), where hits lie, in beats.
        division: One of ``DIVISIONS``; grids of triplets are never swung further.
    """
    straight = Grid(division // 4)
    best, least = straight, _LEAST_GAIN
    for pair_beats in (1.0, 0.5):
        if division in (12, 24) or round(straight.places * pair_beats) % 2:
            continue
        swing = _find_swing(positions_beats / pair_beats, round(straight.places * pair_beats))
        if swing is None:
            continue
        swung = Grid(straight.places, pair_beats, swing)
        rest = _rest(positions_beats, swung) / max(
            _rest(positions_beats, straight._replace(pair_beats=pair_beats)), 1e-9
        )
        if rest < least:
            best, least = swung, rest
    return best


def _rest(positions_beats: np.ndarray, grid: Grid) -> float:
    """Return the mean distance to the grid, in pairs; what is far counts as no more than that."""
    distances = np.abs(positions_beats - grid.nearest(positions_beats)) / grid.pair_beats
    return float(np.minimum(distances, _FAR_PAIRS).mean())


def _find_swing(positions_pairs: np.ndarray, places: int) -> float | None:
    """Return the mean position of the second notes, around where a grid fits best; None if it is straight."""
    tried = np.linspace(STRAIGHT, MOST_SWING, 41)
    rests = [_rest(positions_pairs, Grid(places, 1.0, float(swing))) for swing in tried]
    guess = tried[int(np.argmin(rests))]
    within = positions_pairs - np.floor(positions_pairs)
    second = within[np.abs(within - guess) < _FAR_PAIRS]
    if len(second) < _LEAST_SECOND_NOTES:
        return None
    swing = float(second.mean())
    return swing if _LEAST_SWING <= swing <= MOST_SWING else None


def _bent(within_pair: np.ndarray, swing: float) -> np.ndarray:
    """Stretch the first half of a pair and shorten the second."""
    return np.interp(within_pair, (0.0, 0.5, 1.0), (0.0, swing, 1.0))


class _Clock:
    """Seconds to beats and back; beyond the beats their first and last distances go on."""

    def __init__(self, beats_seconds: np.ndarray) -> None:
        self._seconds = beats_seconds
        self._numbers = np.arange(len(beats_seconds), dtype=float)

    def beats(self, seconds: np.ndarray) -> np.ndarray:
        return _continued(seconds, self._seconds, self._numbers)

    def seconds(self, beats: np.ndarray) -> np.ndarray:
        return _continued(beats, self._numbers, self._seconds)


def _continued(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate between knots and go on in a straight line beyond them."""
    segments = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    slopes = np.diff(values) / np.diff(knots)
    return values[segments] + (x - knots[segments]) * slopes[segments]
