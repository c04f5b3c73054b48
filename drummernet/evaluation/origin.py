"""What a result says of its system and of the set that it is scored on."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.evaluation.datasets import Dataset
from drummernet.evaluation.estimators import ActivationEstimator, Estimator

FOLDER_DATASET = "folder"


class Tuning(NamedTuple):
    """How a threshold was chosen.

    Attributes:
        on: ``"SET:ROOT"``.
        threshold: The one that was chosen.
        f1: What it scores there, the pooled mean of the three classes.
    """

    on: str
    threshold: float
    f1: float


def origin(
    dataset: Dataset,
    system: str,
    estimates: Estimator | Path,
    checkpoint: Path | None,
    tuning: Tuning | None,
    provenance: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return which system it is, what it was made from, and what it is scored on.

    Args:
        dataset: The set.
        system: What the result calls the system; this and what follows as in
            :func:`drummernet.evaluation.protocol.evaluate`.
        estimates: The system.
        checkpoint: Its weights.
        tuning: How its threshold was chosen.
        provenance: What it was made from.
    """
    chosen_on = [*(provenance or {}).get("selected_on", ()), *([tuning.on.split(":")[0]] if tuning else ())]
    return {
        "dataset": dataset.name,
        "root": str(dataset.root),
        "task": dataset.task,
        "split": dataset.split,
        "system": system,
        "checkpoint_sha256": file_sha256(checkpoint) if checkpoint else None,
        "items_seen": (provenance or {}).get("items"),
        "provenance": dict(provenance) if provenance else None,
        "development": list(dict.fromkeys(chosen_on)),
        "threshold": estimates.picker.threshold if isinstance(estimates, ActivationEstimator) else None,
        "tuned_on": tuning.on if tuning else None,
        "tuning": {"f1": tuning.f1, "threshold": tuning.threshold} if tuning else None,
    }


def is_development(content: Mapping[str, Any]) -> bool:
    """Tell whether a result is on a set that something of its system was chosen on.

    Args:
        content: That of the JSON file; keys of newer versions may be absent or null.
    """
    tuned_on = content.get("tuned_on")
    for text in [*(content.get("development") or []), *([tuned_on] if tuned_on else [])]:
        name, _, root = str(text).partition(":")
        # All plain folders have one name: there only the root tells whether it is the same set.
        if name == content["dataset"] and (name != FOLDER_DATASET or root == content.get("root")):
            return True
    return False


def everything_scored(content: Mapping[str, Any]) -> bool:
    """Tell whether no track of a result's set was left out."""
    scored = {row["track"] for row in content["per_track"]}
    left_out = [*content["unscored"], *content["unusable"], *(set(content["missing_audio"]) - scored)]
    return not left_out


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
