"""Kits drawn at random, whole or put together from many."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from drummernet.kits.kit import Kit, Layer

MIXED = "mixed"
"""The name of a kit that was put together."""


class DrawnKits:
    """Draws kits.

    Args:
        kits: To draw from; at least one.
        balance: Whether all ``"kits"`` are drawn equally often, or all ``"families"`` of them: the presets of
            a SoundFont share their hats.
        mixed: The share of kits that are put together, so that no drum tells which others sound beside it:
            each component is drawn from all kits that have it.
    """

    def __init__(self, kits: Sequence[Kit], balance: Literal["kits", "families"], mixed: float) -> None:
        self._pools = _pools(kits, balance)
        self._mixed = mixed
        components = sorted({component for kit in kits for component in kit.sounds})
        self._pools_of = {
            component: _pools([kit for kit in kits if component in kit.sounds], balance)
            for component in components
        }

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


def _pools(kits: Sequence[Kit], balance: str) -> list[list[Kit]]:
    """Return the kits in groups that are drawn equally often."""
    if balance == "kits":
        return [list(kits)]
    families = sorted({kit.family for kit in kits})
    return [[kit for kit in kits if kit.family == family] for family in families]


def _drawn(pools: list[list[Kit]], rng: np.random.Generator) -> Kit:
    pool = pools[int(rng.integers(len(pools)))] if len(pools) > 1 else pools[0]
    return pool[int(rng.integers(len(pool)))]
