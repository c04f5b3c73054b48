"""``drummernet prepare``: the audio files of a folder to a prepared corpus."""

import glob
import json
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import SpooledTemporaryFile

import numpy as np
from tqdm import tqdm

from drummernet.audio import audio_blocks
from drummernet.errors import InputError
from drummernet.stems.corpus import Stem, find_stems
from drummernet.stems.crops import SILENCE_PEAK
from drummernet.stems.prepared import INDEX, REJECTED, SAMPLE_TYPE, Entry, PreparedCorpus, shard_name

SHARD_SAMPLES = 1 << 29
"""The most that a file of samples holds, 1 GiB; a stem longer than that (9 hours) has one to itself."""

FULL_SCALE = 32_767
_BLOCK_SAMPLES = 1 << 16
_MEMORY_BYTES = 1 << 26
"""Longer stems (17 minutes) wait for their peak on disk."""

_logger = logging.getLogger(__name__)


def prepare(source: Path, out: Path) -> tuple[PreparedCorpus, list[tuple[Path, str]]]:
    """Decode all stems of a folder and keep their samples, each at full scale of its own peak.

    Args:
        source: A folder of audio files of any format and rate.
        out: The corpus, which takes its place only when it is whole.

    Returns:
        The corpus, and the files that were left out, each with the reason: those that cannot be decoded to
        their end, are shorter than 0.1 s, or silent throughout.

    Raises:
        InputError: if there is no usable stem, or the folder ``out`` holds something already.
    """
    if (out / INDEX).exists():
        raise InputError(out, "out", "already holds a corpus")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(out, "out", "is there already, and no empty folder")
    found = find_stems(source)
    rejected = list(found.rejected)
    with _replaced_folder(out) as folder:
        shards = _Shards(folder)
        with (folder / INDEX).open("w", encoding="utf-8") as index:
            for stem in tqdm(found.stems, unit="stem", disable=None):
                try:
                    entry = shards.add(stem, stem.path.relative_to(source).as_posix())
                except InputError as error:
                    rejected.append((stem.path, str(error).removeprefix(f"{stem.path}: ")))
                else:
                    index.write(json.dumps(asdict(entry)) + "\n")
        if shards.is_empty:
            first = f"{rejected[0][0]}: {rejected[0][1]}"
            raise InputError(source, "stems", f"no usable audio; {len(rejected)} rejected, first: {first}")
        rejected.sort()
        with (folder / REJECTED).open("w", encoding="utf-8") as stream:
            for path, reason in rejected:
                line = {"path": path.relative_to(source).as_posix(), "reason": reason}
                stream.write(json.dumps(line) + "\n")
    return PreparedCorpus(out), rejected


class _Shards:
    """Appends stems to files of bounded size in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._written = 0

    @property
    def is_empty(self) -> bool:
        """Whether no stem was added."""
        return self._written == 0

    def add(self, stem: Stem, name: str) -> Entry:
        """Append a stem, decoded in bounded memory.

        Raises:
            InputError: if it cannot be decoded or is silent; nothing is appended then.
        """
        with SpooledTemporaryFile(_MEMORY_BYTES, dir=str(self._folder)) as spool:
            peak = 0.0
            samples = 0
            for block in audio_blocks(stem.path, _BLOCK_SAMPLES):
                peak = max(peak, float(np.abs(block).max()))
                samples += len(block)
                spool.write(block.tobytes())
            if peak < SILENCE_PEAK:
                raise InputError(stem.path, "samples", f"silent: the peak is {peak:.2g}")
            if self._written and self._written + samples > SHARD_SAMPLES:
                self._number += 1
                self._written = 0
            spool.seek(0)
            with (self._folder / shard_name(self._number)).open("ab") as shard:
                while data := spool.read(4 * _BLOCK_SAMPLES):
                    scaled = np.rint(np.frombuffer(data, np.float32) * np.float32(FULL_SCALE / peak))
                    shard.write(scaled.astype(SAMPLE_TYPE).tobytes())
        start_sample, self._written = self._written, self._written + samples
        scale = peak / FULL_SCALE
        return Entry(name, stem.rate, stem.duration_seconds, self._number, start_sample, samples, scale)


@contextmanager
def _replaced_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path`` that takes its place when the block succeeds."""
    target = path.absolute()
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    for left in target.parent.glob(f".{glob.escape(target.name)}.*"):
        _logger.warning("left by a run that was killed, unless it still runs: %s", left)
    temporary.mkdir(parents=True)
    try:
        if path.is_dir():
            path.rmdir()  # fails before hours of work rather than after: a link, a mount, the current folder
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.filename is None:  # a full disk is noticed by a stream, which does not know its name
            error.filename = str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
