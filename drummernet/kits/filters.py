"""Equaliser and room: what augmentation does to one-shots and to whole mixes.

Neither moves an onset: the equaliser has minimum phase, the room's direct sound no delay.
"""

import numpy as np

from drummernet import SAMPLE_RATE

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

_LN_60_DB = float(np.log(1000.0))


def equaliser(rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Draw a low shelf, a bell and a high shelf: sections (3, 6) float32 for :func:`equalised`.

    Args:
        rng: Draws frequencies, gains and width.
        strength: Factor of the gains, in dB.
    """
    sections = np.stack(
        [
            shelf(drawn(LOW_SHELF_HZ, rng), strength * rng.uniform(*SHELF_GAIN_DB)),
            bell(drawn(BELL_HZ, rng), strength * rng.uniform(*BELL_GAIN_DB), drawn(BELL_Q, rng)),
            shelf(drawn(HIGH_SHELF_HZ, rng), strength * rng.uniform(*SHELF_GAIN_DB), high=True),
        ]
    )
    return sections.astype(np.float32)


def equalised(audio: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return audio (N,) through second-order sections (S, 6)."""
    from scipy.signal import sosfilt

    filtered: np.ndarray = sosfilt(sections, audio)
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


def room_tail(rng: np.random.Generator) -> np.ndarray:
    """Draw a room: its answer (T,) float32 to an impulse, decaying noise, without the direct sound."""
    from scipy.signal import lfilter

    decay_seconds = drawn(ROOM_DECAY_SECONDS, rng)
    samples = round(decay_seconds * SAMPLE_RATE)
    tail = rng.standard_normal(samples, np.float32)
    tail *= np.exp(np.linspace(0, -_LN_60_DB, samples, dtype=np.float32))
    tail = lfilter(*low_pass(drawn(ROOM_LOWPASS_HZ, rng)), tail)
    tail *= np.float32(amplitude(rng.uniform(*ROOM_LEVEL_DB)) / np.linalg.norm(tail))
    delay = round(rng.uniform(*ROOM_DELAY_SECONDS) * SAMPLE_RATE)
    return np.concatenate((np.zeros(delay, np.float32), tail))


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


def low_pass(corner_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a first-order low-pass."""
    pole = np.exp(-2 * np.pi * corner_hz / SAMPLE_RATE)
    return np.array([1 - pole], np.float32), np.array([1, -pole], np.float32)


def drawn(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw uniformly over the logarithm."""
    return float(np.exp(rng.uniform(*np.log(bounds))))


def amplitude(gain_db: float) -> float:
    """Return the factor of a gain."""
    return float(10.0 ** (gain_db / 20.0))
