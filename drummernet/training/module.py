"""The LightningModule: one step of training, and validation on annotated tracks."""

import logging
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch.nn.parallel import DistributedDataParallel

from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.scores import TOLERANCE_SECONDS, Counts, count_classes
from drummernet.evaluation.tracks import Track
from drummernet.training.data import StemDataModule
from drummernet.training.objectives import Objective
from drummernet.transcriber.checkpoint import ENTRY, PICKING_ENTRY, PROVENANCE_ENTRY
from drummernet.transcriber.contract import Activations, Transcriber, beat_steps
from drummernet.transcription.picking import Picker

_logger = logging.getLogger(__name__)


class TranscriberTraining(pl.LightningModule):
    """Trains a transcriber with an objective, both handed in.

    Args:
        transcriber: F_a, the only part that learns.
        objective: The loss.
        learning_rate: Of Adam; the default is the 2019 release's.
        warmup_steps: Over which it rises from 0.
        anneal: Whether it then falls to 0 at the trainer's last step, along half a cosine.
        picker: How validation and statistics pick onsets.

    Raises:
        InputError: if the learning rate is not positive, or the objective cannot train this transcriber.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        objective: Objective,
        learning_rate: float = 4e-4,
        warmup_steps: int = 0,
        anneal: bool = False,
        picker: Picker | None = None,
    ) -> None:
        super().__init__()
        if not learning_rate > 0:
            raise InputError("model", "learning_rate", f"{learning_rate} is not positive")
        if warmup_steps < 0:
            raise InputError("model", "warmup_steps", f"{warmup_steps} is negative")
        objective.check(transcriber)
        self.transcriber = transcriber
        self.objective = objective
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.anneal = anneal
        self.picker = picker or Picker()
        self.last_activations: Activations | None = None
        self._counts: list[torch.Tensor] = []

    def setup(self, stage: str) -> None:
        """Keep DDP from sending the buffers, the kits among them, at every step: all ranks have the same."""
        names = [name for name, _ in self.named_buffers()]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, names)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return Adam over the transcriber's parameters, fused: a quarter of its time on a CPU."""
        # Lightning refuses to clip the gradients of a fused optimiser in mixed precision.
        refused = self.trainer.gradient_clip_val and str(self.trainer.precision).endswith("mixed")
        adam = torch.optim.Adam(
            self.transcriber.parameters(), lr=self.learning_rate, fused=None if refused else True
        )
        if not (self.warmup_steps or self.anneal):
            return adam
        steps = self.trainer.max_steps
        if self.anneal and steps <= self.warmup_steps:
            raise InputError("trainer", "max_steps", f"{steps} leaves no step to anneal over")
        schedule = torch.optim.lr_scheduler.LambdaLR(
            adam, lambda step: rate_factor(step, self.warmup_steps, steps if self.anneal else None)
        )
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch; see :meth:`drummernet.training.objectives.Objective.forward`."""
        activations = self.transcriber(*self._inputs(batch))
        if "view" in batch:
            batch = {**batch, "heard_view": self.transcriber(batch["view"])}
        terms = self.objective(batch, activations, self._data.seed)
        loss = torch.stack(list(terms.values())).sum()
        values, hop, start = activations.values.detach(), activations.hop_samples, activations.start_sample
        self.last_activations = Activations(values, hop, start)
        # Counted here: callbacks that save a checkpoint after the step come before this module's own hooks.
        self._data.items_seen += len(batch["item"]) * self.trainer.world_size
        if self._logs_this_step():
            self._log_terms(terms)
        return loss

    def _inputs(self, batch: dict[str, Any]) -> list[torch.Tensor]:
        """Return what the transcriber hears of a batch."""
        audio = batch["audio"]
        if not self.transcriber.hears_beats:
            return [audio]
        hop = self.transcriber.hop_samples
        steps = -(-audio.shape[1] // hop)
        beats = [beat_steps(known or [], steps, hop) for known in batch.get("beats", [[]] * len(audio))]
        return [audio, torch.stack(beats).to(audio)]

    def _logs_this_step(self) -> bool:
        # At the others nothing would be written, yet each value costs a copy to the device.
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return every > 0 and (self.trainer.global_step + 1) % every == 0

    def _log_terms(self, terms: dict[str, torch.Tensor]) -> None:
        """Log the terms of the loss and their sum, each the mean over the ranks, and the items so far."""
        values = torch.stack([term.detach() for term in terms.values()])
        means = self.trainer.strategy.reduce(values, reduce_op="mean")
        self.log("items", float(self._data.items_seen))
        self.log("loss", means.sum(), prog_bar=True)
        self.log_dict({f"loss/{name}": mean for name, mean in zip(terms, means, strict=True)})

    def validation_step(self, track: Track | None, batch_idx: int) -> None:
        """Count matches, false and missed hits of each class in one annotated track."""
        if track is None or track.audio_path is None:
            return
        try:
            estimates = TranscriberEstimator(self.transcriber, self.picker)(track.recording())
        except InputError as error:
            _logger.warning("not scored: %s", error)
            return
        counts = count_classes(track, estimates, TOLERANCE_SECONDS)
        rows = [[counts[name].tp, counts[name].fp, counts[name].fn] for name in THREE_CLASSES]
        self._counts.append(torch.tensor(rows, dtype=torch.float64))

    def on_validation_epoch_end(self) -> None:
        """Log the pooled F1 of each class, their mean, and hits found per hit annotated."""
        local = torch.stack(self._counts).sum(0) if self._counts else torch.zeros(len(THREE_CLASSES), 3)
        self._counts.clear()
        total = self.trainer.strategy.reduce(local.to(self.device, torch.float32), reduce_op="sum")
        f1s = []
        for name, row in zip(THREE_CLASSES, total.tolist(), strict=True):
            counts = Counts(*(round(value) for value in row))
            f1s.append(counts.rates()["f1"])
            self.log(f"validation/f1_{name}", f1s[-1])
            self.log(f"validation/hits_ratio_{name}", (counts.tp + counts.fp) / max(1, counts.tp + counts.fn))
        self.log("validation/f1", sum(f1s) / len(f1s), prog_bar=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint describe its own model, and what it was trained on."""
        checkpoint[ENTRY] = self.transcriber.describe()
        checkpoint[PICKING_ENTRY] = asdict(self.picker)
        checkpoint[PROVENANCE_ENTRY] = {
            **self.objective.provenance(),
            **self._data.provenance(),
            "items": self._data.items_seen,
            "item_seconds": self._data.crop_seconds,
            "selected_on": [],
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another model.

        Raises:
            InputError: if its transcriber is not the one that is configured.
        """
        differences = list(_differences("transcriber", checkpoint.get(ENTRY), self.transcriber.describe()))
        if differences:
            raise InputError(self.trainer.ckpt_path, *differences[0])

    @property
    def _data(self) -> StemDataModule:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, StemDataModule)
        return data


def _differences(field: str, held: Any, wanted: Any) -> Iterator[tuple[str, str]]:
    """Yield where two descriptions differ: the field, and what is held and wanted there."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for key in sorted(held.keys() | wanted.keys()):
            yield from _differences(f"{field}.{key}", held.get(key), wanted.get(key))
    elif held != wanted:
        yield field, f"{held!r} in the checkpoint, {wanted!r} in the config"


def rate_factor(step: int, warmup_steps: int, last_step: int | None) -> float:
    """Return the factor of the learning rate, up to 1 in a line, then down to 0 along a cosine."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if last_step is None:
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - warmup_steps) / (last_step - warmup_steps)))
