"""How well told velocities follow the playing, on sets whose annotation has them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.scores import TOLERANCE_SECONDS, matches
from drummernet.evaluation.tracks import ClassOnsets, Track

LEAST_PAIRS = 3
"""Of fewer a correlation says nothing."""


def velocity_agreement(
    tracks: Sequence[Track], onsets: Mapping[str, ClassOnsets], velocities: Mapping[str, ClassOnsets]
) -> dict[str, Any] | None:
    """Compare the velocities of hits that were found, matched at 50 ms and pooled over tracks.

    Args:
        tracks: The reference; those without velocities are passed over.
        onsets: What was heard, per class by the track's name.
        velocities: The velocities in (0, 1] of these onsets, in the same order; tracks may be missing.

    Returns:
        Of each of the five classes ``{"pairs", "correlation", "mean_absolute_error"}``: Pearson's
        correlation, None where fewer than three pairs or no variation allow none; the error in parts of the
        full velocity, None without a pair. None if no track has velocities on both sides.
    """
    both = [track for track in tracks if track.velocities and track.name in velocities]
    if not both:
        return None
    agreement = {}
    for name in FIVE_CLASSES:
        pairs = np.concatenate([_pairs(track, name, onsets, velocities) for track in both])
        agreement[name] = _agreement(pairs)
    return agreement


def _pairs(
    track: Track, name: str, onsets: Mapping[str, ClassOnsets], velocities: Mapping[str, ClassOnsets]
) -> np.ndarray:
    """Return (n, 2): annotated and told velocity of each matched hit of a class."""
    found = onsets[track.name].get(name, np.empty(0))
    matched = matches(track.onsets[name], found, TOLERANCE_SECONDS)
    told = velocities[track.name].get(name, np.empty(0))
    return np.array([(track.velocities[name][i], told[j]) for i, j in matched]).reshape(-1, 2)


def _agreement(pairs: np.ndarray) -> dict[str, Any]:
    annotated, told = pairs.T
    varies = len(pairs) >= LEAST_PAIRS and np.ptp(annotated) > 0 and np.ptp(told) > 0
    return {
        "pairs": len(pairs),
        "correlation": float(np.corrcoef(annotated, told)[0, 1]) if varies else None,
        "mean_absolute_error": float(np.abs(annotated - told).mean()) if len(pairs) else None,
    }
