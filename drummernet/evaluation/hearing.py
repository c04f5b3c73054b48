"""A system listens to tracks: each recording is read and heard once, and never two are held."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.evaluation.curves import THRESHOLDS, TrackCounts, counts_at, pooled_over_thresholds
from drummernet.evaluation.estimators import (
    ActivationEstimator,
    Estimator,
    TranscriberEstimator,
    Unhearable,
)
from drummernet.evaluation.example import Excerpt, excerpt_activations
from drummernet.evaluation.tracks import ClassOnsets, Recording, Track
from drummernet.evaluation.validation import late_hits

_log = logging.getLogger(__name__)


@dataclass
class Heard:
    """What a system made of tracks.

    Attributes:
        onsets: Onsets per class by the track's name.
        velocities: Those of the onsets, of tracks that have annotated ones and systems that tell them.
        unreadable: Tracks whose audio cannot be read.
        unscored: Tracks that the system cannot hear, each with the reason.
        problems: What is odd about audio and onsets, in one line each.
        audio_seconds: The length of what was heard.
        cpu_seconds: What the system alone took for it.
        thresholds: Those of the curve, the system's own among them; empty without one.
        counts: Of each track the counts at these thresholds.
        excerpt: The excerpt's rate in Hz and activations; None if the system has none.
    """

    onsets: dict[str, ClassOnsets] = field(default_factory=dict)
    velocities: dict[str, ClassOnsets] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    unscored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    audio_seconds: float = 0.0
    cpu_seconds: float = 0.0
    thresholds: Sequence[float] = ()
    counts: list[list[TrackCounts]] = field(default_factory=list)
    excerpt: tuple[float, dict[str, list[float]]] | None = None

    @property
    def cost(self) -> float | None:
        """CPU seconds per second of audio; None if nothing was heard."""
        return self.cpu_seconds / self.audio_seconds if self.audio_seconds else None

    @property
    def threshold_curve(self) -> list[dict[str, Any]] | None:
        """Pooled scores over thresholds; None if the system has no threshold."""
        return pooled_over_thresholds(self.thresholds, self.counts) if self.counts else None


def hear(estimator: Estimator, tracks: Sequence[Track], excerpt: Excerpt | None) -> Heard:
    """Let a system transcribe every track that has audio.

    Args:
        estimator: The system.
        tracks: What it hears; those without audio are passed over.
        excerpt: The part whose activations are kept.

    Raises:
        InputError: what the system raises, unless it is :class:`Unhearable`.
    """
    heard = Heard()
    if isinstance(estimator, ActivationEstimator):
        heard.thresholds = sorted({*THRESHOLDS, estimator.picker.threshold})
    is_warm = False
    for track in tracks:
        if track.audio_path is None:
            continue
        try:
            recording = track.recording()
        except InputError as error:
            _log.warning("%s: not scored: %s", track.name, error)
            heard.unreadable.append(track.name)
            continue
        if not is_warm:
            is_warm = _warm_up(estimator, recording)
        try:
            _hear_one(estimator, track, recording, excerpt, heard)
        except Unhearable as error:
            _log.warning("%s: not scored: %s", track.name, error)
            heard.unscored.append(f"{track.name}: {error}")
    return heard


def _warm_up(estimator: Estimator, recording: Recording) -> bool:
    """Let a system hear a second of noise: what it imports and compiles at first is no cost of hearing.

    Returns:
        Whether it could, with the beats and single strokes of a recording.
    """
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    try:
        estimator(replace(recording, audio=noise))
    except InputError:  # which a recording will raise, too, or it is a fault of noise alone
        return False
    return True


def _hear_one(
    estimator: Estimator, track: Track, recording: Recording, excerpt: Excerpt | None, heard: Heard
) -> None:
    """Add one track to what was heard."""
    start = time.process_time()
    if isinstance(estimator, ActivationEstimator):
        activations = estimator.activations(recording)
        heard.onsets[track.name] = estimator.onsets(activations)
        heard.cpu_seconds += time.process_time() - start
        if track.velocities and isinstance(estimator, TranscriberEstimator):
            heard.velocities[track.name] = estimator.velocities(recording, heard.onsets[track.name])
        heard.counts.append(counts_at(estimator, activations, track, heard.thresholds))
        if excerpt and excerpt.track is track:
            heard.excerpt = excerpt_activations(activations, estimator.rate_hz, excerpt)
    else:
        heard.onsets[track.name] = estimator(recording)
        heard.cpu_seconds += time.process_time() - start
    seconds = len(recording.audio) / SAMPLE_RATE
    heard.audio_seconds += seconds
    late = late_hits(track, seconds)
    if late:
        heard.problems.append(late)
