"""The representations that stand in for the pseudo-CQT: mel bands and plain STFT."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from drummernet.similarity.pseudo_cqt import LOG_FLOOR, log_magnitude
from drummernet.transcriber.mel import mel_filterbank


class _Magnitudes(torch.autograd.Function):
    """√(|X|² + floor) (B, frames, F), X the FFT of frames (B, frames, n_fft).

    The gradient is an inverse real FFT; autograd would take a complex one of twice the bins.
    """

    @staticmethod
    def forward(ctx: Any, frames: torch.Tensor, floor: float) -> torch.Tensor:
        spectrum = torch.fft.rfft(frames)
        magnitude = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag).add_(floor).sqrt_()
        ctx.save_for_backward(spectrum, magnitude)
        ctx.n_fft = frames.shape[-1]
        return magnitude

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        spectrum, magnitude = ctx.saved_tensors
        ratio = gradient / magnitude
        # The inverse counts every bin twice that has a mirror image.
        ratio[..., 1 : (ctx.n_fft + 1) // 2] *= 0.5
        return torch.fft.irfft(spectrum * ratio, ctx.n_fft, norm="forward"), None


def _scaled_window(n_fft: int) -> torch.Tensor:
    return torch.hann_window(n_fft) / n_fft**0.5


def magnitude_spectrum(audio: torch.Tensor, scaled_window: torch.Tensor, hop_samples: int) -> torch.Tensor:
    """Return √(|X|² + 1e-5) / √n_fft (B, frames, F), X the centred STFT of audio (B, N).

    Args:
        audio: (B, N), N more than n_fft / 2.
        scaled_window: (n_fft,), divided by √n_fft.
        hop_samples: Samples between frames.
    """
    n_fft = len(scaled_window)
    padded = F.pad(audio, (n_fft // 2, n_fft // 2), mode="reflect")
    frames = padded.unfold(-1, n_fft, hop_samples) * scaled_window
    magnitude: torch.Tensor = _Magnitudes.apply(frames, LOG_FLOOR / n_fft)
    return magnitude


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
        self.register_buffer("window", _scaled_window(n_fft), persistent=False)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return (B, n_fft / 2 + 1, frames) of audio (B, N)."""
        return {"stft": log_magnitude(magnitude_spectrum(audio, self.window, self.hop_samples)).mT}


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
            self.register_buffer(f"window_{n_fft}", _scaled_window(n_fft), persistent=False)
            self.register_buffer(f"filters_{n_fft}", mel_filterbank(n_fft, bands), persistent=False)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return per window length (B, bands, frames) of audio (B, N)."""
        result = {}
        for n_fft in self.n_ffts:
            spectrum = magnitude_spectrum(audio, self.get_buffer(f"window_{n_fft}"), self.hop_samples)
            result[f"mel_{n_fft}"] = log_magnitude(spectrum @ self.get_buffer(f"filters_{n_fft}").T).mT
        return result
