"""Where packaged kits, configs and weights are found, and how outputs are put in place.

The wheel carries kits and configs inside the package; a checkout keeps them at its top level. Weights lie
in the package.
"""

import errno
import os
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
    name keeps the suffix, by which many writers choose their format; missing folders are made. A link stays
    and what it points to is replaced; a device or a pipe is written to as it is.

    Args:
        path: The file to write.

    Raises:
        IsADirectoryError: if it is a folder.
        OSError: naming ``path``, as whatever the block raises.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if Path(path).exists() and not Path(path).is_file():
        yield Path(path)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem[:64]}.{uuid.uuid4().hex}{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        # A full disk is noticed by a stream, which does not know its name; nobody asked for the temporary.
        if error.filename is None or str(error.filename) == str(temporary):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def refuse_unwritable(path: str | Path) -> None:
    """Say before long work, not after it, that a file cannot be put in place.

    Raises:
        InputError: if ``path`` is a folder, or lies in none that there is or can be made.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(path, "file", os.strerror(errno.EISDIR))
    if target.exists() and not target.is_file():
        place = target
    else:
        place = next(folder for folder in target.parents if folder.exists())
        if not place.is_dir():
            raise InputError(path, "file", f"{place} is no folder")
    if not os.access(place, os.W_OK):
        raise InputError(path, "file", f"{place} cannot be written to")
