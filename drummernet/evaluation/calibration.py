"""Calibration: shifts of a transcriber's logits, so that one threshold suits every class.

Rare drums come out with lower probabilities than common ones, so the threshold that suits the kick misses
cymbals. What is shifted is learnt from rendered stems, of which the hits are known without annotation.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from drummernet.components import FIVE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.datasets import Dataset, read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.scores import TOLERANCE_SECONDS, count_classes, pooled
from drummernet.evaluation.tuning import GRID, middle_of_best
from drummernet.transcriber.checkpoint import (
    load_picking,
    load_provenance,
    load_transcriber,
    save_weights,
    weights_path,
)
from drummernet.transcriber.contract import Transcriber
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcription.picking import Picker, picker_of


def calibrate(transcriber: Transcriber, picker: Picker, dataset: Dataset) -> dict[str, float]:
    """Shift the logits of each class, in place, so that the picker's threshold is the best on a set.

    Args:
        transcriber: One that gives probabilities.
        picker: The rule whose threshold shall suit all classes.
        dataset: Annotated, or rendered, tracks; a class that none of them has is not shifted.

    Returns:
        Of each class the threshold that was the best before.

    Raises:
        InputError: if the transcriber gives no probabilities, or no track can be heard.
    """
    if not isinstance(transcriber, HitTranscriber) or transcriber.gates is not None:
        raise InputError("calibrate", "transcriber", f"{type(transcriber).__name__} gives no probabilities")
    thresholds = best_thresholds(TranscriberEstimator(transcriber, picker), dataset)
    for name, threshold in thresholds.items():
        shift = _logit(picker.threshold) - _logit(threshold)
        transcriber.shift_logits(dict.fromkeys((name, *FIVE_CLASSES[name]), shift))
    return thresholds


def export_calibrated(checkpoint: str | Path, stems: Path, out: str | Path) -> dict[str, float]:
    """Write the transcriber of a checkpoint as safetensors, calibrated on a ``folder`` set.

    Returns:
        As :func:`calibrate`.

    Raises:
        InputError: as :func:`calibrate`, or if something cannot be read, or ``out`` has another suffix.
    """
    out = weights_path(out)
    transcriber, picking = load_transcriber(checkpoint), load_picking(checkpoint)
    thresholds = calibrate(transcriber, picker_of(checkpoint), read_dataset("folder", stems))
    save_weights(transcriber, picking, also_selected_on(load_provenance(checkpoint), f"folder:{stems}"), out)
    return thresholds


def also_selected_on(provenance: Mapping[str, Any] | None, place: str) -> dict[str, Any]:
    """Return a provenance with one more ``"SET:ROOT"``, where scores then are marked as development."""
    known = dict(provenance or {})
    return {**known, "selected_on": [*known.get("selected_on", ()), place]}


def best_thresholds(estimator: TranscriberEstimator, dataset: Dataset) -> dict[str, float]:
    """Return, of each of the five classes that a set has, the threshold with the largest pooled F1.

    Raises:
        InputError: if no track can be heard.
    """
    counts = []
    for track in dataset.tracks:
        if track.audio_path is not None:
            activations = estimator.activations(track.recording())
            pickers = (replace(estimator.picker, threshold=threshold) for threshold in GRID)
            found = (estimator.onsets(activations, picker) for picker in pickers)
            counts.append([count_classes(track, onsets, TOLERANCE_SECONDS) for onsets in found])
    if not counts:
        raise InputError(dataset.root, "audio", f"none of {len(dataset.tracks)} tracks can be heard")
    scores = [pooled(at_one, tuple(FIVE_CLASSES)) for at_one in zip(*counts, strict=True)]
    return {
        name: middle_of_best(GRID, [score[name]["f1"] for score in scores])
        for name in FIVE_CLASSES
        if max(score[name]["f1"] for score in scores) > 0
    }


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
