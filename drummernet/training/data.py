"""Batches of unlabelled crops, and annotated tracks to watch the training by."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from drummernet.errors import InputError
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.tracks import Track
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.mixtures import Crops, MixedCrops, ViewedCrops
from drummernet.stems.on_the_fly import RenderedCrops, Rendering
from drummernet.stems.resident import CropPlaces, ResidentStems, fits_on
from drummernet.stems.weights import Draw, Label, stem_weights

_logger = logging.getLogger(__name__)

_AUDIO = {"audio", "view"}
"""The entries of an item that are samples."""

DECIDING = ("seed", "crop_seconds", "draw", "balance", "shares", "rendered_share")
"""The settings that decide, together with the corpus, what item n of a run is."""


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
        rendering: Crops are rendered on the fly, in place of a corpus or beside it.
        rendered_share: With both: the share of the items that are rendered.
        views: Each crop comes with a second view, its mix augmented in this way.
        validation: An annotated folder (``folder`` layout) to score during training, never to train on.
        batch_size: B, per device.
        crop_seconds: Length of a crop.
        draw: Whether every track is drawn equally often, as in the paper, or every second.
        balance: Draw all sources, or all styles, of a prepared corpus equally often.
        shares: With ``balance``: how often, relative to those that are not named.
        seed: With the item number it decides crop and kit.
        workers: Processes that draw and decode.
    """

    def __init__(
        self,
        corpus: Path | None = None,
        rendering: Rendering | None = None,
        rendered_share: float = 0.5,
        views: Augmentation | None = None,
        validation: Path | None = None,
        batch_size: int = 32,
        crop_seconds: float = 2.0,
        draw: Draw = "tracks",
        balance: Label | None = None,
        shares: dict[str, float] | None = None,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__()
        least = {"batch_size": (batch_size, 1), "crop_seconds": (crop_seconds, 0.1)}
        least |= {"seed": (seed, 0), "workers": (workers, 0)}
        for field, (value, lowest) in least.items():
            if not value >= lowest:
                raise InputError("data", field, f"{value} is less than {lowest}")
        if corpus is None and rendering is None:
            raise InputError("data", "corpus", "needs a folder of stems, or else data.rendering")
        if not 0 <= rendered_share <= 1:
            raise InputError("data", "rendered_share", f"{rendered_share} is not in [0, 1]")
        self.corpus_folder = corpus
        self.rendering = rendering
        self.rendered_share = rendered_share
        self.views = views
        self.validation_folder = validation
        self.batch_size = batch_size
        self.crop_seconds = crop_seconds
        self.draw = draw
        self.balance = balance
        self.shares = shares
        self.seed = seed
        self.workers = workers
        self.items_seen = 0
        self.resident: ResidentStems | None = None

    def setup(self, stage: str) -> None:
        """Open the corpus and read the annotations, unless that has been done.

        Raises:
            InputError: if there is no readable stem, or an annotation is wrong.
        """
        if hasattr(self, "crops"):
            return
        self.crops = self._crops()
        self.tracks: list[Track] = []
        if self.validation_folder is not None:
            dataset = read_dataset("folder", self.validation_folder)
            for problem in dataset.problems:
                _logger.warning("%s", problem)
            self.tracks = [track for track in dataset.tracks if track.audio_path is not None]

    def _crops(self) -> Crops:
        crops = self._plain_crops()
        return crops if self.views is None else ViewedCrops(crops, self.views, self.seed)

    def _plain_crops(self) -> Crops:
        rendered = None
        if self.rendering is not None:
            rendered = RenderedCrops(self.rendering, self.seed, self.crop_seconds)
            if self.corpus_folder is None:
                return rendered
        assert self.corpus_folder is not None
        corpus = open_corpus(self.corpus_folder)
        weights = stem_weights(corpus, self.draw, self.balance, self.shares)
        stems = CropDataset(corpus, self.seed, self.crop_seconds, weights)
        return stems if rendered is None else MixedCrops(rendered, stems, self.rendered_share)

    def teardown(self, stage: str) -> None:
        """Give back the device's memory."""
        self.resident = None

    def train_dataloader(self) -> DataLoader:
        """Return batches from the next item on: ``{"audio": (B, N), "item": (B,)}``, the audio on the device.

        Rendered crops come with lists of their ``"hits"`` and ``"beats"``. Before
        :meth:`transfer_batch_to_device`, crops of stems that the device holds are only places.
        """
        assert self.trainer is not None
        device = self.trainer.strategy.root_device
        options: dict[str, Any] = {"dataset": self.crops, "collate_fn": collated}
        if isinstance(self.crops, CropDataset) and fits_on(self.crops.corpus, device):
            corpus = self.crops.corpus
            if self.resident is None:
                self.resident = ResidentStems(corpus, self.crops.samples, device)
            options = {"dataset": CropPlaces(self.crops, corpus), "collate_fn": _itself}
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
        audio = {name: batch[name].to(device, non_blocking=True) for name in _AUDIO & batch.keys()}
        return {**batch, **audio}

    def provenance(self) -> dict[str, Any]:
        """Return, in plain values and without paths, what a checkpoint says of the data."""
        stems = {} if self.corpus_folder is None else {"stems": self.corpus_folder.name}
        if self.rendering is None:
            return stems
        rendering = self.rendering
        return {
            **stems,
            "grooves": {Path(source).name: share for source, share in rendering.groove_shares.items()},
            "split": rendering.split,
            "stem_kits": [Path(kit).name for words in rendering.kit_shares for kit in words.split(",")],
            "varied": rendering.varied,
            "augmented": rendering.augmentation is not None,
            "mixed": rendering.mixed,
            "layered": rendering.layered,
            "side_sticks": rendering.side_sticks,
            "lent": rendering.lent,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return how many items the run has trained on, over all ranks, and what decides the next ones."""
        return {"items_seen": self.items_seen, **{field: getattr(self, field) for field in DECIDING}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the item after those that were trained on.

        Raises:
            InputError: if the run drew in another way.
        """
        for field in DECIDING:
            before = state_dict.get(field)
            if before != getattr(self, field):
                problem = f"{getattr(self, field)}, but the run that goes on has {before}"
                raise InputError("data", field, problem)
        self.items_seen = state_dict["items_seen"]


def _itself(batch: Any) -> Any:
    return batch


def collated(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack audio and numbers of items; what else they have, of any length, stays in lists."""
    batch: dict[str, Any] = {key: [item[key] for item in items] for key in items[0]}
    audio = {name: torch.stack(batch[name]) for name in _AUDIO & batch.keys()}
    return {**batch, **audio, "item": torch.tensor(batch["item"])}
