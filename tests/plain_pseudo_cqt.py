"""The pseudo-CQT as it is defined: whole STFTs, one octave at a time."""

import torch
from torch.nn import functional as F

from drummernet.similarity.filterbank import octave_filters
from drummernet.similarity.pseudo_cqt import OCTAVES_HZ


def plain_octave(audio: torch.Tensor, lowest_hz: float) -> torch.Tensor:
    """Return log10(W √(|X|² + 1e-5) / √n_fft + 1e-5) + 5 (B, F = 12, 1 + N // 64) of audio (B, N)."""
    filters, n_fft = octave_filters(lowest_hz)
    quarter = n_fft // 4
    window = torch.hann_window(quarter, dtype=audio.dtype)
    reflected = F.pad(audio, (quarter // 2, quarter // 2), mode="reflect")
    # The window covers the middle quarter, so what lies further out may be anything.
    margin = (n_fft - quarter) // 2
    spectrum = torch.stft(
        F.pad(reflected, (margin, margin)),
        n_fft,
        64,
        win_length=quarter,
        window=window,
        center=False,
        return_complex=True,
    )
    magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-5)
    return torch.log10(filters.to(audio.dtype) @ magnitude / n_fft**0.5 + 1e-5) + 5


def plain_pseudo_cqt(audio: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what ``PseudoCqt`` returns."""
    return {f"octave_{n}": plain_octave(audio, lowest_hz) for n, lowest_hz in enumerate(OCTAVES_HZ, 1)}
