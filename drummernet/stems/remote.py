"""Files behind URLs: what fsspec's file systems list, and downloads that keep to other machines."""

import errno
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec import Callback, get_filesystem_class

from drummernet.errors import InputError

if TYPE_CHECKING:
    import aiohttp
    from fsspec import AbstractFileSystem

LOCAL_PROTOCOLS = frozenset({"file", "local"})
"""URLs of these are paths of this machine, written differently."""

REMOTE_PROTOCOLS = frozenset(
    {"http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "hf"}
    | {"ftp", "sftp", "ssh", "webhdfs", "hdfs"}
)
"""What a manifest may name: these lead to other machines. All else that fsspec knows opens files or programs
of this one, or is built upon another URL that may (``dir``, ``reference``, ``zip``, ``simplecache``)."""

ATTEMPTS = 3
RETRY_SECONDS = 1.0
"""The wait before the second attempt; it doubles from one to the next."""
CONNECT_SECONDS, QUIET_SECONDS, DOWNLOAD_SECONDS = 15.0, 60.0, 3600.0
"""How long a server may take to answer a call, be silent, and deliver a file (a radio stream never ends)."""
_MOST_BYTES = 1 << 36

_HTTP = frozenset({"http", "https"})
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG, errno.EMFILE})
"""Errors of the disk that is written to, or of this process: no fault of the URL."""
_FOR_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of servers that may do better the next time."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def url_protocol(text: str) -> str:
    """Return the protocol of a URL in lower case; "" for a path."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else ""


def check_protocol(url: str) -> None:
    """Make sure that fsspec can open such a URL here.

    Raises:
        InputError: for chained URLs, unknown protocols and those whose implementation is not installed.
    """
    if "::" in url:
        raise InputError(url, "protocol", "chained URLs (::) are not supported")
    try:
        get_filesystem_class(url_protocol(url))
    except (ValueError, ImportError) as error:
        raise InputError(url, "protocol", str(error)) from error


def remote_files(url: str) -> Iterator[tuple[str, int | None, str]]:
    """List a file, or all files of a folder and all folders below it, sorted.

    A web server is not asked: each of its URLs is one file, of which nothing is known before it is fetched.

    Yields:
        What follows the URL ("" if it is a file itself), size in bytes if known, and what the file system
        tells of its version (``ETag``, time of change, or "").

    Raises:
        InputError: at the first item, if there is nothing or the file system fails.
    """
    if url_protocol(url) in _HTTP:
        yield "", None, ""
        return
    try:
        files, root = _opened(url)
        found = files.find(root, detail=True)
    except Exception as error:  # each file system raises errors of its own library
        raise InputError(url, "folder", _said(error)) from error
    if not found:
        raise InputError(url, "folder", "no such file or folder, or nothing in it")
    for name in sorted(found):
        entry = found.pop(name)
        size = entry.get("size")
        yield name.removeprefix(root).lstrip("/"), None if size is None else int(size), _version(entry)


@contextmanager
def downloaded(url: str, folder: Path) -> Iterator[Path]:
    """Yield a copy of a file in ``folder`` under a name of its own, which is removed afterwards.

    Raises:
        InputError: field ``"refused"`` if a redirect leads away from the web, ``"file"`` if the file cannot
            be had whole.
        OSError: if the disk that it is written to fails or is full.
    """
    copy = folder / f".download-{uuid.uuid4().hex}"
    copy.touch()
    try:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(RETRY_SECONDS * 2 ** (attempt - 1))
            try:
                _fetch(url, copy)
                break
            except InputError:
                raise
            except Exception as error:  # as above
                if isinstance(error, OSError) and error.errno in _DISK:
                    error.filename = error.filename or str(copy)
                    raise
                if attempt == ATTEMPTS - 1 or not _may_pass(error):
                    raise InputError(url, "file", _said(error)) from error
        yield copy
    finally:
        copy.unlink(missing_ok=True)


class _Progress(Callback):
    """Stops a download that is longer than its sender said, or than anything."""

    def relative_update(self, inc: int = 1) -> None:
        super().relative_update(inc)
        limit = _MOST_BYTES if self.size is None else self.size
        if self.value > limit:
            raise ValueError(f"sends more than {limit} bytes")


def _fetch(url: str, copy: Path) -> None:
    progress = _Progress()
    files, path = _opened(url)
    files.get_file(path, str(copy), callback=progress)
    written = copy.stat().st_size
    if progress.size is not None and written != progress.size:
        raise ConnectionError(f"cut short: {progress.size} bytes promised, {written} came")


def _opened(url: str) -> tuple["AbstractFileSystem", str]:
    """Return a file system and the URL's path on it.

    fsspec's own ``url_to_fs`` would take a ``::`` in the name of an object for a chain of file systems.
    """
    protocol = url_protocol(url)
    kind = get_filesystem_class(protocol)
    options = _http_options() if protocol in _HTTP else kind._get_kwargs_from_urls(url)
    return kind(**options), kind._strip_protocol(url)


def _http_options() -> dict[str, Any]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=DOWNLOAD_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=QUIET_SECONDS
    )
    # Compressed, a file would not have the length that the server states.
    headers = {"Accept-Encoding": "identity"}
    return {"get_client": _client, "client_kwargs": {"timeout": timeout, "headers": headers}}


async def _client(**options: Any) -> "aiohttp.ClientSession":
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_check_redirect)
    return aiohttp.ClientSession(trace_configs=[trace], trust_env=True, **options)


async def _check_redirect(
    _session: object, _context: object, params: "aiohttp.TraceRequestRedirectParams"
) -> None:
    """Stop before a redirect is followed to anything but another page of the web."""
    headers = params.response.headers
    target = headers.get("Location") or headers.get("URI") or ""
    # A target without a protocol is another path of the same server.
    protocol = re.match(r"\s*([a-z][a-z0-9+.-]*):", target, re.IGNORECASE)
    if protocol and protocol[1].lower() not in _HTTP:
        raise InputError(str(params.url), "refused", f"redirects to {target!r}")


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed: the connection or the server failed, not the request."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    import aiohttp

    passing = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
    return isinstance(error, passing) or getattr(error, "status", 0) in _FOR_NOW


def _version(entry: dict[str, Any]) -> str:
    keys = (
        "ETag",
        "etag",
        "md5Hash",
        "LastModified",
        "last_modified",
        "updated",
        "mtime",
        "modified",
        "created",
    )
    return next((str(entry[key]) for key in keys if entry.get(key)), "")


def _said(error: Exception) -> str:
    """Return an error of any library in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
