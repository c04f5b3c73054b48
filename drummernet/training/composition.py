"""Objectives for what has no labels, and several objectives at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.training.objectives import Objective
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcriber.hit_network import HitTranscriber


class Consistency(Objective):
    """Hits must not depend on level, equaliser, noise and room: both views of a crop have the same.

    The first view, as the stem is, tells the second one, which is harder (Sohn et al., FixMatch, 2020): no
    gradient flows through the first. Steps of which the first is unsure are left out.

    Args:
        sure: The least distance of a probability from 1/2 that teaches.
    """

    def __init__(self, sure: float = 0.3) -> None:
        super().__init__()
        if not 0 <= sure < 0.5:
            raise InputError("consistency", "sure", f"{sure} is not in [0, 0.5)")
        self.sure = sure

    def check(self, transcriber: Transcriber) -> None:
        """Check that a transcriber gives probabilities of audio alone.

        Raises:
            InputError: if not.
        """
        if not isinstance(transcriber, HitTranscriber) or transcriber.gates is not None:
            raise InputError("model", "transcriber", f"{type(transcriber).__name__} gives no probabilities")

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`Objective`.

        Raises:
            InputError: if the crops have no second view.
        """
        if "heard_view" not in batch:
            raise InputError("data", "views", "consistency needs a second view of each crop")
        told = activations.values.detach()
        logits = batch["heard_view"].logits
        each = F.binary_cross_entropy_with_logits(logits, told, reduction="none")
        return {"views": (each * ((told - 0.5).abs() >= self.sure)).mean()}


class Sparsity(Objective):
    """The mean activation, a pull to few and soft hits; a weight of 0.003 was an option of the release."""

    def check(self, transcriber: Transcriber) -> None:
        """Any transcriber can be trained by this, together with others."""

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`Objective`."""
        return {"activation": activations.values.mean()}


class Composed(Objective):
    """Several objectives at once.

    Args:
        parts: Each by its name.
        weights: Factors of parts by name; of those that are not named it is 1.

    Raises:
        InputError: if there is no part, or a weight of none or below 0.
    """

    def __init__(self, parts: dict[str, Objective], weights: dict[str, float] | None = None) -> None:
        super().__init__()
        if not parts:
            raise InputError("objective", "parts", "are none")
        self.parts = nn.ModuleList(parts.values())  # a ModuleDict refuses some names
        self.weights = dict.fromkeys(parts, 1.0) | (weights or {})
        for name, weight in self.weights.items():
            if name not in parts:
                raise InputError("objective", "weights", f"no part {name!r}; there are {', '.join(parts)}")
            if not weight >= 0:
                raise InputError("objective", f"weights.{name}", f"{weight} is negative")

    def _named(self) -> Iterator[tuple[str, Objective]]:
        for name, part in zip(self.weights, self.parts, strict=True):
            assert isinstance(part, Objective)
            yield name, part

    def check(self, transcriber: Transcriber) -> None:
        """Check that every part can train a transcriber.

        Raises:
            InputError: if not.
        """
        for _, part in self._named():
            part.check(transcriber)

    def provenance(self) -> dict[str, Any]:
        """Return, in plain values, what a checkpoint says of it."""
        said: dict[str, Any] = {}
        for _, part in self._named():
            said |= part.provenance()
        return said | {"objective": {name: type(part).__name__ for name, part in self._named()}}

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the weighted terms of all parts, as ``PART/TERM``; see :class:`Objective`."""
        return {
            f"{name}/{term}": self.weights[name] * value
            for name, part in self._named()
            for term, value in part(batch, activations, seed).items()
        }
