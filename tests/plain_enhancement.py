"""The onset enhancement by its definition: every window sorted, torch's STFT, autograd."""

import torch
from torch import nn
from torch.nn import functional as F

N_FFT = 1024
HOP_SAMPLES = 256
MEDIAN_LENGTH = 31


def running_median(x: torch.Tensor, length: int) -> torch.Tensor:
    """Return the median over ``length`` (odd) values around each of the last axis, reflected at the ends.

    The gradient goes to the value that is the median.
    """
    half = length // 2
    flat = F.pad(x.flatten(0, -2).unsqueeze(0), (half, half), mode="reflect").squeeze(0)
    return flat.unfold(-1, length, 1).median(-1).values.view(x.shape)


def percussive_mask(power: torch.Tensor) -> torch.Tensor:
    """Return the soft mask P² / (P² + H²) of a power spectrogram (B, F, T).

    P is its median over 31 bins, H over 31 frames. Where both are 0 the mask is 1/2.
    """
    percussive = running_median(power.transpose(1, 2), MEDIAN_LENGTH).transpose(1, 2)
    harmonic = running_median(power, MEDIAN_LENGTH)
    # Squares of small powers leave the range of float32; the ratio to the larger one does not.
    larger = torch.maximum(percussive, harmonic).detach()
    silent = larger < torch.finfo(power.dtype).tiny
    scale = torch.where(silent, 1.0, larger)
    p, h = (percussive / scale).square(), (harmonic / scale).square()
    return torch.where(silent, 0.5, p / torch.where(silent, 1.0, p + h))


class OnsetEnhancement(nn.Module):
    """E(x): the STFT (1,024, hop 256, rectangular window) times its percussive mask, back to audio.

    The gradient passes through the mask too. Without that it points elsewhere.
    """

    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.ones(N_FFT), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return the percussive part (B, N) of audio (B, N), N at least 15 hops of 256."""
        spectrum = torch.stft(audio, N_FFT, HOP_SAMPLES, window=self.window, return_complex=True)
        mask = percussive_mask(spectrum.real.square() + spectrum.imag.square())
        return torch.istft(spectrum * mask, N_FFT, HOP_SAMPLES, window=self.window, length=audio.shape[-1])
