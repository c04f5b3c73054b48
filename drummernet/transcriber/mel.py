"""Mel filterbanks, without the audio libraries that a training machine may lack."""

import numpy as np
import torch

from drummernet import SAMPLE_RATE


def mel_filterbank(
    n_fft: int, bands: int, low_hz: float = 30.0, high_hz: float = SAMPLE_RATE / 2
) -> torch.Tensor:
    """Return triangular filters (bands, n_fft // 2 + 1) of peak 1, evenly spaced on the HTK mel scale."""
    edges_mel = np.linspace(_mel(low_hz), _mel(high_hz), bands + 2)
    edges_hz = 700 * (10 ** (edges_mel / 2595) - 1)
    bins_hz = np.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling))).float()


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))
