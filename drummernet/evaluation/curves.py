"""Scores over thresholds, from activations that are heard once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.estimators import ActivationEstimator, ClassActivations
from drummernet.evaluation.scores import TOLERANCE_SECONDS, Counts, count_classes, pooled
from drummernet.evaluation.tracks import Track

THRESHOLDS = (0.02, *(round(0.05 * step, 2) for step in range(1, 20)))
"""Those of the curve that a result keeps, beside the system's own."""

TrackCounts = dict[str, Counts]


def counts_at(
    estimator: ActivationEstimator,
    activations: ClassActivations,
    track: Track,
    thresholds: Sequence[float],
) -> list[TrackCounts]:
    """Count the matches of a track at each threshold.

    Args:
        estimator: What heard it.
        activations: What it heard; only the three classes are picked.
        track: The reference.
        thresholds: In place of the system's own.
    """
    heard = {name: values for name, values in activations.items() if name in THREE_CLASSES}
    pickers = (replace(estimator.picker, threshold=threshold) for threshold in thresholds)
    return [count_classes(track, estimator.onsets(heard, picker), TOLERANCE_SECONDS) for picker in pickers]


def pooled_over_thresholds(
    thresholds: Sequence[float], tracks: Sequence[Sequence[Mapping[str, Counts]]]
) -> list[dict[str, Any]]:
    """Pool what :func:`counts_at` returned for each track.

    Returns:
        ``[{"threshold", "pooled"}, …]``, one per threshold.
    """
    return [
        {"threshold": threshold, "pooled": pooled(counts, THREE_CLASSES)}
        for threshold, counts in zip(thresholds, zip(*tracks, strict=True), strict=True)
    ]
