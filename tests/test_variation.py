"""Kits between kits."""

import dataclasses

import numpy as np
import pytest

from drummernet.errors import InputError
from drummernet.kits import variation
from drummernet.kits.manifest import kit_names, load_kit, read_manifest
from drummernet.kits.measures import centroid_hz, decay_seconds, share_below
from drummernet.kits.procedural import VOICES
from drummernet.kits.variation import varied_kits
from drummernet.resources import resource_folder
from drummernet.stems.on_the_fly import Rendering

NAMES = ["rock_maple", "jazz_trio", "electronic_analogue"]


def test_varied_kits_are_pure_different_and_whole():
    kits = varied_kits(NAMES, 4, seed=3)
    again = varied_kits(NAMES, 2, seed=3)
    for kit, same in zip(kits, again, strict=False):
        assert kit.name == same.name
        for component in kit.sounds:
            np.testing.assert_array_equal(kit.one_shots[component], same.one_shots[component])
    kicks = [kit.one_shots["KD"] for kit in (*kits, load_kit(NAMES[0]), varied_kits(NAMES, 1, seed=4)[0])]
    for i, one in enumerate(kicks):
        for other in kicks[:i]:
            assert len(one) != len(other) or np.abs(one - other).max() > 0.01
    for kit in kits:
        assert set(kit.sounds) == set(kit.mix_level_db) == {*load_kit(NAMES[0]).sounds, "SST"}
        home = kit.name.rpartition("_varied_")[0]
        assert (kit.family, kit.licence) == (read_manifest(home).family, "MIT")


def test_drums_stay_what_they_are():
    hats, sticks = [], []
    for kit in varied_kits(kit_names("stems"), 40, seed=0):
        kick, hat, ride, stick = (kit.one_shots[name] for name in ("KD", "CHH", "RDC", "SST"))
        assert centroid_hz(kick) < 1500
        assert decay_seconds(hat, 20.0) < decay_seconds(ride, 20.0)
        hats.append(centroid_hz(hat))
        sticks.append(decay_seconds(stick, 20.0))
    # Of a few hats the low modes are stronger than the wash; a few side sticks ring.
    assert np.mean(np.array(hats) > 1500) > 0.95
    assert np.mean(np.array(sticks) < 0.3) > 0.95
    assert max(sticks) < 0.4


def test_hats_reach_what_recorded_ones_have():
    """Recorded hats have their modes from 300 Hz on, and ring: packaged procedural ones do neither."""
    names = kit_names("stems") + kit_names("synthesizer")
    packaged = [load_kit(name).one_shots["CHH"] for name in names]
    varied = [kit.one_shots["CHH"] for kit in varied_kits(names, 40, seed=0)]
    assert max(share_below(hat, 1000.0) for hat in packaged) < 0.1
    assert sum(share_below(hat, 1000.0) > 0.1 for hat in varied) > 8
    rings = [np.median([decay_seconds(hat, 20.0) for hat in hats]) for hats in (packaged, varied)]
    assert rings[1] > 2 * rings[0]


def test_side_sticks_knock_lower_and_longer_than_a_click():
    sticks = [kit.one_shots["SST"] for kit in varied_kits(NAMES, 30, seed=0)]
    assert 0.015 < np.median([decay_seconds(stick, 20.0) for stick in sticks]) < 0.08
    assert 500 < np.median([centroid_hz(stick) for stick in sticks]) < 2500


def test_every_parameter_is_in_its_range_and_near_its_two_ends(monkeypatch):
    seen = []
    monkeypatch.setattr(variation, "SPREAD", 0.0)
    monkeypatch.setattr(
        variation,
        "procedural_sounds",
        lambda source, where: seen.append(source) or load_kit_sounds(where),
    )
    varied_kits(NAMES, 40, seed=1)
    manifests = [read_manifest(name) for name in NAMES]
    for source in seen:
        for component, voice in source["voices"].items():
            if component == "SST":
                continue
            fields = {field.name: field for field in dataclasses.fields(VOICES[voice["type"]])}
            ends = [
                m.source["voices"][component]
                for m in manifests
                if m.source["voices"][component]["type"] == voice["type"]
            ]
            for name, value in voice.items():
                if name == "type":
                    continue
                values = [end.get(name, fields[name].default) for end in ends]
                least, most = variation.FACTORS.get(component, {}).get(name, (1.0, 1.0))
                if name in ("body", "body_hz"):
                    low, high = variation.BODY_RANGES[name]
                    assert low <= value <= high or voice["body"] == 0
                elif name != "body_decay_seconds":
                    low, high = least * min(values) - 1e-9, most * max(values) + 1e-9
                    assert low <= value <= high or fields[name].type is int
                assert fields[name].metadata["low"] <= value <= fields[name].metadata["high"]
    hats = [source["voices"]["CHH"]["body"] > 0 for source in seen]
    assert 20 < sum(hats) < 40  # four of five
    rooms = {round(source["room"]["wet"], 6) for source in seen if "room" in source}
    assert len(rooms) > 5


def load_kit_sounds(where):
    return load_kit(where).sounds


def test_a_snare_without_wires_is_varied_too(tmp_path):
    text = (resource_folder("drum_kits") / "rock_maple.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(
        "\n".join(
            "    SD: {type: membrane, frequency_hz: 190, decay_seconds: 0.3}"
            if line.startswith("    SD:")
            else line
            for line in text.replace("name: rock_maple", "name: own").splitlines()
        ),
        encoding="utf-8",
    )
    (kit,) = varied_kits([str(path)], 1, seed=0)
    assert centroid_hz(kit.one_shots["SD"]) < 600


def test_only_procedural_kits_can_be_varied(tmp_path):
    with pytest.raises(InputError, match="none of the kits is procedural"):
        varied_kits(["audiophob"], 1, seed=0)
    with pytest.raises(InputError, match="none of the kits is procedural"):
        varied_kits([], 1, seed=0)


def test_a_rendering_varies_the_procedural_kits_of_each_share():
    pools = Rendering(kits={"rock_maple,jazz_trio": 2, "electronic_house": 1}, varied=3).pools(seed=0)
    assert [(pool.share, len(pool.kits)) for pool in pools] == [(2, 5), (1, 4)]
    assert {kit.name.partition("_varied_")[0] for kit in pools[1].kits} == {"electronic_house"}
