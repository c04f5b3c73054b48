"""The filters of the pseudo-CQT: magnitude spectra of constant-Q kernels, as librosa 0.6 made them."""

import numpy as np
import torch

from drummernet import SAMPLE_RATE

BINS_PER_OCTAVE = 12
QUALITY = 1 / (2 ** (1 / BINS_PER_OCTAVE) - 1)
"""Centre frequency over bandwidth, 16.8. Later versions of librosa take 17.3 and so have longer kernels."""
SPARSITY = 0.01
"""The share of each filter's total weight, from the smallest values up, that is set to 0."""


def kernel(frequency_hz: float) -> np.ndarray:
    """Return the complex kernel of one bin: a Hann window of Q periods, of absolute sum 1."""
    length = QUALITY * SAMPLE_RATE / frequency_hz
    times = np.arange(np.floor(-length / 2), np.floor(length / 2))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(times)) / len(times))
    tone = window * np.exp(2j * np.pi * frequency_hz / SAMPLE_RATE * times)
    return tone / np.abs(tone).sum()


def sparsify(weights: np.ndarray, share: float) -> np.ndarray:
    """Set to 0 in each row of (F, n) the smallest values that sum to less than ``share`` of it."""
    ordered = np.sort(weights, axis=1)
    too_small = np.cumsum(ordered, axis=1) < share * ordered.sum(axis=1, keepdims=True)
    threshold = np.take_along_axis(ordered, too_small.sum(axis=1, keepdims=True), axis=1)
    return np.where(weights < threshold, 0.0, weights)


def octave_filters(lowest_hz: float) -> tuple[torch.Tensor, int]:
    """Return the filters of twelve bins from ``lowest_hz`` up.

    Returns:
        (F = 12, n_fft // 2 + 1) float64, and n_fft: the power of two that holds the longest kernel.
    """
    kernels = [kernel(lowest_hz * 2 ** (b / BINS_PER_OCTAVE)) for b in range(BINS_PER_OCTAVE)]
    n_fft = 2 ** int(np.ceil(np.log2(QUALITY * SAMPLE_RATE / lowest_hz)))
    rows = []
    for bin_, taps in enumerate(kernels):
        length = QUALITY * SAMPLE_RATE / (lowest_hz * 2 ** (bin_ / BINS_PER_OCTAVE))
        spectrum = np.fft.fft(taps * (length / n_fft), n_fft)
        rows.append(np.abs(spectrum[: n_fft // 2 + 1]))
    return torch.from_numpy(sparsify(np.array(rows), SPARSITY)), n_fft
