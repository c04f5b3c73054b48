"""What can be measured of a one-shot: its decay and its spectrum."""

import numpy as np

from drummernet import SAMPLE_RATE

_BLOCK_SECONDS = 0.01
_SPECTRUM_SAMPLES = 1 << 15
_TONE_DB = -8.0


def _levels_db(sound: np.ndarray) -> np.ndarray:
    """Return the peak of each block of 10 ms of a sound (N,), in dB relative to the loudest: (blocks,)."""
    size = round(_BLOCK_SECONDS * SAMPLE_RATE)
    padded = np.pad(np.abs(sound), (0, -len(sound) % size))
    peaks = padded.reshape(-1, size).max(axis=1)
    return 20 * np.log10(np.maximum(peaks / peaks.max(), 1e-9))


def decay_seconds(sound: np.ndarray, decibels: float) -> float:
    """Return the time from which on a sound (N,) stays so many decibels below its peak; its length if never.

    The resolution is 10 ms.
    """
    loud = np.flatnonzero(_levels_db(sound) > -decibels)
    return min(float(loud[-1] + 1) * _BLOCK_SECONDS, len(sound) / SAMPLE_RATE)


def power_spectrum(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and the power of a sound (N,) at each, which sums to 1: (F,) both."""
    power = np.abs(np.fft.rfft(sound.astype(np.float64), max(_SPECTRUM_SAMPLES, len(sound)))) ** 2
    return np.linspace(0, SAMPLE_RATE / 2, len(power)), power / power.sum()


def centroid_hz(sound: np.ndarray) -> float:
    """Return the mean frequency of the power of a sound (N,)."""
    frequencies_hz, power = power_spectrum(sound)
    return float(frequencies_hz @ power)


def share_below(sound: np.ndarray, hertz: float) -> float:
    """Return how much of the energy of a sound (N,) lies below a frequency: 0 to 1."""
    frequencies_hz, power = power_spectrum(sound)
    return float(power[frequencies_hz < hertz].sum())


def pitch_hz(sound: np.ndarray) -> float:
    """Return the lowest tone of a sound (N,) from 40 to 500 Hz that is almost as strong as the strongest.

    An overtone of a drum may be stronger than its fundamental.
    """
    frequencies_hz, power = power_spectrum(sound)
    inside = (frequencies_hz >= 40) & (frequencies_hz <= 500)
    strong = power[inside] > power[inside].max() * 10 ** (_TONE_DB / 10)
    first = int(strong.argmax())
    end = first + int(np.append(~strong[first:], True).argmax())
    return float(frequencies_hz[inside][first + power[inside][first:end].argmax()])
