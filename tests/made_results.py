"""Results as ``drummernet evaluate`` writes them, of made-up systems on made-up tracks.

The onsets are random; what is said of them comes from the project's own score functions.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.components import FIVE_CLASSES, OTHER
from drummernet.evaluation.confusion import confusion
from drummernet.evaluation.curves import pooled_over_thresholds
from drummernet.evaluation.example import DURATION_SECONDS, Excerpt, example
from drummernet.evaluation.protocol import score
from drummernet.evaluation.scores import TOLERANCE_SECONDS, count_classes
from drummernet.evaluation.tracks import ClassOnsets, Track

NEWER = (
    *("task", "split", "problems", "unscored", "audio_seconds", "items_seen", "provenance", "development"),
    *("intervals", "threshold_curve", "confusion", "example", "unreadable_audio"),
)
"""The keys that older result files lack."""

_SECONDS = 30.0
_RATE_HZ = 100
_THRESHOLDS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
_CONFUSED = {"KD": "TT", "SD": "HH", "HH": "CY", "TT": "KD", "CY": "HH"}


def made_tracks(count: int, seed: int = 0) -> list[Track]:
    """Make tracks; every fourth lacks the hi-hat, every third has toms, none has audio."""
    rng = np.random.default_rng(seed)
    tracks = []
    for number in range(count):
        rates_hz = {"KD": 1.5, "SD": 1.0, "HH": 3.0 * (number % 4 != 3), "TT": 0.3 * (number % 3 == 0)}
        rates_hz |= {"CY": 0.5, OTHER: 0.1}
        onsets = {
            name: np.sort(np.round(rng.uniform(0.2, _SECONDS, rng.poisson(rate * _SECONDS)), 3))
            for name, rate in rates_hz.items()
        }
        tracks.append(Track(f"track {number:02}", None, onsets, int(rng.poisson(1)), group=f"g{number % 2}"))
    return tracks


def made_estimates(
    tracks: list[Track], skill: float, seed: int, classes: tuple[str, ...] = tuple(FIVE_CLASSES)
) -> dict[str, dict[str, np.ndarray]]:
    """Return per track and class hits with their strength (n, 2); the more skill, the more are right."""
    rng = np.random.default_rng(seed)
    estimates = {}
    for track in tracks:
        heard: dict[str, list[tuple[float, float]]] = {name: [] for name in classes}
        for name in FIVE_CLASSES:
            for onset in track.onsets[name]:
                at, strength = onset + rng.normal(0, 0.012), rng.beta(4, 2)
                if rng.uniform() < skill and name in heard:
                    heard[name].append((at, strength))
                elif rng.uniform() < 0.5 and _CONFUSED[name] in heard:
                    heard[_CONFUSED[name]].append((at, 0.8 * strength))
        for name in classes:
            for at in rng.uniform(0, _SECONDS, rng.poisson(_SECONDS * (1 - skill))):
                heard[name].append((at, rng.beta(2, 4)))
        estimates[track.name] = {name: np.array(sorted(hits)).reshape(-1, 2) for name, hits in heard.items()}
    return estimates


def made_result(
    system: str = "made",
    dataset: str = "mdb",
    *,
    tracks: list[Track] | None = None,
    skill: float = 0.8,
    seed: int = 1,
    threshold: float | None = 0.35,
    classes: tuple[str, ...] = tuple(FIVE_CLASSES),
    **keys: Any,
) -> dict[str, Any]:
    """Return the content of a result file; without a threshold the system has no activations either."""
    tracks = made_tracks(12) if tracks is None else tracks
    hits = made_estimates(tracks, skill, seed, classes)
    onsets = {name: _picked(values, threshold or 0.35) for name, values in hits.items()}
    counts = [
        [count_classes(track, _picked(hits[track.name], at), TOLERANCE_SECONDS) for at in _THRESHOLDS]
        for track in tracks
    ]
    excerpt = Excerpt(tracks[0], 5.0)
    heard = None if threshold is None else (_RATE_HZ, _activations(hits[tracks[0].name]))
    return {
        **{"dataset": dataset, "root": dataset, "task": "DTP", "split": None, "system": system},
        **{"checkpoint_sha256": None, "items_seen": None, "provenance": None, "development": []},
        **{"threshold": threshold, "tuned_on": None, "tracks": len(tracks), "missing_audio": []},
        **{"unreadable_audio": [], "unscored": [], "problems": [], "audio_seconds": _SECONDS * len(tracks)},
        "side_sticks": sum(track.side_sticks for track in tracks),
        **score(tracks, onsets),
        "threshold_curve": None if threshold is None else pooled_over_thresholds(_THRESHOLDS, counts),
        "confusion": confusion(tracks, onsets),
        "example": example(excerpt, onsets[tracks[0].name], heard),
        "cpu_seconds_per_audio_second": 0.0123,
        **keys,
    }


def write_results(folder: Path, **results: dict[str, Any]) -> list[Path]:
    """Write results by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json" for name in results]
    for path, result in zip(paths, results.values(), strict=True):
        path.write_text(json.dumps(result), encoding="utf-8")
    return paths


def _picked(hits: dict[str, np.ndarray], threshold: float) -> ClassOnsets:
    return {name: values[values[:, 1] >= threshold, 0] for name, values in hits.items()}


def _activations(hits: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Return the excerpt's activations: a peak as high as its strength at every hit."""
    seconds = 5.0 + np.arange(round(DURATION_SECONDS * _RATE_HZ)) / _RATE_HZ
    values = {}
    for name, rows in hits.items():
        peaks = [strength * np.exp(-np.abs(seconds - at) / 0.03) for at, strength in rows]
        values[name] = np.max([np.zeros(len(seconds)), *peaks], axis=0).round(3).tolist()
    return values
