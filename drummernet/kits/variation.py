"""Procedural kits without end: between two kits of a kind, and beyond, towards recorded ones.

A model that hears thirty kits learns these thirty; one that hears hundreds must learn what they have in
common (domain randomisation: Tobin et al., IROS 2017).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drummernet.errors import InputError
from drummernet.kits.cymbals import Cymbal
from drummernet.kits.drums import Knock
from drummernet.kits.filters import drawn
from drummernet.kits.kit import MIX_LEVELS_DB, Kit, normalised
from drummernet.kits.manifest import Manifest, read_manifest
from drummernet.kits.procedural import VOICES, Desk, Room, procedural_sounds

SPREAD = 0.2
"""Standard deviation of the logarithm of what a value is multiplied by, beyond the mixture of two."""

FACTORS: dict[str, dict[str, tuple[float, float]]] = {
    "SD": {"wires": (0.15, 1.3), "frequency_hz": (0.8, 1.7), "decay_seconds": (0.5, 1.6)},
    "CHH": {"decay_seconds": (1.0, 10.0)},
    "PHH": {"decay_seconds": (1.0, 3.0)},
    "OHH": {"decay_seconds": (1.0, 6.0)},
    "RDC": {"decay_seconds": (1.5, 6.0)},
    "CRC": {"decay_seconds": (1.5, 8.0)},
    "HIT": {"frequency_hz": (0.65, 1.1)},
    "MHT": {"frequency_hz": (0.65, 1.1)},
    "HFT": {"frequency_hz": (0.65, 1.1)},
}
"""Ranges of factors of parameters, drawn over the logarithm. The packaged kits have hats and cymbals shorter
than recorded ones, higher toms, and snares with more wires, all of about one pitch."""

_BODY_SHARE = 0.8
BODY_RANGES = {"body": (0.1, 1.5), "body_hz": (250.0, 1100.0)}
_BODY_DECAYS = (0.3, 1.5)
"""How often hats and cymbals have low modes, which recorded ones have and the packaged kits lack; level and
place; and their decay in parts of the wash's."""

_SIDE_STICK = "SST"
_SIDE_STICK_RANGES = {
    "frequency_hz": (180.0, 1300.0),
    "modes": (3.0, 9.0),
    "octaves": (1.5, 3.5),
    "decay_seconds": (0.06, 0.4),
    "damping": (0.05, 1.0),
    "click": (0.05, 1.0),
    "click_hz": (1500.0, 6000.0),
    "click_seconds": (0.003, 0.03),
}
"""Procedural kits come without a side stick."""


def varied_kits(kits: Sequence[str], count: int, seed: int) -> list[Kit]:
    """Make kits from procedural ones: every parameter lies between those of two of them, or near.

    Some then go beyond these kits, towards recorded ones: ``FACTORS``, low modes of hats and cymbals, side
    sticks. Kit n depends on the kits, n and the seed alone.

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
        voices[component] = {"type": voice["type"], **_widened(component, voice["type"], between, rng)}
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
    between = {}
    for field in dataclasses.fields(kind):
        default = None if field.default is dataclasses.MISSING else field.default
        ends = a.get(field.name, default), b.get(field.name, default)
        if all(end > 0 for end in ends):
            value = math.exp((1 - share) * math.log(ends[0]) + share * math.log(ends[1]))
        else:
            value = (1 - share) * ends[0] + share * ends[1]
        between[field.name] = value * math.exp(rng.normal(0, SPREAD))
    return _within(kind, between)


def _widened(
    component: str, kind: str, parameters: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Carry a voice beyond what the packaged kits have, towards what recorded ones have."""
    wider = dict(parameters)
    for name, factors in FACTORS.get(component, {}).items():
        if name in wider:  # a snare may be a voice without wires
            wider[name] *= drawn(factors, rng)
    if issubclass(VOICES[kind], Cymbal) and rng.random() < _BODY_SHARE:
        wider |= {name: drawn(bounds, rng) for name, bounds in BODY_RANGES.items()}
        wider["body_decay_seconds"] = wider["decay_seconds"] * drawn(_BODY_DECAYS, rng)
    return _within(VOICES[kind], wider)


def _within(kind: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a kind, each within its range."""
    clipped: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in parameters:
            value = min(max(parameters[field.name], field.metadata["low"]), field.metadata["high"])
            clipped[field.name] = round(value) if field.type is int else float(value)
    return clipped


def _side_stick(rng: np.random.Generator) -> dict[str, Any]:
    ranges = {name: drawn(bounds, rng) for name, bounds in _SIDE_STICK_RANGES.items()}
    return {"type": "knock", **_within(Knock, ranges)}
