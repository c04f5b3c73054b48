"""Prepared corpora, as ``drummernet prepare`` leaves them: an index, and the samples of each stem in a file.

``index.jsonl`` has a line per stem that was kept, ``put_aside.jsonl`` one per file that was not. The samples,
16 kHz, mono, int16, little-endian, lie in ``stems/HA/HASH.i16``, named by their content. Reading needs numpy
alone.
"""

import json
import math
import os
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.errors import InputError

INDEX = "index.jsonl"
PUT_ASIDE = "put_aside.jsonl"
STEMS = "stems"
SAMPLE_TYPE = np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the index.

    Attributes:
        path: The file below its source, or its URL.
        source: The source it came from, or what a manifest calls it.
        style: What a manifest says.
        licence: What a manifest says.
        provenance: What a manifest says.
        format: Container and encoding of the file.
        source_rate: Its own sample rate in Hz.
        channels: How many it has.
        duration_seconds: Its length.
        samples: Its length at 16 kHz.
        peak: Its largest magnitude, full scale being 1.
        loudness_lufs: Integrated loudness (ITU-R BS.1770), None if too short or too faint.
        silence_share: Share of blocks of 50 ms below −60 dBFS.
        clipped_share: Share of samples in flat tops.
        percussive_share: Share of the energy that is percussive.
        onsets_per_second: Rate of onsets.
        scale: The factor from int16 to samples of full scale 1.
        hash: Of the samples; 32 hexadecimal digits.
    """

    path: str
    source: str
    style: str
    licence: str
    provenance: str
    format: str
    source_rate: int
    channels: int
    duration_seconds: float
    samples: int
    peak: float
    loudness_lufs: float | None
    silence_share: float
    clipped_share: float
    percussive_share: float
    onsets_per_second: float
    scale: float
    hash: str


def samples_path(folder: Path, content_hash: str) -> Path:
    """Return the file with the samples of a stem in the corpus ``folder``."""
    return folder / STEMS / content_hash[:2] / f"{content_hash}.i16"


class PreparedCorpus:
    """What ``drummernet prepare`` wrote, with a few dozen bytes of memory per stem.

    Args:
        folder: The corpus.

    Attributes:
        folder: The same.
        lengths: The samples of each stem, (S,) int64.
        first_samples: Where each stem begins if all are strung together, (S,) int64.
        total_samples: The length of all of them.

    Raises:
        InputError: if a line of the index cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lengths, places, scales, hashes = array("q"), array("q"), array("d"), bytearray()
        for place, entry in _read_index(folder / INDEX):
            lengths.append(entry["samples"])
            places.append(place)
            scales.append(entry["scale"])
            hashes += bytes.fromhex(entry["hash"])
        if not lengths:
            raise InputError(folder / INDEX, "stems", "holds none")
        self.lengths = np.array(lengths)
        self.first_samples = np.cumsum(self.lengths) - self.lengths
        self.total_samples = int(self.lengths.sum())
        self._places, self._scales, self._hashes = np.array(places), np.array(scales), bytes(hashes)

    def entry(self, stem: int) -> Entry:
        """Return the line of a stem, read from the index."""
        with (self.folder / INDEX).open("rb") as stream:
            stream.seek(int(self._places[stem]))
            return Entry(**json.loads(stream.readline()))

    def name(self, stem: int) -> str:
        """Return what messages call a stem."""
        return f"{self.folder}: {self.entry(stem).path}"

    def labels(self, field: str) -> list[str]:
        """Return a textual field of the index for every stem, such as ``source`` or ``style``."""
        return [sys.intern(entry[field]) for _, entry in _read_index(self.folder / INDEX)]

    def scale(self, stem: int) -> float:
        """Return the factor from what :meth:`read` gives to samples of full scale 1."""
        return float(self._scales[stem])

    def read(self, stem: int, start_sample: int, samples: int) -> np.ndarray:
        """Return a part (n,) int16 of a stem; n ≤ ``samples`` where it ends before.

        Raises:
            InputError: if the file is missing or shorter than the index says.
        """
        wanted = max(0, min(samples, int(self.lengths[stem]) - start_sample))
        path = samples_path(self.folder, self._hashes[16 * stem : 16 * stem + 16].hex())
        # A bare descriptor: a file object costs as much again as opening, reading and closing.
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                data = os.pread(descriptor, 2 * wanted, 2 * start_sample)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InputError(path, "file", error.strerror or str(error)) from error
        if len(data) < 2 * wanted:
            raise InputError(path, "samples", f"fewer than the {self.lengths[stem]} that {INDEX} states")
        return np.frombuffer(data, SAMPLE_TYPE)


def _read_index(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines of an index, each with its place in the file in bytes."""
    place = 0
    with path.open("rb") as stream:  # decoded line by line, so that a damaged one is named
        for number, line in enumerate(stream, start=1):
            try:
                entry = json.loads(line)
                problem = _problem(entry)
            except ValueError as error:
                problem = str(error)
            if problem:
                raise InputError(path, f"line {number}", f"not an entry of the index: {problem}")
            yield place, entry
            place += len(line)


def _problem(entry: Any) -> str:
    """Return what is wrong with a line: the fields that reading relies on are checked."""
    if not isinstance(entry, dict):
        return "no object"
    samples, scale, digest = entry.get("samples"), entry.get("scale"), entry.get("hash")
    if type(samples) is not int or samples < 1:
        return f"samples: unusable value {samples!r}"
    if type(scale) is not float or not 0 < scale < math.inf:
        return f"scale: unusable value {scale!r}"
    if type(digest) is not str or len(digest) != 32 or len(bytes.fromhex(digest)) != 16:
        return f"hash: unusable value {digest!r}"
    return ""
