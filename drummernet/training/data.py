"""Batches of unlabelled crops, and annotated tracks to watch the training by."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from drummernet.errors import InputError
from drummernet.evaluation.readers import read_dataset
from drummernet.evaluation.tracks import Track
from drummernet.stems.corpus import Corpus, find_stems
from drummernet.stems.crops import CropDataset


class RunSampler(Sampler[list[int]]):
    """Item numbers of one rank's batches, without end.

    The batches of all ranks at one step are consecutive items of the run, so ranks draw disjoint items and a
    run goes on with the next item whatever the number of ranks.

    Args:
        first_item: The number of the next item of the run.
        batch_size: B, per rank.
        rank: This rank.
        ranks: Their number.
    """

    def __init__(self, first_item: int, batch_size: int, rank: int, ranks: int) -> None:
        self.first_item = first_item
        self.batch_size = batch_size
        self.rank = rank
        self.ranks = ranks

    def __iter__(self) -> Iterator[list[int]]:
        start = self.first_item + self.rank * self.batch_size
        while True:
            yield list(range(start, start + self.batch_size))
            start += self.ranks * self.batch_size


class StemDataModule(pl.LightningDataModule):
    """Random crops of a folder of stems.

    Args:
        corpus: A folder with audio files of any format and rate.
        validation: An annotated folder (``folder`` layout) to score during training, never to train on.
        batch_size: B, per device.
        crop_seconds: Length of a crop.
        seed: With the item number it decides crop and kit.
        workers: Processes that decode.
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
        if batch_size < 1:
            raise InputError("data", "batch_size", f"{batch_size} is not positive")
        self.corpus_folder = corpus
        self.validation_folder = validation
        self.batch_size = batch_size
        self.crop_seconds = crop_seconds
        self.seed = seed
        self.workers = workers
        self.items_seen = 0

    def setup(self, stage: str) -> None:
        """Index the corpus and read the annotations.

        Raises:
            InputError: if there is no readable stem, or an annotation is wrong.
        """
        self.corpus: Corpus = find_stems(self.corpus_folder)
        self.tracks: list[Track] = []
        if self.validation_folder is not None:
            self.tracks = [
                t for t in read_dataset("folder", self.validation_folder) if t.audio_path is not None
            ]

    def train_dataloader(self) -> DataLoader:
        """Return batches ``{"audio": (B, N), "item": (B,)}`` from the next item on."""
        assert self.trainer is not None
        sampler = RunSampler(
            self.items_seen, self.batch_size, self.trainer.global_rank, self.trainer.world_size
        )
        return DataLoader(
            CropDataset(self.corpus, self.seed, self.crop_seconds),
            batch_sampler=sampler,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Return this rank's share of the annotated tracks, one at a time."""
        assert self.trainer is not None
        if not self.tracks:
            return []
        share = self.tracks[self.trainer.global_rank :: self.trainer.world_size]
        return DataLoader(share, batch_size=None, collate_fn=_itself)  # type: ignore[arg-type]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move the audio only: item numbers decide the kits on the host."""
        if isinstance(batch, dict):
            return {**batch, "audio": batch["audio"].to(device, non_blocking=True)}
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return how many items the run has trained on, over all ranks."""
        return {"items_seen": self.items_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the item after those that were trained on."""
        self.items_seen = state_dict["items_seen"]


def _itself(track: Track) -> Track:
    return track
