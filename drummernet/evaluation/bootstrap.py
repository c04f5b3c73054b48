"""Averages of F1 over resampled tracks, and the intervals that they span.

An interval is a bias-corrected and accelerated one (BCa, Efron 1987) at levels widened as if by Student's t
(Hesterberg 2015): α/2 becomes Φ(√(n/(n-1)) t), t the α/2 quantile of n - 1 degrees of freedom. Plain
percentiles are too narrow for a few tens of tracks, and F1 is skewed.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

LEVEL = 0.95
RESAMPLES = 10_000

_SEED = 2018
_BLOCK_VALUES = 1 << 22
"""The most weights that are held at once."""


def f1_of(counts: np.ndarray) -> np.ndarray:
    """Return F1 (…) of counts (…, 3) of true positives, false positives and misses; 0/0 is 0."""
    tp, fp, fn = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    whole = 2 * tp + fp + fn
    return 2 * tp / np.where(whole > 0, whole, 1)


def averages(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average F1 over tracks, each taken as many times as a resample says.

    Args:
        weights: (R, n), how often each of n tracks is taken.
        counts: (n, C, 3), true positives, false positives and misses of C classes.

    Returns:
        (R, 2, C + 1): the track mean and the pooled score, per class and their mean. NaN where a class that
        occurs is in none of the tracks that were taken.
    """
    there = counts[..., 0] + counts[..., 2] > 0
    taken = np.where(there.any(axis=0), weights @ there, np.inf)  # a class that nowhere occurs counts as 0
    sums = weights @ (f1_of(counts) * there)
    track_mean = np.divide(sums, taken, out=np.full(sums.shape, np.nan), where=taken > 0)
    pooled = np.where(taken > 0, f1_of(np.tensordot(weights, counts, 1)), np.nan)
    both = np.stack((track_mean, pooled), axis=1)
    return np.concatenate((both, both.mean(axis=-1, keepdims=True)), axis=-1)


def draws(kind: str, tracks: int, count: int) -> Iterator[np.ndarray]:
    """Yield the same random rows whatever the data, in blocks that fit in memory.

    Args:
        kind: ``"resamples"``: how often each track is taken when n are drawn with replacement. ``"swaps"``:
            0 or 1 for each track.
        tracks: n.
        count: How many rows in all.

    Yields:
        (rows, n) float64.
    """
    rng = np.random.default_rng(_SEED)
    block = max(1, _BLOCK_VALUES // tracks)
    for start in range(0, count, block):
        rows = min(block, count - start)
        if kind == "resamples":
            yield rng.multinomial(tracks, np.full(tracks, 1 / tracks), rows).astype(np.float64)
        else:
            yield rng.integers(0, 2, (rows, tracks)).astype(np.float64)


def all_swaps(tracks: int) -> np.ndarray:
    """Return every row of 0 and 1 for each track, (2**n, n) float64."""
    return (np.arange(1 << tracks)[:, None] >> np.arange(tracks) & 1).astype(np.float64)


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], tracks: int, occurrences: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of each value of a statistic of the tracks.

    Resamples that lost a class altogether (NaN) are left out: the interval is that of sets which hold it.

    Args:
        statistic: From weights (R, n) to values (R, A, C).
        tracks: n.
        occurrences: (C,), in how many tracks there is what a value is about.
        count: How many resamples.

    Returns:
        Lower and upper ends, (A, C) each; not finite where fewer than two tracks tell something.
    """
    estimate = statistic(np.ones((1, tracks)))[0]
    block = max(1, _BLOCK_VALUES // tracks)
    rows = (np.arange(first, min(first + block, tracks)) for first in range(0, tracks, block))
    left_out = [statistic(1.0 - (r[:, None] == np.arange(tracks))) for r in rows]
    values = np.concatenate([statistic(weights) for weights in draws("resamples", tracks, count)])
    values = np.sort(values[~np.isnan(values).any(axis=(1, 2))], axis=0)
    low, high = _bca_levels(values, estimate, np.concatenate(left_out), occurrences)
    low[:, occurrences < 2], high[:, occurrences < 2] = -np.inf, np.inf
    known = np.isfinite(low)
    index = np.indices(estimate.shape)
    last = len(values) - 1
    for level in (low, high):
        place = np.round(np.where(known, level, 0.5) * last).astype(int)
        level[known] = values[place, index[0], index[1]][known]
    return low, high


def _bca_levels(
    values: np.ndarray, estimate: np.ndarray, left_out: np.ndarray, occurrences: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels (A, C) of the sorted values (R, A, C) at which an interval begins and ends."""
    n = np.maximum(occurrences, 2)
    z = np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - LEVEL) / 2)
    share = ((values < estimate).mean(axis=0) + (values <= estimate).mean(axis=0)) / 2
    bias = ndtri(np.clip(share, 0.5 / len(values), 1 - 0.5 / len(values)))
    told = ~np.isnan(left_out)
    centre = np.where(told, left_out, 0).sum(axis=0) / np.maximum(told.sum(axis=0), 1)
    steps = np.where(told, centre - left_out, 0)
    spread = (steps**2).sum(axis=0) ** 1.5
    acceleration = (steps**3).sum(axis=0) / (6 * np.where(spread > 0, spread, 1))
    low, high = (ndtr(bias + (bias + end) / (1 - acceleration * (bias + end))) for end in (z, -z))
    return low, high
