"""Mel filterbanks and spectra, without the audio libraries that a training machine may lack."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from drummernet import SAMPLE_RATE

_FLOOR = 1e-5


class LogMelSpectra(nn.Module):
    """Log-mel power spectra of several windows, one frame per step, centred on it.

    Args:
        hop_samples: Samples per step.
        n_ffts: Window lengths in samples.
        bands: F, of each.
    """

    def __init__(self, hop_samples: int, n_ffts: Sequence[int], bands: int) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.n_ffts = tuple(n_ffts)
        for n_fft in self.n_ffts:
            self.register_buffer(f"filters_{n_fft}", mel_filterbank(n_fft, bands), persistent=False)
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return spectra (B, windows, F, T = ceil(N / hop)) of audio (B, N)."""
        steps = -(-audio.shape[-1] // self.hop_samples)
        channels = []
        for n_fft in self.n_ffts:
            padded = F.pad(audio, (n_fft // 2, n_fft // 2 + self.hop_samples))
            window = self.get_buffer(f"window_{n_fft}")
            complex_ = torch.stft(
                padded, n_fft, self.hop_samples, window=window, center=False, return_complex=True
            )
            power = complex_.real.square() + complex_.imag.square()
            mel = self.get_buffer(f"filters_{n_fft}") @ power[..., :steps]
            channels.append(torch.log10(mel + _FLOOR))
        return torch.stack(channels, 1)


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
