"""Choosing a threshold on a set that is not the one that is scored."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from drummernet.errors import InputError
from drummernet.evaluation.curves import TrackCounts, counts_at, pooled_over_thresholds
from drummernet.evaluation.datasets import DATASETS, Dataset, read_dataset
from drummernet.evaluation.estimators import ActivationEstimator, Unhearable
from drummernet.evaluation.origin import Tuning, file_sha256

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
    layout = DATASETS.get(name.lower())
    task = scored.task if layout and scored.task in layout.tasks else None
    other = read_dataset(name, Path(root), task)
    places = [dataset.root.resolve() for dataset in (other, scored)]
    shared = _shared_recordings(other, scored)
    if shared or places[0].is_relative_to(places[1]) or places[1].is_relative_to(places[0]):
        what = f"{shared} recordings" if shared else "its folder"
        raise InputError("tune-on", words, f"shares {what} with the set that is scored, {scored.root}")
    return other


def tune_threshold(estimator: ActivationEstimator, dataset: Dataset) -> Tuning:
    """Find the threshold with the largest pooled mean F1; of several, the middle one.

    Each recording is heard once; only counts are kept of it. A choice that tells nothing, or that lies at an
    end of what was tried, is named in the log.

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
    scores = [point["pooled"]["mean"]["f1"] for point in pooled_over_thresholds(GRID, counts)]
    tuning = Tuning(f"{dataset.name}:{dataset.root}", middle_of_best(GRID, scores), max(scores))
    if tuning.f1 == 0:
        _log.warning("%s: tuned on in vain: F1 is 0 at every threshold", tuning.on)
    elif tuning.threshold in (GRID[0], GRID[-1]):
        _log.warning("%s: the best threshold, %g, is at the end of those tried", tuning.on, tuning.threshold)
    return tuning


def middle_of_best(thresholds: Sequence[float], scores: Sequence[float]) -> float:
    """Return the threshold with the best score; of several the middle one, of two the lower."""
    best = [t for t, score in zip(thresholds, scores, strict=True) if score >= max(scores) - _ROUNDING]
    return best[(len(best) - 1) // 2]


def set_threshold(estimator: ActivationEstimator, threshold: float) -> None:
    """Let a system pick with another threshold."""
    estimator.picker = replace(estimator.picker, threshold=threshold)


def _shared_recordings(dataset: Dataset, scored: Dataset) -> int:
    """Count the recordings of a set that another one has, too: the file itself, a link to it or a copy."""
    ours, others = (
        [track.audio_path for track in each.tracks if track.audio_path] for each in (dataset, scored)
    )
    # Only what is as long can be the same: the rest is not read.
    sizes = _sizes(ours) & _sizes(others)
    known = {file_sha256(path) for path in others if path.stat().st_size in sizes}
    return sum(path.stat().st_size in sizes and file_sha256(path) in known for path in ours)


def _sizes(paths: Iterable[Path]) -> set[int]:
    return {path.stat().st_size for path in paths}
