"""The stage ``train``: the paper's config through the real trainer, in slices that resume.

Writes OUT/train.json with items/s, OUT/batch_B/checkpoints/last.ckpt to go on from, and
OUT/batch_B/items_N.ckpt at 8,192 items and at every doubling, for the stage ``score``.
"""

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from gpu_common import SEED, TINY_MODEL, TINY_SECONDS, Results, numerics
from pytorch_lightning.loggers import CSVLogger

from drummernet.training.callbacks import WholeCheckpoints, checkpoint_folder
from drummernet.training.recipe import build_callbacks, build_data, build_model, read_recipe

FIRST_ITEMS = 8192
WINDOW_SECONDS = 60.0


class Slice(pl.Callback):
    """Ends a run after so many minutes; keeps checkpoints at doubling numbers of items, and the pace.

    Args:
        folder: Where the checkpoints go.
        minutes: Of the slice, from its first step on.
        warm_up: Steps before the pace is measured.
        first_items: When the first checkpoint is due.
        window_seconds: Of the pace over time.
    """

    def __init__(
        self, folder: Path, minutes: float, warm_up: int, first_items: int, window_seconds: float
    ) -> None:
        self.folder = folder
        self.seconds = 60 * minutes
        self.warm_up = warm_up
        self.due = first_items
        self.window_seconds = window_seconds
        self.steps = 0
        self.marks: list[tuple[float, int]] = []
        self.losses: list[tuple[int, float]] = []
        self.resident = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin; what an earlier slice has kept is not due again."""
        self.begin = time.monotonic()
        while self.due <= self._items(trainer):
            self.due *= 2
        self.resident = trainer.datamodule.resident is not None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep what is due."""
        self.steps += 1
        items, now = self._items(trainer), time.monotonic()
        if items >= self.due:
            trainer.save_checkpoint(self.folder / f"items_{items:09d}.ckpt")
            while self.due <= items:
                self.due *= 2
        over = now - self.begin > self.seconds
        if self.steps < self.warm_up:
            return
        if not self.marks or over or now - self.marks[-1][0] >= self.window_seconds:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize()
            self.marks.append((time.monotonic(), items))
            self.losses.append((items, float(outputs["loss"])))
        if over and len(self.marks) > 1:
            trainer.should_stop = True

    def _items(self, trainer: pl.Trainer) -> int:
        items: int = trainer.datamodule.items_seen
        return items


def run(options: Namespace) -> None:
    """Train for ``--minutes``."""
    results = Results(options, "train")
    name = f"batch {options.batch}, {options.numerics}, slice {len(results.rows) + 1}"
    results.add(name, lambda: _slice(options))
    results.show()


def _slice(options: Namespace) -> dict[str, Any]:
    if options.data is None:
        return {"not_run": "--data names no prepared stems"}
    if options.device == "cuda" and not torch.cuda.is_available():
        return {"not_run": "no CUDA device"}
    folder = options.out / f"batch_{options.batch}"
    overrides = {"data.corpus": str(options.data / "corpus"), "data.batch_size": options.batch}
    overrides |= {"data.workers": options.workers, "data.seed": SEED, "trainer.default_root_dir": str(folder)}
    if options.tiny:
        overrides |= TINY_MODEL | {"data.crop_seconds": TINY_SECONDS}
    recipe = read_recipe(["paper"], overrides)
    pl.seed_everything(SEED)
    slice_ = Slice(
        folder,
        options.minutes,
        1 if options.tiny else 20,
        4 if options.tiny else FIRST_ITEMS,
        0.0 if options.tiny else WINDOW_SECONDS,
    )
    trainer = pl.Trainer(
        accelerator="gpu" if options.device == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed" if options.numerics.startswith("bf16") else "32-true",
        max_steps=-1,
        limit_val_batches=0,
        default_root_dir=folder,
        logger=CSVLogger(folder, name="csv"),
        log_every_n_steps=recipe.content["trainer"]["log_every_n_steps"],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[*build_callbacks(recipe), slice_],
        plugins=[WholeCheckpoints()],
    )
    last = _checkpoint(options)
    with numerics(options.numerics):
        trainer.fit(build_model(recipe), build_data(recipe), ckpt_path=last, weights_only=True)
    return _row(slice_, trainer, last)


def _checkpoint(options: Namespace) -> Path | None:
    """Return the checkpoint to go on from: ``--resume`` itself, or the last one below it or below OUT."""
    for start in (options.resume, options.out):
        if start is not None and start.is_file():
            return start
        if start is not None:
            last = checkpoint_folder(start / f"batch_{options.batch}") / "last.ckpt"
            if last.is_file():
                return last
    return None


def _row(slice_: Slice, trainer: pl.Trainer, last: Path | None) -> dict[str, Any]:
    if len(slice_.marks) < 2:
        return {"not_run": f"{slice_.steps} steps, too few to tell a pace"}
    (begin, first), (end, items) = slice_.marks[0], slice_.marks[-1]
    pairs = zip(slice_.marks, slice_.marks[1:], strict=False)
    paces = [{"items": b[1], "items_per_second": (b[1] - a[1]) / (b[0] - a[0])} for a, b in pairs]
    return {
        "items_per_second": (items - first) / (end - begin),
        "over_seconds": end - begin,
        "items_seen": items,
        "steps": slice_.steps,
        "stems_resident": slice_.resident,
        "precision": trainer.precision,
        "resumed_from": str(last) if last else None,
        "windows": paces,
        "losses": [{"items": n, "loss": loss} for n, loss in slice_.losses],
        "peak_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    }
