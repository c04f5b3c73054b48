"""Kits whose sounds are a safetensors file: they load without an audio decoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_keys, check_text
from drummernet.kits.kit import Layer, Sounds


def tensor_sounds(source: Mapping[str, Any], where: Path) -> Sounds:
    """Read the sounds of a ``tensors`` source, as :func:`drummernet.kits.pack.pack_kits` writes them.

    Args:
        source: ``path``, the name of a ``.safetensors`` file beside the manifest, whose tensors are called
            ``COMPONENT/VELOCITY/TAKE``.
        where: The manifest.

    Returns:
        The sounds, (L,) float32 at 16 kHz.

    Raises:
        InputError: for an unknown or missing key, a file elsewhere or unreadable, a sound of another form.
    """
    name = check_text(check_keys(source, ["path"], [], where, "source")["path"], where, "source.path")
    if Path(name).name != name:
        raise InputError(where, "source.path", f"{name!r} is not the name of a file beside the manifest")
    path = where.parent / name
    try:
        tensors: dict[str, np.ndarray] = load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(path, "tensors", f"cannot be read: {error}") from error
    if not tensors:
        raise InputError(path, "tensors", "holds none")
    takes: dict[str, dict[float, list[np.ndarray]]] = {}
    for tensor in sorted(tensors, key=_place):
        component, velocity, _ = _place(tensor)
        sound = tensors[tensor]
        check_choice(component, WIDER_COMPONENTS, path, "tensors")
        if sound.ndim != 1 or sound.dtype != np.float32 or not 0 < velocity <= 1:
            problem = f"{sound.dtype} of shape {sound.shape} is no take (L,) float32 of a velocity up to 1"
            raise InputError(path, tensor, problem)
        takes.setdefault(component, {}).setdefault(velocity, []).append(sound)
    return {
        component: tuple(Layer(velocity, tuple(sounds)) for velocity, sounds in layers.items())
        for component, layers in takes.items()
    }


def tensor_name(component: str, velocity: float, take: int) -> str:
    """Return what the tensor of a take is called."""
    return f"{component}/{velocity:g}/{take}"


def _place(name: str) -> tuple[str, float, int]:
    """Return component, velocity (0 if there is none) and take of a tensor."""
    component, _, rest = name.partition("/")
    velocity, _, take = rest.partition("/")
    try:
        return component, float(velocity), int(take)
    except ValueError:
        return component, 0.0, 0
