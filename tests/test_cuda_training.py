"""Training on a CUDA device: the step, the trainer, stems in its memory; needs no decoder and no CLI."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from made_corpus import write_prepared

from drummernet.stems.crops import CropDataset
from drummernet.stems.prepared import PreparedCorpus
from drummernet.stems.resident import CropPlaces, ResidentStems, fits_on
from drummernet.training.data import StemDataModule
from drummernet.training.module import TranscriberTraining
from drummernet.training.recipe import build_model, read_recipe

pytestmark = pytest.mark.cuda

KIT = {"model.objective.init_args.synthesizer.init_args.kits": "rock_maple"}
CONFIGS = ("paper", "release_enhanced", "quickstart")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> PreparedCorpus:
    """A loud, a quiet and a short stem, written as ``drummernet prepare`` would."""
    rng = np.random.default_rng(0)
    stems = []
    for name, samples, scale in (("a", 70_001, 3e-5), ("b", 51_003, 1e-6), ("c", 9_007, 1e-5)):
        swell = np.abs(np.sin(np.arange(samples) / 3_000)) ** 8
        stems.append((name, np.rint(32_767 * swell * rng.uniform(-1, 1, samples)), scale))
    return write_prepared(tmp_path_factory.mktemp("corpus"), stems)


class NoWaiting(pl.Callback):
    """Makes every wait of the host an error, from the third step on."""

    def __init__(self) -> None:
        self.watched = 0
        self.losses: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step >= 2:
            torch.cuda.set_sync_debug_mode("error")
            self.watched += 1

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        torch.cuda.set_sync_debug_mode("default")
        self.losses.append(outputs["loss"].detach().clone())


def fit(config: str, folder: Path, steps: int, precision: str, out: Path) -> tuple[NoWaiting, StemDataModule]:
    pl.seed_everything(0)
    watch = NoWaiting()
    model = build_model(read_recipe([config], KIT))
    data = StemDataModule(folder, batch_size=3, crop_seconds=1.0)
    trainer = pl.Trainer(
        accelerator="gpu",
        devices=1,
        precision=precision,
        max_steps=steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=out,
        callbacks=[watch],
    )
    try:
        trainer.fit(model, data)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return watch, data


def loss_and_gradient(model: TranscriberTraining, audio: torch.Tensor) -> list[torch.Tensor]:
    activations = model.transcriber(audio)
    loss = sum(model.objective({"audio": audio, "item": range(len(audio))}, activations, 0).values())
    gradients = torch.autograd.grad(loss, list(model.transcriber.parameters()))
    return [loss.detach().cpu(), torch.cat([g.flatten() for g in gradients]).cpu()]


@pytest.mark.parametrize("config", CONFIGS)
def test_loss_and_gradient_are_those_of_the_cpu(config, corpus):
    torch.manual_seed(0)
    model = build_model(read_recipe([config], KIT))
    crops = CropDataset(corpus, 0, 1.0)
    audio = torch.stack([crops[n]["audio"] for n in range(3)])
    loss, gradient = loss_and_gradient(model, audio)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found, found_gradient = loss_and_gradient(model.cuda(), audio.cuda())
    assert abs(found - loss) <= 1e-4 * loss
    assert torch.cosine_similarity(found_gradient, gradient, 0) >= 0.9999


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("config", CONFIGS)
def test_a_step_of_the_trainer_waits_for_nothing(config, precision, corpus, tmp_path):
    watch, data = fit(config, corpus.folder, 4, precision, tmp_path)
    assert watch.watched == 2
    assert data.items_seen == 12
    assert all(loss.isfinite() for loss in watch.losses)


def test_stems_in_the_memory_of_the_device_change_nothing(corpus, tmp_path, monkeypatch):
    resident, _ = fit("quickstart", corpus.folder, 2, "32-true", tmp_path)
    monkeypatch.setattr("drummernet.training.data.fits_on", lambda *_: False)
    mapped, _ = fit("quickstart", corpus.folder, 2, "32-true", tmp_path)
    assert torch.equal(resident.losses[0], mapped.losses[0])


def test_crops_are_cut_out_on_the_device_without_waiting(corpus):
    crops = CropDataset(corpus, seed=3)
    device = torch.device("cuda", torch.cuda.current_device())
    assert fits_on(corpus, device)
    stems = ResidentStems(corpus, crops.samples, device)
    place = CropPlaces(crops, corpus).__getitems__(list(range(20)))["place"].pin_memory()
    stems.crops(place)
    torch.cuda.set_sync_debug_mode("error")
    try:
        audio = stems.crops(place)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert audio.device == device
    assert torch.equal(audio.cpu(), torch.stack([crops[n]["audio"] for n in range(20)]))
