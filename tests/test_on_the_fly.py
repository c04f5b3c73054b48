"""Crops rendered on the fly."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.hits import Hit, write_midi
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.on_the_fly import RenderedCrops, Rendering
from drummernet.training.data import collated


def crops_of(
    grooves: str, kits: str, seed: int = 0, crop_seconds: float = 2.0, **rendering: object
) -> RenderedCrops:
    return RenderedCrops(Rendering(grooves, kits, **rendering), seed, crop_seconds)


def _kit(folder: Path, **sounds: np.ndarray) -> str:
    """Write a kit whose one-shots are as given."""
    for component, sound in sounds.items():
        write_audio(folder / "sounds" / f"{component}.wav", sound.astype(np.float32), "FLOAT")
    members = ", ".join(f"{component}: {component}.wav" for component in sounds)
    (folder / "plain.yaml").write_text(
        "name: plain\nfamily: dry\ngroup: test\nlicence: CC0-1.0\n"
        f"source: {{type: folder, path: sounds, components: {{{members}}}}}\n"
    )
    return str(folder / "plain.yaml")


def test_items_are_crops_with_a_peak_of_one() -> None:
    crops = crops_of("generator", "test", seed=3, crop_seconds=1.5, augmentation=Augmentation())
    for n in (0, 7, 2**40):
        item = crops[n]
        assert set(item) == {"audio", "item", "hits", "beats"}
        assert item["item"] == n
        assert item["audio"].shape == (24_000,)
        assert item["audio"].dtype == torch.float32
        assert item["audio"].abs().max() == pytest.approx(1.0)


def test_an_item_depends_on_seed_and_number_alone() -> None:
    crops = crops_of("generator", "test", seed=3, augmentation=Augmentation())
    twin = pickle.loads(pickle.dumps(crops))  # what a spawned loader's process gets
    backwards = [twin.draw(n) for n in (4, 3)]
    for drawn, n in zip(backwards, (4, 3), strict=True):
        np.testing.assert_array_equal(drawn.audio, crops.draw(n).audio)
        assert drawn.hits == crops.draw(n).hits
    other = crops_of("generator", "test", seed=4, augmentation=Augmentation())
    assert other.draw(3).hits != crops.draw(3).hits


def test_a_loader_with_processes_gives_the_same_items() -> None:
    crops = crops_of("generator", "test", seed=1, crop_seconds=0.5)
    loader = DataLoader(crops, batch_sampler=[[5, 6], [7, 8]], num_workers=2, collate_fn=collated)
    batches = list(loader)
    assert [batch["item"].tolist() for batch in batches] == [[5, 6], [7, 8]]
    torch.testing.assert_close(batches[1]["audio"][0], crops[7]["audio"], rtol=0, atol=0)
    assert [len(hits) for hits in batches[1]["hits"]] == [len(crops[n]["hits"]) for n in (7, 8)]
    assert batches[0]["beats"] == [crops[n]["beats"] for n in (5, 6)]


def test_hits_are_where_the_crop_has_them(tmp_path: Path) -> None:
    kit = _kit(tmp_path, KD=np.ones(1), SD=np.ones(1))
    for crops in (
        crops_of("generator", kit),
        crops_of(_groove_folder(tmp_path / "grooves"), kit),
    ):
        for n in range(20):
            drawn = crops.draw(n)
            assert drawn.hits
            assert all(hit.component in ("KD", "SD") for hit in drawn.hits)
            loud = {round(hit.onset_seconds * SAMPLE_RATE) for hit in drawn.hits if hit.velocity > 0.5}
            heard = set(np.flatnonzero(np.abs(drawn.audio) > 0.1).tolist())
            assert loud <= heard | {32_000}
            assert heard <= {round(hit.onset_seconds * SAMPLE_RATE) for hit in drawn.hits}


def _groove_folder(folder: Path) -> str:
    """Write a long performance and a short one, with all their hits at different times."""
    onsets = np.cumsum(np.random.default_rng(0).uniform(0.1, 0.6, 100))
    hits = [Hit(float(at), "KD" if n % 3 else "SD", 0.9) for n, at in enumerate(onsets)]
    folder.mkdir()
    write_midi(folder / "long.mid", hits)
    write_midi(folder / "short.mid", hits[:2])
    return str(folder)


def test_grooves_are_drawn_over_time_and_short_ones_ring_out(tmp_path: Path) -> None:
    kit = _kit(tmp_path, KD=np.ones(1), SD=np.ones(1))
    crops = crops_of(_groove_folder(tmp_path / "grooves"), kit, crop_seconds=3.0)
    drawn = [crops.draw(n) for n in range(300)]
    names = [crop.groove for crop in drawn]
    assert 1 <= names.count("short") < 30  # 2 s beside 36 s
    short = drawn[names.index("short")]
    assert short.audio.shape == (48_000,)
    assert len(short.hits) == 2
    first_hits = {round(crop.hits[0].onset_seconds, 2) for crop in drawn}
    assert len(first_hits) > 20  # they start anywhere


def test_what_rings_from_before_the_crop_is_heard(tmp_path: Path) -> None:
    """An open hi-hat every 0.9 s that rings for 0.8 s: a crop of 1 s is never still for long."""
    kit = _kit(tmp_path, OHH=np.ones(12_800))
    folder = tmp_path / "grooves"
    folder.mkdir()
    write_midi(folder / "ringing.mid", [Hit(0.9 * n, "OHH", 1.0) for n in range(40)])
    crops = crops_of(str(folder), kit, crop_seconds=1.0)
    begins_ringing = 0
    for n in range(40):
        drawn = crops.draw(n)
        first = round(drawn.hits[0].onset_seconds * SAMPLE_RATE)
        begins_ringing += first > 1_700 and drawn.audio[: first - 1_700].min() > 0.3
        assert np.abs(drawn.audio[max(0, first - 1_590) : max(0, first - 10)]).max(initial=0) < 0.2
    assert begins_ringing > 20


def test_what_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rendering: split: 'train': the generator has no splits"):
        crops_of("generator", "test", split="train")
    with pytest.raises(InputError, match="no usable MIDI file"):
        crops_of(str(tmp_path), "test")
    write_midi(tmp_path / "kicks.mid", [Hit(0.5, "KD")])
    kit = _kit(tmp_path, TMB=np.ones(1))
    with pytest.raises(InputError, match="item 0: crop: none of 100 draws has a hit; last: kicks"):
        crops_of(str(tmp_path), kit).draw(0)


def test_the_groove_dataset_is_drawn_by_split(shared_data: Path) -> None:
    crops = crops_of(str(shared_data / "groove"), "test", split="test")
    drawn = [crops.draw(n) for n in range(30)]
    assert len({crop.groove for crop in drawn}) > 5
    assert sum(len(crop.hits) for crop in drawn) > 150
