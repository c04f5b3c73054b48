"""Kits drawn at random, whole or put together from many."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from drummernet.kits.kit import NORM, Kit, Layer

MIXED = "mixed"
"""The name of a kit that was put together."""

OWN_WEIGHT = (0.3, 1.0)
"""Of a component's own sound where another kit's sounds with it; their energies add up to the own one's."""


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
        layered: The share of components with which the same component of another kit sounds: drums between
            those of the kits, as producers layer them.
        lent: Whether a kit that is drawn whole has what it lacks from other kits, drawn for each component.
    """

    def __init__(
        self, pools: Sequence[KitPool], mixed: float, layered: float = 0.0, lent: bool = False
    ) -> None:
        self._pools = pools
        self._mixed = mixed
        self._layered = layered
        self._lent = lent
        components = sorted({component for pool in pools for kit in pool.kits for component in kit.sounds})
        self._pools_of = {component: _having(pools, component) for component in components}

    def draw(self, rng: np.random.Generator) -> Kit:
        """Return a kit."""
        kit = self._single(rng)
        if not self._layered:
            return kit
        other, sounds = self._single(rng), dict(kit.sounds)
        for component in sorted(kit.sounds.keys() & other.sounds.keys()):
            if rng.random() < self._layered:
                sounds[component] = layered(sounds[component], other.one_shots[component], rng)
        return replace(kit, sounds=sounds)

    def _single(self, rng: np.random.Generator) -> Kit:
        if self._mixed and rng.random() < self._mixed:
            return self._completed(Kit(MIXED, MIXED, "", "", "", {}, {}), rng)
        kit = _drawn(self._pools, rng)
        return self._completed(kit, rng) if self._lent else kit

    def _completed(self, kit: Kit, rng: np.random.Generator) -> Kit:
        """Return a kit with what it lacks, of each component from another one."""
        sounds, levels_db = dict(kit.sounds), dict(kit.mix_level_db)
        for component, pools in self._pools_of.items():
            if component not in sounds:
                other = _drawn(pools, rng)
                sounds[component] = other.sounds[component]
                levels_db[component] = other.mix_level_db[component]
        return replace(kit, sounds=sounds, mix_level_db=levels_db)


def layered(layers: tuple[Layer, ...], other: np.ndarray, rng: np.random.Generator) -> tuple[Layer, ...]:
    """Return the layers of a component with another one-shot (L,), of norm 10, under every take.

    Onsets coincide, and every take keeps its energy.
    """
    weight = rng.uniform(*OWN_WEIGHT)
    rest = np.sqrt(1 - weight**2)

    def sound(take: np.ndarray) -> np.ndarray:
        norm = np.linalg.norm(take)
        both = np.zeros(max(len(take), len(other)), np.float32)
        both[: len(take)] = weight * take
        both[: len(other)] += (rest * norm / NORM) * other
        return (both * (norm / np.linalg.norm(both))).astype(np.float32)

    return tuple(Layer(layer.velocity, tuple(map(sound, layer.takes))) for layer in layers)


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
