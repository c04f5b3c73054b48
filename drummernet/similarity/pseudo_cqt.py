"""The pseudo-CQT of eight octaves, each at its own window length (DrummerNet, section 3)."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.similarity.filterbank import octave_filters

OCTAVES_HZ = (*(32.703 * 2**octave for octave in range(7)), 4000.0)
"""The lowest frequency of each octave: seven from C1, and the eighth where 8 kHz ends it."""
HOP_SAMPLES = 64
LOG_FLOOR = 1e-5


def log_magnitude(magnitude: torch.Tensor) -> torch.Tensor:
    """Return log10(magnitude + 1e-5) + 5, which is 0 for 0."""
    return torch.log10(magnitude + LOG_FLOOR) - math.log10(LOG_FLOOR)


class Octave(nn.Module):
    """Twelve log-spaced bins, C = log10(W S / √n_fft + 1e-5) + 5 with S = √(|X|² + 1e-5).

    X is the STFT of frames of n_fft samples under a Hann window of a quarter of that in their middle, hop 64,
    the signal padded by reflection; W the magnitudes of the kernels' spectra. Only the STFT bins that some
    filter reads are computed, as a product with their windowed sines and cosines.

    Args:
        lowest_hz: The lowest bin.
    """

    sinusoids: torch.Tensor
    weights: torch.Tensor

    def __init__(self, lowest_hz: float) -> None:
        super().__init__()
        filters, n_fft = octave_filters(lowest_hz)
        read = filters.any(0).nonzero().squeeze(1)
        self.first_bin, self.last_bin = int(read[0]), int(read[-1])
        bins = torch.arange(self.first_bin, self.last_bin + 1, dtype=torch.float64)
        self.taps = n_fft // 4
        times = torch.arange(self.taps, dtype=torch.float64)
        angles = 2 * torch.pi / n_fft * bins[:, None] * times
        window = torch.hann_window(self.taps, dtype=torch.float64)
        sinusoids = torch.cat((angles.cos(), angles.sin())) * window
        weights = filters[:, self.first_bin : self.last_bin + 1] / math.sqrt(n_fft)
        self.register_buffer(
            "sinusoids", sinusoids.T.contiguous().to(torch.get_default_dtype()), persistent=False
        )
        self.register_buffer("weights", weights.to(torch.get_default_dtype()), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return (B, F = 12, 1 + N // 64) of audio (B, N), N more than an eighth of n_fft."""
        half = self.taps // 2
        padded = F.pad(audio.unsqueeze(1), (half, half), mode="reflect").squeeze(1)
        frames = padded.unfold(-1, self.taps, HOP_SAMPLES)
        real, imaginary = (frames @ self.sinusoids).chunk(2, dim=-1)
        magnitude = torch.sqrt(real.square() + imaginary.square() + LOG_FLOOR)
        return log_magnitude(self.weights @ magnitude.transpose(1, 2))


class PseudoCqt(nn.Module):
    """Eight octaves, from C1 to 8 kHz. Silence is not 0 in this scale but 0.8 to 1.8."""

    def __init__(self) -> None:
        super().__init__()
        self.octaves = nn.ModuleList(Octave(lowest_hz) for lowest_hz in OCTAVES_HZ)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return per octave (B, F = 12, frames) of audio (B, N) at 16 kHz, N more than 2,048."""
        return {f"octave_{number}": octave(audio) for number, octave in enumerate(self.octaves, 1)}
