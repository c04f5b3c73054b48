"""Audio files to float32 mono at 16 kHz and back; every unreadable file becomes one named error.

There is one path from file to samples: decode in blocks, average the channels, resample as a stream.
Whole files, blocks and segments of a file are therefore the same numbers.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.resources import replaced_file

if TYPE_CHECKING:
    import soundfile

# Imported where a file is opened: machines that train from prepared stems have no decoder and no resampler.

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"})
"""Suffixes, in lower case, of the files that are taken for audio when a folder is searched."""

_BLOCK_FRAMES = 1 << 16
_UNKNOWN_FRAMES = 1 << 62
"""libsndfile says that it does not know a length by the largest number there is."""
_LARGEST_SAMPLE = 1e12
"""Larger samples are decoded rubbish, and overflow in the resampler."""
_CONTEXT_SAMPLES = 320
"""What a segment is resampled with on either side, at the slower of the two rates: more than half the
resampler's filter, and 20 ms at 16 kHz."""


def audio_length(path: Path) -> tuple[int, int]:
    """Return the number of frames and the sample rate in Hz that the file's header states.

    Raises:
        InputError: if the file cannot be opened as audio or is empty.
    """
    with _open(path) as file:
        return file.frames, file.samplerate


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
    with _open(path) as file:
        mono = _mono_blocks(path, file, 0, file.frames)
        for piece in _resampled(mono, file.samplerate):
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
    with _open(path) as file:
        rate = file.samplerate
        # Both clocks tick together once per unit: from there on the resampler meets the whole file's phase.
        common = math.gcd(rate, SAMPLE_RATE)
        unit_frames, unit_samples = rate // common, SAMPLE_RATE // common
        context_frames = math.ceil(_CONTEXT_SAMPLES * rate / min(rate, SAMPLE_RATE))
        first_unit = max(0, start_sample // unit_samples - math.ceil(context_frames / unit_frames))
        end_frame = math.ceil((start_sample + samples) * rate / SAMPLE_RATE) + context_frames
        first_frame = first_unit * unit_frames
        frames = min(end_frame, file.frames) - first_frame
        if frames <= 0:
            return np.zeros(0, np.float32)
        audio = np.concatenate(list(_resampled(_mono_blocks(path, file, first_frame, frames), rate)))
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


def _open(path: Path) -> "soundfile.SoundFile":
    """Open a file whose header promises at least one sample at 16 kHz."""
    import soundfile

    try:
        if path.exists() and not path.is_file():
            raise InputError(path, "file", "not a file but a folder or a device")
        with path.open("rb") as raw:
            if not raw.read(1):
                raise InputError(path, "file", "holds 0 bytes")
    except OSError as error:
        raise InputError(path, "file", error.strerror or str(error)) from error
    try:
        # soundfile encodes a str strictly, but a name on disk may be any bytes.
        file = soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)
    except soundfile.LibsndfileError as error:
        raise InputError(path, "format", f"not readable as audio: {error.error_string}") from error
    problem = ""
    if file.frames >= _UNKNOWN_FRAMES:
        problem = "the header does not tell how many there are"
    elif file.frames * SAMPLE_RATE < file.samplerate:
        problem = f"{file.frames} at {file.samplerate} Hz are no audio"
    if problem:
        file.close()
        raise InputError(path, "frames", problem)
    return file


def _mono_blocks(
    path: Path, file: "soundfile.SoundFile", start_frame: int, frames: int
) -> Iterator[np.ndarray]:
    """Yield the mean of the channels at the file's own rate, blocks that are ``frames`` long in all."""
    import soundfile

    done = 0
    bad = 0
    try:
        file.seek(start_frame)
        while done < frames:
            block = file.read(min(_BLOCK_FRAMES, frames - done), dtype="float32", always_2d=True)
            if not len(block):
                raise InputError(
                    path, "frames", f"cut short: {file.frames} promised, {start_frame + done} there"
                )
            done += len(block)
            with np.errstate(invalid="ignore", over="ignore"):
                mono = block.mean(axis=1)
                bad += int(np.count_nonzero(~(np.abs(mono) < _LARGEST_SAMPLE)))
            if not bad:
                yield mono
    except soundfile.LibsndfileError as error:
        reached = f"decoding failed between frames {start_frame + done} and {start_frame + frames}"
        raise InputError(path, "frames", f"{reached} of {file.frames}: {error.error_string}") from error
    if bad:
        raise InputError(path, "samples", f"{bad} of {frames} are not finite (or above {_LARGEST_SAMPLE:g})")


def _resampled(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Bring a stream of mono blocks from ``rate`` to 16 kHz; the resampler's delay is compensated."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
