"""One file of a crawl: decoded, measured, fingerprinted, and its samples kept, in bounded memory."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import uuid4

import numpy as np

from drummernet.audio import Decoder, mono, open_audio, resampled
from drummernet.errors import InputError
from drummernet.stems.fingerprint import Fingerprint
from drummernet.stems.frames import MagnitudeFrames
from drummernet.stems.journal import Decoded, Record
from drummernet.stems.judging import judge
from drummernet.stems.measures import Measures, Meter
from drummernet.stems.prepared import SAMPLE_TYPE, samples_path
from drummernet.stems.sources import Source, local_file

FULL_SCALE = 32_767
_BLOCK_SAMPLES = 1 << 16
_MEMORY_BYTES = 1 << 26
"""Longer stems (17 minutes) wait for their peak on disk."""

_REASONS = {"refused": "refused", "file": "unreadable", "format": "not audio"}
"""By the field of an error; all others mean audio that cannot be decoded."""


def decode(source: Source, scratch: Path, corpus: Path | None, accepted: frozenset[str]) -> Record:
    """Find out about a file, and keep its samples in the corpus unless it is to be put aside.

    Args:
        source: The file.
        scratch: A folder for temporary files, on the corpus's disk.
        corpus: Where samples are kept; nowhere if None.
        accepted: Reasons for which nothing is put aside.

    Raises:
        OSError: if a temporary file or the samples cannot be written, which is not the fault of the file.
    """
    if source.problem is not None:
        return Record(source, source.problem)
    try:
        with local_file(source, scratch) as path, open_audio(path) as decoder:
            return Record(source, _decoded(decoder, scratch, corpus, accepted))
    except InputError as error:
        _, field, problem = error.args
        return Record(source, (_REASONS.get(field, "undecodable"), f"{field}: {problem}"))
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        # A crawl holds what no test foresaw: one file more that cannot be used, not the end of the run.
        return Record(source, ("undecodable", f"{type(error).__name__}: {error}"))


def _decoded(decoder: Decoder, scratch: Path, corpus: Path | None, accepted: frozenset[str]) -> Decoded:
    meter, frames, fingerprint = Meter(decoder.rate), MagnitudeFrames(), Fingerprint()
    with _names(scratch), SpooledTemporaryFile(_MEMORY_BYTES, dir=str(scratch)) as spool:
        samples = 0
        for block in resampled(mono(_metered(decoder, meter)), decoder.rate):
            samples += len(block)
            spool.write(block.tobytes())
            meter.add(block)
            spectra = frames.add(block)
            meter.add_frames(spectra)
            fingerprint.add(spectra)
        last = frames.finish()
        meter.add_frames(last)
        fingerprint.add(last)
        measures = meter.finish()
        scale = measures.peak / FULL_SCALE
        verdict = judge(measures)
        if corpus is not None and (verdict is None or verdict[0] in accepted):
            content_hash = _keep(spool, measures, scratch, corpus)
        else:
            content_hash = _hash(_scaled(spool, measures))
    return Decoded(
        decoder.format,
        decoder.rate,
        decoder.channels,
        samples,
        scale,
        content_hash,
        measures,
        fingerprint.finish(),
    )


@contextmanager
def _names(path: Path) -> Iterator[None]:
    """Name what cannot be written, where a stream does not know its name."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _metered(decoder: Decoder, meter: Meter) -> Iterator[np.ndarray]:
    for block in decoder.blocks():
        meter.add_native(block)
        yield block


def _scaled(spool: IO[bytes], measures: Measures) -> Iterator[bytes]:
    """Yield the samples without their mean, at full scale of their peak."""
    factor = FULL_SCALE / measures.peak if measures.peak > 0 else 0.0
    spool.seek(0)
    while data := spool.read(4 * _BLOCK_SAMPLES):
        centred = np.frombuffer(data, np.float32) - np.float32(measures.dc)
        whole = np.rint(centred * factor).clip(-FULL_SCALE, FULL_SCALE)
        yield whole.astype(SAMPLE_TYPE).tobytes()


def _hash(blocks: Iterator[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _keep(spool: IO[bytes], measures: Measures, scratch: Path, corpus: Path) -> str:
    """Write the samples into the corpus, under the name that is their hash, and return it."""
    digest = hashlib.blake2b(digest_size=16)
    temporary = scratch / uuid4().hex
    try:
        with temporary.open("wb") as stream:
            for block in _scaled(spool, measures):
                digest.update(block)
                stream.write(block)
        path = samples_path(corpus, digest.hexdigest())
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()
