"""Decoding, resampling and writing of audio files."""

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from drummernet import SAMPLE_RATE
from drummernet.audio import (
    audio_blocks,
    audio_length,
    open_audio,
    peak_normalise,
    read_audio,
    read_segment,
    write_audio,
)
from drummernet.errors import InputError

RATES = (8_000, 11_025, 16_000, 22_050, 44_056, 44_100, 48_000, 96_000)


def _noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples)


@pytest.mark.parametrize("rate", RATES)
def test_sine_keeps_amplitude_phase_and_length(tmp_path: Path, rate: int) -> None:
    frames = 3 * rate + 7
    path = tmp_path / "sine.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 997 * np.arange(frames) / rate), rate, subtype="FLOAT")
    audio = read_audio(path)
    expected = 0.5 * np.sin(2 * np.pi * 997 * np.arange(len(audio)) / SAMPLE_RATE)
    assert audio.dtype == np.float32
    assert abs(len(audio) - frames * SAMPLE_RATE / rate) <= 0.5
    np.testing.assert_allclose(audio[1000:-1000], expected[1000:-1000], atol=2e-4)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_clicks_stay_in_place_without_drift(tmp_path: Path, rate: int) -> None:
    onsets = np.arange(300, 60 * rate, 3 * rate + 17)
    clicks = np.zeros(60 * rate)
    clicks[onsets] = 0.9
    path = tmp_path / "clicks.flac"
    soundfile.write(path, clicks, rate)
    audio = np.abs(read_audio(path))
    for onset in onsets:
        place = onset * SAMPLE_RATE / rate
        window = slice(round(place) - 50, round(place) + 51)
        assert abs(round(place) - 50 + np.argmax(audio[window]) - place) <= 0.5 + 1e-9


def test_content_above_the_new_nyquist_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "high.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 11_000 * np.arange(44_100) / 44_100), 44_100)
    assert np.abs(read_audio(path)[500:-500]).max() < 1e-4


def test_agrees_with_scipy_polyphase_resampling(tmp_path: Path) -> None:
    smooth = scipy.signal.sosfilt(scipy.signal.butter(8, 4_000, fs=48_000, output="sos"), _noise(48_000))
    path = tmp_path / "smooth.wav"
    soundfile.write(path, smooth, 48_000, subtype="DOUBLE")
    oracle = scipy.signal.resample_poly(smooth, 1, 3, window=("kaiser", 12.0))
    np.testing.assert_allclose(read_audio(path)[200:-200], oracle[200:-200], atol=2e-3)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right, rear = _noise(4_001, 1), _noise(4_001, 2), _noise(4_001, 3)
    path = tmp_path / "three.wav"
    soundfile.write(path, np.stack((left, right, rear), axis=1), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path), (left + right + rear) / 3, atol=1e-6)


@pytest.mark.parametrize("block_samples", [1_237, 16_000, 10**7])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_blocks_put_together_are_the_whole(tmp_path: Path, rate: int, block_samples: int) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, _noise(5 * rate + 11), rate)
    blocks = list(audio_blocks(path, block_samples))
    assert all(len(block) == block_samples for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path))


def test_blocks_of_a_long_file_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2) as file:
        second = np.zeros((60 * SAMPLE_RATE, 2), np.int16)
        for _ in range(30):
            file.write(second)
    tracemalloc.start()
    total = sum(len(block) for block in audio_blocks(path, SAMPLE_RATE))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 30 * 60 * SAMPLE_RATE
    assert peak_bytes < 5e6  # the whole file would be 115 MB


@pytest.mark.parametrize("rate", RATES)
def test_segment_is_a_slice_of_the_whole(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, _noise(4 * rate + 3), rate, subtype="FLOAT")
    whole = read_audio(path)
    for start in (0, 1, 159, 16_000, 23_456, len(whole) - 5_000, len(whole) - 1):
        segment = read_segment(path, start, 9_001)
        np.testing.assert_allclose(segment, whole[start : start + 9_001], atol=1e-5)
    assert len(read_segment(path, len(whole) + 50_000, 100)) == 0


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3", ".aiff"])
def test_segment_of_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    soundfile.write(path, _noise(6 * 44_100), 44_100)
    whole = read_audio(path)
    for start in (0, 4_321, 33_333):
        np.testing.assert_allclose(
            read_segment(path, start, 20_000), whole[start : start + 20_000], atol=1e-4
        )


def test_segment_before_the_damage_is_read(tmp_path: Path) -> None:
    path = _truncated_flac(tmp_path)
    assert len(read_segment(path, 1_600, 16_000)) == 16_000
    with pytest.raises(InputError, match=r"cut\.flac: frames: "):
        read_segment(path, 70_000, 16_000)


def _truncated_flac(folder: Path) -> Path:
    path = folder / "cut.flac"
    soundfile.write(path, _noise(5 * 44_100), 44_100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_truncated_flac(tmp_path: Path) -> None:
    path = _truncated_flac(tmp_path)
    with pytest.raises(InputError, match=r"cut\.flac: frames: decoding failed .* of 220500"):
        read_audio(path)


def test_truncated_mp3_whose_decoder_stops_quietly(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp3"
    soundfile.write(path, _noise(5 * 44_100), 44_100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    with pytest.raises(InputError, match=r"cut\.mp3: frames: cut short: 220500 promised, \d+ there"):
        read_audio(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "format: holds 0 bytes"), (b"these are words, not sound\n" * 9, "format: not readable as audio")],
)
def test_files_that_are_no_audio(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    for read in (read_audio, audio_length):
        with pytest.raises(InputError) as caught:
            read(path)
        assert f"{path}: {problem}" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), 44_100)
    with pytest.raises(InputError, match=r"empty\.wav: frames: 0 at 44100 Hz"):
        read_audio(path)


@pytest.mark.parametrize(("value", "shown"), [(np.nan, 3), (np.inf, 3), (1e30, 3)])
def test_samples_that_are_not_finite_are_counted_over_the_whole_file(
    tmp_path: Path, value: float, shown: int
) -> None:
    samples = _noise(200_001)
    samples[[7, 100_000, 199_999]] = value
    path = tmp_path / "nan.wav"
    soundfile.write(path, samples, 44_100, subtype="FLOAT")
    with pytest.raises(InputError, match=rf"nan\.wav: samples: {shown} of 200001 are not finite"):
        read_audio(path)


def _wav(channels: int, rate: int, content: bytes, promised_bytes: int | None = None) -> bytes:
    """Return a WAV file of 16-bit samples with any header."""
    promised = len(content) if promised_bytes is None else promised_bytes
    frame_bytes = 2 * channels
    fields = (16, 1, channels, rate, min(rate * frame_bytes, 2**32 - 1), frame_bytes, 16)
    header = struct.pack("<4sIHHIIHH", b"fmt ", *fields) + struct.pack("<4sI", b"data", promised)
    return b"RIFF" + struct.pack("<I", min(36 + promised, 2**32 - 1)) + b"WAVE" + header + content


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_rates_that_no_recording_has(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "rate.wav"
    path.write_bytes(_wav(1, rate, bytes(20_000)))
    for read in (read_audio, audio_length):
        with pytest.raises(InputError, match=rf"rate\.wav: rate: {rate} Hz is not from 1000 to 768000"):
            read(path)


@pytest.mark.parametrize("rate", [1_000, 768_000])
def test_the_outermost_rates(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "rate.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 100 * np.arange(2 * rate) / rate), rate)
    expected = 0.5 * np.sin(2 * np.pi * 100 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    np.testing.assert_allclose(read_audio(path)[1600:-1600], expected[1600:-1600], atol=1e-3)


def test_hundreds_of_channels_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "wide.wav"
    channels = 1_000
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (20_000, channels), dtype=np.int16)
    path.write_bytes(_wav(channels, SAMPLE_RATE, noise.tobytes()))
    expected = noise.mean(axis=1) / 2**15
    del noise
    tracemalloc.start()
    audio = read_audio(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(audio, expected, atol=1e-6)
    assert peak_bytes < 12e6  # all channels would be 80 MB


def test_a_promise_of_far_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "huge.flac"
    soundfile.write(path, _noise(30_000), 44_100)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the number of frames, 36 bits in the header of a FLAC file
    content[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert audio_length(path)[0] == 2**36 - 1
    tracemalloc.start()
    with pytest.raises(InputError, match=r"huge\.flac: frames: .*68719476735"):
        read_audio(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5e6


@pytest.mark.parametrize("suffix", [".au", ".gsm", ".vox", ".raw", ".snd", ".mp3", ".wav"])
def test_noise_is_no_audio_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(np.random.default_rng(5).bytes(50_000))
    with pytest.raises(InputError, match="format: not readable as audio"):
        read_audio(path)


def test_content_and_not_the_suffix_tells_the_format(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", _noise(9_000), 44_100)
    (tmp_path / "a.flac").rename(tmp_path / "a.raw")
    with open_audio(tmp_path / "a.raw") as decoder:
        assert (decoder.format, decoder.rate, decoder.channels) == ("FLAC PCM_16", 44_100, 1)
        assert sum(len(block) for block in decoder.blocks()) == 9_000


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "IMA_ADPCM", "ULAW"])
def test_telephone_encodings_some_of_which_cannot_seek(tmp_path: Path, subtype: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 400 * np.arange(24_000) / 8_000)
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 8_000, subtype=subtype)
    whole = read_audio(path)
    assert len(whole) >= 48_000
    assert np.std(whole[1_000:40_000:2] - tone[500:20_000]) < 0.05
    for start in (0, 20_000):
        part = read_segment(path, start, 9_000)
        np.testing.assert_allclose(part, whole[start : start + 9_000], atol=1e-5)


def test_native_blocks_have_all_channels(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (150_000, 3)).astype(np.float32)
    path = tmp_path / "three.wav"
    soundfile.write(path, samples, 44_100, subtype="FLOAT")
    with open_audio(path) as decoder:
        np.testing.assert_array_equal(np.concatenate(list(decoder.blocks())), samples)
        np.testing.assert_array_equal(np.concatenate(list(decoder.blocks(7, 90_000))), samples[7:90_000])
        assert not list(decoder.blocks(150_000))


def test_mp3_without_a_stated_length(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp3"
    soundfile.write(path, _noise(5 * 44_100), 44_100, bitrate_mode="CONSTANT", compression_level=0.5)
    content = path.read_bytes()
    info = content.index(b"Info")
    bits = {9: 128, 10: 160, 11: 192, 12: 224, 13: 256, 14: 320}[content[2] >> 4]
    frame_bytes = 144 * bits * 1000 // 44_100 + (content[2] >> 1 & 1)
    assert info < frame_bytes
    path.write_bytes(content[frame_bytes:])
    promised = audio_length(path)[0]
    with open_audio(path) as decoder:
        there = sum(len(block) for block in decoder.blocks())
    assert there % 1152 == 0  # whole frames
    assert there > 5 * 44_100
    assert there != promised  # an estimate, which is not taken at its word
    # What is called MP3 may begin with something else.
    path.write_bytes(bytes(3_000) + content)
    assert abs(len(read_audio(path)) - 5 * SAMPLE_RATE) < 1_000


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.wav: file: No such file"):
        read_audio(tmp_path / "gone.wav")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(InputError, match=r"folder\.wav: file: not a file but a folder"):
        read_audio(tmp_path / "folder.wav")


def test_forbidden_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    write_audio(path, _noise(100))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputError, match=r"secret\.wav: file: Permission denied"):
        read_audio(path)


@pytest.mark.parametrize("name", ["Schlagzeug übermütig.flac", "ドラム🥁.flac", "d" * 200 + ".flac"])
def test_names_in_every_script(tmp_path: Path, name: str) -> None:
    samples = _noise(1_000)
    write_audio(tmp_path / name, samples)
    np.testing.assert_allclose(read_audio(tmp_path / name), samples, atol=2**-15)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX systems only")
def test_name_that_is_not_unicode(tmp_path: Path) -> None:
    write_audio(tmp_path / "plain.wav", _noise(1_000))
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    try:
        (tmp_path / "plain.wav").rename(odd)
    except OSError:
        pytest.skip("this file system takes unicode names only")
    assert len(read_audio(odd)) == 1_000


def test_write_clips_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "loud.wav"
    write_audio(path, np.array([2.0, -3.0, 0.25], np.float32))
    np.testing.assert_allclose(read_audio(path), [1.0, -1.0, 0.25], atol=1e-4)
    assert soundfile.info(path).subtype == "PCM_16"
    assert [entry.name for entry in path.parent.iterdir()] == ["loud.wav"]


def test_write_refuses_nan_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.wav"
    write_audio(path, _noise(100))
    with pytest.raises(InputError, match=r"kept\.wav: samples: 1 of 3 are not finite"):
        write_audio(path, np.array([0.0, np.nan, 0.0]))
    assert len(read_audio(path)) == 100


def test_peak_normalise() -> None:
    np.testing.assert_allclose(peak_normalise(np.array([0.1, -0.4])), [0.25, -1.0])
    np.testing.assert_array_equal(peak_normalise(np.zeros(3)), np.zeros(3))
    assert len(peak_normalise(np.zeros(0))) == 0
