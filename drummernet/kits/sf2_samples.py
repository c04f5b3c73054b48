"""The samples of a SoundFont."""

import io
from typing import NamedTuple

import numpy as np

from drummernet.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from drummernet.errors import InputError
from drummernet.kits.kit import LONGEST_SOUND_SECONDS
from drummernet.kits.sf2 import VORBIS, SoundFont, entry_name, sample_bytes, sample_header
from drummernet.kits.sf2_zones import Gen, Zone

_COARSE = 32768


class Wave(NamedTuple):
    """A sample.

    Attributes:
        samples: (n,) float32.
        rate: In Hz.
        loop: The first sample of the loop, and the one behind its last.
        key: The MIDI note that it sounds at as it is.
        correction_cents: What is to be added to its pitch.
    """

    samples: np.ndarray
    rate: int
    loop: tuple[int, int]
    key: int
    correction_cents: int


def read_wave(font: SoundFont, zone: Zone) -> Wave:
    """Read the sample of a zone, from where the zone begins it to where it ends it.

    Raises:
        InputError: if it is longer than 30 s, lies outside the file or cannot be decoded.
    """
    header, generators = sample_header(font, zone.sample), zone.generators
    field, rate = f"sample {entry_name(header)!r}", int(header["rate"])
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        problem = f"{rate} Hz is not from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise InputError(font.path, field, problem)
    first, last = int(header["start"]), int(header["end"])
    is_vorbis = bool(header["kind"] & VORBIS)
    if not 0 <= first < last <= font.samples_at[1] // (1 if is_vorbis else 2):
        problem = f"lies from {first} to {last}, outside of the file's samples"
        raise InputError(font.path, field, problem)
    decode = _vorbis if is_vorbis else _pcm
    samples = decode(font, first, last, round(LONGEST_SOUND_SECONDS * rate), field)
    skipped = generators[Gen.START] + _COARSE * generators[Gen.START_COARSE]
    end = samples.size + min(0, generators[Gen.END] + _COARSE * generators[Gen.END_COARSE])
    if not 0 <= skipped < end:
        problem = f"its zone plays it from {skipped} to {end} of {samples.size}"
        raise InputError(font.path, field, problem)
    # The loop of a compressed sample is counted from the sample's begin.
    origin = skipped + (0 if is_vorbis else first)
    loop_start = generators[Gen.LOOP_START] + _COARSE * generators[Gen.LOOP_START_COARSE] - origin
    loop_end = generators[Gen.LOOP_END] + _COARSE * generators[Gen.LOOP_END_COARSE] - origin
    return Wave(
        samples=samples[skipped:end],
        rate=rate,
        loop=(int(header["loop_start"]) + loop_start, int(header["loop_end"]) + loop_end),
        key=int(header["key"]) if header["key"] < 128 else 60,
        correction_cents=int(header["correction"]),
    )


def _pcm(font: SoundFont, first: int, last: int, longest: int, field: str) -> np.ndarray:
    _check_length(font, last - first, longest, field)
    content = sample_bytes(font, 2 * first, 2 * (last - first), field)
    return np.frombuffer(content, "<i2") / np.float32(1 << 15)


def _vorbis(font: SoundFont, first: int, last: int, longest: int, field: str) -> np.ndarray:
    import soundfile

    content = sample_bytes(font, first, last - first, field)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as decoder:
            _check_length(font, decoder.frames, longest, field)
            samples: np.ndarray = decoder.read(dtype="float32", always_2d=True).mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise InputError(font.path, field, f"not readable as audio: {error.error_string}") from error
    if not samples.size or not np.isfinite(samples).all():
        raise InputError(font.path, field, "is empty or not finite")
    return samples


def _check_length(font: SoundFont, frames: int, longest: int, field: str) -> None:
    if frames > longest:
        problem = f"{frames} samples are more than {LONGEST_SOUND_SECONDS:g} s: no one-shot"
        raise InputError(font.path, field, problem)
