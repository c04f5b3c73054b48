"""How sure a score is: bootstrap intervals over tracks, and a test between two systems on the same tracks."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.bootstrap import LEVEL, RESAMPLES, all_swaps, averages, bootstrap, draws

FEW_TRACKS = 10
"""Below this number of tracks an interval is itself unsure."""

EXACT_TRACKS = 13
"""Of no more tracks all swaps are fewer than the random ones would be."""

_log = logging.getLogger(__name__)

_AVERAGES = ("track_mean", "pooled")
_COLUMNS = (*THREE_CLASSES, "mean")
_ROUNDING = 1e-12


def intervals(per_track: Sequence[Mapping[str, Any]], resamples: int = RESAMPLES) -> dict[str, Any]:
    """Return 95 % intervals of the F1 of the three classes and their mean, in both averages.

    Args:
        per_track: The entry of a result.
        resamples: How often the tracks are drawn anew.

    Returns:
        ``{"level", "resamples", "track_mean": {"KD": [low, high], …, "mean"}, "pooled": {…}}``; [0, 1] for
        a class that fewer than two tracks have.
    """
    counts = _counts(per_track)
    low, high = bootstrap(
        lambda weights: averages(weights, counts), len(counts), _occurrences(counts), resamples
    )
    ends = np.stack((low.clip(0, 1), high.clip(0, 1)), axis=-1)
    named = {
        average: dict(zip(_COLUMNS, rows.tolist(), strict=True))
        for average, rows in zip(_AVERAGES, ends, strict=True)
    }
    return {"level": LEVEL, "resamples": resamples, **named}


def compare_pair(
    result_a: Mapping[str, Any], result_b: Mapping[str, Any], resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Compare two systems on the same tracks.

    The test is approximate randomisation (Noreen 1989): were the systems alike, then their counts of a track
    could be swapped; p is the share of random swaps whose difference is at least as large as that found,
    the found one counted among them. Of few tracks all swaps are tried, and p is exact.

    Args:
        result_a: A result of :func:`drummernet.evaluation.protocol.evaluate`.
        result_b: Another one.
        resamples: How many resamples, and how many swaps.

    Returns:
        ``{"systems": [a, b], "tracks", "level", "resamples", "exact", "track_mean": {"KD": {"difference",
        "interval", "p"}, …, "mean"}, "pooled": {…}}``; differences of F1 are a - b.

    Raises:
        InputError: if the tracks or their references are not the same.
    """
    a, b = _paired_counts(result_a, result_b)
    found = averages(np.ones((1, len(a))), a)[0] - averages(np.ones((1, len(a))), b)[0]
    low, high = bootstrap(
        lambda weights: averages(weights, a) - averages(weights, b), len(a), _occurrences(a), resamples
    )
    p = _p_values(a, b, found, resamples)
    ends = np.stack((low.clip(-1, 1), high.clip(-1, 1)), axis=-1)
    return {
        "systems": [result_a["system"], result_b["system"]],
        "tracks": len(a),
        "level": LEVEL,
        "resamples": resamples,
        "exact": len(a) <= EXACT_TRACKS,
        **{
            average: {
                column: {"difference": float(found[i, k]), "interval": ends[i, k].tolist(), "p": p[i, k]}
                for k, column in enumerate(_COLUMNS)
            }
            for i, average in enumerate(_AVERAGES)
        },
    }


def warn_of_few(tracks: int) -> None:
    """Say in the log that so few tracks tell little."""
    if tracks < FEW_TRACKS:
        _log.warning("only %d tracks: intervals over fewer than %d are unsure", tracks, FEW_TRACKS)


def _counts(per_track: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return true positives, false positives and misses, (n, 3 classes, 3)."""
    return np.array(
        [[[track[name][key] for key in ("tp", "fp", "fn")] for name in THREE_CLASSES] for track in per_track],
        dtype=np.float64,
    )


def _occurrences(counts: np.ndarray) -> np.ndarray:
    """Return in how many tracks each class occurs (4,); the last, of the mean, is the number of tracks."""
    return np.append((counts[..., 0] + counts[..., 2] > 0).sum(axis=0), len(counts))


def _paired_counts(result_a: Mapping[str, Any], result_b: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of both systems, track by track."""
    where = f"{result_a['system']} and {result_b['system']}"
    of_a, of_b = ({track["track"]: track for track in r["per_track"]} for r in (result_a, result_b))
    if of_a.keys() != of_b.keys():
        differ = ", ".join(sorted(of_a.keys() ^ of_b.keys()))
        raise InputError(where, "tracks", f"not the same: {differ}")
    a, b = _counts(list(of_a.values())), _counts([of_b[name] for name in of_a])
    differ = (a[..., 0] + a[..., 2] != b[..., 0] + b[..., 2]).any(axis=1)
    if differ.any():
        names = ", ".join(name for name, bad in zip(of_a, differ, strict=True) if bad)
        raise InputError(where, "per_track", f"not scored against the same annotations: {names}")
    return a, b


def _p_values(a: np.ndarray, b: np.ndarray, found: np.ndarray, draw_count: int) -> np.ndarray:
    """Return p (2, 4) of the differences found (2, 4)."""
    exact = len(a) <= EXACT_TRACKS
    blocks = [all_swaps(len(a))] if exact else draws("swaps", len(a), draw_count)
    as_large, tried = np.zeros(found.shape), 0
    for swaps in blocks:
        as_large += (np.abs(_swapped(swaps, a, b)) >= np.abs(found) - _ROUNDING).sum(axis=0)
        tried += len(swaps)
    # All swaps hold the one that was found; random ones need not.
    return as_large / tried if exact else (1 + as_large) / (1 + tried)


def _swapped(swaps: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the differences (R, 2, 4) after swapping the tracks with a 1 in ``swaps`` (R, n).

    Both averages are sums over tracks before they are ratios, and swapping leaves the reference alone: so
    the averages over doubled tracks, weighted 1 and 0, are those of the swapped systems.
    """
    both = np.concatenate((a, b))
    return averages(np.hstack((1 - swaps, swaps)), both) - averages(np.hstack((swaps, 1 - swaps)), both)
