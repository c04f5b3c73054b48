"""``drummernet kits pack``: kits with their one-shots in files that load without an audio decoder."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from safetensors.numpy import save

from drummernet.errors import InputError
from drummernet.kits.bank import resolve_kits
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import load_kit
from drummernet.kits.tensors import tensor_name
from drummernet.resources import replaced_file


def pack_kits(kits: Sequence[str], out: Path) -> list[Path]:
    """Write ``NAME.yaml`` and ``NAME.safetensors`` of each kit; licence and attribution stay with it.

    Args:
        kits: See :func:`drummernet.kits.bank.resolve_kits`.
        out: The folder.

    Returns:
        The paths of the manifests.

    Raises:
        InputError: if a kit is unknown or unusable, two have one name, or a manifest is there already.
    """
    packed: dict[Path, Kit] = {}
    for kit in map(load_kit, resolve_kits(kits)):
        path = out / f"{kit.name}.yaml"
        if path.exists():
            raise InputError(path, "kit", "is there already")
        packed[path] = kit
    for path, kit in packed.items():
        _write(kit, path)
    return list(packed)


def _write(kit: Kit, path: Path) -> None:
    sounds = path.with_suffix(".safetensors")
    manifest = {
        "name": kit.name,
        "family": kit.family,
        "group": kit.group,
        "licence": kit.licence,
        **({"attribution": kit.attribution} if kit.attribution else {}),
        "mix_level_db": {c: level for c, level in kit.mix_level_db.items() if c not in kit.filled},
        "source": {"type": "tensors", "path": sounds.name},
    }
    tensors = {
        tensor_name(component, layer.velocity, number): take
        for component, layers in kit.sounds.items()
        if component not in kit.filled
        for layer in layers
        for number, take in enumerate(layer.takes)
    }
    with replaced_file(sounds) as temporary:
        temporary.write_bytes(save(tensors))
    # Last, so that a manifest never names a file that is not there.
    with replaced_file(path) as temporary:
        text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
