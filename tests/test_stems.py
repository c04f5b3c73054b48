"""Finding stems in folders, and random crops of them."""

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.utils.data import DataLoader

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.stems.corpus import FolderCorpus, Stem, find_stems
from drummernet.stems.crops import CropDataset


def _write_noise(path: Path, seconds: float, rate: int = SAMPLE_RATE, level: float = 0.3) -> Stem:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(len(path.name)).uniform(-level, level, round(seconds * rate))
    soundfile.write(path, samples, rate)
    return Stem(path, len(samples), rate)


def _truncated_flac(path: Path) -> Stem:
    stem = _write_noise(path, 8.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    return stem


def _corpus(*stems: Stem) -> FolderCorpus:
    return FolderCorpus(stems, ())


@pytest.fixture
def three_stems(tmp_path: Path) -> FolderCorpus:
    _write_noise(tmp_path / "a.wav", 3.1, 44_100)
    _write_noise(tmp_path / "deep" / "bb.FLAC", 2.7, 48_000)
    _write_noise(tmp_path / "deep" / "er" / "ccc.ogg", 4.0, 22_050)
    return find_stems(tmp_path)


def test_find_stems_below_a_folder(tmp_path: Path) -> None:
    expected = [
        _write_noise(tmp_path / "audio" / "A.wav", 1.0, 44_100),
        _write_noise(tmp_path / "audio" / "日本" / "x.Flac", 0.5, 48_000),
        _write_noise(tmp_path / "z.aiff", 2.5, 8_000),
    ]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "A.txt").write_text("0.5\tKD\n")
    corpus = find_stems(tmp_path)
    assert corpus == FolderCorpus(tuple(expected), ())
    assert [stem.duration_seconds for stem in corpus.stems] == [1.0, 0.5, 2.5]


def test_bad_files_are_named_and_never_stop(tmp_path: Path) -> None:
    good = _write_noise(tmp_path / "good.wav", 1.0)
    _write_noise(tmp_path / "short.wav", 0.09)
    (tmp_path / "text.wav").write_text("no sound here")
    (tmp_path / "zero.mp3").touch()
    (tmp_path / "gone.flac").symlink_to(tmp_path / "nowhere.flac")
    (tmp_path / "folder.wav").mkdir()
    corpus = find_stems(tmp_path)
    assert corpus.stems == (good,)
    reasons = {path.name: reason for path, reason in corpus.rejected}
    assert list(reasons) == ["gone.flac", "short.wav", "text.wav", "zero.mp3"]
    assert reasons["gone.flac"] == "file: No such file or directory"
    assert reasons["short.wav"] == "duration: 0.090 s, less than 0.1 s"
    assert reasons["text.wav"].startswith("format: not readable as audio")
    assert reasons["zero.mp3"] == "format: holds 0 bytes"


def test_link_loops_are_entered_once(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    stem = _write_noise(inside / "a.wav", 1.0)
    (inside / "up").symlink_to(tmp_path, target_is_directory=True)
    (inside / "self").symlink_to(inside / "self")
    (tmp_path / "zzz").symlink_to(inside, target_is_directory=True)
    assert find_stems(tmp_path).stems == (stem,)


def test_folders_without_audio(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: folder: no such folder"):
        find_stems(tmp_path / "none")
    with pytest.raises(InputError, match=r"no readable audio; 0 rejected$"):
        find_stems(tmp_path)
    (tmp_path / "b.wav").write_text("text")
    (tmp_path / "c.wav").touch()
    with pytest.raises(
        InputError, match=r"no readable audio; 2 rejected, first: .*b\.wav: format: "
    ) as caught:
        find_stems(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs an ordinary user")
def test_forbidden_folder_is_named(tmp_path: Path) -> None:
    _write_noise(tmp_path / "a.wav", 1.0)
    secret = tmp_path / "secret"
    secret.mkdir(mode=0)
    assert find_stems(tmp_path).rejected == ((secret, "folder: Permission denied"),)


def test_crop_is_a_part_of_the_whole_file(three_stems: FolderCorpus) -> None:
    wholes = [read_audio(stem.path) for stem in three_stems.stems]
    found_in = set()
    for n in range(12):
        crop = CropDataset(three_stems, seed=5)[n]["audio"].numpy()
        assert crop.shape == (32_000,)
        assert np.abs(crop).max() == 1.0
        matches = []
        for index, whole in enumerate(wholes):
            # A crop is scaled, so the place is where the normalised correlation is 1.
            spectrum = np.fft.rfft(whole, 1 << 18) * np.conj(np.fft.rfft(crop, 1 << 18))
            start = int(np.argmax(np.fft.irfft(spectrum)[: len(whole) - 31_999]))
            part = whole[start : start + 32_000]
            if np.allclose(part / np.abs(part).max(), crop, atol=1e-3):
                matches.append(index)
        assert len(matches) == 1
        found_in.update(matches)
    assert found_in == {0, 1, 2}


def test_crop_is_a_pure_function_of_seed_and_number(three_stems: FolderCorpus) -> None:
    first, second = CropDataset(three_stems, seed=1), CropDataset(three_stems, seed=1)
    forwards = [first[n]["audio"] for n in range(6)]
    backwards = [second[n]["audio"] for n in reversed(range(6))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert torch.equal(one, other)
    different = [*forwards, CropDataset(three_stems, seed=2)[0]["audio"], first[10**9]["audio"]]
    for i, one in enumerate(different):
        assert not any(torch.equal(one, other) for other in different[:i])


def test_workers_give_the_same_crops(three_stems: FolderCorpus) -> None:
    dataset = CropDataset(three_stems, seed=3, crop_seconds=0.5)
    order = [4, 1, 7, 2]
    loader = DataLoader(dataset, batch_size=2, sampler=order, num_workers=2)
    batches = list(loader)
    assert torch.cat([batch["item"] for batch in batches]).tolist() == order
    expected = torch.stack([dataset[n]["audio"] for n in order])
    assert torch.equal(torch.cat([batch["audio"] for batch in batches]), expected)
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[4]["audio"], expected[0])


def test_stems_are_drawn_uniformly_over_tracks_and_starts_over_time(tmp_path: Path) -> None:
    ramp = np.linspace(0.0, 0.9, 20 * SAMPLE_RATE)
    soundfile.write(tmp_path / "long.wav", ramp, SAMPLE_RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", np.full(SAMPLE_RATE, -0.5), SAMPLE_RATE)
    dataset = CropDataset(find_stems(tmp_path), seed=0, crop_seconds=0.1)
    firsts = np.array([dataset[n]["audio"][0].item() for n in range(400)])
    assert abs(np.mean(firsts < 0) - 0.5) < 0.1
    # On the ramp first / last sample of a crop is start / (start + length), which gives the start.
    starts_seconds = 0.1 * firsts[firsts > 0] / (1 - firsts[firsts > 0])
    np.testing.assert_allclose(np.quantile(starts_seconds, [0.25, 0.5, 0.75]), [5, 10, 15], atol=2.5)


def test_short_file_is_padded_on_the_right(tmp_path: Path) -> None:
    stem = _write_noise(tmp_path / "short.wav", 0.5)
    whole = read_audio(stem.path)
    crop = CropDataset(_corpus(stem), seed=0)[0]["audio"].numpy()
    np.testing.assert_allclose(crop[: len(whole)], whole / np.abs(whole).max(), atol=1e-6)
    assert not crop[len(whole) :].any()


def test_silence_is_drawn_again(tmp_path: Path) -> None:
    samples = np.full(20 * SAMPLE_RATE, 0.0009)
    samples[8 * SAMPLE_RATE : 10 * SAMPLE_RATE] = 0.0011
    path = tmp_path / "mostly_silent.wav"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    dataset = CropDataset(_corpus(Stem(path, len(samples), SAMPLE_RATE)), seed=0, crop_seconds=1.0)
    for n in range(10):
        crop = dataset[n]["audio"].numpy()
        assert crop.max() == 1.0
        assert set(np.round(crop, 2)) <= {np.float32(1.0), np.float32(0.82)}


def test_only_silence_is_an_error(tmp_path: Path) -> None:
    stem = _write_noise(tmp_path / "faint.wav", 3.0, level=0.0009)
    with pytest.raises(
        InputError, match=r"item 7: crop: none of 100 .* 0 unreadable, 100 silent; last: .*faint"
    ):
        CropDataset(_corpus(stem), seed=0)[7]


def test_unreadable_stem_is_named_once_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = _write_noise(tmp_path / "good.wav", 3.0)
    broken = _truncated_flac(tmp_path / "broken.flac")
    poisoned = Stem(tmp_path / "nan.wav", 3 * SAMPLE_RATE, SAMPLE_RATE)
    soundfile.write(poisoned.path, np.full(poisoned.frames, np.nan), SAMPLE_RATE, subtype="FLOAT")
    gone = Stem(tmp_path / "deleted.wav", 48_000, SAMPLE_RATE)
    dataset = CropDataset(_corpus(good, broken, poisoned, gone), seed=0)
    with caplog.at_level(logging.WARNING, logger="drummernet.stems.crops"):
        crops = [dataset[n]["audio"] for n in range(30)]
    assert all(torch.isfinite(crop).all() for crop in crops)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    for name in ("broken.flac: frames", "nan.wav: samples: ", "deleted.wav: file"):
        assert sum(name in message for message in messages) == 1


def test_only_unreadable_stems_are_an_error(tmp_path: Path) -> None:
    gone = Stem(tmp_path / "gone.wav", 48_000, SAMPLE_RATE)
    with pytest.raises(InputError, match=r"100 unreadable, 0 silent; last: .*gone\.wav: file: No such file"):
        CropDataset(_corpus(gone), seed=0)[0]


def test_crops_of_real_recordings(shared_data: Path) -> None:
    folder = shared_data / "e-gmd"
    if not folder.is_dir():
        pytest.skip("no e-gmd there")
    dataset = CropDataset(find_stems(folder), seed=0)
    for n in range(4):
        audio = dataset[n]["audio"]
        assert audio.shape == (32_000,)
        assert audio.abs().max() == 1.0
