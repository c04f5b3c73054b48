"""A prepared corpus in the memory of a device: the host draws the crops, the device cuts them out."""

from typing import Any, TypeGuard

import torch
from torch.utils.data import Dataset

from drummernet.stems.corpus import Corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.prepared import SAMPLE_TYPE, PreparedCorpus

RESIDENT_SHARE = 0.25
"""The most of a device's free memory that a corpus may take; the rest is for the step."""


def fits_on(corpus: Corpus, device: torch.device) -> TypeGuard[PreparedCorpus]:
    """Return whether a corpus is to be held on a device: if it is prepared, on CUDA, and small enough."""
    if device.type != "cuda" or not isinstance(corpus, PreparedCorpus):
        return False
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return corpus.total_samples * SAMPLE_TYPE.itemsize <= RESIDENT_SHARE * free_bytes


class CropPlaces(Dataset[dict[str, Any]]):
    """The crops of a dataset by where they lie, batch by batch; their samples stay where they are.

    Args:
        crops: Draws them.
        corpus: The corpus that it draws from.
    """

    def __init__(self, crops: CropDataset, corpus: PreparedCorpus) -> None:
        self._crops = crops
        self._corpus = corpus

    def __getitems__(self, items: list[int]) -> dict[str, torch.Tensor]:
        """Return {"place": (B, 3), "item": (B,)}; a place is first sample, number of samples, peak.

        First samples are counted as in :attr:`PreparedCorpus.first_samples`, peaks in steps of int16.

        Raises:
            InputError: as :meth:`CropDataset.draw`.
        """
        places = []
        for crop in map(self._crops.draw, items):
            first_sample = int(self._corpus.first_samples[crop.stem]) + crop.start_sample
            places.append((first_sample, len(crop.part), int(crop.peak)))
        return {"place": torch.tensor(places), "item": torch.tensor(items)}


class ResidentStems:
    """All samples of a prepared corpus on a device.

    Args:
        corpus: The corpus.
        samples: N, the length of a crop.
        device: Where the samples are held, 2 bytes each.
    """

    def __init__(self, corpus: PreparedCorpus, samples: int, device: torch.device) -> None:
        self._samples = torch.empty(corpus.total_samples, dtype=torch.int16, device=device)
        for stem, (start, length) in enumerate(zip(corpus.first_samples, corpus.lengths, strict=True)):
            self._samples[start : start + length].copy_(torch.from_numpy(corpus.read(stem, 0, length).copy()))
        self._offsets = torch.arange(samples, device=device)

    def crops(self, places: torch.Tensor) -> torch.Tensor:
        """Return the audio (B, N) of places (B, 3), float32 with a peak of 1: what the dataset gives."""
        first, length, peak = places.to(self._samples.device, non_blocking=True).unsqueeze(-1).unbind(1)
        inside = self._offsets < length
        # Beyond the end of a short stem lies the next one, or nothing.
        positions = torch.where(inside, first + self._offsets, 0)
        return (self._samples[positions].float() / peak.float()).masked_fill(~inside, 0.0)
