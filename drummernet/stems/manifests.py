"""Manifests: text or CSV files that list audio files below their own folder, and URLs."""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from drummernet.errors import InputError
from drummernet.stems.remote import REMOTE_PROTOCOLS, url_protocol

MANIFEST_SUFFIXES = frozenset({".txt", ".csv"})

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_URL_WITHOUT_SLASHES = re.compile(r"(file|local|data):", re.IGNORECASE)
_DRIVE = re.compile(r"[a-z]:[\\/]", re.IGNORECASE)
_ERROR = " error"
"""Among the columns of a line: no column's name begins with a space."""
_OUTSIDE = "leads outside of the manifest's folder"


@dataclass(frozen=True, slots=True)
class Line:
    """What a manifest says about one file.

    Attributes:
        number: Its line, counted from 1.
        text: The path or URL as written.
        location: What is opened: an absolute path below the manifest's folder, links resolved, or a URL.
        problem: Reason and detail, if it must not be opened; there is no location then.
        source: Where it comes from.
        style: What is played.
        licence: Its licence.
        provenance: Its history.
    """

    number: int
    text: str
    location: str = ""
    problem: tuple[str, str] | None = None
    source: str = ""
    style: str = ""
    licence: str = ""
    provenance: str = ""


def read_manifest(path: Path) -> Iterator[Line]:
    """Read a manifest of any length line by line.

    ``.txt``: a path or URL per line, without the white space around it; blank lines and those that start
    with ``#`` are left out. ``.csv``: the columns ``path`` or ``url``, optionally ``source``, ``style``,
    ``licence`` or ``license``, ``provenance``; separated by commas, semicolons or tabs. Both in UTF-8, or in
    UTF-16 with its mark. A path is relative to the manifest's folder and must stay below it.

    Raises:
        InputError: at the first item, if the manifest cannot be read or has no column of paths.
    """
    root = os.path.realpath(path.parent)

    # Files of one folder stand together: its links are resolved once.
    @lru_cache(maxsize=1024)
    def real_folder(folder: str) -> str:
        return os.path.realpath(Path(root, folder))

    def located(text: str) -> tuple[str, str]:
        if url_protocol(text):
            return text, _url_problem(text)
        if problem := _path_problem(text, root):
            return "", problem
        folder, name = os.path.split(text)
        location = f"{real_folder(folder)}/{name}"
        # (Path.is_symlink raises an error for names that are too long.)
        if name in ("", ".", "..") or os.path.islink(location):  # noqa: PTH114
            location = os.path.realpath(location)
        return location, "" if _is_below(location, root) else _OUTSIDE

    try:
        with _opened(path) as lines:
            rows = _csv_rows(path, lines) if path.suffix.lower() == ".csv" else _text_rows(lines)
            for number, text, columns in rows:
                yield _line(number, text, columns, *located(text))
    except (OSError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise InputError(path, "manifest", problem) from error


def _line(number: int, text: str, columns: dict[str, str], location: str, refused: str) -> Line:
    problem = None
    if not text:
        error = columns.get(_ERROR, "names no path or URL")
        location, problem = "", ("unreadable", f"line {number}: {error}")
    elif refused:
        location, problem = "", ("refused", f"line {number}: {text!r} {refused}")
    return Line(
        number,
        text,
        location,
        problem,
        source=columns.get("source", ""),
        style=columns.get("style", ""),
        licence=columns.get("licence", "") or columns.get("license", ""),
        provenance=columns.get("provenance", ""),
    )


def _opened(path: Path) -> TextIO:
    with path.open("rb") as raw:
        is_utf_16 = raw.read(2) in _UTF_16_MARKS
    if is_utf_16:
        return path.open(encoding="utf-16", errors="replace", newline="")
    # Names on disk may be any bytes. Line ends inside of quotes stay as they are.
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _text_rows(lines: TextIO) -> Iterator[tuple[int, str, dict[str, str]]]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text, {}


def _csv_rows(path: Path, lines: TextIO) -> Iterator[tuple[int, str, dict[str, str]]]:
    first = lines.readline()
    reader = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    names = [name.strip().lower() for name in next(reader, [])]
    if not {"path", "url"} & set(names):
        raise InputError(path, "line 1", f"has no column 'path' or 'url', but {', '.join(names) or 'none'}")
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, "", {_ERROR: str(error)}
            continue
        columns = dict(zip(names, row, strict=False))
        if any(row):
            yield number, columns.get("path", "") or columns.get("url", ""), columns


def _url_problem(url: str) -> str:
    if "::" in url:
        return "is a chained URL"
    if url_protocol(url) not in REMOTE_PROTOCOLS:
        return "is not of a protocol that leads to another machine"
    return ""


def _path_problem(text: str, root: str) -> str:
    """Say why a path must not be opened, judged by its text, by what it means decoded and on any system."""
    meant = text
    while True:
        if "\0" in meant:
            return "holds a character that no path has"
        if "://" in meant or _URL_WITHOUT_SLASHES.match(meant):
            return "is a URL of this machine, chained or encoded"
        slashed = meant.replace("\\", "/")
        path = os.path.normpath(slashed if slashed.startswith("/") else f"{root}/{slashed}")
        if _DRIVE.match(meant) or not _is_below(path, root):
            return _OUTSIDE
        decoded = unquote(meant, errors="surrogateescape")
        if decoded == meant:
            return ""
        meant = decoded


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
