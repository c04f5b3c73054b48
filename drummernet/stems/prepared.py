"""Prepared corpora: stems as int16 samples in files that are mapped into memory, and an index.

``index.jsonl`` has a line per stem, ``rejected.jsonl`` one per file that was left out, ``samples-00000.i16``
and so on the samples: 16 kHz, mono, little-endian, one stem after the other. Reading needs numpy alone.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.errors import InputError

INDEX = "index.jsonl"
REJECTED = "rejected.jsonl"
SAMPLE_TYPE = np.dtype("<i2")


def shard_name(number: int) -> str:
    """Return the name of a file of samples."""
    return f"samples-{number:05d}.i16"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the index.

    Attributes:
        path: The source file below the folder that was prepared.
        source_rate: Its own sample rate in Hz.
        source_seconds: Its length, as its header stated it.
        shard: The number of the file that holds its samples.
        start_sample: Where they begin in that file.
        samples: How many there are.
        scale: The factor from int16 to samples of full scale 1.
    """

    path: str
    source_rate: int
    source_seconds: float
    shard: int
    start_sample: int
    samples: int
    scale: float


class PreparedCorpus:
    """What ``drummernet prepare`` wrote.

    Args:
        folder: The corpus.

    Attributes:
        lengths: The samples of each stem.
        first_samples: Where each stem begins if all files of samples are strung together.
        total_samples: The length of all of them.

    Raises:
        InputError: if a line of the index cannot be read, or a file is shorter than the index says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = list(_read_index(folder / INDEX))
        if not self._entries:
            raise InputError(folder / INDEX, "stems", "holds none")
        sizes = [_size(folder / shard_name(n)) for n in range(max(e.shard for e in self._entries) + 1)]
        for number, entry in enumerate(self._entries, start=1):
            if entry.start_sample + entry.samples > sizes[entry.shard]:
                problem = f"{sizes[entry.shard]} samples, too few for line {number} of {INDEX}"
                raise InputError(folder / shard_name(entry.shard), "samples", problem)
        shard_starts = np.cumsum([0, *sizes]).tolist()
        self.lengths = [entry.samples for entry in self._entries]
        self.first_samples = [shard_starts[e.shard] + e.start_sample for e in self._entries]
        self.total_samples: int = shard_starts[-1]
        self._shards = len(sizes)
        self._maps: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the files itself: a pickled map would be a copy of all samples.
        return {**self.__dict__, "_maps": {}}

    def name(self, stem: int) -> str:
        """Return what messages call a stem."""
        return f"{self.folder}: {self._entries[stem].path}"

    def scale(self, stem: int) -> float:
        """Return the factor from what :meth:`read` gives to samples of full scale 1."""
        return self._entries[stem].scale

    def read(self, stem: int, start_sample: int, samples: int) -> np.ndarray:
        """Return a part (n,) int16 of a stem, not copied; n ≤ ``samples`` where it ends before."""
        entry = self._entries[stem]
        start = entry.start_sample + start_sample
        return self._map(entry.shard)[start : min(start + samples, entry.start_sample + entry.samples)]

    def shards(self) -> Iterator[np.ndarray]:
        """Yield the samples (n,) int16 of one file after the other."""
        yield from map(self._map, range(self._shards))

    def _map(self, shard: int) -> np.ndarray:
        if shard not in self._maps:
            # Mode "c" reads only, too, but torch takes such an array without a warning. A plain view of the
            # map is several times faster to slice.
            path = self.folder / shard_name(shard)
            self._maps[shard] = np.memmap(path, SAMPLE_TYPE, mode="c").view(np.ndarray)
        return self._maps[shard]


def _read_index(path: Path) -> Iterator[Entry]:
    kinds = {field.name: field.type for field in fields(Entry)}
    with path.open("rb") as stream:  # decoded line by line, so that a damaged one is named
        for number, line in enumerate(stream, start=1):
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise InputError(path, f"line {number}", f"not an entry of the index: {error}") from error
            for name, kind in kinds.items():
                value = getattr(entry, name)
                if type(value) is not kind or (kind is not str and not 0 <= value < math.inf):
                    raise InputError(path, f"line {number}", f"{name}: unusable value {value!r}")
            yield entry


def _size(path: Path) -> int:
    """Return how many samples a file holds."""
    try:
        return path.stat().st_size // SAMPLE_TYPE.itemsize
    except OSError as error:
        raise InputError(path, "samples", error.strerror or str(error)) from error
