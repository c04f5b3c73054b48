"""What training minimises."""

from collections.abc import Sequence

import torch
from torch import nn

from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.synthesizer import Synthesizer
from drummernet.transcriber.contract import Activations


class Reconstruction(nn.Module):
    """The objective of the paper: F_s(F_a(x)) should sound like x.

    Args:
        synthesizer: F_s.
        similarity: L_x.
        activation_weight: Factor of the mean activation, a pull to sparsity; 0.003 was an option of the
            release.
    """

    def __init__(
        self, synthesizer: Synthesizer, similarity: OnsetSpectrumSimilarity, activation_weight: float = 0.0
    ) -> None:
        super().__init__()
        self.synthesizer = synthesizer
        self.similarity = similarity
        self.activation_weight = activation_weight

    def reconstruct(self, activations: Activations, kits: torch.Tensor) -> torch.Tensor:
        """Play activations on kits (B, K); return x̂ (B, T * hop), from ``activations.start_sample`` on."""
        audio: torch.Tensor = self.synthesizer(activations.values, activations.hop_samples, kits)
        return audio

    def forward(
        self, stems: torch.Tensor, activations: Activations, seed: int, items: Sequence[int]
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss, which is their sum.

        Args:
            stems: (B, N).
            activations: What F_a made of them.
            seed: The run's seed.
            items: The B item numbers, by which the kits are drawn.
        """
        reconstruction = self.reconstruct(activations, self.synthesizer.drawn_kits(seed, items))
        heard = stems[:, activations.start_sample :][:, : reconstruction.shape[-1]]
        terms: dict[str, torch.Tensor] = self.similarity(heard, reconstruction[:, : heard.shape[-1]])
        if self.activation_weight:
            terms["activation"] = self.activation_weight * activations.values.mean()
        return terms
