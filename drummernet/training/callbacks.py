"""What happens around the steps: gates that harden, statistics of the activations, checkpoints."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.resources import replaced_file
from drummernet.training.module import TranscriberTraining
from drummernet.transcriber.contract import Activations
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcription.picking import Picker, pick

STATISTICS_ITEMS = 32
"""Items of a batch whose activations are looked at: each takes a millisecond, and the device waits."""


class GateBlend(Callback):
    """Moves blended gates from smooth to sparse, linearly over the first steps.

    Args:
        steps: Optimiser steps until the gates are sparsemax.

    Raises:
        InputError: at the start of training, if the transcriber's gates are not blended.
    """

    def __init__(self, steps: int) -> None:
        if steps < 1:
            raise InputError("GateBlend", "steps", f"{steps} is not positive")
        self.steps = steps

    def _gates(self, module: pl.LightningModule) -> SparsemaxGates:
        gates = getattr(getattr(module, "transcriber", None), "gates", None)
        if not (isinstance(gates, SparsemaxGates) and gates.blended):
            raise InputError("GateBlend", "model.transcriber", "its gates are not blended sparsemax gates")
        return gates

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check that there is something to blend."""
        self._gates(pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set the sharpness of the step that begins."""
        self._gates(pl_module).sharpness.fill_(min(1.0, trainer.global_step / self.steps))


class ActivationStatistics(Callback):
    """Logs how sparse the activations of a training batch are, and which components live.

    ``activation/zeros`` is the share of exact zeros. Per component there are ``share/KD`` of all activation
    and ``hits_per_second/KD``, picked after normalisation as in inference.

    Of many ranks the first one logs those of its own batch.

    Args:
        every_n_steps: Steps between logs; the statistics wait for the device.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the statistics of every n-th step."""
        if trainer.global_step % self.every_n_steps or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, TranscriberTraining)
        assert pl_module.last_activations is not None
        activations = pl_module.last_activations
        some = activations._replace(values=activations.values[:STATISTICS_ITEMS])
        statistics = activation_statistics(some, pl_module.transcriber.components, pl_module.picker)
        statistics["items"] = float(trainer.datamodule.items_seen)  # type: ignore[attr-defined]
        # Past the module's own log, which would repeat them at every step until the next ones.
        for logger in trainer.loggers:
            logger.log_metrics(statistics, step=trainer.global_step - 1)


def activation_statistics(
    activations: Activations, components: tuple[str, ...], picker: Picker
) -> dict[str, float]:
    """Return the numbers that :class:`ActivationStatistics` logs, of activations (B, K, T)."""
    values = activations.values.float().cpu().numpy()
    batch, _, steps = values.shape
    rate_hz = SAMPLE_RATE / activations.hop_samples
    seconds = batch * steps / rate_hz
    statistics = {"activation/zeros": float((values == 0).mean()), "activation/max": float(values.max())}
    statistics["hits_per_second"] = 0.0
    total = max(float(values.sum()), 1e-12)
    for number, component in enumerate(components):
        rows = values[:, number]
        # One maximum for the batch: a crop in which the drum is silent must not be scaled up.
        scale = max(float(rows.max()), picker.guard)
        hits = sum(len(pick(row / scale, rate_hz, picker)) for row in rows)
        statistics[f"share/{component}"] = float(rows.sum()) / total
        statistics[f"hits_per_second/{component}"] = hits / seconds
        statistics["hits_per_second"] += hits / seconds
    return statistics


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, then renames it: a killed run leaves the last one whole."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint."""
        with replaced_file(path) as temporary:
            torch.save(checkpoint, temporary)


class RunCheckpoint(ModelCheckpoint):
    """Keeps ``RUN/checkpoints/last.ckpt``, RUN being the trainer's ``default_root_dir``.

    A later checkpoint takes its place (:class:`WholeCheckpoints`), that of another run in the folder too.

    Args:
        every_n_train_steps: Steps between checkpoints.
    """

    def __init__(self, every_n_train_steps: int = 500) -> None:
        super().__init__(
            every_n_train_steps=every_n_train_steps,
            save_last=True,
            save_top_k=0,
            enable_version_counter=False,
        )

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Place the folder before Lightning asks the loggers for one."""
        self.dirpath = str(checkpoint_folder(trainer.default_root_dir))
        super().setup(trainer, pl_module, stage)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the end of the run too, wherever it falls."""
        assert self.dirpath is not None
        trainer.save_checkpoint(Path(self.dirpath) / "last.ckpt")


def checkpoint_folder(run: str | Path) -> Path:
    """Return where a run keeps its checkpoints."""
    return Path(run).absolute() / "checkpoints"
