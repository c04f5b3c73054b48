"""Kits that are a preset of a SoundFont, an sf2 or an sf3 file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_keys, check_mapping, check_number, check_text
from drummernet.kits.kit import Layer, Sounds
from drummernet.kits.layers import bands
from drummernet.kits.sf2 import SoundFont, find_preset, read_soundfont
from drummernet.kits.sf2_voice import RATE_HZ, strike
from drummernet.kits.sf2_zones import Preset, Zone, presets, zones

_SAME = 0.999
"""Sounds that are correlated so closely differ in level alone."""
_SOFTEST = 1e-3
"""Layers that are softer than this, relative to the loudest, are none."""


def soundfont_sounds(source: Mapping[str, Any], where: Path) -> Sounds:
    """Play the sounds of a ``soundfont`` source.

    Every layer is struck as hard as it can be, so their levels are those that the preset gives them. Layers
    that differ in nothing but their level are one.

    Args:
        source: ``path``, an sf2 or sf3 file, relative to the manifest or absolute; ``bank`` (128 is
            percussion) and ``preset``; ``components``, component to MIDI note.
        where: The manifest.

    Returns:
        The sounds, at 16 kHz, at most 1.5 s of each.

    Raises:
        InputError: for an unknown or missing key, preset or note, or a file that is missing or broken.
    """
    entries = check_keys(source, ["path", "bank", "preset", "components"], [], where, "source")
    path = where.parent / Path(check_text(entries["path"], where, "source.path")).expanduser()
    if not path.is_file():
        raise InputError(where, "source.path", f"{str(path)!r} is no file")
    bank, number = (_whole(entries[key], 65535, where, f"source.{key}") for key in ("bank", "preset"))
    members = check_mapping(entries["components"], where, "source.components")
    if not members:
        raise InputError(where, "source.components", "is empty")
    notes = {}
    for component, note in members.items():
        check_choice(component, WIDER_COMPONENTS, where, "source.components")
        notes[component] = _whole(note, 127, where, f"source.components.{component}")
    font = read_soundfont(path)
    index = find_preset(font, bank, number)
    if index is None:
        problem = f"{path.name} has no {bank}:{number}; it has {_known(font, bank)}"
        raise InputError(where, "source.preset", problem)
    all_zones = zones(font, index)
    sounds: Sounds = {}
    for component, note in notes.items():
        struck = [zone for zone in all_zones if zone.keys[0] <= note <= zone.keys[1]]
        if not struck:
            known = sorted({key for zone in all_zones for key in range(zone.keys[0], zone.keys[1] + 1)})
            problem = f"note {note} has no sound in {bank}:{number}; those with one are {known}"
            raise InputError(where, f"source.components.{component}", problem)
        sounds[component] = _layers(font, struck, note)
    return sounds


def soundfont_presets(path: Path) -> list[Preset]:
    """Return the presets of a file, with the notes that have sounds.

    Raises:
        InputError: if it cannot be opened, is no SoundFont or is broken.
    """
    return presets(read_soundfont(path))


def _whole(value: object, highest: int, where: Path, field: str) -> int:
    number = check_number(value, 0, highest, where, field)
    if not isinstance(number, int):
        raise InputError(where, field, f"{number} is not a whole number")
    return number


def _known(font: SoundFont, bank: int) -> str:
    known = presets(font)
    near = [preset for preset in known if preset.bank == bank] or known
    return ", ".join(f"{preset.bank}:{preset.number} {preset.name}" for preset in near)


def _layers(font: SoundFont, struck: list[Zone], note: int) -> tuple[Layer, ...]:
    """Strike the zones of a note once per layer."""
    layers: list[Layer] = []
    ranges = [(max(zone.velocities[0], 1) - 1, zone.velocities[1]) for zone in struck]
    for velocity, members in reversed(bands(ranges)):
        sound = _struck(font, [struck[member] for member in members], note, int(velocity))
        if not layers:
            layers.append(Layer(1.0, (sound,)))
            continue
        loudest, above = layers[0].takes[0], layers[-1].takes[0]
        if np.abs(sound).max(initial=0) > _SOFTEST * np.abs(loudest).max(initial=0) and _differ(sound, above):
            layers.append(Layer(velocity / 127, (sound,)))
    return tuple(reversed(layers))


def _struck(font: SoundFont, members: list[Zone], note: int, velocity: int) -> np.ndarray:
    import soxr

    voices = [strike(font, zone, note, velocity) for zone in members]
    mixed = np.zeros(max(voice.size for voice in voices))
    for voice in voices:
        mixed[: voice.size] += voice
    sound: np.ndarray = soxr.resample(mixed, RATE_HZ, SAMPLE_RATE, quality="HQ").astype(np.float32)
    return sound


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two sounds differ in more than their level."""
    both = min(one.size, other.size)
    product = np.linalg.norm(one) * np.linalg.norm(other)
    return bool(abs(one[:both] @ other[:both]) < _SAME * product)
