"""What every transcriber takes and gives."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from drummernet.transcriber.part import Part

Stage = Callable[[torch.Tensor], torch.Tensor]
"""A part of a transcriber, from the tensor that the part before it gave to that of the next."""


class Activations(NamedTuple):
    """Activations on a regular grid of steps.

    Attributes:
        values: (B, K, T), not negative.
        hop_samples: Samples between steps.
        start_sample: Where step 0 lies in the audio that was handed in. Step t is an onset at sample
            ``start_sample + t * hop_samples``.
    """

    values: torch.Tensor
    hop_samples: int
    start_sample: int = 0


class Transcriber(Part):
    """A network from audio (B, N), float32 mono at 16 kHz, to :class:`Activations`.

    Attributes:
        components: The K component names, in the order of the axis K.
        hop_samples: Samples between activation steps.
    """

    components: tuple[str, ...]
    hop_samples: int

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N)."""
        raise NotImplementedError
