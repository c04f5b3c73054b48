"""The pseudo-CQT of eight octaves, each at its own window length (DrummerNet, section 3)."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.similarity.filterbank import octave_filters
from drummernet.similarity.narrow_bands import BLOCK_SAMPLES, WeightedMagnitudes, ladder

OCTAVES_HZ = (*(32.703 * 2**octave for octave in range(7)), 4000.0)
"""The lowest frequency of each octave: seven from C1, and the eighth where 8 kHz ends it."""
LOG_FLOOR = 1e-5
_BINS = 50
"""STFT bins that an octave computes, from the first that its filters read on; the eighth reads 40 of them."""
_LONGEST_SAMPLES = 4096


def log_magnitude(magnitude: torch.Tensor) -> torch.Tensor:
    """Return log10(magnitude + 1e-5) + 5, which is 0 for 0."""
    return torch.log10(magnitude + LOG_FLOOR) - math.log10(LOG_FLOOR)


def _windowed_sinusoids(first_bin: int, n_fft: int) -> torch.Tensor:
    """Return (samples, 2 * 50): cosines and sines of the bins under a Hann window of n_fft / 4 samples.

    Zeros on both sides of a short window fill the two blocks around its middle.
    """
    taps = n_fft // 4
    bins = first_bin + torch.arange(_BINS, dtype=torch.float64)
    angles = 2 * torch.pi / n_fft * bins * torch.arange(taps, dtype=torch.float64)[:, None]
    window = torch.hann_window(taps, dtype=torch.float64)[:, None]
    side = max(0, BLOCK_SAMPLES - taps // 2)
    return F.pad(torch.cat((angles.cos(), angles.sin()), 1) * window, (0, 0, side, side))


class PseudoCqt(nn.Module):
    """Twelve log-spaced bins in each of eight octaves, from C1 to 8 kHz.

    C = log10(W S / √n_fft + 1e-5) + 5 with S = √(|X|² + 1e-5). X is the STFT of frames of n_fft samples under
    a Hann window of a quarter of that in their middle, hop 64, the signal padded by reflection; W holds the
    magnitudes of the kernels' spectra. Silence is not 0 in this scale but 0.8 to 1.8.
    """

    compression: torch.Tensor
    weights: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        compressions, weights = [], []
        self._depths: list[int] = []
        for octave, lowest_hz in enumerate(OCTAVES_HZ):
            filters, n_fft = octave_filters(lowest_hz)
            first_bin = int(filters.any(0).nonzero()[0])
            read = filters[:, first_bin : first_bin + _BINS] / math.sqrt(n_fft)
            weights.append(F.pad(read, (0, _BINS - read.shape[1])))
            first, *stages = ladder(_windowed_sinusoids(first_bin, n_fft), torch.finfo(dtype).eps)
            compressions.append(first)
            self._depths.append(len(stages))
            for depth, stage in enumerate(stages):
                self.register_buffer(f"stage_{octave}_{depth}", stage.to(dtype), persistent=False)
        self.register_buffer("compression", torch.cat(compressions).to(dtype), persistent=False)
        self.register_buffer("weights", torch.stack(weights).to(dtype), persistent=False)

    def forward(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return per octave (B, F = 12, 1 + N // 64) of audio (B, N) at 16 kHz, N more than 2,048."""
        half = _LONGEST_SAMPLES // 2
        padded = F.pad(audio, (half, half), mode="reflect")
        whole = padded.shape[1] // BLOCK_SAMPLES * BLOCK_SAMPLES
        blocks = padded[:, :whole].unflatten(1, (-1, BLOCK_SAMPLES))
        values = torch.bmm(self.compression.expand(len(audio), -1, -1), blocks.mT)
        bands = [
            [self.get_buffer(f"stage_{octave}_{depth}") for depth in range(depths)]
            for octave, depths in enumerate(self._depths)
        ]
        magnitudes: torch.Tensor = WeightedMagnitudes.apply(values, self.weights, bands, LOG_FLOOR)
        octaves = log_magnitude(magnitudes).unbind()
        return {f"octave_{number}": octave for number, octave in enumerate(octaves, 1)}
