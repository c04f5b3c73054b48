"""Banks: the one-shots of several kits as one tensor, for the synthesizer."""

import fnmatch
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS, members_of
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_number, hint
from drummernet.kits.kit import GROUPS, ONE_SHOT_SECONDS, Kit, normalised
from drummernet.kits.manifest import kit_names, load_kit, read_manifest
from drummernet.resources import named_resource

LEVELS = ("energy", "mix")
"""How the one-shots of a bank relate: equal norms, or the peaks that they have in the kit's mix."""


def resolve_kits(kits: str | Sequence[str]) -> list[str]:
    """Return the kits that are meant, each once, in the order in which they are named.

    Args:
        kits: A group, a packaged kit, a manifest's path, a pattern (``*``, ``?``, ``[…]``) over packaged
            names or, if it ends in ``.yaml``, over the files of a folder, ``family:NAME`` or
            ``licence:SPDX``; or several of these.

    Returns:
        Names of packaged kits and paths of manifests.

    Raises:
        InputError: if one of them means no kit, the message says which there are, or two have one name.
    """
    items = [kits] if isinstance(kits, str) else list(kits)
    if not items:
        raise InputError("kits", "list", "is empty")
    found: dict[str, tuple[str, Path]] = {}
    for name in (name for item in items for name in _resolve(item)):
        path = named_resource("drum_kits", name)
        _, other = found.setdefault(path.stem, (name, path))
        if not other.samefile(path):
            raise InputError("kits", "name", f"{path.stem!r} is that of {other} and of {path}")
    return [name for name, _ in found.values()]


def _resolve(item: str) -> list[str]:
    field, _, value = item.partition(":")
    if item in GROUPS:
        found = kit_names(item)
    elif value and field in ("family", "licence"):
        manifests = [read_manifest(name) for name in kit_names()]
        found = [manifest.name for manifest in manifests if getattr(manifest, field) == value]
        if not found:
            known = sorted({getattr(manifest, field) for manifest in manifests})
            raise InputError("kits", field, f"unknown {hint(value, known)}")
    elif item.endswith(".yaml"):
        path = Path(item).expanduser()
        found = [item] if path.is_file() else sorted(map(str, path.parent.glob(path.name)))
    else:
        found = fnmatch.filter(kit_names(), item)
    if not found:
        raise InputError("kits", "name", f"unknown {hint(item, [*GROUPS, *kit_names()])}")
    return found


def load_bank(
    kits: str | Sequence[str],
    components: Sequence[str] = COMPONENTS,
    one_shot_seconds: float = ONE_SHOT_SECONDS,
    level: Literal["energy", "mix"] = "energy",
    variants: int = 1,
) -> torch.Tensor:
    """Load kits as one tensor.

    Args:
        kits: See :func:`resolve_kits`.
        components: The rows, K of them; also classes, such as HH, which sound like their members.
        one_shot_seconds: The length of all one-shots, 0.05 to 1; longer ones are cut with a fade.
        level: ``"energy"``: every norm is 10; ``"mix"``: every peak is that of a hit of velocity 1 in
            the kit's mix. It holds for the loudest layer's first take; the others keep their ratio to it.
        variants: V, how many of its sounds each component of a kit has, round and round if there are fewer:
            first takes of all layers from loud to soft, then second ones, and so on.

    Returns:
        (M · V, K, L) float32 at 16 kHz, zero after the end of a one-shot and where a kit lacks a component;
        the variants of a kit follow each other.

    Raises:
        InputError: if a kit or a component is unknown, or the length or the level.
    """
    check_choice(level, LEVELS, "load_bank", "level")
    check_number(one_shot_seconds, 0.05, ONE_SHOT_SECONDS, "load_bank", "one_shot_seconds")
    members = {row: members_of(row, "load_bank") for row in components}
    names = resolve_kits(kits)
    bank = torch.zeros(len(names), variants, len(members), round(one_shot_seconds * SAMPLE_RATE))
    for index, name in enumerate(names):
        kit = load_kit(name, sorted({name for row in members.values() for name in row}))
        for row, named in enumerate(members.values()):
            sounds = _variants(kit, named, one_shot_seconds, level)
            for variant in range(variants if sounds else 0):
                sound = sounds[variant % len(sounds)]
                bank[index, variant, row, : sound.size] = torch.from_numpy(sound)
    return bank.flatten(0, 1)


def _variants(kit: Kit, components: Sequence[str], seconds: float, level: str) -> list[np.ndarray]:
    """Return the sounds of a row of the bank, (L,) each."""
    sounds = []
    for component in components:
        if component in kit.sounds:
            layers = normalised(kit.sounds[component], kit.name, component, seconds)
            first = layers[-1].takes[0]
            peak = 10 ** (kit.mix_level_db[component] / 20)
            gain = np.float32(peak / np.abs(first).max() if level == "mix" else 1.0)
            takes = zip_longest(*(layer.takes for layer in reversed(layers)))
            sounds += [gain * take for group in takes for take in group if take is not None]
    return sounds
