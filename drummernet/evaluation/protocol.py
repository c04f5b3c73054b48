"""The evaluation protocol: a system's onsets on a dataset, scored in every way that is reported."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.confusion import confusion
from drummernet.evaluation.datasets import Dataset
from drummernet.evaluation.estimators import Estimator
from drummernet.evaluation.example import Excerpt, choose_excerpt, example, header_seconds
from drummernet.evaluation.hearing import Heard, hear
from drummernet.evaluation.origin import Tuning, origin
from drummernet.evaluation.predictions import read_predictions
from drummernet.evaluation.scores import (
    FINE_TOLERANCE_SECONDS,
    TOLERANCE_SECONDS,
    count_classes,
    left_out,
    pooled,
    track_mean,
)
from drummernet.evaluation.statistics import intervals, warn_of_few
from drummernet.evaluation.tracks import ClassOnsets, Track
from drummernet.evaluation.velocities import velocity_agreement
from drummernet.resources import replaced_file


def evaluate(
    dataset: Dataset,
    system: str,
    estimates: Estimator | Path,
    *,
    checkpoint: Path | None = None,
    tuning: Tuning | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a system on a dataset.

    Args:
        dataset: The recordings and their annotations.
        system: What the result calls the system.
        estimates: The system, or a folder of its predictions. A track without audio is scored only
            from predictions; one whose audio cannot be decoded, or that lacks what the system needs, is
            named in the log and not scored.
        checkpoint: The system's weights, of which the result keeps the hash.
        tuning: How the threshold was chosen.
        provenance: What the system was made from, as in
            :func:`drummernet.transcriber.checkpoint.load_provenance`.

    Returns:
        The content of the JSON file: what was scored and what not, then :func:`score`. ``missing_audio``
        names the tracks whose audio is absent or unreadable, ``unreadable_audio`` the latter alone,
        ``unscored`` those that the system cannot hear, with the reason; of the ``problems``, ``unusable`` are
        those that cost a track. ``cpu_seconds_per_audio_second`` is None for predictions,
        ``threshold_curve`` for whatever has no threshold, ``velocities`` where the set or the system tells
        none.

    Raises:
        InputError: if the predictions cannot be read, if no track can be scored, or what the system raises.
    """
    tracks = dataset.tracks
    excerpt = choose_excerpt(tracks)
    heard = _heard(estimates, tracks, excerpt)
    scored = [track for track in tracks if track.name in heard.onsets]
    if not scored:
        raise InputError(dataset.root, "audio", f"none of {len(tracks)} tracks can be scored")
    warn_of_few(len(scored))
    if excerpt and excerpt.track not in scored:
        excerpt = None
    absent = [track.name for track in tracks if track.audio_path is None]
    return {
        **origin(dataset, system, estimates, checkpoint, tuning, provenance),
        "tracks": len(scored),
        "missing_audio": sorted([*absent, *heard.unreadable]),
        "unreadable_audio": heard.unreadable,
        "unscored": heard.unscored,
        "unusable": list(dataset.unusable),
        "problems": [*dataset.problems, *heard.problems],
        "audio_seconds": heard.audio_seconds or sum(header_seconds(track) or 0.0 for track in scored),
        "side_sticks": sum(track.side_sticks for track in scored),
        **score(scored, heard.onsets),
        "velocities": velocity_agreement(scored, heard.onsets, heard.velocities),
        "threshold_curve": heard.threshold_curve,
        "confusion": confusion(scored, heard.onsets),
        "example": example(excerpt, heard.onsets[excerpt.track.name], heard.excerpt) if excerpt else None,
        "cpu_seconds_per_audio_second": heard.cost,
    }


def _heard(estimates: Estimator | Path, tracks: Sequence[Track], excerpt: Excerpt | None) -> Heard:
    if isinstance(estimates, Path):
        return read_predictions(estimates, tracks)
    return hear(estimates, tracks, excerpt)


def score(tracks: Sequence[Track], estimates: Mapping[str, ClassOnsets]) -> dict[str, Any]:
    """Score onsets against the reference.

    Args:
        tracks: What to score.
        estimates: Onsets per class by the track's name; a class that is not there has none.

    Returns:
        The scores of the three classes per track and in every average, with intervals, at 50 ms and at
        20 ms, and beside them those of five classes.
    """
    coarse = [count_classes(track, estimates[track.name], TOLERANCE_SECONDS) for track in tracks]
    fine = [count_classes(track, estimates[track.name], FINE_TOLERANCE_SECONDS) for track in tracks]
    per_track = [
        {
            "track": track.name,
            "group": track.group,
            **{name: {**c.rates(), **asdict(c)} for name, c in counts.items()},
        }
        for track, counts in zip(tracks, coarse, strict=True)
    ]
    return {
        "tolerance_seconds": TOLERANCE_SECONDS,
        "per_track": per_track,
        "track_mean": track_mean(coarse, THREE_CLASSES),
        "pooled": pooled(coarse, THREE_CLASSES),
        "intervals": intervals(per_track),
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
