"""``drummernet kits list``: which kits there are, and whether their sounds are here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.bank import resolve_kits
from drummernet.kits.manifest import Manifest, read_manifest
from drummernet.resources import replaced_file


@dataclass(frozen=True)
class Listed:
    """A kit as a list shows it.

    Attributes:
        name: Of the kit.
        family: See :class:`drummernet.kits.kit.Kit`, as for ``group`` and ``licence``.
        group: What it may be used for.
        source: The type of its source.
        licence: An SPDX identifier.
        components: Those that its manifest names, in the order of the vocabulary; what can be derived of
            them comes on top.
        usable: Whether it names any and the files that it names exist; they are not opened.
        needs: The Debian package, or the file, that is missing; else empty.
    """

    name: str
    family: str
    group: str
    source: str
    licence: str
    components: tuple[str, ...]
    usable: bool
    needs: str


def read_manifests(kits: str | Sequence[str] = "*") -> list[Manifest]:
    """Read the manifests of kits (see :func:`drummernet.kits.bank.resolve_kits`).

    Raises:
        InputError: if one is unknown or broken, or two of them have one name.
    """
    return [read_manifest(name) for name in resolve_kits(kits)]


def list_kits(kits: str | Sequence[str] = "*") -> list[Listed]:
    """List kits without reading their sounds.

    Raises:
        InputError: as :func:`read_manifests`.
    """
    return [_listed(manifest) for manifest in read_manifests(kits)]


def needs(manifest: Manifest) -> str:
    """Return what a kit lacks: a package, if it says which brings its sounds, or a file; empty if nothing."""
    missing = next((path for path in _files(manifest) if not path.exists()), None)
    return (manifest.package or str(missing)) if missing else ""


def write_list(path: Path, kits: Sequence[Listed]) -> None:
    """Write a list as JSON."""
    with replaced_file(path) as temporary:
        text = json.dumps([asdict(kit) for kit in kits], indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def format_list(kits: Sequence[Listed]) -> str:
    """Return a list as a table."""
    rows = [("name", "group", "family", "source", "licence", "components", "needs")]
    rows += [
        (kit.name, kit.group, kit.family, kit.source, kit.licence, str(len(kit.components)), kit.needs)
        for kit in kits
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _listed(manifest: Manifest) -> Listed:
    lacks = needs(manifest)
    components = () if lacks and manifest.source_type == "tensors" else _components(manifest)
    return Listed(
        name=manifest.name,
        family=manifest.family,
        group=manifest.group,
        source=manifest.source_type,
        licence=manifest.licence,
        components=components,
        usable=bool(components) and not lacks,
        needs=lacks,
    )


def _components(manifest: Manifest) -> tuple[str, ...]:
    if manifest.source_type == "tensors":
        from safetensors import SafetensorError, safe_open

        path = manifest.path.parent / str(manifest.source.get("path"))
        try:
            with safe_open(path, "numpy") as file:
                named = {key.partition("/")[0] for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise InputError(path, "tensors", f"cannot be read: {error}") from error
    else:
        named = set(_entry(manifest, "voices" if manifest.source_type == "procedural" else "components"))
    return tuple(component for component in WIDER_COMPONENTS if component in named)


def _entry(manifest: Manifest, key: str) -> Mapping[str, Any]:
    value = manifest.source.get(key)
    return value if isinstance(value, Mapping) else {}


def _files(manifest: Manifest) -> list[Path]:
    """Return the files that a manifest names; those within a Hydrogen kit, its own file names."""
    if "path" not in manifest.source:
        return []
    path = manifest.path.parent / Path(str(manifest.source["path"])).expanduser()
    if manifest.source_type == "hydrogen":
        return [path / "drumkit.xml"]
    members = _texts(_entry(manifest, "components")) if manifest.source_type == "folder" else []
    return [path, *(path / member for member in members)]


def _texts(value: object) -> list[str]:
    """Return all texts in lists and mappings within each other, their keys aside."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return (
        [text for part in value for text in _texts(part)]
        if isinstance(value, list)
        else ([value] if isinstance(value, str) else [])
    )
