"""Kits from what somebody has: names guessed, questions asked, manifests that load."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from test_hydrogen import instrument, layer
from test_hydrogen import kit as hydrogen_kit
from test_soundfont import tone, written

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.guess import guess
from drummernet.kits.importing import UNKNOWN_LICENCE, Imported, format_import, import_kit
from drummernet.kits.manifest import load_kit, read_manifest
from drummernet.kits.names import strength, velocities
from drummernet.kits.sf2_zones import Gen

SURE = {
    "KD": [
        "Kick 01",
        "BD_soft_1",
        "bassDrum",
        "BASS DRUM",
        "kik2",
        "Große Trommel",
        "grosse caisse",
        "bombo",
    ],
    "SD": [
        "snr_hard",
        "Snare",
        "SD1",
        "MySnareDrum",
        "caisse claire",
        "kleine Trommel",
        "caja",
        "snare stick",
    ],
    "CHH": ["CH", "hh closed", "HiHat-Closed", "hhcl", "Hi-Hat geschlossen", "charleston fermé"],
    "OHH": ["oh", "HHopen", "OpenHat_3", "hat op dirty", "Hi Hat Opened"],
    "PHH": ["hihat pedal", "HH Foot", "phh"],
    "HIT": ["tom hi", "High Tom 2", "tomhi3", "HT", "Hi-Mid Tom"],
    "MHT": ["TomMid", "mid tom", "Low-Mid Tom"],
    "HFT": ["tom lo", "Floor Tom 16", "Standtom", "LT", "High Floor Tom"],
    "LFT": ["Low Floor Tom"],
    "RDC": ["Ride", "ride cymbal 20in", "rd1"],
    "RDB": ["Ride Bell", "ride-cup"],
    "CRC": ["crash-16in", "Crash Left", "crash16inch"],
    "SPC": ["Splash 10"],
    "CHC": ["China"],
    "SST": ["sidestick", "Side Stick", "cross-stick", "Rim Click"],
    "TMB": ["Tambourine", "tamb_2"],
}
ASKED = {
    "hat": {"CHH", "OHH", "PHH"},
    "HH": {"CHH", "OHH", "PHH"},
    "tom": {"HIT", "MHT", "HFT"},
    "T1": {"HIT", "MHT", "HFT"},
    "Tom 2": {"HIT", "MHT", "HFT"},
    "cymbal 1": {"CRC", "RDC"},
    "ride-crash20inch": {"RDC", "CRC"},
    "Rimshot": {"SST", "SD"},
    "Snare Rimshot": {"SD"},
    "Hat Semi-Open": {"OHH", "CHH"},
    "kick + snare": {"KD", "SD"},
    "Stick": {"SST"},
    "38": {"SD"},
}
UNKNOWN = [
    "perc 3",
    "clap",
    "cowbell",
    "snare roll",
    "Drum Loop 4",
    "01",
    "stomp",
    "china clap loop",
    "vox",
    "",
]


@pytest.mark.parametrize(("component", "name"), [(c, name) for c, names in SURE.items() for name in names])
def test_clear_names(component: str, name: str) -> None:
    assert guess(name)[:2] == ((component,), True)


@pytest.mark.parametrize("name", ASKED)
def test_ambiguous_names(name: str) -> None:
    found = guess(name)
    assert not found.is_sure
    assert set(found.components) == ASKED[name]


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names(name: str) -> None:
    assert guess(name).components == ()


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["a_soft", "a_hard"], [0.5, 1]),
        (["a loud", "a", "a quiet"], [1, 2 / 3, 1 / 3]),
        (["a-pp", "a-mf", "a-ff"], [1 / 3, 2 / 3, 1]),
        (["a_v1", "a_v2", "a_v4"], [0.25, 0.5, 1]),
        (["vel_064", "vel_127"], [64 / 127, 1]),
        (["layer0", "layer1"], [0.5, 1]),
        (["a_v1", "a"], None),
        (["a1", "a2"], [1, 1]),
    ],
)
def test_layers_by_name(names: list[str], wanted: list[float] | None) -> None:
    assert velocities([strength(name) for name in names]) == (wanted and pytest.approx(wanted))


def sounds(folder: Path, *names: str) -> Path:
    """Write a tone of its own frequency for every name."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(3200) / SAMPLE_RATE
        kind = {".aif": "AIFF"}.get(path.suffix, path.suffix[1:].upper())
        wave = 0.5 * np.cos(2 * np.pi * (200 + 50 * number) * time)
        soundfile.write(path, wave, SAMPLE_RATE, format=kind)
    return folder


def source(result: Imported) -> Any:
    return result.manifest["source"]["components"]


def test_folder_becomes_a_kit(tmp_path: Path) -> None:
    names = ["Kick 01.wav", "snr_hard.aif", "HHopen.flac", "Ride Bell.wav", "deep/er/crash-16in.wav"]
    sounds(tmp_path / "samples", *names)
    path = tmp_path / "mine.yaml"
    result = import_kit(tmp_path / "samples", path, licence="CC0-1.0")
    kit = load_kit(path)
    assert kit.sounds.keys() - kit.filled == {"KD", "SD", "OHH", "RDB", "CRC"}
    assert (kit.family, kit.group, kit.licence) == ("mine", "sampled_train", "CC0-1.0")
    assert not result.questions
    assert "CRC: deep/er/crash-16in.wav" in format_import(result).splitlines()
    # What moves with its folder still loads.
    (tmp_path / "moved").mkdir()
    for name in ("samples", "mine.yaml"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert load_kit(tmp_path / "moved" / "mine.yaml").sounds.keys() == kit.sounds.keys()


def test_takes_and_layers(tmp_path: Path) -> None:
    sounds(tmp_path, "kick 10.wav", "kick 2.wav", "snare_v1_a.wav", "snare_v1_b.wav", "snare_v2.wav")
    result = import_kit(tmp_path, tmp_path / "mine.yaml")
    assert source(result)["KD"] == ["kick 2.wav", "kick 10.wav"]
    assert source(result)["SD"] == [
        {"velocity": 0.5, "takes": ["snare_v1_a.wav", "snare_v1_b.wav"]},
        {"velocity": 1.0, "takes": ["snare_v2.wav"]},
    ]
    snare = load_kit(tmp_path / "mine.yaml").sounds["SD"]
    assert [(layer.velocity, len(layer.takes)) for layer in snare] == [(0.5, 2), (1, 1)]


def test_folders_tell_what_files_do_not(tmp_path: Path) -> None:
    sounds(tmp_path, "Kick/01.wav", "Hats/open 1.wav", "Hats/1.wav", "Cymbals/Ride.wav", "Toms/high.wav")
    result = import_kit(tmp_path, tmp_path / "mine.yaml")
    assert source(result) == {
        "KD": "Kick/01.wav",
        "OHH": "Hats/open 1.wav",
        "HIT": "Toms/high.wav",
        "RDC": "Cymbals/Ride.wav",
    }
    assert len(result.questions) == 1


def test_what_is_ambiguous_is_asked(tmp_path: Path) -> None:
    names = [
        "hat.wav",
        "tom lo.wav",
        "Floor Tom 16.wav",
        "perc 3.wav",
        "kick.wav",
        "._kick.wav",
        "notes.txt.wav",
    ]
    sounds(tmp_path, *names)
    result = import_kit(tmp_path, tmp_path / "mine.yaml")
    assert source(result) == {"KD": "kick.wav"}
    said = format_import(result).splitlines()
    assert said == [
        "KD: kick.wav",
        "question: HFT could be Floor Tom 16.wav or tom lo.wav; add one, such as HFT: Floor Tom 16.wav",
        "question: hat.wav could be CHH, OHH or PHH; to add it, write CHH: hat.wav",
        "not used, no component goes by such a name or note: notes.txt.wav, perc 3.wav",
        f"question: what is its licence? The manifest says {UNKNOWN_LICENCE}",
    ]
    # The line that is offered is one that works.
    content = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    content["source"]["components"] |= yaml.safe_load("CHH: hat.wav")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    assert "CHH" in load_kit(tmp_path / "mine.yaml").sounds


def test_what_cannot_be_played_is_left_out(tmp_path: Path) -> None:
    sounds(tmp_path, "kick.wav")
    (tmp_path / "snare.wav").write_bytes(b"broken")
    soundfile.write(tmp_path / "crash.wav", np.zeros(800), SAMPLE_RATE)
    soundfile.write(tmp_path / "ride.wav", np.ones(600 * 1000), 1000)
    (tmp_path / os.fsdecode(b"tom hi \xff.wav")).write_bytes((tmp_path / "kick.wav").read_bytes())
    (tmp_path / "C:tom.wav").write_bytes((tmp_path / "kick.wav").read_bytes())
    (tmp_path / "hh\nopen: #1.wav").write_bytes((tmp_path / "kick.wav").read_bytes())
    result = import_kit(tmp_path, tmp_path / "mine.yaml")
    assert source(result) == {"KD": "kick.wav", "OHH": "hh\nopen: #1.wav"}
    assert "OHH" in load_kit(tmp_path / "mine.yaml").sounds
    assert format_import(result).isascii()
    reasons = {label: reason for reason, labels in result.unused.items() for label in labels}
    assert "not UTF-8" in reasons[r"'tom hi \udcff.wav'"]
    assert "leaves the kit's folder" in reasons["C:tom.wav"]
    assert "is silent" in reasons["crash.wav"]
    assert "no one-shot" in reasons["ride.wav"]
    assert "snare.wav: format" in reasons["snare.wav"]


def test_hydrogen_by_name_then_note(tmp_path: Path) -> None:
    folder = tmp_path / "drums"
    folder.mkdir()
    sound = layer("low.wav")
    names = [("Kick", 36), ("Cymbal", 49), ("Snare 1", 38), ("Snare 2", 40), ("Tom", 62), ("Clap", 39)]
    parts = [
        instrument(n, sound, midiOutNote=note).replace(f"Drum {n}<", f"{name}<")
        for n, (name, note) in enumerate(names)
    ]
    parts.append(instrument(6, "", midiOutNote=42))
    hydrogen_kit(folder, *parts, head="<author>Somebody</author><license>GPL</license>")
    path = tmp_path / "mine.yaml"
    result = import_kit(folder, path, family="session")
    assert source(result) == {"KD": 0, "SD": [2, 3], "CRC": 1}
    assert result.questions == [
        "Tom (instrument 4) could be HIT, MHT or HFT; to add it, write HIT: 4",
    ]
    kit = load_kit(path)
    assert (kit.family, kit.attribution, len(kit.sounds["SD"][0].takes)) == ("session", "Somebody, GPL", 2)
    assert read_manifest(path).source["path"] == "drums"


def test_soundfont_by_note(tmp_path: Path) -> None:
    zones = [
        {Gen.KEY_RANGE: note | note << 8, Gen.ROOT_KEY: note, Gen.SAMPLE: 0} for note in (35, 36, 40, 47, 39)
    ]
    (tmp_path / "kit.sf2").write_bytes(written([tone(200)], zones))
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "mine.yaml"
    result = import_kit(tmp_path / "kit.sf2", path, preset="128:5")
    assert source(result) == {"KD": 36, "SD": 40, "MHT": 47}
    assert read_manifest(path).source["path"] == str(tmp_path / "kit.sf2")
    kit = load_kit(path)
    assert kit.sounds.keys() - kit.filled == {"KD", "SD", "MHT"}
    assert import_kit(tmp_path / "kit.sf2", tmp_path / "b.yaml", "Test kit").manifest["source"]["preset"] == 5
    with pytest.raises(InputError, match=r"kit.sf2: preset: '128:6' is not one of 128:5 Test kit"):
        import_kit(tmp_path / "kit.sf2", tmp_path / "c.yaml", preset="128:6")


def test_bad_requests_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "kick.txt").write_text("kick")
    with pytest.raises(InputError, match=r"empty: folder: holds no audio \(.aif, .aiff, .*\.wav\)"):
        import_kit(tmp_path / "empty", tmp_path / "mine.yaml")
    toms = sounds(tmp_path / "toms", "T1.wav", "perc.wav")
    with pytest.raises(InputError, match=r"toms: components: none is sure: T1.wav could be HIT, MHT or HFT"):
        import_kit(toms, tmp_path / "mine.yaml")
    with pytest.raises(InputError, match=r"none: source: is no folder, no \.sf2 and no \.sf3"):
        import_kit(tmp_path / "none", tmp_path / "mine.yaml")
    with pytest.raises(InputError, match=r"mine.yml: name: is not that of a manifest"):
        import_kit(toms, tmp_path / "mine.yml")
    with pytest.raises(InputError, match=r"mine.yaml: group: unknown 'tests'"):
        import_kit(sounds(tmp_path / "good", "kick.wav"), tmp_path / "mine.yaml", group="tests")
    assert not (tmp_path / "mine.yaml").exists()
    (tmp_path / "mine.yaml").write_text("precious")
    with pytest.raises(InputError, match=r"mine.yaml: manifest: is there already"):
        import_kit(tmp_path / "good", tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == "precious"
