"""Where packaged kits, configs and weights are found, and how outputs are put in place.

The wheel carries kits and configs inside the package; a checkout keeps them at its top level. Weights lie
in the package.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drummernet.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(kind: str) -> Path:
    """Return the folder of ``kind`` (``"drum_kits"``, ``"configs"`` or ``"weights"``).

    Raises:
        InputError: if neither the installed package nor the checkout holds it.
    """
    if kind == "weights":
        return _PACKAGE / kind
    candidates = (_PACKAGE / "_packaged" / kind, _PACKAGE.parent / kind)
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InputError(_PACKAGE, kind, f"not found; looked in {', '.join(map(str, candidates))}")


def named_resource(kind: str, name: str, suffix: str = ".yaml") -> Path:
    """Resolve ``name`` to a file: a path that exists, or a packaged file's stem.

    Raises:
        InputError: if it is neither; the message lists the packaged names.
    """
    path = Path(name).expanduser()
    if path.suffix and path.is_file():
        return path
    packaged = resource_folder(kind) / f"{name.removesuffix(suffix)}{suffix}"
    if packaged.is_file():
        return packaged
    folder = resource_folder(kind)
    paths = sorted(path.relative_to(folder) for path in folder.rglob(f"*{suffix}"))
    known = ", ".join(path.with_suffix("").as_posix() for path in paths)
    raise InputError(name, kind, f"no such file, and not one of the packaged names: {known}")


@contextmanager
def replaced_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block succeeds.

    A reader sees the old file or the whole new one, and a failed block leaves no trace. The temporary
    name keeps the suffix, by which many writers choose their format; missing folders are made.

    Args:
        path: The file to write.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem[:64]}.{uuid.uuid4().hex}{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.filename is None:  # a full disk is noticed by a stream, which does not know its name
            error.filename = str(target)
        raise
    finally:
        temporary.unlink(missing_ok=True)
