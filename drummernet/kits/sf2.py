"""The SoundFont 2 file format (E-mu and Creative, 2.04): its tables, and where its samples lie."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from drummernet.errors import InputError

_BAG = np.dtype([("gen", "<u2"), ("mod", "<u2")])
_GEN = np.dtype([("number", "<u2"), ("amount", "<i2")])
_MOD = np.dtype([("source", "<u2"), ("target", "<u2"), ("amount", "<i2"), ("by", "<u2"), ("curve", "<u2")])
_PLACES = [(name, "<u4") for name in ("start", "end", "loop_start", "loop_end")]
_KIND = [("rate", "<u4"), ("key", "u1"), ("correction", "i1"), ("link", "<u2"), ("kind", "<u2")]
_TABLES = {
    "phdr": np.dtype([("name", "S20"), ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")]),
    "pbag": _BAG,
    "pmod": _MOD,
    "pgen": _GEN,
    "inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    "ibag": _BAG,
    "imod": _MOD,
    "igen": _GEN,
    "shdr": np.dtype([("name", "S20"), *_PLACES, *_KIND]),
}
INDICES = {"phdr": ("pbag", "pgen", "pmod"), "inst": ("ibag", "igen", "imod")}
"""Presets and instruments: the tables of their zones, of these zones' generators and of their modulators."""

VORBIS, ROM = 0x10, 0x8000
"""Kinds of samples: compressed, as sf3 files have them, or in the memory of a chip."""


@dataclass(frozen=True, eq=False)
class SoundFont:
    """The tables of a file. The last record of each only ends it.

    Attributes:
        path: The file.
        tables: The nine tables, by the names that the format gives them.
        samples_at: Where in the file the samples begin, and their bytes.
    """

    path: Path
    tables: dict[str, np.ndarray]
    samples_at: tuple[int, int]


def read_soundfont(path: Path) -> SoundFont:
    """Read the tables of an sf2 or sf3 file.

    Raises:
        InputError: if it cannot be opened, is no such file, is cut short or contradicts itself.
    """
    with _opened(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"sfbk":
            raise InputError(path, "format", "is no SoundFont: it does not begin with RIFF and sfbk")
        end = 8 + struct.unpack("<I", head[4:8])[0]
        if end > size:
            raise InputError(path, "format", f"cut short: {end} bytes promised, {size} there")
        lists = _chunks(file, 12, end, path, "RIFF")
        data = _chunks(file, *_place(lists, "sdta", path), path, "sdta")
        start, stop = _place(data, "smpl", path)
        places = _chunks(file, *_place(lists, "pdta", path), path, "pdta")
        tables = {name: _table(file, *_place(places, name, path), name, path) for name in _TABLES}
    for name, (bags, generators, modulators) in INDICES.items():
        _check_indices(tables[name]["bag"], tables[bags], name, path)
        _check_indices(tables[bags]["gen"], tables[generators], bags, path)
        _check_indices(tables[bags]["mod"], tables[modulators], bags, path)
    return SoundFont(path, tables, (start, stop - start))


def find_preset(font: SoundFont, bank: int, number: int) -> int | None:
    """Return at which place of the table a preset stands, if there is one."""
    headers = font.tables["phdr"][:-1]
    (found,) = np.nonzero((headers["bank"] == bank) & (headers["preset"] == number))
    return int(found[0]) if found.size else None


def sample_header(font: SoundFont, sample: int) -> np.void:
    """Return what the table says of a sample.

    Raises:
        InputError: if there is no such sample.
    """
    headers = font.tables["shdr"][:-1]
    if sample >= len(headers):
        raise InputError(font.path, "shdr", f"has {len(headers)} samples; a zone asks for number {sample}")
    header: np.void = headers[sample]
    return header


def sample_bytes(font: SoundFont, start: int, size: int, field: str) -> bytes:
    """Read a part of the samples' bytes.

    Raises:
        InputError: naming ``field``, if the file cannot be read or is cut short.
    """
    with _opened(font.path) as file:
        file.seek(font.samples_at[0] + start)
        return _taken(file, size, font.path, field)


def entry_name(record: np.void) -> str:
    """Return the name of a preset, an instrument or a sample."""
    # What stands behind the first zero is left over from longer names.
    return str(record["name"].split(b"\0")[0].decode("latin-1").strip())


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error


def _taken(file: BinaryIO, size: int, path: Path, field: str) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise InputError(path, field, f"cut short: {size} bytes promised, {len(content)} there")
    return content


def _chunks(file: BinaryIO, start: int, end: int, path: Path, field: str) -> dict[str, tuple[int, int]]:
    """Return where the chunks between two places begin and end, lists by what they list."""
    places: dict[str, tuple[int, int]] = {}
    while start + 8 <= end:
        file.seek(start)
        head = _taken(file, 8, path, field)
        size = struct.unpack("<I", head[4:])[0]
        begin, start = start + 8, start + 8 + size
        if start > end:
            raise InputError(path, field, f"its chunk {head[:4]!r} of {size} bytes is longer than itself")
        if head[:4] == b"LIST":
            head, begin = _taken(file, 4, path, field), begin + 4
        places.setdefault(head[:4].decode("latin-1"), (begin, start))
        start += start % 2
    return places


def _place(places: dict[str, tuple[int, int]], name: str, path: Path) -> tuple[int, int]:
    if name not in places:
        raise InputError(path, name, f"is missing; there are {', '.join(map(repr, places)) or 'no chunks'}")
    return places[name]


def _table(file: BinaryIO, start: int, end: int, name: str, path: Path) -> np.ndarray:
    kind = _TABLES[name]
    if end <= start or (end - start) % kind.itemsize:
        raise InputError(path, name, f"{end - start} bytes are no table of records of {kind.itemsize}")
    file.seek(start)
    return np.frombuffer(_taken(file, end - start, path, name), kind)


def _check_indices(indices: np.ndarray, records: np.ndarray, name: str, path: Path) -> None:
    """Hold the indices of a table to rise, and to stay within the table that they point to."""
    if (np.diff(indices.astype(np.int64)) < 0).any():
        raise InputError(path, name, "its indices do not rise")
    if indices[-1] >= len(records):
        raise InputError(path, name, f"its last index {indices[-1]} is beyond the {len(records)} records")
