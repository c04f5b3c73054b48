"""What became of every file of a crawl: a line per file, kept as the work goes on, so that none is redone."""

import base64
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.errors import InputError
from drummernet.stems.measures import Measures
from drummernet.stems.sources import Source

JOURNALS = "journal"
Key = str


def key_of(source: Source) -> Key:
    """Return what tells a file from all others, whatever it is called: where it is."""
    return source.location


@dataclass(frozen=True, eq=False)
class Decoded:
    """What was found out about a file that could be decoded.

    Attributes:
        format: Container and encoding.
        rate: Its own sample rate in Hz.
        channels: How many it has.
        samples: Its length at 16 kHz.
        scale: The factor from the int16 samples to samples of full scale 1; 0 for digital silence.
        hash: Of the int16 samples; 32 hexadecimal digits.
        measures: What it is judged by.
        tokens: Its fingerprint (n, 2) uint32.
    """

    format: str
    rate: int
    channels: int
    samples: int
    scale: float
    hash: str
    measures: Measures
    tokens: np.ndarray


@dataclass(frozen=True, eq=False)
class Record:
    """What became of a file: it was decoded, or there was a problem.

    Attributes:
        source: The file.
        result: What was found out, or reason and detail of the problem.
    """

    source: Source
    result: Decoded | tuple[str, str]

    @property
    def key(self) -> Key:
        """What tells files apart."""
        return key_of(self.source)

    def to_line(self) -> str:
        """Return the record as a line of JSON."""
        entry: dict[str, Any] = {"source": asdict(self.source)}
        if isinstance(self.result, Decoded):
            tokens = base64.b64encode(self.result.tokens.astype("<u4").tobytes()).decode()
            entry["decoded"] = {**asdict(self.result), "tokens": tokens}
        else:
            entry["problem"] = self.result
        return json.dumps(entry) + "\n"

    @staticmethod
    def from_line(line: bytes) -> "Record":
        """Return the record of a line.

        Raises:
            ValueError: if it is not one.
        """
        try:
            entry = json.loads(line)
            known = entry["source"]
            problem = known["problem"] and tuple(known["problem"])
            source = Source(**{**known, "problem": problem})
            if "problem" in entry:
                reason, detail = entry["problem"]
                return Record(source, (reason, detail))
            decoded = entry["decoded"]
            tokens = np.frombuffer(base64.b64decode(decoded["tokens"]), "<u4").reshape(-1, 2)
            return Record(
                source, Decoded(**{**decoded, "measures": Measures(**decoded["measures"]), "tokens": tokens})
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a record: {error!r}") from error


def read_journals(corpus: Path) -> Iterator[Record]:
    """Yield all records of a corpus; :func:`newer` tells which of several with one key counts.

    A line that a killed run left unfinished is passed over.

    Raises:
        InputError: if another line is damaged.
    """
    for path in sorted((corpus / JOURNALS).glob("*.jsonl")):
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    yield Record.from_line(line)
                except ValueError as error:
                    raise InputError(path, f"line {number}", f"damaged: {error}") from error


def newer(one: Record, other: Record) -> Record:
    """Return the record that counts, of two for one file: of its later state, the one decoded, the first."""

    def order(record: Record) -> tuple[int, bool]:
        modified = record.source.modified
        return int(modified) if modified.isdecimal() else 0, isinstance(record.result, Decoded)

    return one if order(one) >= order(other) else other


class Journal:
    """Appends records to a journal that is this run's alone; see :func:`opened_journal`."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream

    def append(self, record: Record) -> None:
        """Write a record; one that cannot be written whole is not written at all."""
        end = self._stream.seek(0, os.SEEK_END)
        data = record.to_line().encode("ascii")
        try:
            while data:
                data = data[self._stream.write(data) :]
        except OSError as error:
            self._stream.truncate(end)
            error.filename = self._stream.name
            raise


@contextmanager
def locked(path: Path) -> Iterator[FileIO]:
    """Open a file to append to, alone.

    Raises:
        InputError: if another run has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileIO(str(path), "a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(path, "journal", "another run is writing it") from None
        yield stream


@contextmanager
def opened_journal(corpus: Path, name: str) -> Iterator[Journal]:
    """Open, or begin, the journal of a run or of its part of the sources.

    Raises:
        InputError: if another run is writing it.
    """
    path = corpus / JOURNALS / f"{name}.jsonl"
    with locked(path) as stream:
        with path.open("rb") as lines:
            whole = sum(len(line) for line in lines if line.endswith(b"\n"))
        if whole < path.stat().st_size:
            stream.truncate(whole)
        yield Journal(stream)
