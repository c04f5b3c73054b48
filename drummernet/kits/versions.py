"""Augmented versions of the kits of a bank, made once, so that a training step costs what it did."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.augmentation import Change, KitAugmentation, changed
from drummernet.kits.filters import amplitude
from drummernet.kits.kit import Layer

_STREAM = 2
"""Keeps these draws apart from those of items, which have seeds of other numbers."""


def augmented_versions(
    bank: torch.Tensor,
    components: Sequence[str],
    augmentation: KitAugmentation,
    versions: int,
    level: Literal["energy", "mix"] = "energy",
    variants: int = 1,
) -> torch.Tensor:
    """Return augmented versions of kits, a pure function of the arguments.

    Args:
        bank: (M · V, K, L) as :func:`drummernet.kits.bank.load_bank` returns it.
        components: The K rows.
        augmentation: How often what is changed. Gains are heard at the level ``"mix"`` alone.
        versions: How many of each kit.
        level: That of the bank.
        variants: V.

    Returns:
        (versions · M · V, K, L), the first version of every kit before the second ones.

    Raises:
        InputError: if the augmentation rattles, for which kits are played as a whole.
    """
    if augmentation.rattle:
        raise InputError("kit augmentation", "rattle", "is for rendered stems, not for a synthesizer's kits")
    result = bank.new_zeros(versions, *bank.shape).unflatten(1, (-1, variants))
    kits = bank.unflatten(0, (-1, variants)).numpy()
    for version in range(versions):
        for m, kit in enumerate(kits):
            changes = augmentation.draw(components, np.random.default_rng((version, m, _STREAM)))
            for row, component in enumerate(components):
                if kit[0, row].any():
                    sounds = _changed(kit[:, row], changes[component], component, level)
                    result[version, m, :, row] = torch.from_numpy(sounds)
    return result.flatten(0, 2)


def _changed(sounds: np.ndarray, change: Change, component: str, level: str) -> np.ndarray:
    """Return the sounds of a row (V, L), of which many may be the same, changed."""
    seconds = sounds.shape[1] / SAMPLE_RATE
    keys = [sound.tobytes() for sound in sounds]
    distinct = dict(zip(keys, sounds, strict=True))
    takes = tuple(np.trim_zeros(sound, "b") for sound in distinct.values())
    (layer,) = changed((Layer(1.0, takes),), change, "bank", component, seconds)
    gain = np.float32(1.0)
    if level == "mix":
        gain = np.float32(amplitude(change.gain_db) * np.abs(takes[0]).max() / np.abs(layer.takes[0]).max())
    played = dict(zip(distinct, layer.takes, strict=True))
    result = np.zeros_like(sounds)
    for sound, key in zip(result, keys, strict=True):
        sound[: len(played[key])] = gain * played[key]
    return result
