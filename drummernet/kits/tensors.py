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


def tensor_sounds(source: Mapping[str, Any], where: Path) -> dict[str, np.ndarray]:
    """Read the sounds of a ``tensors`` source, as :func:`drummernet.kits.pack.pack_kits` writes them.

    Args:
        source: ``path``, the name of a ``.safetensors`` file beside the manifest.
        where: The manifest.

    Returns:
        Component to (L,) float32 at 16 kHz.

    Raises:
        InputError: for an unknown or missing key, a file elsewhere or unreadable, a sound of another form.
    """
    name = check_text(check_keys(source, ["path"], [], where, "source")["path"], where, "source.path")
    if Path(name).name != name:
        raise InputError(where, "source.path", f"{name!r} is not the name of a file beside the manifest")
    path = where.parent / name
    try:
        sounds: dict[str, np.ndarray] = load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(path, "tensors", f"cannot be read: {error}") from error
    if not sounds:
        raise InputError(path, "tensors", "holds none")
    for component, sound in sounds.items():
        check_choice(component, WIDER_COMPONENTS, path, "tensors")
        if sound.ndim != 1 or sound.dtype != np.float32:
            raise InputError(path, component, f"{sound.dtype} of shape {sound.shape} is not (L,) float32")
    return sounds
