"""Prepared corpora: what is kept, crops from them, crops cut out on a device, training from either."""

import json
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import soundfile
import torch
from torch.utils.data import DataLoader

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.stems import prepare as prepare_module
from drummernet.stems.corpus import FolderCorpus, open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.prepare import prepare
from drummernet.stems.prepared import INDEX, REJECTED, PreparedCorpus, shard_name
from drummernet.stems.resident import RESIDENT_SHARE, CropPlaces, ResidentStems, fits_on
from drummernet.training import data as data_module
from drummernet.training.data import StemDataModule
from drummernet.training.recipe import build_model, read_recipe

CPU = torch.device("cpu")


def write_stem(path: Path, seconds: float, level: float, rate: int = SAMPLE_RATE) -> Path:
    """Write noise that swells, whose loudness therefore depends on the place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    samples = rng.uniform(-1, 1, round(seconds * rate)) * np.linspace(0.1, 1, round(seconds * rate))
    soundfile.write(path, level * samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Stems at 16 kHz: loud, quiet, shorter than a crop."""
    folder = tmp_path_factory.mktemp("source")
    for name, seconds, level in (
        ("a.wav", 7.3, 0.9),
        ("deep/b.wav", 5.1, 1.7),
        ("c.wav", 3.3, 0.02),
        ("d.wav", 0.7, 0.3),
    ):
        write_stem(folder / name, seconds, level)
    return folder


@pytest.fixture(scope="module")
def corpus(source, tmp_path_factory) -> PreparedCorpus:
    return prepare(source, tmp_path_factory.mktemp("prepared") / "corpus")[0]


def index_lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").splitlines()]


def test_what_is_kept_is_each_stem_at_its_own_full_scale(tmp_path):
    names = ["low.flac", "odd.wav", "日本.wav"]
    for name, rate, level in zip(names, (44_100, 11_025, 16_000), (0.01, 0.5, 3.0), strict=True):
        write_stem(tmp_path / "in" / name, 1.7, level, rate)
    prepare(tmp_path / "in", tmp_path / "out")
    samples = np.fromfile(tmp_path / "out" / shard_name(0), "<i2")
    lines = index_lines(tmp_path / "out")
    assert [line["path"] for line in lines] == names
    assert [line["source_rate"] for line in lines] == [44_100, 11_025, 16_000]
    assert sum(line["samples"] for line in lines) == len(samples)
    for line in lines:
        assert line["source_seconds"] == pytest.approx(1.7, abs=1e-4)
        kept = samples[line["start_sample"] :][: line["samples"]].astype(float)
        assert np.abs(kept).max() == 32_767
        decoded = read_audio(tmp_path / "in" / line["path"])
        assert line["scale"] == pytest.approx(np.abs(decoded).max() / 32_767)
        np.testing.assert_allclose(kept * line["scale"], decoded, atol=0.51 * line["scale"])


def test_bad_files_are_left_out_with_a_reason(tmp_path, source):
    folder = tmp_path / "in"
    write_stem(folder / "good.wav", 1.0, 0.5)
    whole = write_stem(folder / "cut.flac", 8.0, 0.5).read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 3])
    (folder / "sub").mkdir()
    (folder / "sub" / "text.wav").write_text("no sound")
    write_stem(folder / "silent.wav", 1.0, 0.0009)
    write_stem(folder / "short.wav", 0.09, 0.5)
    corpus, rejected = prepare(folder, tmp_path / "out")
    assert len(corpus.lengths) == 1
    reasons = {path.name: reason.partition(":")[0] for path, reason in rejected}
    assert reasons == {
        "cut.flac": "frames",
        "short.wav": "duration",
        "silent.wav": "samples",
        "text.wav": "format",
    }
    lines = (tmp_path / "out" / REJECTED).read_text(encoding="utf-8").splitlines()
    written = [(entry["path"], entry["reason"]) for entry in map(json.loads, lines)]
    assert written == [(path.relative_to(folder).as_posix(), reason) for path, reason in rejected]
    # What was decoded of the cut file before it broke off left no trace.
    assert (tmp_path / "out" / shard_name(0)).stat().st_size == 2 * SAMPLE_RATE


def test_nothing_usable_leaves_nothing_behind(tmp_path):
    write_stem(tmp_path / "in" / "silent.wav", 1.0, 0.0009)
    with pytest.raises(
        InputError, match=r"in: stems: no usable audio; 1 rejected, first: .*silent\.wav: sam"
    ):
        prepare(tmp_path / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_interrupted_run_leaves_nothing_behind(source, tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_module._Shards, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_refused(source, tmp_path):
    prepare(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError, match="out: out: already holds a corpus"):
        prepare(source, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="out: is there already, and no empty folder"):
            prepare(source, path)
    (tmp_path / "empty").mkdir()
    assert len(prepare(source, tmp_path / "empty")[0].lengths) == 4


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_work(source, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module._Shards, "add", lambda *_: pytest.fail("something was decoded"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    monkeypatch.chdir(tmp_path / "empty")
    for path in (tmp_path / "link", Path()):
        with pytest.raises(OSError, match=r"Not a directory|Invalid argument") as caught:
            prepare(source, path)
        assert caught.value.filename == str(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "link"]


def test_what_a_killed_run_left_is_named(source, tmp_path, caplog):
    (tmp_path / ".out.0123").mkdir()
    prepare(source, tmp_path / "out")
    assert caplog.messages == [f"left by a run that was killed, unless it still runs: {tmp_path}/.out.0123"]


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes")
def test_names_of_any_bytes_and_a_relative_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stem(tmp_path / "a.wav", 1.0, 0.5).rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    corpus, _ = prepare(Path(), Path("out"))
    assert os.fsencode(index_lines(Path("out"))[0]["path"]) == b"\xff.wav"
    assert corpus.name(0) == "out: \udcff.wav"


def test_several_shards_hold_the_same_stems(source, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "SHARD_SAMPLES", 100_000)
    parted, _ = prepare(source, tmp_path / "out")
    sizes = [(tmp_path / "out" / shard_name(n)).stat().st_size // 2 for n in range(3)]
    assert sizes == [round(7.3 * SAMPLE_RATE), round(3.3 * SAMPLE_RATE) + round(0.7 * SAMPLE_RATE), 81_600]
    assert parted.lengths == corpus.lengths
    assert parted.total_samples == corpus.total_samples
    joined = np.concatenate(list(parted.shards()))
    for stem, length in enumerate(parted.lengths):
        whole = corpus.read(stem, 0, length)
        np.testing.assert_array_equal(parted.read(stem, 0, length + 5), whole)
        np.testing.assert_array_equal(joined[parted.first_samples[stem] :][:length], whole)
    one, other = (ResidentStems(each, 9_000, CPU) for each in (corpus, parted))
    places = [CropPlaces(CropDataset(c, 0, 9_000 / 16_000), c) for c in (corpus, parted)]
    torch.testing.assert_close(
        other.crops(places[1].__getitems__(list(range(11)))["place"]),
        one.crops(places[0].__getitems__(list(range(11)))["place"]),
        rtol=0,
        atol=0,
    )


def test_crops_are_those_of_the_plain_folder(source, corpus):
    plain = open_corpus(source)
    assert isinstance(plain, FolderCorpus)
    assert isinstance(open_corpus(corpus.folder), PreparedCorpus)
    for seconds in (0.3, 2.0):
        folder_crops = CropDataset(plain, seed=7, crop_seconds=seconds)
        prepared_crops = CropDataset(corpus, seed=7, crop_seconds=seconds)
        drawn = set()
        for n in range(30):
            crop, draw = prepared_crops[n], prepared_crops.draw(n)
            drawn.add(draw.stem)
            assert crop["item"] == n
            assert crop["audio"].dtype == torch.float32
            assert crop["audio"].abs().max() == 1
            # Rounding by half a step at the crop and at its peak, in steps of the peak.
            difference = (folder_crops[n]["audio"] - crop["audio"]).abs().max()
            assert difference < 1.01 / draw.peak
            assert folder_crops.draw(n)[:2] == draw[:2]
        assert drawn == {0, 1, 2, 3}


def test_silence_is_judged_at_the_true_level(tmp_path):
    # At its own full scale no crop of this stem is silent; of what it is, only the end is heard.
    samples = np.full(10 * SAMPLE_RATE, 0.0009)
    samples[-SAMPLE_RATE:] = 0.0011
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    corpus, _ = prepare(tmp_path / "in", tmp_path / "out")
    crops = CropDataset(corpus, seed=0, crop_seconds=0.5)
    starts = [crops.draw(n).start_sample for n in range(20)]
    assert min(starts) > 8.5 * SAMPLE_RATE
    folder_crops = CropDataset(open_corpus(tmp_path / "in"), seed=0, crop_seconds=0.5)
    assert starts == [folder_crops.draw(n).start_sample for n in range(20)]


def test_the_device_cuts_out_what_the_dataset_gives(corpus):
    for seconds in (0.4567, 2.0):  # one stem is shorter than 2 s, and the last of all
        crops = CropDataset(corpus, seed=3, crop_seconds=seconds)
        items = [5, 1, 10**9, *range(20, 40)]
        batch = CropPlaces(crops, corpus).__getitems__(items)
        assert batch["item"].tolist() == items
        audio = ResidentStems(corpus, crops.samples, CPU).crops(batch["place"])
        assert audio.dtype == torch.float32
        assert torch.equal(audio, torch.stack([crops[n]["audio"] for n in items]))
        shortest = audio[batch["place"][:, 1] < crops.samples]
        assert (len(shortest) > 0) == (seconds == 2.0)
        assert not shortest[:, round(0.7 * SAMPLE_RATE) :].any()


def test_workers_map_the_samples_themselves(corpus):
    crops = CropDataset(corpus, seed=1, crop_seconds=0.5)
    expected = crops[4]["audio"]
    pickled = pickle.dumps(crops)
    assert len(pickled) < 5_000
    assert torch.equal(pickle.loads(pickled)[4]["audio"], expected)
    places = CropPlaces(crops, corpus)
    batches = DataLoader(places, batch_sampler=[[4, 9], [2, 7]], num_workers=2, collate_fn=lambda b: b)
    for batch, items in zip(batches, ([4, 9], [2, 7]), strict=True):
        assert torch.equal(batch["place"], places.__getitems__(items)["place"])


def test_what_is_held_on_a_device(corpus, source, monkeypatch):
    corpus_bytes = 2 * corpus.total_samples
    cuda = torch.device("cuda", 0)
    for free_bytes, fits in (
        (corpus_bytes / RESIDENT_SHARE, True),
        (corpus_bytes / RESIDENT_SHARE - 1, False),
    ):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free_bytes: (free, 2 * free))
        assert fits_on(corpus, cuda) == fits
        assert not fits_on(open_corpus(source), cuda)
        assert not fits_on(corpus, CPU)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"index\.jsonl: line 2: not an entry"),
        ("[]", r"index\.jsonl: line 2: not an entry"),
        ("\udcff", r"index\.jsonl: line 2: not an entry .*decode"),
        ({"scale": math.nan}, r"index\.jsonl: line 2: scale: unusable value nan"),
        ({"samples": None}, r"index\.jsonl: line 2: samples: unusable value None"),
        ({"start_sample": -1}, r"index\.jsonl: line 2: start_sample: unusable value -1"),
        ({"gain": 1}, r"index\.jsonl: line 2: not an entry .*gain"),
        ({"samples": 10**9}, r"samples-00000\.i16: samples: 262400 samples, too few for line 2"),
        ({"shard": 1}, r"samples-00001\.i16: samples: No such file"),
    ],
)
def test_a_damaged_corpus_is_named(line, message, corpus, tmp_path):
    lines = index_lines(corpus.folder)
    text = line if isinstance(line, str) else json.dumps({**lines[1], **line})
    content = [json.dumps(lines[0]), text, *map(json.dumps, lines[2:])]
    (tmp_path / INDEX).write_bytes("\n".join(content).encode("utf-8", "surrogateescape"))
    (tmp_path / shard_name(0)).write_bytes((corpus.folder / shard_name(0)).read_bytes())
    with pytest.raises(InputError, match=message):
        PreparedCorpus(tmp_path)
    (tmp_path / INDEX).write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.jsonl: stems: holds none"):
        PreparedCorpus(tmp_path)


def test_training_is_the_same_whatever_holds_the_samples(corpus, monkeypatch):
    names = {"model.objective.init_args.synthesizer.init_args.kits": "rock_maple"}
    names |= {"model.transcriber.init_args.bands": 20, "model.transcriber.init_args.channels": 2}

    def trained(workers: int) -> tuple[StemDataModule, dict[str, torch.Tensor]]:
        pl.seed_everything(0)
        data = StemDataModule(corpus.folder, batch_size=3, crop_seconds=0.5, workers=workers)
        model = build_model(read_recipe(["quickstart"], names))
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=2,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(model, data)
        return data, model.state_dict()

    _, mapped = trained(workers=0)
    gathered = []
    crops = ResidentStems.crops
    monkeypatch.setattr(ResidentStems, "crops", lambda *args: gathered.append(args) or crops(*args))
    monkeypatch.setattr(data_module, "fits_on", lambda *_: True)
    for workers in (0, 1):
        data, resident = trained(workers)
        assert data.items_seen == 6
        assert data.resident is None
        for name, tensor in mapped.items():
            torch.testing.assert_close(resident[name], tensor, rtol=0, atol=0)
    assert len(gathered) >= 4
