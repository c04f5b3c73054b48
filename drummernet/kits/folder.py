"""Kits that are a folder of recorded sounds, one file per component."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.fields import check_choice, check_keys, check_mapping, check_text


def folder_sounds(source: Mapping[str, Any], where: Path) -> dict[str, np.ndarray]:
    """Read the sounds of a ``folder`` source.

    Args:
        source: ``path``, a folder, relative to the manifest or absolute; ``components``, component to
            the name of an audio file inside that folder, in any format and at any rate.
        where: The manifest.

    Returns:
        Component to (N,) float32 at 16 kHz.

    Raises:
        InputError: for an unknown or missing key, a path that leaves the folder, an unreadable file.
    """
    from drummernet.audio import read_audio  # decoders are asked of sampled kits only

    entries = check_keys(source, ["path", "components"], [], where, "source")
    folder = where.parent / Path(check_text(entries["path"], where, "source.path")).expanduser()
    if not folder.is_dir():
        raise InputError(where, "source.path", f"{str(folder)!r} is no folder")
    members = check_mapping(entries["components"], where, "source.components")
    if not members:
        raise InputError(where, "source.components", "is empty")
    return {
        check_choice(component, WIDER_COMPONENTS, where, "source.components"): read_audio(
            folder / _member(member, where, f"source.components.{component}")
        )
        for component, member in members.items()
    }


def _member(member: object, where: Path, field: str) -> str:
    if isinstance(member, list):
        raise InputError(where, field, f"{member!r} is a list; a component has one file")
    name = check_text(member, where, field)
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        if path.anchor or ".." in path.parts:
            raise InputError(where, field, f"{name!r} leaves the kit's folder")
    return name
