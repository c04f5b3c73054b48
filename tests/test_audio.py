"""Decoding, resampling and writing of audio files."""

import os
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
    [(b"", "file: holds 0 bytes"), (b"these are words, not sound\n" * 9, "format: not readable as audio")],
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
