"""A corpus of stems: the audio files of a folder, or what ``drummernet prepare`` made of them."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.audio import AUDIO_SUFFIXES, audio_length, read_segment
from drummernet.errors import InputError
from drummernet.stems.prepared import INDEX, PreparedCorpus

SHORTEST_SECONDS = 0.1
NAMED_AT_MOST = 5
"""Unusable files of a folder that are named one by one when it is opened to train on."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stem:
    """One audio file.

    Attributes:
        path: Where it lies.
        frames: Its length in samples per channel, at its own rate.
        rate: Its own sample rate in Hz.
    """

    path: Path
    frames: int
    rate: int

    @property
    def duration_seconds(self) -> float:
        """Its length, as the header states it."""
        return self.frames / self.rate


@dataclass(frozen=True)
class FolderCorpus:
    """The usable audio files of a folder, found by their headers alone and decoded crop by crop.

    Attributes:
        stems: The usable files, sorted by path.
        rejected: The unusable ones and folders that cannot be listed, sorted by path, each with the reason.
    """

    stems: tuple[Stem, ...]
    rejected: tuple[tuple[Path, str], ...]

    @cached_property
    def lengths(self) -> list[int]:
        """The samples of each stem at 16 kHz, as the headers state them."""
        return [round(stem.duration_seconds * SAMPLE_RATE) for stem in self.stems]

    def name(self, stem: int) -> str:
        """Return what messages call a stem."""
        return str(self.stems[stem].path)

    def scale(self, stem: int) -> float:
        """Return the factor from what :meth:`read` gives to samples of full scale 1."""
        return 1.0

    def read(self, stem: int, start_sample: int, samples: int) -> np.ndarray:
        """Return a part (n,) of a stem, n ≤ ``samples`` where it ends before.

        Raises:
            InputError: if it cannot be decoded.
        """
        return read_segment(self.stems[stem].path, start_sample, samples)


Corpus = FolderCorpus | PreparedCorpus
"""What crops are drawn from."""


def open_corpus(folder: Path) -> Corpus:
    """Open a prepared corpus, which its index tells, or a plain folder of audio files.

    Unusable files of a folder are named in the log.

    Raises:
        InputError: if there is no usable stem, or the corpus is damaged.
    """
    if (folder / INDEX).is_file():
        return PreparedCorpus(folder)
    corpus = find_stems(folder)
    for path, reason in corpus.rejected[:NAMED_AT_MOST]:
        _logger.warning("left out: %s: %s", path, reason)
    if len(corpus.rejected) > NAMED_AT_MOST:
        _logger.warning("left out: %d files in all", len(corpus.rejected))
    return corpus


def find_stems(folder: Path) -> FolderCorpus:
    """Find the audio files in a folder and all folders below it, by suffix, and read their headers.

    Raises:
        InputError: if there is no such folder, or no usable file in it.
    """
    if not folder.is_dir():
        raise InputError(folder, "folder", "no such folder")
    stems = []
    rejected: list[tuple[Path, str]] = []
    for path in sorted(_audio_paths(folder, rejected)):
        try:
            stem = Stem(path, *audio_length(path))
        except InputError as error:
            rejected.append((path, str(error).removeprefix(f"{path}: ")))
            continue
        if stem.duration_seconds < SHORTEST_SECONDS:
            reason = f"duration: {stem.duration_seconds:.3f} s, less than {SHORTEST_SECONDS} s"
            rejected.append((path, reason))
        else:
            stems.append(stem)
    if not stems:
        first = f", first: {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
        raise InputError(folder, "stems", f"no readable audio; {len(rejected)} rejected{first}")
    return FolderCorpus(tuple(stems), tuple(sorted(rejected)))


def _audio_paths(folder: Path, rejected: list[tuple[Path, str]]) -> Iterator[Path]:
    """Yield the paths with an audio suffix; a folder that several links lead to is entered once."""

    def reject(error: OSError) -> None:
        rejected.append((Path(error.filename), f"folder: {error.strerror}"))

    entered = set()
    for parent, folders, names in os.walk(folder, onerror=reject, followlinks=True):
        status = Path(parent).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in entered:
            folders.clear()
            continue
        entered.add(identity)
        folders.sort()
        yield from (Path(parent, name) for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES)
