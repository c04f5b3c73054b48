"""Audio files to float32 mono at 16 kHz and back; every unreadable file becomes one named error.

There is one path from file to samples: decode in blocks, average the channels, resample as a stream.
Whole files, blocks and segments of a file are therefore the same numbers. What a file is, its content tells
and not its name: libsndfile is asked first, then ffmpeg where that is installed.

The field of an error tells what is at fault: ``"file"``, the file system; ``"format"``, no audio that is
known here; any other, audio that cannot be decoded.
"""

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.ffmpeg import HEAD_BYTES, FfmpegFile, is_installed, may_read
from drummernet.resources import replaced_file
from drummernet.sndfile import SndfileFile

# Imported where a file is opened: machines that train from prepared stems have no decoder and no resampler.

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"})
"""Suffixes, in lower case, of the files that are taken for audio when a folder is searched."""

SILENCE_PEAK = 1e-3
"""-60 dBFS: what stays below it is silence, in a stem as in a crop."""

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
"""Other rates are damaged headers, and would make the resampler huge."""

_BLOCK_FRAMES = 1 << 16
_BLOCK_VALUES = 1 << 19
"""The most values in a block of many channels."""
_LARGEST_SAMPLE = 1e12
"""Larger samples are decoded rubbish, and overflow in the resampler."""
_CONTEXT_SAMPLES = 320
"""What a segment is resampled with on either side, at the slower of the two rates: more than half the
resampler's filter, and 20 ms at 16 kHz."""


@dataclass(frozen=True)
class Decoder:
    """An open audio file.

    Attributes:
        path: The file.
        rate: Its sample rate in Hz.
        channels: Their number, C.
        format: The container and the encoding: ``"WAV PCM_16"``, ``"ffmpeg aac"``.
        file: What decodes it.
    """

    path: Path
    rate: int
    channels: int
    format: str
    file: SndfileFile | FfmpegFile

    def blocks(self, start_frame: int = 0, end_frame: int | None = None) -> Iterator[np.ndarray]:
        """Decode a part of the file, or all of it, in bounded memory.

        Args:
            start_frame: Its first frame. (ffmpeg does not seek exactly: it decodes what stands before, too.)
            end_frame: The frame behind its last; the end of the file if None.

        Yields:
            (n, C) float32 at the file's own rate, n > 0.

        Raises:
            InputError: if the part cannot be decoded, or holds samples that are not finite; those are counted
                to its end, and nothing is given from the first of them on.
        """
        frames = max(1, min(_BLOCK_FRAMES, _BLOCK_VALUES // self.channels))
        done = bad = 0
        for block in self.file.blocks(start_frame, end_frame, frames):
            done += len(block)
            # No copy is made for this; a NaN is neither.
            if not (block.max() < _LARGEST_SAMPLE and block.min() > -_LARGEST_SAMPLE):
                bad += int(np.count_nonzero(~(np.abs(block) < _LARGEST_SAMPLE).all(axis=1)))
            if not bad:
                yield block
        if bad:
            problem = f"{bad} of {done} are not finite (or above {_LARGEST_SAMPLE:g})"
            raise InputError(self.path, "samples", problem)


@contextmanager
def open_audio(path: Path) -> Iterator[Decoder]:
    """Open a file of any format that can be decoded on this machine.

    Raises:
        InputError: if it cannot be opened, is no audio, promises less than one sample at 16 kHz, or has a
            sample rate that no recording has.
    """
    with _opened(path) as raw, closing(_decoding(path, raw)) as file:
        _check(path, file)
        yield Decoder(path, file.rate, file.channels, file.format, file)


def audio_length(path: Path) -> tuple[int, int]:
    """Return the number of frames and the sample rate in Hz that the header states, if libsndfile reads it.

    Raises:
        InputError: if libsndfile cannot open it, or as :func:`open_audio`.
    """
    with _opened(path) as raw, closing(SndfileFile(path, raw)) as file:
        _check(path, file)
        return file.frames, file.rate


def mono(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Average the channels of blocks (n, C) to blocks (n,)."""
    return (block.mean(axis=1) for block in blocks)


def resampled(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Bring a stream of blocks (n,) from ``rate`` in Hz to 16 kHz; the resampler's delay is compensated."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def read_audio(path: Path) -> np.ndarray:
    """Decode a whole file.

    Returns:
        (N,) float32, the mean of the channels at 16 kHz. Sample n is the sound at n / 16000 s.

    Raises:
        InputError: if the file cannot be decoded to its end, is empty or holds samples that are not finite.
    """
    return np.concatenate(list(audio_blocks(path, _BLOCK_FRAMES)))


def audio_blocks(path: Path, block_samples: int) -> Iterator[np.ndarray]:
    """Decode a file of any length in bounded memory.

    Args:
        path: The file.
        block_samples: Samples per block at 16 kHz; only the last block is shorter.

    Yields:
        (block_samples,) float32; put together they are what :func:`read_audio` returns.

    Raises:
        InputError: as :func:`read_audio`, possibly after some blocks.
    """
    pending = np.zeros(0, np.float32)
    with open_audio(path) as decoder:
        for piece in resampled(mono(decoder.blocks()), decoder.rate):
            pending = np.concatenate((pending, piece))
            while len(pending) >= block_samples:
                yield pending[:block_samples]
                pending = pending[block_samples:]
    if len(pending):
        yield pending


def read_segment(path: Path, start_sample: int, samples: int) -> np.ndarray:
    """Decode only a part of a file.

    Args:
        path: The file.
        start_sample: First sample of the part, counted at 16 kHz.
        samples: Length of the part at 16 kHz.

    Returns:
        ``read_audio(path)[start_sample : start_sample + samples]``, shorter where the file ends before.
        (Near the end of an Ogg Vorbis file the decoder itself may seek a millisecond wide of the place.)

    Raises:
        InputError: if this part of the file cannot be decoded or is not finite.
    """
    with open_audio(path) as decoder:
        rate = decoder.rate
        # Both clocks tick together once per unit: from there on the resampler meets the whole file's phase.
        common = math.gcd(rate, SAMPLE_RATE)
        unit_frames, unit_samples = rate // common, SAMPLE_RATE // common
        context_frames = math.ceil(_CONTEXT_SAMPLES * rate / min(rate, SAMPLE_RATE))
        first_unit = max(0, start_sample // unit_samples - math.ceil(context_frames / unit_frames))
        end_frame = math.ceil((start_sample + samples) * rate / SAMPLE_RATE) + context_frames
        blocks = decoder.blocks(first_unit * unit_frames, end_frame)
        audio = np.concatenate([np.zeros(0, np.float32), *resampled(mono(blocks), rate)])
    offset = start_sample - first_unit * unit_samples
    return audio[offset : offset + samples]


def write_audio(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> None:
    """Write mono audio at 16 kHz under a temporary name, then rename it; samples beyond ±1 are clipped.

    Args:
        path: The file; its suffix chooses the format.
        samples: (N,) floats.
        subtype: One of libsndfile's encodings that the format allows.

    Raises:
        InputError: if a sample is not finite or the file cannot be written.
    """
    import soundfile

    bad = np.count_nonzero(~np.isfinite(samples))
    if bad:
        raise InputError(path, "samples", f"{bad} of {samples.size} are not finite")
    try:
        with replaced_file(path) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, subtype=subtype)
    except soundfile.LibsndfileError as error:
        raise InputError(path, "file", f"cannot be written: {error.error_string}") from error


def peak_normalise(samples: np.ndarray) -> np.ndarray:
    """Return samples (N,) scaled so that the largest magnitude is 1; silence stays as it is."""
    peak = np.abs(samples).max(initial=0.0)
    return samples / peak if peak > 0 else samples


def _opened(path: Path) -> FileIO:
    """Open a file that is not empty."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(path, "file", "not a file but a folder or a device")
        raw = FileIO(path)
        is_empty = not os.fstat(raw.fileno()).st_size
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error
    if is_empty:
        raw.close()
        raise InputError(path, "format", "holds 0 bytes")
    return raw


def _decoding(path: Path, raw: FileIO) -> SndfileFile | FfmpegFile:
    """Find what decodes a file: libsndfile, or ffmpeg if the file begins like one of its formats."""
    try:
        return SndfileFile(path, raw)
    except InputError as error:
        problem = error.args[2]
    try:
        raw.seek(0)
        head = raw.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error
    if may_read(head):
        if is_installed():
            try:
                return FfmpegFile(path)
            except InputError as error:
                problem += f"; {error.args[2]}"
        else:
            problem += " (ffmpeg, which reads more formats, is not installed)"
    raise InputError(path, "format", problem)


def _check(path: Path, file: SndfileFile | FfmpegFile) -> None:
    if not LOWEST_RATE_HZ <= file.rate <= HIGHEST_RATE_HZ:
        problem = f"{file.rate} Hz is not from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise InputError(path, "rate", problem)
    if file.frames is not None and file.frames * SAMPLE_RATE < file.rate:
        raise InputError(path, "frames", f"{file.frames} at {file.rate} Hz are no audio")
