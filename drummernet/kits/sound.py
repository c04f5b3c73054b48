"""Building blocks of synthesised one-shots: (VOICE_SAMPLES,) float64 at 16 kHz.

Sinusoids and noise are band-limited as they are made, so only saturation needs a higher rate.
"""

import numpy as np

from drummernet import SAMPLE_RATE

VOICE_SAMPLES = 17_600
"""How long voices are made: 1.1 s, so that long ones are cut and faded at 1 s."""

SECONDS = np.arange(VOICE_SAMPLES) / SAMPLE_RATE
"""(VOICE_SAMPLES,) the time of each sample."""

LN_60_DB = float(np.log(1000.0))
"""Every decay is the time in which an amplitude falls by 60 dB: exp(-LN_60_DB · t / decay)."""

TOP_HZ = 7900.0
"""Partials stay below this, so none is folded at 8 kHz."""

_BLOCK = 160
_OVERSAMPLING = 4
_PADDED_SAMPLES = 18_000
"""VOICE_SAMPLES with some room, a length of which FFTs are fast."""


def decay(seconds: float) -> np.ndarray:
    """Return the envelope that falls by 60 dB in ``seconds``."""
    return np.exp(-LN_60_DB / seconds * SECONDS)


def unit_peak(samples: np.ndarray) -> np.ndarray:
    """Return ``samples`` scaled to a peak of 1."""
    return samples / np.abs(samples).max()


def damped_sinusoids(
    frequencies_hz: np.ndarray, decays_seconds: np.ndarray, amplitudes: np.ndarray, phases: np.ndarray
) -> np.ndarray:
    """Return the sum over P of a·sin(2π f t + φ)·exp(-LN_60_DB t / decay); all arguments are (P,).

    An exponential of a sum is a product, so the grid of P × N becomes one product of two small matrices.
    """
    rates = 2j * np.pi * frequencies_hz - LN_60_DB / decays_seconds
    within = np.exp(np.outer(rates, SECONDS[:_BLOCK]))
    starts = np.exp(np.outer(SECONDS[::_BLOCK], rates)) * (amplitudes * np.exp(1j * phases))
    return (starts @ within).imag.reshape(-1)


def high_pass(frequencies_hz: np.ndarray, corner_hz: float) -> np.ndarray:
    """Return the gain of a fourth-order Butterworth high-pass at ``frequencies_hz``."""
    return 1 / np.sqrt(1 + (corner_hz / np.maximum(frequencies_hz, 1.0)) ** 8)


def low_pass(frequencies_hz: np.ndarray, corner_hz: float) -> np.ndarray:
    """Return the gain of a second-order Butterworth low-pass at ``frequencies_hz``."""
    return 1 / np.sqrt(1 + (frequencies_hz / corner_hz) ** 4)


def band(frequencies_hz: np.ndarray, centre_hz: float, octaves: float) -> np.ndarray:
    """Return a bell over log-frequency; it is 3 dB down ``octaves`` / 2 to each side."""
    distance = np.log2(np.maximum(frequencies_hz, 1.0) / centre_hz) / (octaves / 2)
    return 10 ** (-3 / 20 * distance**2)


def tilt(frequencies_hz: np.ndarray, db_per_octave: float) -> np.ndarray:
    """Return a gain of ``db_per_octave`` that is 0 dB at 1 kHz and flat below 30 Hz."""
    octaves = np.log2(np.maximum(frequencies_hz, 30.0) / 1000)
    return 10 ** (db_per_octave / 20 * octaves)


def bins_hz(samples: int) -> np.ndarray:
    """Return the frequencies of the real FFT of ``samples`` samples."""
    return np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)


NOISE_HZ = bins_hz(VOICE_SAMPLES)
"""Where :func:`noise` takes its gain."""


def noise(rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    """Return Gaussian noise whose spectrum is shaped by ``gain`` at ``NOISE_HZ``."""
    spectrum = np.fft.rfft(rng.standard_normal(VOICE_SAMPLES))
    return np.fft.irfft(spectrum * gain, VOICE_SAMPLES)


def saturate(samples: np.ndarray, drive: float) -> np.ndarray:
    """Return tanh(drive · x / peak) / tanh(drive), computed at four times the rate against aliasing.

    Args:
        samples: (VOICE_SAMPLES,).
        drive: How far the peak reaches into the tanh; 0 leaves the sound as it is.
    """
    if drive == 0:
        return samples
    spectrum = np.fft.rfft(unit_peak(samples), _PADDED_SAMPLES)
    fine = np.fft.irfft(spectrum, _OVERSAMPLING * _PADDED_SAMPLES) * _OVERSAMPLING
    shaped = np.fft.rfft(np.tanh(drive * fine) / np.tanh(drive))[: spectrum.size] / _OVERSAMPLING
    return np.fft.irfft(shaped, _PADDED_SAMPLES)[:VOICE_SAMPLES]
