"""Procedural kits without end: between two kits of a kind, and a little beyond.

A model that hears thirty kits learns these thirty; one that hears hundreds must learn what they have in
common (domain randomisation: Tobin et al., IROS 2017).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drummernet.errors import InputError
from drummernet.kits.kit import MIX_LEVELS_DB, Kit, normalised
from drummernet.kits.manifest import Manifest, read_manifest
from drummernet.kits.procedural import VOICES, Desk, Room, procedural_sounds

SPREAD = 0.2
"""Standard deviation of the logarithm of what a value is multiplied by, beyond the mixture of two."""

_SIDE_STICK = "SST"
_SIDE_STICK_RANGES = {
    "frequency_hz": (250.0, 400.0),
    "decay_seconds": (0.03, 0.1),
    "overtones": (0.5, 1.5),
    "click": (0.5, 2.0),
    "click_hz": (1500.0, 6000.0),
    "click_seconds": (0.003, 0.02),
}
"""A stick on the skin strikes the rim: a short knock of high modes. Procedural kits come without one."""


def varied_kits(kits: Sequence[str], count: int, seed: int) -> list[Kit]:
    """Make kits from procedural ones: every parameter lies between those of two of them, or near.

    Kit n depends on the kits, n and the seed alone.

    Args:
        kits: Names or paths of manifests; those that are not procedural are left out.
        count: How many.
        seed: Together with n it decides kit n.

    Raises:
        InputError: if none of the kits is procedural.
    """
    manifests = [manifest for manifest in map(read_manifest, kits) if manifest.source_type == "procedural"]
    if not manifests:
        raise InputError("kits", "varied", "none of the kits is procedural")
    return [_varied(manifests, n, np.random.default_rng((seed, n))) for n in range(count)]


def _varied(manifests: Sequence[Manifest], n: int, rng: np.random.Generator) -> Kit:
    """Vary one manifest towards others, each component towards another."""
    home = manifests[int(rng.integers(len(manifests)))]
    name = f"{home.name}_varied_{n}"
    voices = {}
    for component, voice in home.source["voices"].items():
        kin = [kin for kin in _voices(manifests, component) if kin["type"] == voice["type"]]
        between = _between(VOICES[voice["type"]], voice, kin[int(rng.integers(len(kin)))], rng)
        voices[component] = {"type": voice["type"], **between}
    voices.setdefault(_SIDE_STICK, _side_stick(rng))
    source: dict[str, Any] = {"voices": voices, "seed": int(rng.integers(2**31))}
    desk, other = home.source, manifests[int(rng.integers(len(manifests)))].source
    source |= {key: value for key, value in _between(Desk, desk, other, rng).items() if key != "seed"}
    if "room" in desk and "room" in other:
        source["room"] = _between(Room, desk["room"], other["room"], rng)
    sounds = {
        component: normalised(layers, name, component)
        for component, layers in procedural_sounds(source, home.path).items()
    }
    levels_db = {
        component: home.mix_level_db.get(component, MIX_LEVELS_DB[component]) for component in sounds
    }
    return Kit(name, home.family, home.group, home.licence, home.attribution, sounds, levels_db)


def _voices(manifests: Sequence[Manifest], component: str) -> list[Mapping[str, Any]]:
    return [
        manifest.source["voices"][component]
        for manifest in manifests
        if component in manifest.source["voices"]
    ]


def _between(
    kind: type, a: Mapping[str, Any], b: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the parameters of a kind between two of that kind, multiplied by a little, within their ranges."""
    share = rng.uniform()
    drawn: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        default = None if field.default is dataclasses.MISSING else field.default
        ends = a.get(field.name, default), b.get(field.name, default)
        if all(end > 0 for end in ends):
            value = math.exp((1 - share) * math.log(ends[0]) + share * math.log(ends[1]))
        else:
            value = (1 - share) * ends[0] + share * ends[1]
        value *= math.exp(rng.normal(0, SPREAD))
        value = min(max(value, field.metadata["low"]), field.metadata["high"])
        drawn[field.name] = round(value) if field.type is int else float(value)
    return drawn


def _side_stick(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "type": "membrane",
        **{name: float(rng.uniform(*bounds)) for name, bounds in _SIDE_STICK_RANGES.items()},
    }
