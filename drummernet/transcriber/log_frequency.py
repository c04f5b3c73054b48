"""The log-filtered spectrogram of the supervised baselines (Vogl et al., ISMIR 2017), from audio at 16 kHz.

There: 44.1 kHz, frames of 2,048 samples at 100 per second, 12 triangular filters of equal area per octave,
20 Hz to 20 kHz, log magnitude, and beside it the increase since the frame before. Here the frames last as
long, and the filters end at 8 kHz.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from drummernet import SAMPLE_RATE

HOP_SAMPLES = 160
"""100 frames per second."""

WINDOW_SAMPLES = 743
"""46 ms, as 2,048 samples at 44.1 kHz."""

N_FFT = 1024
BANDS_PER_OCTAVE = 12
LOW_HZ = 20.0
_HIGH_HZ = SAMPLE_RATE / 2
_TUNING_HZ = 440.0


def log_filterbank() -> torch.Tensor:
    """Return the filters (F, N_FFT // 2 + 1), each of sum 1; low bands that would share a bin are one."""
    low, high = (BANDS_PER_OCTAVE * float(np.log2(hertz / _TUNING_HZ)) for hertz in (LOW_HZ, _HIGH_HZ))
    notes = np.arange(np.floor(low), np.ceil(high) + 1)
    centres_hz = _TUNING_HZ * 2 ** (notes / BANDS_PER_OCTAVE)
    centres_hz = centres_hz[(centres_hz >= LOW_HZ) & (centres_hz <= _HIGH_HZ)]
    corners = np.unique(np.rint(centres_hz * N_FFT / SAMPLE_RATE)).astype(int)
    corners = corners[corners <= N_FFT // 2]
    bins = np.arange(N_FFT // 2 + 1)[None]
    left, centre, right = (corners[n : len(corners) - 2 + n, None] for n in range(3))
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    filters = np.maximum(0, np.minimum(rising, falling))
    return torch.from_numpy(filters / filters.sum(1, keepdims=True)).float()


class LogFrequencySpectrogram(nn.Module):
    """Log magnitudes log10(1 + |X|) of each band, and how much they rose since the frame before.

    Attributes:
        bands: F.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", log_filterbank(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES), persistent=False)
        self.bands = len(self.get_buffer("filters"))

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return (B, 2, F, T) of audio (B, N): magnitudes and rises of T = ceil(N / 160) centred frames."""
        steps = -(-audio.shape[-1] // HOP_SAMPLES)
        padded = F.pad(audio, (N_FFT // 2, N_FFT // 2 + HOP_SAMPLES))
        spectrum = torch.stft(
            padded,
            N_FFT,
            HOP_SAMPLES,
            WINDOW_SAMPLES,
            window=self.get_buffer("window"),
            center=False,
            return_complex=True,
        )[..., :steps]
        levels = torch.log10(1 + self.get_buffer("filters") @ spectrum.abs())
        rises = F.pad((levels[..., 1:] - levels[..., :-1]).clamp_min(0), (1, 0))
        return torch.stack((levels, rises), 1)
