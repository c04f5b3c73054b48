"""The representations that stand in for the pseudo-CQT: mel bands and plain STFT."""

from collections.abc import Sequence

import torch
from torch import nn

from drummernet.similarity.pseudo_cqt import LOG_FLOOR, log_magnitude
from drummernet.transcriber.mel import mel_filterbank


def magnitude_spectrum(audio: torch.Tensor, window: torch.Tensor, hop_samples: int) -> torch.Tensor:
    """Return √(|X|² + 1e-5) / √n_fft (B, F, frames), X the centred STFT of audio (B, N)."""
    n_fft = len(window)
    spectrum = torch.stft(audio, n_fft, hop_samples, window=window, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.sqrt(power + LOG_FLOOR) / n_fft**0.5


class StftSpectrum(nn.Module):
    """The STFT variant of the ablation: log magnitudes of a 1,024-point STFT.

    Args:
        n_fft: Samples per frame.
        hop_samples: Samples between frames.
    """

    window: torch.Tensor

    def __init__(self, n_fft: int = 1024, hop_samples: int = 64) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return (B, n_fft / 2 + 1, frames) of audio (B, N)."""
        return {"stft": log_magnitude(magnitude_spectrum(audio, self.window, self.hop_samples))}


class MelSpectrum(nn.Module):
    """The MEL variant of the ablation: log magnitudes in mel bands, of one or several window lengths.

    Args:
        n_ffts: Samples per frame; one representation each.
        bands: Mel bands of each.
        hop_samples: Samples between frames.
    """

    def __init__(self, n_ffts: Sequence[int] = (1024,), bands: int = 128, hop_samples: int = 64) -> None:
        super().__init__()
        self.n_ffts = tuple(n_ffts)
        self.hop_samples = hop_samples
        for n_fft in self.n_ffts:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)
            self.register_buffer(f"filters_{n_fft}", mel_filterbank(n_fft, bands), persistent=False)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return per window length (B, bands, frames) of audio (B, N)."""
        result = {}
        for n_fft in self.n_ffts:
            spectrum = magnitude_spectrum(audio, self.get_buffer(f"window_{n_fft}"), self.hop_samples)
            result[f"mel_{n_fft}"] = log_magnitude(self.get_buffer(f"filters_{n_fft}") @ spectrum)
        return result
