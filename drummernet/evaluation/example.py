"""A few seconds of a dataset as a system hears them: the same ones whatever the system."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from drummernet.audio import audio_length
from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.estimators import ClassActivations
from drummernet.evaluation.scores import TOLERANCE_SECONDS
from drummernet.evaluation.tracks import ClassOnsets, Track

DURATION_SECONDS = 6.0
HIGHEST_RATE_HZ = 100


class Excerpt(NamedTuple):
    """A part of a track.

    Attributes:
        track: The track.
        start_seconds: Where it begins, a multiple of 0.1 s.
    """

    track: Track
    start_seconds: float


def choose_excerpt(tracks: Sequence[Track]) -> Excerpt | None:
    """Choose a part of the first track by name that has audio and the most of the three classes.

    It begins 50 to 150 ms before the first hit after a third of the track.

    Returns:
        The excerpt; None if no track with readable audio has a hit.
    """
    lengths = {track.name: header_seconds(track) for track in tracks}
    heard = [track for track in tracks if lengths[track.name] is not None and _classes(track, FIVE_CLASSES)]
    if not heard:
        return None
    track = min(heard, key=lambda track: (-_classes(track, THREE_CLASSES), track.name))
    hits = np.sort(np.concatenate([track.onsets[name] for name in FIVE_CLASSES]))
    late = hits[hits >= (lengths[track.name] or 0) / 3]
    first = float(late[0]) if late.size else float(hits[0])
    return Excerpt(track, max(0, math.floor(10 * (first - TOLERANCE_SECONDS))) / 10)


def header_seconds(track: Track) -> float | None:
    """Return the length that a recording's header promises; None without audio that libsndfile reads."""
    if track.audio_path is None:
        return None
    try:
        frames, rate = audio_length(track.audio_path)
    except InputError:
        return None
    return frames / rate


def excerpt_activations(
    activations: ClassActivations, rate_hz: float, excerpt: Excerpt
) -> tuple[float, dict[str, list[float]]]:
    """Return an excerpt's activations at no more than 100 Hz: the largest value of each few steps.

    Args:
        activations: Of the whole track, (T,) per class.
        rate_hz: Their steps per second.
        excerpt: The part to return.

    Returns:
        Steps per second, and the values per class, which may end before the excerpt does.
    """
    block = math.ceil(rate_hz / HIGHEST_RATE_HZ)
    start = round(excerpt.start_seconds * rate_hz)
    end = start + round(DURATION_SECONDS * rate_hz)
    values = {}
    for name, whole in activations.items():
        part = whole[start:end]
        largest = np.maximum.reduceat(part, np.arange(0, len(part), block)) if len(part) else part
        values[name] = [round(float(value), 3) for value in largest]
    return rate_hz / block, values


def example(
    excerpt: Excerpt, onsets: ClassOnsets, heard: tuple[float, Mapping[str, list[float]]] | None
) -> dict[str, Any]:
    """Put together what a result keeps of an excerpt.

    Args:
        excerpt: The part.
        onsets: What the system wrote down of the whole track.
        heard: What :func:`excerpt_activations` returned; None if the system has no activations.
    """
    rate_hz, activations = heard or (None, None)
    return {
        "track": excerpt.track.name,
        "start_seconds": excerpt.start_seconds,
        "duration_seconds": DURATION_SECONDS,
        "rate_hz": rate_hz,
        "activations": activations,
        "picks": _within(excerpt, onsets),
        "reference": _within(excerpt, excerpt.track.onsets),
    }


def _within(excerpt: Excerpt, onsets: ClassOnsets) -> dict[str, list[float]]:
    """Return the onsets of the five classes in an excerpt, in seconds from the beginning of the track."""
    start, end = excerpt.start_seconds, excerpt.start_seconds + DURATION_SECONDS
    return {
        name: [round(float(onset), 4) for onset in onsets.get(name, ()) if start <= onset < end]
        for name in FIVE_CLASSES
    }


def _classes(track: Track, classes: Mapping[str, Sequence[str]]) -> int:
    return sum(track.onsets[name].size > 0 for name in classes)
