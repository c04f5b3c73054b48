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
        learnable: Whether centre and width of every band are trained; see :class:`LearnableBands`.
    """

    def __init__(self, hop_samples: int, n_ffts: Sequence[int], bands: int, learnable: bool = False) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.n_ffts = tuple(n_ffts)
        kind = LearnableBands if learnable else MelBands
        self.banks = nn.ModuleList(kind(n_fft, bands) for n_fft in self.n_ffts)
        for n_fft in self.n_ffts:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return spectra (B, windows, F, T = ceil(N / hop)) of audio (B, N)."""
        steps = -(-audio.shape[-1] // self.hop_samples)
        channels = []
        for n_fft, bank in zip(self.n_ffts, self.banks, strict=True):
            padded = F.pad(audio, (n_fft // 2, n_fft // 2 + self.hop_samples))
            window = self.get_buffer(f"window_{n_fft}")
            complex_ = torch.stft(
                padded, n_fft, self.hop_samples, window=window, center=False, return_complex=True
            )
            power = complex_.real.square() + complex_.imag.square()
            channels.append(torch.log10(bank() @ power[..., :steps] + _FLOOR))
        return torch.stack(channels, 1)


class MelBands(nn.Module):
    """The mel filterbank of a window length.

    Args:
        n_fft: Window length in samples.
        bands: F.
    """

    filters: torch.Tensor

    def __init__(self, n_fft: int, bands: int) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filterbank(n_fft, bands), persistent=False)

    def forward(self) -> torch.Tensor:
        """Return the filters (F, n_fft // 2 + 1)."""
        return self.filters


class LearnableBands(nn.Module):
    """Triangular filters of which centre and width are trained (Won et al., ICASSP 2020, one harmonic).

    They begin as the mel filterbank's, but for each of them being as wide above its centre as below.

    Args:
        n_fft: Window length in samples.
        bands: F.
    """

    bins_hz: torch.Tensor

    def __init__(self, n_fft: int, bands: int) -> None:
        super().__init__()
        edges_hz = torch.from_numpy(mel_edges_hz(bands)).float()
        self.log_centres_hz = nn.Parameter(edges_hz[1:-1].log())
        # A triangle narrower than a bin or two would fall between the bins, and hear nothing.
        least_hz = 2 * SAMPLE_RATE / n_fft
        self.log_widths_hz = nn.Parameter((edges_hz[2:] - edges_hz[:-2]).clamp_min(least_hz).log())
        bins_hz = torch.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
        self.register_buffer("bins_hz", bins_hz, persistent=False)

    def forward(self) -> torch.Tensor:
        """Return the filters (F, n_fft // 2 + 1)."""
        distances_hz = (self.bins_hz - self.log_centres_hz.exp()[:, None]).abs()
        return F.relu(1 - 2 * distances_hz / self.log_widths_hz.exp()[:, None])


def mel_filterbank(
    n_fft: int, bands: int, low_hz: float = 30.0, high_hz: float = SAMPLE_RATE / 2
) -> torch.Tensor:
    """Return triangular filters (bands, n_fft // 2 + 1) of peak 1, evenly spaced on the HTK mel scale."""
    edges_hz = mel_edges_hz(bands, low_hz, high_hz)
    bins_hz = np.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling))).float()


def mel_edges_hz(bands: int, low_hz: float = 30.0, high_hz: float = SAMPLE_RATE / 2) -> np.ndarray:
    """Return where the filters begin, are highest and end, (bands + 2,): filter n spans n to n + 2."""
    edges_mel = np.linspace(_mel(low_hz), _mel(high_hz), bands + 2)
    edges: np.ndarray = 700 * (10 ** (edges_mel / 2595) - 1)
    return edges


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))
