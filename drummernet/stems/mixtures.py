"""Items of two kinds in one run, and items that are heard twice."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from drummernet.audio import peak_normalise
from drummernet.stems.augmentation import Augmentation

Crops = Dataset[dict[str, Any]]
"""Item n is a pure function of n; ``"audio"`` (N,) float32 is one of its entries."""

_VIEW_STREAM = 1
"""Keeps a view's random numbers apart from those of its crop."""


class MixedCrops(Crops):
    """Rendered crops among those of stems, as evenly as their share allows.

    Args:
        rendered: Crops with labels.
        stems: Crops without; their ``"hits"`` and ``"beats"`` are None.
        rendered_share: Share of the items that are rendered.
    """

    def __init__(self, rendered: Crops, stems: Crops, rendered_share: float) -> None:
        self._rendered = rendered
        self._stems = stems
        self._share = rendered_share

    def __getitem__(self, n: int) -> dict[str, Any]:
        """Return item n of the crops that it is drawn from."""
        if int((n + 1) * self._share) > int(n * self._share):
            return self._rendered[n]
        return {**self._stems[n], "hits": None, "beats": None}


class ViewedCrops(Crops):
    """Crops with a second view of each: the same hits, and times, through other equipment.

    Args:
        crops: The items.
        augmentation: What is done to the mix; that of the kit is not used.
        seed: Together with n it decides the view.
    """

    def __init__(self, crops: Crops, augmentation: Augmentation, seed: int) -> None:
        self._crops = crops
        self._augmentation = augmentation
        self._seed = seed

    def __getitem__(self, n: int) -> dict[str, Any]:
        """Return item n with its ``"view"`` (N,) float32 of peak 1."""
        item = self._crops[n]
        rng = np.random.default_rng((self._seed, n, _VIEW_STREAM))
        return {
            **item,
            "view": torch.from_numpy(peak_normalise(self._augmentation(item["audio"].numpy(), rng))),
        }
