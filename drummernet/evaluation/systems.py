"""The systems that can be named on the command line: a checkpoint, a folder of predictions, a baseline."""

from pathlib import Path
from typing import Any

from drummernet.errors import InputError
from drummernet.evaluation.baselines import BASELINES
from drummernet.evaluation.protocol import evaluate
from drummernet.evaluation.transcribers import TranscriberEstimator
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcription.picking import picker_of


def evaluate_system(
    dataset: str,
    root: Path,
    *,
    checkpoint: Path | None = None,
    predictions: Path | None = None,
    baseline: str | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Evaluate the one system that is given.

    Args:
        dataset: ``"mdb"``, ``"e-gmd"`` or ``"folder"``.
        root: The dataset's folder.
        checkpoint: A transcriber.
        predictions: A folder of somebody's predictions.
        baseline: A name in ``BASELINES``.
        threshold: The picking threshold of a transcriber, fixed beforehand; else the checkpoint's own.

    Returns:
        The result of :func:`drummernet.evaluation.protocol.evaluate`.

    Raises:
        InputError: if the system or the dataset cannot be used.
    """
    if checkpoint is not None:
        picker = picker_of(checkpoint, threshold)
        estimator = TranscriberEstimator(load_transcriber(checkpoint), picker)
        return evaluate(
            dataset, root, checkpoint.stem, estimator, checkpoint=checkpoint, threshold=picker.threshold
        )
    if predictions is not None:
        return evaluate(dataset, root, predictions.name, predictions)
    if baseline not in BASELINES:
        raise InputError("baseline", str(baseline), f"unknown; known baselines are {', '.join(BASELINES)}")
    return evaluate(dataset, root, baseline, BASELINES[baseline])
