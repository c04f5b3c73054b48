"""The systems that can be named on the command line: a checkpoint, a folder of predictions, a baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.errors import InputError
from drummernet.evaluation.baselines import find_baseline
from drummernet.evaluation.datasets import Dataset, read_dataset
from drummernet.evaluation.estimators import ActivationEstimator, Estimator, TranscriberEstimator
from drummernet.evaluation.origin import Tuning
from drummernet.evaluation.protocol import evaluate
from drummernet.evaluation.tuning import set_threshold, tune_threshold, tuning_set
from drummernet.transcriber.checkpoint import load_provenance, load_transcriber
from drummernet.transcription.picking import picker_of


class System(NamedTuple):
    """What is evaluated.

    Attributes:
        name: What the result calls it unless the request does.
        estimates: The system, or a folder of its predictions.
        provenance: What it was made from, None if nothing is known.
        weights: Its weights, None if it has none.
    """

    name: str
    estimates: Estimator | Path
    provenance: Mapping[str, Any] | None = None
    weights: Path | None = None


def evaluate_system(
    dataset: str,
    root: Path,
    *,
    task: str | None = None,
    split: str | None = None,
    checkpoint: Path | None = None,
    predictions: Path | None = None,
    baseline: str | None = None,
    kits: Sequence[str] | None = None,
    threshold: float | None = None,
    tune_on: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Evaluate the one system that is given.

    Args:
        dataset: A name in :data:`drummernet.evaluation.datasets.DATASETS`.
        root: The dataset's folder.
        task: As in :func:`drummernet.evaluation.datasets.read_dataset`.
        split: As there.
        checkpoint: A transcriber.
        predictions: A folder of somebody's predictions.
        baseline: A name in ``BASELINES``.
        kits: What a baseline takes its templates from: groups, names, patterns of kits.
        threshold: The picking threshold, fixed beforehand; else the system's own.
        tune_on: ``"SET:ROOT"``, another set on which the threshold is chosen.
        name: What the result calls the system; else the file's, folder's or baseline's name.

    Returns:
        The result of :func:`drummernet.evaluation.protocol.evaluate`.

    Raises:
        InputError: if the system or the dataset cannot be used, or if a threshold would be chosen on what
            is scored, or for a system that has none.
    """
    system = _find(checkpoint, predictions, baseline, kits)
    scored = read_dataset(dataset, root, task, split)
    return evaluate(
        scored,
        name or system.name,
        system.estimates,
        checkpoint=system.weights,
        tuning=_set(system, scored, threshold, tune_on),
        provenance=system.provenance,
    )


def _find(
    checkpoint: Path | None, predictions: Path | None, baseline: str | None, kits: Sequence[str] | None
) -> System:
    """Build the one system that is given."""
    if kits is not None and baseline is None:
        raise InputError("kits", ",".join(kits), "only baselines take templates from kits")
    if kits is not None and not all(word.strip() for word in kits):
        raise InputError("kits", repr(",".join(kits)), "one of the names is empty")
    if checkpoint is not None:
        estimator = TranscriberEstimator(load_transcriber(checkpoint), picker_of(checkpoint))
        return System(checkpoint.stem, estimator, load_provenance(checkpoint), checkpoint)
    if predictions is not None:
        return System(predictions.name, predictions)
    known = find_baseline(str(baseline))
    made = known.make(kits)
    own, weights = (made.provenance, made.weights) if isinstance(made, ActivationEstimator) else (None, None)
    asked = {"kits": list(kits)} if kits is not None else {}
    return System(str(baseline), made, {"paper": known.paper, **asked, **(own or {})}, weights)


def _set(system: System, scored: Dataset, threshold: float | None, tune_on: str | None) -> Tuning | None:
    """Set the threshold that is given or is to be tuned; return how it was tuned."""
    if threshold is not None and tune_on is not None:
        raise InputError("threshold", str(threshold), f"is given, and also to be tuned on {tune_on}")
    if threshold is not None:
        set_threshold(_tunable(system), threshold)
    if tune_on is None:
        return None
    estimator = _tunable(system)
    tuning = tune_threshold(estimator, tuning_set(tune_on, scored))
    set_threshold(estimator, tuning.threshold)
    return tuning


def _tunable(system: System) -> ActivationEstimator:
    if not isinstance(system.estimates, ActivationEstimator):
        raise InputError("threshold", system.name, "this system has no threshold to set or to tune")
    return system.estimates
