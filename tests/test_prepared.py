"""Prepared corpora: crops from them, crops cut out on a device, weights, training."""

import json
import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import soundfile
import torch
from made_corpus import write_prepared
from torch.utils.data import DataLoader

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.stems.corpus import FolderCorpus, open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.prepared import INDEX, PreparedCorpus, samples_path
from drummernet.stems.resident import RESIDENT_SHARE, CropPlaces, ResidentStems, fits_on
from drummernet.stems.weights import stem_weights
from drummernet.training import data as data_module
from drummernet.training.data import StemDataModule
from drummernet.training.recipe import build_model, read_recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Stems at 16 kHz that swell: loud, quiet, shorter than a crop."""
    folder = tmp_path_factory.mktemp("source")
    for seed, (name, seconds, level) in enumerate(
        (("a.wav", 7.3, 0.9), ("c.wav", 3.3, 0.02), ("d.wav", 0.7, 0.3), ("deep/b.wav", 5.1, 1.7))
    ):
        samples = round(seconds * SAMPLE_RATE)
        swell = np.linspace(0.1, 1, samples) * np.random.default_rng(seed).uniform(-1, 1, samples)
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, level * swell, SAMPLE_RATE, subtype="FLOAT")
    return folder


def prepared(source: Path, folder: Path) -> PreparedCorpus:
    """Write the stems of a folder as a corpus, nothing judged."""
    stems = []
    for path in sorted(source.rglob("*.wav")):
        audio = read_audio(path)
        scale = float(np.abs(audio).max()) / 32_767
        stems.append((path.relative_to(source).as_posix(), np.rint(audio / scale), scale))
    return write_prepared(folder, stems)


@pytest.fixture(scope="module")
def corpus(source, tmp_path_factory) -> PreparedCorpus:
    return prepared(source, tmp_path_factory.mktemp("prepared"))


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
    (tmp_path / "out").mkdir()
    crops = CropDataset(prepared(tmp_path / "in", tmp_path / "out"), seed=0, crop_seconds=0.5)
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


def test_workers_read_the_samples_themselves(corpus):
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
        ("{", r"not an entry of the index: .*property name"),
        ("[]", r"not an entry of the index: no object"),
        ("\udcff", r"not an entry of the index: .*decode"),
        ({"scale": math.nan}, r"scale: unusable value nan"),
        ({"samples": None}, r"samples: unusable value None"),
        ({"samples": 0}, r"samples: unusable value 0"),
        ({"hash": "../x"}, r"hash: unusable value '../x'"),
        ({"hash": "g" * 32}, r"non-hexadecimal"),
    ],
)
def test_a_damaged_index_is_named(line, message, corpus, tmp_path):
    lines = [json.loads(line) for line in (corpus.folder / INDEX).read_text().splitlines()]
    text = line if isinstance(line, str) else json.dumps({**lines[1], **line})
    content = [json.dumps(lines[0]), text, *map(json.dumps, lines[2:])]
    (tmp_path / INDEX).write_bytes("\n".join(content).encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=rf"index\.jsonl: line 2: (.*: )?({message})"):
        PreparedCorpus(tmp_path)
    (tmp_path / INDEX).write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.jsonl: stems: holds none"):
        PreparedCorpus(tmp_path)


def test_a_stem_that_is_gone_or_cut_is_drawn_again(corpus, tmp_path, caplog):
    shutil.copytree(corpus.folder, tmp_path / "damaged")
    damaged = PreparedCorpus(tmp_path / "damaged")
    samples_path(damaged.folder, damaged.entry(0).hash).unlink()
    cut = samples_path(damaged.folder, damaged.entry(3).hash)
    cut.write_bytes(cut.read_bytes()[:1000])
    crops = CropDataset(damaged, seed=0, crop_seconds=0.5)
    assert {crops.draw(n).stem for n in range(30)} == {1, 2}
    messages = sorted(caplog.messages, key=lambda text: "samples:" in text)
    assert len(messages) == 2
    assert messages[0].endswith(".i16: file: No such file or directory")
    assert messages[1].endswith(".i16: samples: fewer than the 81600 that index.jsonl states")


def test_the_line_of_a_stem_is_found_again(corpus):
    assert [corpus.entry(n).path for n in (3, 0, 2)] == ["deep/b.wav", "a.wav", "d.wav"]
    assert corpus.name(1) == f"{corpus.folder}: c.wav"
    assert corpus.first_samples.tolist() == [0, 116_800, 169_600, 180_800]
    assert corpus.total_samples == 262_400


def labelled(folder: Path) -> PreparedCorpus:
    ones = [(str(n), np.ones(length), 0.01) for n, length in enumerate((1_000, 3_000, 2_000, 500, 3_500))]
    return write_prepared(folder, ones, sources=["a", "a", "b", "a", "b"], styles=["x", "", "x", "x", "y"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"draw": "time"}, [0.1, 0.3, 0.2, 0.05, 0.35]),
        ({"balance": "source"}, [1 / 6, 1 / 6, 1 / 4, 1 / 6, 1 / 4]),
        ({"balance": "style"}, [1 / 9, 1 / 3, 1 / 9, 1 / 9, 1 / 3]),
        ({"balance": "source", "draw": "time"}, [1 / 9, 1 / 3, 2 / 11, 1 / 18, 7 / 22]),
        ({"balance": "source", "shares": {"b": 4.0}}, [1 / 15, 1 / 15, 2 / 5, 1 / 15, 2 / 5]),
        ({"balance": "source", "shares": {"a": 0}}, [0, 0, 1 / 2, 0, 1 / 2]),
    ],
)
def test_weights_of_stems(tmp_path, options, expected):
    corpus = labelled(tmp_path)
    weights = stem_weights(corpus, **options)
    np.testing.assert_allclose(weights, expected)
    crops = CropDataset(corpus, seed=0, crop_seconds=0.01, weights=weights)
    counts = np.bincount([crops.draw(n).stem for n in range(2_000)], minlength=5)
    # Four standard deviations of a share of 2,000 draws.
    np.testing.assert_allclose(counts / 2_000, expected, atol=4 * np.sqrt(0.25 / 2_000))
    assert not counts[np.array(expected) == 0].any()


def test_weights_that_cannot_be(tmp_path, source):
    corpus = labelled(tmp_path)
    assert stem_weights(corpus) is None
    for options, message in (
        ({"shares": {"a": 1.0}}, "shares: of what"),
        ({"balance": "source", "shares": {"c": 1.0}}, r"shares\.c: the corpus has only a, b"),
        ({"balance": "source", "shares": {"a": -1.0}}, r"shares\.a: -1\.0 is not"),
        ({"balance": "source", "shares": {"a": 0.0, "b": 0.0}}, "shares: all are 0"),
    ):
        with pytest.raises(InputError, match=message):
            stem_weights(corpus, **options)
    with pytest.raises(InputError, match="balance: a plain folder has no style"):
        stem_weights(open_corpus(source), balance="style")


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
