"""Choosing a threshold on a set that is not the one that is scored."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from drummernet.errors import InputError
from drummernet.evaluation.curves import TrackCounts, counts_at, pooled_over_thresholds
from drummernet.evaluation.datasets import DATASETS, Dataset, read_dataset
from drummernet.evaluation.estimators import ActivationEstimator, Unhearable

_log = logging.getLogger(__name__)

GRID = tuple(round(0.02 * step, 2) for step in range(1, 50))
"""The thresholds that are tried: 0.02 to 0.98."""

_ROUNDING = 1e-12


def tuning_set(words: str, scored: Dataset) -> Dataset:
    """Read the set that a threshold is to be chosen on.

    It is read for the task that is scored, if it has it.

    Args:
        words: ``"SET:ROOT"``.
        scored: The set that will be scored.

    Raises:
        InputError: if there is no such set, or if it shares audio or its root with the one that is scored.
    """
    name, colon, root = words.partition(":")
    if not colon or not root:
        raise InputError("tune-on", words, "is not SET:ROOT")
    task = scored.task if name in DATASETS and scored.task in DATASETS[name].tasks else None
    other = read_dataset(name, Path(root), task)
    places = [dataset.root.resolve() for dataset in (other, scored)]
    shared = _recordings(other) & _recordings(scored)
    if shared or places[0].is_relative_to(places[1]) or places[1].is_relative_to(places[0]):
        what = f"{len(shared)} recordings" if shared else "its folder"
        raise InputError("tune-on", words, f"shares {what} with the set that is scored, {scored.root}")
    return other


def tune_threshold(estimator: ActivationEstimator, dataset: Dataset) -> float:
    """Return the threshold with the largest pooled mean F1; of several, the middle one.

    Each recording is heard once; only counts are kept of it.

    Args:
        estimator: The system; its own threshold does not matter.
        dataset: What it is tuned on. Tracks that cannot be heard are named in the log.

    Raises:
        InputError: if no track can be heard, or what the system raises.
    """
    counts: list[list[TrackCounts]] = []
    for track in dataset.tracks:
        if track.audio_path is None:
            continue
        try:
            recording = track.recording()
        except InputError as error:
            _log.warning("%s: not tuned on: %s", track.name, error)
            continue
        try:
            activations = estimator.activations(recording)
        except Unhearable as error:
            _log.warning("%s: not tuned on: %s", track.name, error)
            continue
        counts.append(counts_at(estimator, activations, track, GRID))
    if not counts:
        raise InputError(dataset.root, "audio", f"none of {len(dataset.tracks)} tracks can be tuned on")
    curve = pooled_over_thresholds(GRID, counts)
    return middle_of_best(GRID, [point["pooled"]["mean"]["f1"] for point in curve])


def middle_of_best(thresholds: Sequence[float], scores: Sequence[float]) -> float:
    """Return the threshold with the best score; of several the middle one, of two the lower."""
    best = [t for t, score in zip(thresholds, scores, strict=True) if score >= max(scores) - _ROUNDING]
    return best[(len(best) - 1) // 2]


def set_threshold(estimator: ActivationEstimator, threshold: float) -> None:
    """Let a system pick with another threshold."""
    estimator.picker = replace(estimator.picker, threshold=threshold)


def _recordings(dataset: Dataset) -> set[Path]:
    return {track.audio_path.resolve() for track in dataset.tracks if track.audio_path}
