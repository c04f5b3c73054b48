"""Batches of unlabelled crops, and annotated tracks to watch the training by."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from drummernet.errors import InputError
from drummernet.evaluation.readers import read_dataset
from drummernet.evaluation.tracks import Track
from drummernet.stems.corpus import Corpus, open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.resident import CropPlaces, ResidentStems, fits_on


class RunSampler(Sampler[list[int]]):
    """Item numbers of one rank's batches, without end.

    The batches of all ranks at one step are consecutive items of the run, so ranks draw disjoint items and a
    run goes on with the next item whatever the number of ranks.

    Args:
        next_item: Tells the number of the next item of the run.
        batch_size: B, per rank.
        rank: This rank.
        ranks: Their number.
    """

    def __init__(self, next_item: Callable[[], int], batch_size: int, rank: int, ranks: int) -> None:
        self.next_item = next_item
        self.batch_size = batch_size
        self.rank = rank
        self.ranks = ranks

    def __iter__(self) -> Iterator[list[int]]:
        start = self.next_item() + self.rank * self.batch_size
        while True:
            yield list(range(start, start + self.batch_size))
            start += self.ranks * self.batch_size


class StemDataModule(pl.LightningDataModule):
    """Random crops of stems; a prepared corpus that fits is held in the memory of a CUDA device.

    Args:
        corpus: A folder with audio files of any format and rate, or what ``drummernet prepare`` made of one.
        validation: An annotated folder (``folder`` layout) to score during training, never to train on.
        batch_size: B, per device.
        crop_seconds: Length of a crop.
        seed: With the item number it decides crop and kit.
        workers: Processes that draw and decode.
    """

    def __init__(
        self,
        corpus: Path,
        validation: Path | None = None,
        batch_size: int = 32,
        crop_seconds: float = 2.0,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__()
        least = {"batch_size": (batch_size, 1), "crop_seconds": (crop_seconds, 0.1)}
        least |= {"seed": (seed, 0), "workers": (workers, 0)}
        for field, (value, lowest) in least.items():
            if not value >= lowest:
                raise InputError("data", field, f"{value} is less than {lowest}")
        self.corpus_folder = corpus
        self.validation_folder = validation
        self.batch_size = batch_size
        self.crop_seconds = crop_seconds
        self.seed = seed
        self.workers = workers
        self.items_seen = 0
        self.resident: ResidentStems | None = None

    def setup(self, stage: str) -> None:
        """Open the corpus and read the annotations, unless that has been done.

        Raises:
            InputError: if there is no readable stem, or an annotation is wrong.
        """
        if hasattr(self, "corpus"):
            return
        self.corpus: Corpus = open_corpus(self.corpus_folder)
        self.tracks: list[Track] = []
        if self.validation_folder is not None:
            self.tracks = [
                t for t in read_dataset("folder", self.validation_folder) if t.audio_path is not None
            ]

    def teardown(self, stage: str) -> None:
        """Give back the device's memory."""
        self.resident = None

    def train_dataloader(self) -> DataLoader:
        """Return batches from the next item on: ``{"audio": (B, N), "item": (B,)}`` on the device.

        Before :meth:`transfer_batch_to_device`, crops of stems that the device holds are only places.
        """
        assert self.trainer is not None
        device = self.trainer.strategy.root_device
        crops = CropDataset(self.corpus, self.seed, self.crop_seconds)
        options: dict[str, Any] = {"dataset": crops}
        if self.resident is None and fits_on(self.corpus, device):
            self.resident = ResidentStems(self.corpus, crops.samples, device)
        if self.resident is not None:
            options = {"dataset": CropPlaces(crops, self.resident.corpus), "collate_fn": _itself}
        rank, ranks = self.trainer.global_rank, self.trainer.world_size
        return DataLoader(
            **options,
            batch_sampler=RunSampler(lambda: self.items_seen, self.batch_size, rank, ranks),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=device.type == "cuda",
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Return this rank's share of the annotated tracks, one at a time."""
        assert self.trainer is not None
        if not self.tracks:
            return []
        rank, ranks = self.trainer.global_rank, self.trainer.world_size
        # Every rank has as many steps as the others: the last ones may have nothing to do in theirs.
        padded = [*self.tracks, *[None] * (-len(self.tracks) % ranks)]
        return DataLoader(padded[rank::ranks], batch_size=None, collate_fn=_itself)  # type: ignore[arg-type]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move the audio, or cut it out there; item numbers decide the kits on the host."""
        if not isinstance(batch, dict):
            return batch
        if self.resident is not None:
            return {"audio": self.resident.crops(batch["place"]), "item": batch["item"]}
        return {**batch, "audio": batch["audio"].to(device, non_blocking=True)}

    def state_dict(self) -> dict[str, Any]:
        """Return how many items the run has trained on, over all ranks, and what decides the next ones."""
        return {"items_seen": self.items_seen, "seed": self.seed, "crop_seconds": self.crop_seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the item after those that were trained on.

        Raises:
            InputError: if the run had another seed or length of crops.
        """
        for field in ("seed", "crop_seconds"):
            if state_dict[field] != getattr(self, field):
                problem = f"{getattr(self, field)}, but the run that goes on has {state_dict[field]}"
                raise InputError("data", field, problem)
        self.items_seen = state_dict["items_seen"]


def _itself(batch: Any) -> Any:
    return batch
