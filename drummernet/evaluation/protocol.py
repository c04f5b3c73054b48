"""The evaluation protocol: a system's onsets on a dataset, scored in every way that is reported."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.predictions import read_predictions
from drummernet.evaluation.readers import read_dataset
from drummernet.evaluation.scores import count_classes, left_out, pooled, track_mean
from drummernet.evaluation.tracks import ClassOnsets, Track
from drummernet.resources import replaced_file

_log = logging.getLogger(__name__)

Estimator = Callable[[Path], ClassOnsets]
"""A system: from an audio file to onsets per class. It never sees the reference."""

TOLERANCE_SECONDS = 0.050
FINE_TOLERANCE_SECONDS = 0.020


def evaluate(
    dataset: str,
    root: Path,
    system: str,
    estimates: Estimator | Path,
    *,
    checkpoint: Path | None = None,
    threshold: float | None = None,
    tuned_on: str | None = None,
) -> dict[str, Any]:
    """Score a system on a dataset.

    Args:
        dataset: A name in :data:`drummernet.evaluation.readers.READERS`.
        root: The dataset's folder.
        system: What the result calls the system.
        estimates: The system, or a folder of its predictions. A track without audio is scored only
            from predictions; one whose audio cannot be decoded is named in the log and not scored.
        checkpoint: The system's weights, of which the result keeps the hash.
        threshold: The system's threshold, if it has one.
        tuned_on: ``"SET:ROOT"`` that the threshold was chosen on.

    Returns:
        The content of the JSON file: provenance, then :func:`score`. ``missing_audio`` names the tracks
        whose audio is absent or unreadable, ``unreadable_audio`` the latter alone;
        ``cpu_seconds_per_audio_second`` is None for predictions.

    Raises:
        InputError: if the dataset or the predictions cannot be read, if no track can be scored, or what the
            system raises.
    """
    tracks = read_dataset(dataset, root)
    missing_audio = [track.name for track in tracks if track.audio_path is None]
    unreadable: list[str] = []
    cost = None
    if isinstance(estimates, Path):
        onsets = read_predictions(estimates, tracks)
    else:
        onsets, unreadable, cost = _run(estimates, tracks)
        missing_audio = sorted([*missing_audio, *unreadable])
    scored = [track for track in tracks if track.name in onsets]
    if not scored:
        raise InputError(root, "audio", f"none of {len(tracks)} tracks can be scored")
    return {
        "dataset": dataset,
        "root": str(root),
        "system": system,
        "checkpoint_sha256": _sha256(checkpoint) if checkpoint else None,
        "threshold": threshold,
        "tuned_on": tuned_on,
        "tracks": len(scored),
        "missing_audio": missing_audio,
        "unreadable_audio": unreadable,
        "side_sticks": sum(track.side_sticks for track in scored),
        **score(scored, onsets),
        "cpu_seconds_per_audio_second": cost,
    }


def score(tracks: Sequence[Track], estimates: Mapping[str, ClassOnsets]) -> dict[str, Any]:
    """Score onsets against the reference.

    Args:
        tracks: What to score.
        estimates: Onsets per class by the track's name; a class that is not there has none.

    Returns:
        The scores of the three classes per track and in every average, at 50 ms and at 20 ms, and
        beside them those of five classes.
    """
    coarse = [count_classes(track, estimates[track.name], TOLERANCE_SECONDS) for track in tracks]
    fine = [count_classes(track, estimates[track.name], FINE_TOLERANCE_SECONDS) for track in tracks]
    return {
        "tolerance_seconds": TOLERANCE_SECONDS,
        "per_track": [
            {"track": track.name, **{name: {**c.rates(), **asdict(c)} for name, c in counts.items()}}
            for track, counts in zip(tracks, coarse, strict=True)
        ],
        "track_mean": track_mean(coarse, THREE_CLASSES),
        "pooled": pooled(coarse, THREE_CLASSES),
        "left_out": left_out(coarse, FIVE_CLASSES),
        "paper_convention": track_mean(coarse, THREE_CLASSES, leave_out=False),
        "at_20_ms": {"track_mean": track_mean(fine, THREE_CLASSES), "pooled": pooled(fine, THREE_CLASSES)},
        "five_classes": {
            "track_mean": track_mean(coarse, FIVE_CLASSES),
            "pooled": pooled(coarse, FIVE_CLASSES),
        },
    }


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result of :func:`evaluate` as JSON."""
    content = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    with replaced_file(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _run(
    estimator: Estimator, tracks: Sequence[Track]
) -> tuple[dict[str, ClassOnsets], list[str], float | None]:
    """Return the onsets, the tracks whose audio cannot be read, and CPU seconds per second of audio."""
    onsets: dict[str, ClassOnsets] = {}
    unreadable = []
    cpu_seconds = audio_seconds = 0.0
    for track in tracks:
        if track.audio_path is None:
            continue
        try:
            # Decoded here once more than needed, so that only bad audio is passed over: what else goes
            # wrong is the system's own fault and ends the evaluation.
            audio_seconds += len(read_audio(track.audio_path)) / SAMPLE_RATE
        except InputError as error:
            _log.warning("%s: not scored: %s", track.name, error)
            unreadable.append(track.name)
            continue
        start = time.process_time()
        onsets[track.name] = estimator(track.audio_path)
        cpu_seconds += time.process_time() - start
    return onsets, unreadable, cpu_seconds / audio_seconds if audio_seconds else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
