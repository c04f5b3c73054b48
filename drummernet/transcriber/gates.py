"""Sparse gates: from one value per component and step to activations in [0, 1] (DrummerNet, section 2).

A component gate projects the K values of each step on the simplex, a time gate the values of each component
in blocks of 64 ms. Both sum to 1 at most: a component that sounds must outbid the others, and its own
neighbours in time.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.transcriber.part import Part
from drummernet.transcriber.simplex import sparsemax

BLOCK_SAMPLES = 1024
"""The block of the time gate, 64 ms. Audio is zero-padded on the right to a multiple of it."""

_NEVER = -1e4
"""A logit that no gate selects; finite, so that a projection of it has a gradient of 0 and not NaN."""


def in_time_blocks(
    projection: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor, block_steps: int
) -> torch.Tensor:
    """Apply a projection over the last axis to (B, K, T) in blocks of ``block_steps``.

    A last block that the steps do not fill is projected as the shorter block that it is.
    """
    steps = logits.shape[-1]
    blocks = F.pad(logits, (0, -steps % block_steps), value=_NEVER).unflatten(-1, (-1, block_steps))
    return projection(blocks).flatten(-2)[..., :steps]


def in_float(logits: torch.Tensor) -> torch.Tensor:
    """Return half-precision logits in float32: a threshold is a difference of sums, and gates are cheap."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


class SparsemaxGates(Part):
    """The published pair: sparsemax over components times sparsemax over blocks of time.

    Args:
        rest: Give each gate a rest channel: one more value of 0 that is dropped afterwards. Without it a gate
            sums to 1 everywhere and cannot say that nothing happens.
        blended: Start from smooth gates, ``sigmoid(z)`` for the components and softmax over time, and let
            the trainer move :attr:`sharpness` from 0 to 1. Outside its support sparsemax passes no gradient,
            so components that lose at the start would stay dead.

    Attributes:
        sharpness: A buffer from 0 (smooth gates) to 1 (sparsemax).
    """

    sharpness: torch.Tensor

    def __init__(self, rest: bool = False, blended: bool = False) -> None:
        super().__init__()
        self.rest = rest
        self.blended = blended
        self.register_buffer("sharpness", torch.tensor(0.0 if blended else 1.0))

    def forward(self, logits: torch.Tensor, block_steps: int) -> torch.Tensor:
        """Gate logits (B, K, T); returns activations (B, K, T), in float32 for half-precision logits."""
        logits = in_float(logits)

        def sparse(z: torch.Tensor) -> torch.Tensor:
            return sparsemax(z, -1, self.rest)

        def smooth(z: torch.Tensor) -> torch.Tensor:
            return torch.softmax(F.pad(z, (0, 1)), -1)[..., :-1] if self.rest else torch.softmax(z, -1)

        over_components = sparsemax(logits, 1, self.rest)
        over_time = in_time_blocks(sparse, logits, block_steps)
        if not self.blended:
            return over_components * over_time
        over_components = torch.lerp(torch.sigmoid(logits), over_components, self.sharpness)
        over_time = torch.lerp(in_time_blocks(smooth, logits, block_steps), over_time, self.sharpness)
        return over_components * over_time


class SoftmaxGates(Part):
    """The SOFT variant of the ablation: softmax over components, then softmax over time of what comes out."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: torch.Tensor, block_steps: int) -> torch.Tensor:
        """Gate logits (B, K, T); returns activations (B, K, T), in float32 for half-precision logits."""
        shares = torch.softmax(in_float(logits), dim=1)
        return in_time_blocks(lambda v: torch.softmax(v, dim=-1), shares, block_steps)


def block_steps_of(hop_samples: int) -> int:
    """Return how many steps the 64 ms block of the time gate has at a hop.

    Raises:
        InputError: if the hop does not divide the block.
    """
    if hop_samples < 1 or BLOCK_SAMPLES % hop_samples:
        raise InputError("transcriber", "hop_samples", f"{hop_samples} does not divide {BLOCK_SAMPLES}")
    return BLOCK_SAMPLES // hop_samples
