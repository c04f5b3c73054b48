"""Kits that are a folder of recorded sounds."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_keys, check_mapping, check_number, check_text
from drummernet.kits.kit import LONGEST_SOUND_SECONDS, Layer, Sounds


def folder_sounds(source: Mapping[str, Any], where: Path) -> Sounds:
    """Read the sounds of a ``folder`` source.

    Args:
        source: ``path``, a folder, relative to the manifest or absolute; ``components``, component to the
            name of an audio file inside that folder, in any format and at any rate, a list of names, which
            are takes, or a list of layers ``{velocity, takes}`` from soft to loud.
        where: The manifest.

    Returns:
        The sounds, at 16 kHz.

    Raises:
        InputError: for an unknown or missing key, a path that leaves the folder, an unreadable file.
    """
    entries = check_keys(source, ["path", "components"], [], where, "source")
    folder = where.parent / Path(check_text(entries["path"], where, "source.path")).expanduser()
    if not folder.is_dir():
        raise InputError(where, "source.path", f"{str(folder)!r} is no folder")
    members = check_mapping(entries["components"], where, "source.components")
    if not members:
        raise InputError(where, "source.components", "is empty")
    sounds: Sounds = {}
    for component, member in members.items():
        check_choice(component, WIDER_COMPONENTS, where, "source.components")
        sounds[component] = _layers(member, folder, where, f"source.components.{component}")
    return sounds


def _layers(member: object, folder: Path, where: Path, field: str) -> tuple[Layer, ...]:
    """Read the layers of a component."""
    if not (isinstance(member, list) and member and isinstance(member[0], Mapping)):
        return (Layer(1.0, _takes(member, folder, where, field)),)
    layers: list[Layer] = []
    for number, entry in enumerate(member):
        name = f"{field}[{number}]"
        values = check_keys(entry, ["velocity", "takes"], [], where, name)
        lowest = layers[-1].velocity if layers else 0.0
        velocity = check_number(values["velocity"], 0, 1, where, f"{name}.velocity")
        if velocity <= lowest:
            raise InputError(
                where, f"{name}.velocity", f"{velocity} is not above {lowest}, that of the softer"
            )
        layers.append(Layer(velocity, _takes(values["takes"], folder, where, f"{name}.takes")))
    if layers[-1].velocity != 1:
        raise InputError(where, field, f"the loudest layer has velocity {layers[-1].velocity}, not 1")
    return tuple(layers)


def _takes(member: object, folder: Path, where: Path, field: str) -> tuple[np.ndarray, ...]:
    names = member if isinstance(member, list) else [member]
    if not names:
        raise InputError(where, field, "is empty")
    return tuple(read_sound(folder / member_name(name, where, field)) for name in names)


def read_sound(path: Path) -> np.ndarray:
    """Read a sound (N,) float32 at 16 kHz, not more of it than a one-shot may have.

    Raises:
        InputError: if it cannot be read, or is too long.
    """
    from drummernet.audio import audio_blocks  # decoders are asked of sampled kits only

    samples = round(LONGEST_SOUND_SECONDS * SAMPLE_RATE) + 1
    sound = next(audio_blocks(path, samples))
    if len(sound) == samples:
        raise InputError(path, "duration", f"more than {LONGEST_SOUND_SECONDS:g} s: no one-shot")
    return sound


def member_name(member: object, where: Path, field: str) -> str:
    """Return the name of a file inside a kit's folder.

    Raises:
        InputError: if it is no text, or leads elsewhere.
    """
    name = check_text(member, where, field)
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        if path.anchor or ".." in path.parts:
            raise InputError(where, field, f"{name!r} leaves the kit's folder")
    return name
