"""Random crops of stems, each a pure function of the seed and its number."""

import logging
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from drummernet import SAMPLE_RATE
from drummernet.audio import SILENCE_PEAK
from drummernet.errors import InputError
from drummernet.stems.corpus import Corpus

_MOST_DRAWS = 100
_logger = logging.getLogger(__name__)


class Crop(NamedTuple):
    """What was drawn.

    Attributes:
        stem: The number of the stem in the corpus.
        start_sample: Where the crop starts in it, at 16 kHz.
        part: (n,), n ≤ N where the stem ends before, as the corpus holds it.
        peak: The largest magnitude of the part.
    """

    stem: int
    start_sample: int
    part: np.ndarray
    peak: float


class CropDataset(Dataset[dict[str, Any]]):
    """Crops of N = crop_seconds · 16000 samples, as many as anybody asks for.

    Item n depends on the arguments and n alone: its stem is drawn first, then its start uniformly over the
    stem. A stem shorter than a crop is zero-padded on the right.

    Args:
        corpus: The stems to draw from.
        seed: Together with n it decides item n.
        crop_seconds: Length of a crop.
        weights: The probability of each stem (S,), see :func:`drummernet.stems.weights.stem_weights`; equal
            if None, as in the paper.
    """

    def __init__(
        self, corpus: Corpus, seed: int, crop_seconds: float = 2.0, weights: np.ndarray | None = None
    ) -> None:
        self.corpus = corpus
        self.samples = round(crop_seconds * SAMPLE_RATE)
        self._seed = seed
        self._cumulative = None if weights is None else np.cumsum(weights)
        self._warned: set[int] = set()

    def __getitem__(self, n: int) -> dict[str, Any]:
        """Return {"audio": (N,) float32 with a peak of 1, "item": n}.

        Raises:
            InputError: as :meth:`draw`.
        """
        crop = self.draw(n)
        audio = np.zeros(self.samples, np.float32)
        np.divide(crop.part, crop.peak, out=audio[: len(crop.part)], dtype=np.float32, casting="same_kind")
        return {"audio": torch.from_numpy(audio), "item": n}

    def draw(self, n: int) -> Crop:
        """Return the crop of item n.

        Raises:
            InputError: if no draw out of a hundred gave a crop that can be used.
        """
        rng = np.random.default_rng((self._seed, n))
        unreadable = 0
        last = ""
        for _ in range(_MOST_DRAWS):
            stem = self._stem(rng)
            start_sample = int(rng.integers(max(0, int(self.corpus.lengths[stem]) - self.samples) + 1))
            try:
                part = self.corpus.read(stem, start_sample, self.samples)
            except InputError as error:
                self._warn_once(stem, error)
                unreadable += 1
                last = str(error)
                continue
            peak = max(float(part.max(initial=0)), -float(part.min(initial=0)))
            if peak * self.corpus.scale(stem) >= SILENCE_PEAK:
                return Crop(stem, start_sample, part, peak)
            name = self.corpus.name(stem)
            last = f"{name}: samples: silent from {start_sample / SAMPLE_RATE:.3f} s on"
        counts = f"{unreadable} unreadable, {_MOST_DRAWS - unreadable} silent"
        raise InputError(
            f"item {n}", "crop", f"none of {_MOST_DRAWS} draws is usable: {counts}; last: {last}"
        )

    def _stem(self, rng: np.random.Generator) -> int:
        stems = len(self.corpus.lengths)
        if self._cumulative is None:
            return int(rng.integers(stems))
        # Bisection: 20 steps for a million stems, less than a microsecond.
        place = rng.random() * self._cumulative[-1]
        return min(int(np.searchsorted(self._cumulative, place, side="right")), stems - 1)

    def _warn_once(self, stem: int, error: InputError) -> None:
        if stem not in self._warned:
            self._warned.add(stem)
            _logger.warning("crop drawn again: %s", error)
