"""Augmentation: the same hits from other drums, in another room, through other equipment.

Tuning works on one-shots before they are mixed; equaliser, room, saturation, noise and gain work on the
mix, in this order. None of them moves an onset: the equaliser has minimum phase, the room's direct sound
no delay, and tuned one-shots still begin with their first sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.completeness import resampled
from drummernet.kits.kit import Kit, Layer

TUNING_SEMITONES = (-2.0, 2.0)
"""Of each component's one-shot, which becomes longer or shorter with it."""

SHELF_GAIN_DB = (-6.0, 6.0)
BELL_GAIN_DB = (-6.0, 6.0)
LOW_SHELF_HZ = (60.0, 300.0)
BELL_HZ = (200.0, 4000.0)
BELL_Q = (0.5, 2.0)
HIGH_SHELF_HZ = (2500.0, 6000.0)
"""The equaliser: shelves of slope 1 and a bell between; frequencies are drawn over their logarithm."""

ROOM_DECAY_SECONDS = (0.1, 0.8)
"""Time in which the room's tail falls by 60 dB."""

ROOM_LEVEL_DB = (-24.0, -6.0)
"""Energy of the tail's response relative to the direct sound."""

ROOM_DELAY_SECONDS = (0.001, 0.015)
"""When the tail begins."""

ROOM_LOWPASS_HZ = (1000.0, 6000.0)
"""Above it (first order) the room swallows sound."""

DRIVE = (0.5, 2.5)
"""How far the peak reaches into the tanh; at 2.5 soft sounds gain 8 dB on the peak."""

NOISE_DB = (-70.0, -45.0)
"""RMS of the noise relative to the peak of the mix."""

NOISE_LOWPASS_HZ = (100.0, 8000.0)
"""Above it (first order) the noise falls by 6 dB per octave."""

GAIN_DB = (-12.0, 0.0)
"""Peak of the result relative to that of the mix."""

_LN_60_DB = float(np.log(1000.0))


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often each part is applied; how strongly is drawn from the ranges of this module.

    Attributes:
        tuning: The probability, from 0 (never) to 1 (always), of tuning all one-shots of a stem.
        equaliser: Of the equaliser.
        room: Of the room.
        saturation: Of the saturation.
        noise: Of the noise.
        gain: Of a lower level.
    """

    tuning: float = 0.5
    equaliser: float = 0.7
    room: float = 0.5
    saturation: float = 0.3
    noise: float = 0.3
    gain: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            probability = getattr(self, field.name)
            if not 0 <= probability <= 1:
                raise InputError("augmentation", field.name, f"{probability} is not in [0, 1]")

    def tuned(self, kit: Kit, components: Sequence[str], rng: np.random.Generator) -> Kit:
        """Return the kit with some components resampled to pitches of their own, or as it is."""
        if rng.random() >= self.tuning:
            return kit
        sounds = dict(kit.sounds)
        for component in components:
            semitones = rng.uniform(*TUNING_SEMITONES)
            sounds[component] = tuple(
                Layer(layer.velocity, tuple(resampled(take, semitones) for take in layer.takes))
                for layer in kit.sounds[component]
            )
        return replace(kit, sounds=sounds)

    def __call__(self, audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the mix as other equipment hears it: a pure function of the audio and the state of rng.

        Args:
            audio: (N,) float32 at 16 kHz; silence stays as it is.
            rng: Draws which parts are applied, and how.

        Returns:
            (N,) float32, its peak at most that of ``audio``.
        """
        peak = _peak(audio)
        if peak == 0:
            return audio
        if rng.random() < self.equaliser:
            audio = equalise(audio, rng)
        if rng.random() < self.room:
            audio = reverberate(audio, rng)
        if rng.random() < self.saturation:
            audio = saturate(audio, rng.uniform(*DRIVE))
        if rng.random() < self.noise:
            audio = audio + coloured_noise(len(audio), rng) * np.float32(_peak(audio))
        gain_db = rng.uniform(*GAIN_DB) if rng.random() < self.gain else 0.0
        return audio * np.float32(_amplitude(gain_db) * peak / _peak(audio))


def equalise(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return audio (N,) through a low shelf, a bell and a high shelf of minimum phase."""
    from scipy.signal import sosfilt

    sections = np.stack(
        [
            shelf(_drawn(LOW_SHELF_HZ, rng), rng.uniform(*SHELF_GAIN_DB)),
            bell(_drawn(BELL_HZ, rng), rng.uniform(*BELL_GAIN_DB), _drawn(BELL_Q, rng)),
            shelf(_drawn(HIGH_SHELF_HZ, rng), rng.uniform(*SHELF_GAIN_DB), high=True),
        ]
    )
    filtered: np.ndarray = sosfilt(sections.astype(np.float32), audio)
    return filtered


def shelf(corner_hz: float, gain_db: float, *, high: bool = False) -> np.ndarray:
    """Return a shelf of slope 1 as a section (6,) for sosfilt (Bristow-Johnson, Audio EQ Cookbook).

    Args:
        corner_hz: Where half of the gain, in dB, is reached.
        gain_db: Below the corner.
        high: Above the corner instead.
    """
    A = 10 ** (gain_db / 40)
    w = 2 * np.pi * corner_hz / SAMPLE_RATE
    root = 2 * np.sqrt(A) * np.sin(w) / np.sqrt(2)
    # The high shelf is the low one with its frequency axis mirrored, which turns the sign of the cosine
    # and of the middle coefficients.
    side = -1 if high else 1
    cos = side * np.cos(w)
    numerator = A * np.array([A + 1 - (A - 1) * cos + root, 0, A + 1 - (A - 1) * cos - root])
    numerator[1] = 2 * A * side * (A - 1 - (A + 1) * cos)
    denominator = np.array([A + 1 + (A - 1) * cos + root, 0, A + 1 + (A - 1) * cos - root])
    denominator[1] = -2 * side * (A - 1 + (A + 1) * cos)
    return np.concatenate((numerator, denominator)) / denominator[0]


def bell(centre_hz: float, gain_db: float, q: float) -> np.ndarray:
    """Return a peaking filter as a section (6,) for sosfilt (Bristow-Johnson, Audio EQ Cookbook)."""
    A = 10 ** (gain_db / 40)
    w = 2 * np.pi * centre_hz / SAMPLE_RATE
    alpha = np.sin(w) / (2 * q)
    middle = -2 * np.cos(w)
    section = np.array([1 + alpha * A, middle, 1 - alpha * A, 1 + alpha / A, middle, 1 - alpha / A])
    return section / section[3]


def reverberate(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return audio (N,) in a room: itself, then noise that decays; what lasts longer than N is cut."""
    from scipy.signal import lfilter

    decay_seconds = _drawn(ROOM_DECAY_SECONDS, rng)
    samples = round(decay_seconds * SAMPLE_RATE)
    tail = rng.standard_normal(samples, np.float32)
    tail *= np.exp(np.linspace(0, -_LN_60_DB, samples, dtype=np.float32))
    tail = lfilter(*_low_pass(_drawn(ROOM_LOWPASS_HZ, rng)), tail)
    tail *= np.float32(_amplitude(rng.uniform(*ROOM_LEVEL_DB)) / np.linalg.norm(tail))
    delay = round(rng.uniform(*ROOM_DELAY_SECONDS) * SAMPLE_RATE)
    return audio + convolved(audio, np.concatenate((np.zeros(delay, np.float32), tail)))


def convolved(audio: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return the first N samples of audio (N,) convolved with a response (L,), block by block."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(min(8 * len(response), len(audio) + len(response)), real=True)
    step = size - len(response) + 1
    spectrum = rfft(response, size)
    result = np.zeros(len(audio) + size, np.float32)
    for start in range(0, len(audio), step):
        result[start : start + size] += irfft(rfft(audio[start : start + step], size) * spectrum, size)
    return result[: len(audio)]


def saturate(audio: np.ndarray, drive: float) -> np.ndarray:
    """Return peak · tanh(drive · x / peak) / tanh(drive) of audio (N,), which keeps the peak."""
    peak = _peak(audio)
    saturated: np.ndarray = np.tanh(audio * np.float32(drive / peak))
    saturated *= np.float32(peak / np.tanh(drive))
    return saturated


def coloured_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise (samples,) float32 of a colour and a level (RMS, ``NOISE_DB``) drawn at random."""
    from scipy.signal import lfilter

    noise: np.ndarray = lfilter(
        *_low_pass(_drawn(NOISE_LOWPASS_HZ, rng)), rng.standard_normal(samples, np.float32)
    )
    noise *= np.float32(_amplitude(rng.uniform(*NOISE_DB)) / np.sqrt(np.mean(np.square(noise))))
    return noise


def _low_pass(corner_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a first-order low-pass."""
    pole = np.exp(-2 * np.pi * corner_hz / SAMPLE_RATE)
    return np.array([1 - pole], np.float32), np.array([1, -pole], np.float32)


def _drawn(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw uniformly over the logarithm."""
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _peak(audio: np.ndarray) -> float:
    return max(float(audio.max(initial=0.0)), -float(audio.min(initial=0.0)))


def _amplitude(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))
