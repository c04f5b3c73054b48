"""The onset spectrum similarity: enhancement, representation, mean absolute error."""

import torch
from torch import nn

from drummernet.similarity.enhancement import OnsetEnhancement
from drummernet.similarity.pseudo_cqt import PseudoCqt
from drummernet.similarity.spectra import MelSpectrum, StftSpectrum


class OnsetSpectrumSimilarity(nn.Module):
    """L_x = weight · Σ mean |C(E x) − C(E x̂)| over the representation's parts (DrummerNet, equation 3).

    Args:
        spectrum: C, from audio (B, N) to named (B, F, frames).
        enhancement: E, or nothing (the NOE variant of the ablation).
        weight: Factor of every part; 4 in the 2019 release.
    """

    def __init__(
        self,
        spectrum: PseudoCqt | MelSpectrum | StftSpectrum,
        enhancement: OnsetEnhancement | None = None,
        weight: float = 4.0,
    ) -> None:
        super().__init__()
        self.spectrum = spectrum
        self.enhancement = enhancement
        self.weight = weight

    def _represent(self, audio: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.spectrum(audio if self.enhancement is None else self.enhancement(audio))

    def forward(self, stem: torch.Tensor, reconstruction: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compare a reconstruction (B, N) with its stem (B, N), in the stem's precision under autocast too.

        Returns:
            The weighted mean absolute error of each part; the loss is their sum.
        """
        with torch.autocast(stem.device.type, enabled=False):
            with torch.no_grad():
                target = self._represent(stem)
            estimate = self._represent(reconstruction.to(stem.dtype))
        return self.distance(target, estimate)

    def distance(
        self, target: dict[str, torch.Tensor], estimate: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return the weighted mean absolute error of each part of two spectra."""
        return {name: self.weight * (estimate[name] - target[name]).abs().mean() for name in target}
