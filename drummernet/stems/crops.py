"""Random crops of stems, each a pure function of the seed and its number."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from drummernet import SAMPLE_RATE
from drummernet.audio import peak_normalise, read_segment
from drummernet.errors import InputError
from drummernet.stems.corpus import Corpus, Stem

SILENCE_PEAK = 1e-3
"""-60 dBFS; a crop that stays below it is drawn again."""

_MOST_DRAWS = 100
_logger = logging.getLogger(__name__)


class CropDataset(Dataset[dict[str, Any]]):
    """Crops of N = crop_seconds · 16000 samples, as many as anybody asks for.

    Item n depends on the corpus, the seed and n alone: its stem is drawn uniformly over the stems (not
    over time, as in the paper), then its start uniformly over the stem. A stem shorter than a crop is
    zero-padded on the right.

    Args:
        corpus: The stems to draw from.
        seed: Together with n it decides item n.
        crop_seconds: Length of a crop.
    """

    def __init__(self, corpus: Corpus, seed: int, crop_seconds: float = 2.0) -> None:
        self._stems = corpus.stems
        self._seed = seed
        self._samples = round(crop_seconds * SAMPLE_RATE)
        self._warned: set[Path] = set()

    def __getitem__(self, n: int) -> dict[str, Any]:
        """Return {"audio": (N,) float32 with a peak of 1, "item": n}.

        Raises:
            InputError: if no draw out of a hundred gave a crop that can be used.
        """
        rng = np.random.default_rng((self._seed, n))
        unreadable = 0
        last = ""
        for _ in range(_MOST_DRAWS):
            stem, start_sample = self._draw(rng)
            try:
                crop = self._read(stem, start_sample)
            except InputError as error:
                self._warn_once(stem, error)
                unreadable += 1
                last = str(error)
                continue
            if np.abs(crop).max() >= SILENCE_PEAK:
                return {"audio": torch.from_numpy(peak_normalise(crop)), "item": n}
            last = f"{stem.path}: samples: silent from {start_sample / SAMPLE_RATE:.3f} s on"
        counts = f"{unreadable} unreadable, {_MOST_DRAWS - unreadable} silent"
        raise InputError(
            f"item {n}", "crop", f"none of {_MOST_DRAWS} draws is usable: {counts}; last: {last}"
        )

    def _draw(self, rng: np.random.Generator) -> tuple[Stem, int]:
        """Draw a stem and where its crop starts, counted at 16 kHz."""
        stem = self._stems[int(rng.integers(len(self._stems)))]
        spare_samples = round(stem.duration_seconds * SAMPLE_RATE) - self._samples
        return stem, int(rng.integers(max(0, spare_samples) + 1))

    def _read(self, stem: Stem, start_sample: int) -> np.ndarray:
        """Return the crop (N,), zero-padded on the right."""
        crop = np.zeros(self._samples, np.float32)
        part = read_segment(stem.path, start_sample, self._samples)
        crop[: len(part)] = part
        return crop

    def _warn_once(self, stem: Stem, error: InputError) -> None:
        if stem.path not in self._warned:
            self._warned.add(stem.path)
            _logger.warning("crop drawn again: %s", error)
