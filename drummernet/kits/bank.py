"""Banks: the one-shots of several kits as one tensor, for the synthesizer."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS, check_components
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_number, hint
from drummernet.kits.kit import GROUPS, ONE_SHOT_SECONDS, one_shot
from drummernet.kits.manifest import kit_names, load_kit

LEVELS = ("energy", "mix")
"""How the one-shots of a bank relate: equal norms, or the peaks that they have in the kit's mix."""


def resolve_kits(kits: str | Sequence[str]) -> list[str]:
    """Return the kits that are meant, each once, in the order in which they are named.

    Args:
        kits: A group, a packaged kit, a manifest's path or a pattern (``*``, ``?``, ``[…]``) over
            packaged names or, if it ends in ``.yaml``, over the files of a folder; or several of these.

    Returns:
        Names of packaged kits and paths of manifests.

    Raises:
        InputError: if one of them means no kit; the message says which there are.
    """
    items = [kits] if isinstance(kits, str) else list(kits)
    if not items:
        raise InputError("kits", "list", "is empty")
    return list(dict.fromkeys(name for item in items for name in _resolve(item)))


def _resolve(item: str) -> list[str]:
    if item in GROUPS:
        found = kit_names(item)
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
) -> torch.Tensor:
    """Load kits as one tensor.

    Args:
        kits: See :func:`resolve_kits`.
        components: The rows, K of them.
        one_shot_seconds: The length of all one-shots, 0.05 to 1; longer ones are cut with a fade.
        level: ``"energy"``: every norm is 10; ``"mix"``: every peak is that of a hit of velocity 1 in
            the kit's mix.

    Returns:
        (M, K, L) float32 at 16 kHz, zero after the end of a one-shot and where a kit lacks a component.

    Raises:
        InputError: if a kit or a component is unknown, or the length or the level.
    """
    check_choice(level, LEVELS, "load_bank", "level")
    check_number(one_shot_seconds, 0.05, ONE_SHOT_SECONDS, "load_bank", "one_shot_seconds")
    rows = check_components(components, "load_bank")
    names = resolve_kits(kits)
    bank = torch.zeros(len(names), len(rows), round(one_shot_seconds * SAMPLE_RATE))
    for index, name in enumerate(names):
        kit = load_kit(name)
        for row, component in enumerate(rows):
            if component in kit.one_shots:
                sound = one_shot(kit.one_shots[component], name, component, one_shot_seconds)
                if level == "mix":
                    sound = sound * (10 ** (kit.mix_level_db[component] / 20) / abs(sound).max())
                bank[index, row, : sound.size] = torch.from_numpy(sound)
    return bank
