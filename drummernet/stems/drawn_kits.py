"""Kits drawn at random, whole or put together from many."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drummernet.kits.kit import Kit, Layer

MIXED = "mixed"
"""The name of a kit that was put together."""


class KitPool(NamedTuple):
    """Kits that are drawn equally often.

    Attributes:
        share: How often one of them is drawn, relative to other pools.
        kits: At least one.
    """

    share: float
    kits: list[Kit]


class DrawnKits:
    """Draws kits.

    Args:
        pools: To draw from; at least one.
        mixed: The share of kits that are put together, so that no drum tells which others sound beside it:
            each component is drawn from all kits that have it.
    """

    def __init__(self, pools: Sequence[KitPool], mixed: float) -> None:
        self._pools = pools
        self._mixed = mixed
        components = sorted({component for pool in pools for kit in pool.kits for component in kit.sounds})
        self._pools_of = {component: _having(pools, component) for component in components}

    def draw(self, rng: np.random.Generator) -> Kit:
        """Return a kit."""
        if not (self._mixed and rng.random() < self._mixed):
            return _drawn(self._pools, rng)
        sounds: dict[str, tuple[Layer, ...]] = {}
        levels_db = {}
        for component, pools in self._pools_of.items():
            kit = _drawn(pools, rng)
            sounds[component], levels_db[component] = kit.sounds[component], kit.mix_level_db[component]
        return Kit(MIXED, MIXED, kit.group, "", "", sounds, levels_db)


def _having(pools: Sequence[KitPool], component: str) -> list[KitPool]:
    """Return the pools without kits that lack a component, and without pools that then are empty."""
    kept = (KitPool(pool.share, [kit for kit in pool.kits if component in kit.sounds]) for pool in pools)
    return [pool for pool in kept if pool.kits]


def _drawn(pools: Sequence[KitPool], rng: np.random.Generator) -> Kit:
    pool = pools[0]
    if len(pools) > 1:
        ends = np.cumsum([pool.share for pool in pools])
        pool = pools[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]
    return pool.kits[int(rng.integers(len(pool.kits)))]
