"""A corpus: the usable audio files of a folder, found by their headers alone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES, audio_length
from drummernet.errors import InputError

SHORTEST_SECONDS = 0.1


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
class Corpus:
    """What a folder holds.

    Attributes:
        stems: The usable files, sorted by path.
        rejected: The unusable ones and folders that cannot be listed, sorted by path, each with the reason.
    """

    stems: tuple[Stem, ...]
    rejected: tuple[tuple[Path, str], ...]


def find_stems(folder: Path) -> Corpus:
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
    return Corpus(tuple(stems), tuple(sorted(rejected)))


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
