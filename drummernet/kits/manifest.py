"""Kit manifests: YAML files that say what a kit is called, who may use it and where its sounds are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.completeness import completed
from drummernet.kits.fields import check_choice, check_keys, check_mapping, check_number, check_text
from drummernet.kits.folder import folder_sounds
from drummernet.kits.hydrogen import hydrogen_sounds
from drummernet.kits.kit import GROUPS, MIX_LEVELS_DB, Kit, Sounds, normalised
from drummernet.kits.procedural import procedural_sounds
from drummernet.kits.soundfont import soundfont_sounds
from drummernet.kits.tensors import tensor_sounds
from drummernet.resources import named_resource, resource_folder

SOURCES: dict[str, Callable[[Mapping[str, Any], Path], Sounds]] = {
    "folder": folder_sounds,
    "hydrogen": hydrogen_sounds,
    "procedural": procedural_sounds,
    "soundfont": soundfont_sounds,
    "tensors": tensor_sounds,
}
"""What reads or makes a kit's sounds, by the source's ``type``."""

_REQUIRED = ("name", "family", "group", "licence", "source")
_OPTIONAL = ("attribution", "mix_level_db", "package")


@dataclass(frozen=True)
class Manifest:
    """A manifest as written, its sounds not yet read.

    Attributes:
        path: The file.
        name: Of the kit, the stem of the file.
        family: See :class:`drummernet.kits.kit.Kit`, as for ``group``, ``licence`` and ``attribution``.
        group: One of ``GROUPS``.
        licence: An SPDX identifier.
        attribution: Whom the licence asks to name, or empty.
        source_type: A key of ``SOURCES``.
        source: The source's other entries.
        mix_level_db: Component to its peak in dBFS, where it is not the one of ``MIX_LEVELS_DB``.
        package: The Debian package that brings the sounds, or empty.
    """

    path: Path
    name: str
    family: str
    group: str
    licence: str
    attribution: str
    source_type: str
    source: dict[str, Any]
    mix_level_db: dict[str, float]
    package: str


def read_manifest(name_or_path: str | Path) -> Manifest:
    """Read the manifest of a packaged kit, by name, or of any other, by path.

    Raises:
        InputError: if there is none, or naming the file, the entry and the value at fault.
    """
    path = named_resource("drum_kits", str(name_or_path))
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, "YAML", " ".join(str(error).split())) from error
    entries = check_keys(content, _REQUIRED, _OPTIONAL, path, "manifest")
    for key in ("name", "family", "licence", "attribution", "package"):
        if key in entries:
            check_text(entries[key], path, key)
    name = entries["name"]
    if name != path.stem:
        raise InputError(path, "name", f"{name!r} is not the name of the file")
    source = check_mapping(entries["source"], path, "source")
    levels = check_mapping(entries.get("mix_level_db", {}), path, "mix_level_db")
    for component, level in levels.items():
        check_choice(component, MIX_LEVELS_DB, path, "mix_level_db")
        check_number(level, -60, 0, path, f"mix_level_db.{component}")
    return Manifest(
        path=path,
        name=name,
        family=entries["family"],
        group=check_choice(entries["group"], GROUPS, path, "group"),
        licence=entries["licence"],
        attribution=entries.get("attribution", ""),
        source_type=check_choice(source.pop("type", None), SOURCES, path, "source.type"),
        source=source,
        mix_level_db=levels,
        package=entries.get("package", ""),
    )


def load_kit(name_or_path: str | Path, wanted: Sequence[str] = COMPONENTS) -> Kit:
    """Load a kit with its one-shots.

    Args:
        name_or_path: The name of a packaged kit or the path of a manifest.
        wanted: Components that are derived if the kit lacks them and has what they can be made of.

    Raises:
        InputError: if there is no such kit, or naming the file, the entry and the value at fault.
    """
    manifest = read_manifest(name_or_path)
    try:
        raw = SOURCES[manifest.source_type](manifest.source, manifest.path)
    except InputError as error:
        where, field, problem = error.args
        if not manifest.package or field != "source.path":
            raise
        advice = f"install the package {manifest.package}, or run make kits"
        raise InputError(where, field, f"{problem} ({advice})") from error
    sounds = {name: normalised(layers, manifest.path, name) for name, layers in raw.items()}
    for component in manifest.mix_level_db:
        check_choice(component, sounds, manifest.path, "mix_level_db")
    sounds, filled = completed(sounds, wanted)
    return Kit(
        name=manifest.name,
        family=manifest.family,
        group=manifest.group,
        licence=manifest.licence,
        attribution=manifest.attribution,
        sounds=sounds,
        mix_level_db={name: manifest.mix_level_db.get(name, MIX_LEVELS_DB[name]) for name in sounds},
        filled=filled,
    )


def kit_names(group: str | None = None) -> list[str]:
    """Return the names of the packaged kits, sorted.

    Args:
        group: Only those of this group; one of ``GROUPS``.

    Raises:
        InputError: if the group is unknown or a packaged manifest is broken.
    """
    paths = sorted(resource_folder("drum_kits").glob("*.yaml"))
    if group is None:
        return [path.stem for path in paths]
    check_choice(group, GROUPS, "kit_names", "group")
    return [path.stem for path in paths if read_manifest(path).group == group]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, to which a key that is written twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"{key!r} is written twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)
