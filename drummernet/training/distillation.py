"""One network that learns from several (Hinton, Vinyals & Dean 2015)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.training.objectives import Cycle
from drummernet.transcriber.checkpoint import load_provenance, load_transcriber
from drummernet.transcriber.contract import Activations, Transcriber


class Distillation(Cycle):
    """Whether there is a hit, teachers say together; how hard and when, the groove that was rendered.

    Teachers that make different mistakes are better together than each of them. They say what can be heard:
    of a stroke that nobody could tell they are unsure, where :class:`Cycle` asks for it all the same.

    Args:
        teachers: Checkpoints or released weights of networks that were trained by :class:`Cycle`.
        velocity_weight: As :class:`Cycle`'s.
        offset_weight: As :class:`Cycle`'s.

    Raises:
        InputError: if there is no teacher, or one cannot be read.
    """

    def __init__(
        self, teachers: Sequence[Path], velocity_weight: float = 0.05, offset_weight: float = 0.05
    ) -> None:
        super().__init__(velocity_weight, offset_weight)
        if not teachers:
            raise InputError("distillation", "teachers", "are none")
        self.files = list(teachers)
        self.teachers = nn.ModuleList(map(load_transcriber, teachers)).requires_grad_(False)

    def train(self, mode: bool = True) -> "Distillation":
        """Switch between training and evaluation; the teachers stay as they were."""
        super().train(mode)
        self.teachers.eval()
        return self

    def check(self, transcriber: Transcriber) -> None:
        """Check that a transcriber tells what its teachers tell.

        Raises:
            InputError: if not.
        """
        super().check(transcriber)
        for file, teacher in zip(self.files, self.teachers, strict=True):
            assert isinstance(teacher, Transcriber)
            super().check(teacher)
            for field in ("components", "hop_samples"):
                theirs, own = getattr(teacher, field), getattr(transcriber, field)
                if theirs != own:
                    raise InputError(file, field, f"{theirs!r}, but the transcriber has {own!r}")

    def provenance(self) -> dict[str, Any]:
        """Return, in plain values, what a checkpoint says of it: what the teachers say of themselves, too."""
        return {**super().provenance(), "teachers": [load_provenance(file) for file in self.files]}

    def told(self, audio: torch.Tensor) -> torch.Tensor:
        """Return the probabilities (B, K, T) that the teachers' mean logits give of audio (B, N)."""
        with torch.no_grad():
            return torch.sigmoid(torch.stack([teacher(audio).logits for teacher in self.teachers]).mean(0))

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`~drummernet.training.objectives.Objective`.

        Crops of stems, of which nobody knows the hits, teach whether there is one.

        Raises:
            InputError: if the crops have no labels.
        """
        terms = super().forward(batch, activations, seed)
        assert activations.logits is not None
        hits = F.binary_cross_entropy_with_logits(activations.logits, self.told(batch["audio"]))
        return {**terms, "hits": hits}
