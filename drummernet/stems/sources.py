"""What a crawl consists of: every file of folders, patterns, manifests and URLs, in a fixed order."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain, takewhile
from pathlib import Path
from urllib.parse import urlsplit

from drummernet.errors import InputError
from drummernet.stems.manifests import MANIFEST_SUFFIXES, read_manifest
from drummernet.stems.remote import (
    LOCAL_PROTOCOLS,
    check_protocol,
    downloaded,
    remote_files,
    url_protocol,
)

_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Source:
    """One file to prepare.

    Attributes:
        origin: The SOURCE that it comes from, as given, or the manifest's column ``source``.
        path: Where it is below that SOURCE, with slashes; for a manifest, what the manifest says.
        location: What is opened: an absolute path or a URL.
        size_bytes: Its size, where that is known without opening it.
        modified: Time of change in ns, what a file system says of its version, or "". With ``size_bytes`` it
            tells whether the file has changed.
        style: From a manifest, as the next two.
        licence: Its licence.
        provenance: Its history.
        problem: Reason and detail for which it is never opened.
    """

    origin: str
    path: str
    location: str
    size_bytes: int | None
    modified: str
    style: str = ""
    licence: str = ""
    provenance: str = ""
    problem: tuple[str, str] | None = None


def list_sources(sources: Sequence[str]) -> Iterator[Source]:
    """List all files, whatever their suffix, without opening any.

    Manifests come first, because they tell more about a file than folders do; then the other SOURCEs in the
    order given. Each location is listed once, and each folder is entered once, whatever links lead to it.

    Args:
        sources: Paths of folders, files and manifests; patterns with ``*``, ``?``, ``[…]`` and ``**``,
            where no file has that name; URLs.

    Raises:
        InputError: at once, if there is no such file or folder, nothing fits a pattern, a manifest cannot be
            read, or a URL's protocol is unknown or not installed.
    """
    entered: set[tuple[int, int]] = set()
    manifests, others = [], []
    for text in sources:
        if _is_manifest(text):
            manifests.append(_begun(_listed_manifest(text)))
        elif url_protocol(text) and not os.path.lexists(text):
            others.append(_begun(_listed_url(text, entered)))
        else:
            others.append(_begun(_listed_paths(text, entered)))
    listings = manifests + others
    if len(listings) == 1 and Path(sources[0]).is_dir():
        return listings[0]
    return _once(chain.from_iterable(listings))


def local_file(source: Source, folder: Path) -> AbstractContextManager[Path]:
    """Make a file readable: give its path, or download it into ``folder`` until the block ends.

    Raises:
        InputError: field ``"file"`` if it cannot be had, ``"refused"`` if its URL leads away from the web.
        OSError: if the disk of ``folder`` fails or is full.
    """
    if url_protocol(source.location):
        return downloaded(source.location, folder)
    return nullcontext(Path(source.location))


def _begun(listing: Iterator[Source]) -> Iterator[Source]:
    """Return the same files once the first is known, which is when a SOURCE proves unusable."""
    first = next(listing, None)
    return iter(()) if first is None else chain([first], listing)


def _once(listing: Iterator[Source]) -> Iterator[Source]:
    seen = set()
    for source in listing:
        # 16 bytes rather than a long name: a million files take 90 MB.
        digest = blake2b(source.location.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield source


def _is_manifest(text: str) -> bool:
    status = _status(text)
    is_file = not isinstance(status, str) and stat.S_ISREG(status.st_mode)
    return is_file and Path(text).suffix.lower() in MANIFEST_SUFFIXES


def _listed_manifest(text: str) -> Iterator[Source]:
    """List a manifest's files; those of the web are not asked after."""
    manifest = os.path.realpath(text)
    for line in read_manifest(Path(text)):
        is_url = bool(url_protocol(line.text))
        source = Source(
            origin=line.source or os.path.normpath(text),
            path=line.text if is_url else os.path.normpath(line.text or f"line {line.number}"),
            location=line.location or f"{manifest}: {line.text or line.number}",
            size_bytes=None,
            modified="",
            style=line.style,
            licence=line.licence,
            provenance=line.provenance,
            problem=line.problem,
        )
        if not is_url and not line.problem:
            status = _status(source.location)
            if not isinstance(status, str) and stat.S_ISDIR(status.st_mode):
                status = "a folder, not a file"
            source = _examined(source, f"line {line.number}: {status}" if isinstance(status, str) else status)
        yield source


def _listed_url(text: str, entered: set[tuple[int, int]]) -> Iterator[Source]:
    if url_protocol(text) in LOCAL_PROTOCOLS:
        yield from _listed_paths(text.partition("://")[2], entered)
        return
    check_protocol(text)
    for below, size_bytes, modified in remote_files(text):
        location = f"{text.rstrip('/')}/{below}" if below else text
        yield Source(text, below or Path(urlsplit(text).path).name or text, location, size_bytes, modified)


def _listed_paths(text: str, entered: set[tuple[int, int]]) -> Iterator[Source]:
    """List a file, a folder, or what fits a pattern."""
    parts = Path(text).parts
    if os.path.lexists(text) or not _MAGIC.search(text):
        root, found = Path(text), iter([""])
    else:
        fixed = list(takewhile(lambda part: not _MAGIC.search(part), parts))
        root = Path(*fixed)
        found = _fitting(os.path.realpath(root), list(parts[len(fixed) :]), "")
    prefix = os.path.realpath(root)
    origin = os.path.normpath(text)
    fits = False
    for match in found:
        fits = True
        for below, status in _walk(prefix, match, entered):
            if isinstance(status, str) and not below:
                raise InputError(text, "source", status)
            if isinstance(status, str) or not stat.S_ISDIR(status.st_mode):
                path = below or root.name
                yield _examined(Source(origin, path, _joined(prefix, below), None, ""), status)
    if not fits:
        raise InputError(text, "source", "no such file or folder, and nothing fits it as a pattern")


def _walk(root: str, start: str, entered: set[tuple[int, int]]) -> Iterator[tuple[str, os.stat_result | str]]:
    """Yield a file, or a folder and all below it, sorted: the path below ``root``, its status or the problem.

    Folders in ``entered`` are passed over, and those that are new are added.
    """
    waiting = [iter([start])]
    while waiting:
        below = next(waiting[-1], None)
        if below is None:
            waiting.pop()
            continue
        status = _status(_joined(root, below))
        if isinstance(status, str) or not stat.S_ISDIR(status.st_mode):
            yield below, status
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in entered:
            continue
        entered.add(identity)
        yield below, status
        try:
            names = _names(_joined(root, below))
        except OSError as error:
            yield below, f"the folder cannot be listed: {error.strerror}"
        else:
            waiting.append(map((f"{below}/" if below else "").__add__, names))


def _fitting(root: str, segments: list[str], below: str) -> Iterator[str]:
    """Yield what fits a pattern below ``root``; names with a dot in front only where it says so."""
    if not segments:
        if os.path.lexists(_joined(root, below)):
            yield below
        return
    first, *rest = segments
    prefix = f"{below}/" if below else ""
    if first == "**":
        if not rest:
            yield from _fitting(root, rest, below)
            return
        for folder, status in _walk(root, below, set()):
            if not isinstance(status, str) and stat.S_ISDIR(status.st_mode) and "/." not in f"/{folder}":
                yield from _fitting(root, rest, folder)
    elif not _MAGIC.search(first):
        yield from _fitting(root, rest, prefix + first)
    else:
        try:
            names = _names(_joined(root, below))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            yield below  # to be named as a folder that cannot be listed
            return
        for name in fnmatch.filter(names, first):
            if first.startswith(".") or not name.startswith("."):
                yield from _fitting(root, rest, prefix + name)


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _joined(root: str, below: str) -> str:
    return f"{root.rstrip('/')}/{below}" if below else root


def _status(location: str) -> os.stat_result | str:
    """Return the status of a file or folder that links lead to, or say what it is instead."""
    path = Path(location)
    try:
        status = path.stat()
    except FileNotFoundError as error:
        return "a link to nothing" if path.is_symlink() else str(error.strerror)
    except OSError as error:
        return str(error.strerror)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        return "not a file but a device, a pipe or a socket"
    return status


def _examined(source: Source, status: os.stat_result | str) -> Source:
    if isinstance(status, str):
        return replace(source, problem=("unreadable", status))
    return replace(source, size_bytes=status.st_size, modified=str(status.st_mtime_ns))
