"""The checks on kits: what is planted is found, what is sound is left alone; measures and the list."""

import fnmatch
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import soundfile
import yaml
from kit_groups import procedural_kits

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.check import check_kit
from drummernet.kits.manifest import read_manifest
from drummernet.kits.measures import centroid_hz, decay_seconds, pitch_hz, share_below
from drummernet.kits.survey import format_list, list_kits, read_manifests, write_list

Sounds = dict[str, Any]


def seconds(length: float) -> np.ndarray:
    return np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE


def drum(hertz: float, decay: float = 0.4, length: float = 0.6) -> np.ndarray:
    """A tone that falls by 60 dB in ``decay``."""
    time = seconds(length)
    return 0.5 * np.cos(2 * np.pi * hertz * time) * 1000 ** (-time / decay)


def cymbal(decay: float, length: float, seed: int, low_hz: float = 3000) -> np.ndarray:
    time = seconds(length)
    noise = np.random.default_rng(seed).standard_normal(time.size)
    filtered = scipy.signal.sosfilt(
        scipy.signal.butter(4, low_hz, "highpass", fs=SAMPLE_RATE, output="sos"), noise
    )
    return 0.1 * filtered * 1000 ** (-time / decay)


def sounds() -> Sounds:
    """A kit without faults."""
    return {
        "KD": drum(60),
        "SD": drum(190, 0.2) + cymbal(0.3, 0.6, 1, 1500),
        "CHH": cymbal(0.1, 0.3, 2),
        "OHH": cymbal(0.9, 1.2, 3),
        "HIT": drum(180),
        "MHT": drum(130),
        "HFT": drum(90),
        "CRC": cymbal(2.0, 1.5, 4),
    }


def write(folder: Path, kit: Sounds, name: str = "mine") -> Path:
    """Write a kit; a sound is an array, or a list of layers."""
    components: dict[str, Any] = {}
    for component, value in kit.items():
        layers = value if isinstance(value, list) else [value]
        for number, samples in enumerate(layers):
            soundfile.write(folder / f"{component}{number}.wav", samples, SAMPLE_RATE, subtype="FLOAT")
        names = [f"{component}{number}.wav" for number in range(len(layers))]
        components[component] = [
            {"velocity": (n + 1) / len(names), "takes": [file]} for n, file in enumerate(names)
        ]
    path = folder / f"{name}.yaml"
    source = {"type": "folder", "path": ".", "components": components}
    manifest = {"name": name, "family": name, "group": "test", "licence": "CC0-1.0", "source": source}
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return path


def findings(path: Path) -> list[str]:
    return list(map(str, check_kit(read_manifest(path))))


@pytest.mark.parametrize("name", procedural_kits())
def test_no_false_alarm(name: str) -> None:
    assert check_kit(read_manifest(name)) == []


def test_sound_kit(tmp_path: Path) -> None:
    assert findings(write(tmp_path, sounds())) == []


def late(kit: Sounds) -> None:
    faint = 0.05 * np.cos(2 * np.pi * 60 * seconds(0.1))
    kit["KD"] = np.concatenate([faint, drum(60)])


def swapped(kit: Sounds) -> None:
    kit["KD"], kit["CHH"] = kit["CHH"], kit["KD"]


FAULTS: dict[str, tuple[Callable[[Sounds], object], list[str]]] = {
    "silent": (lambda kit: kit.update(SD=np.zeros(800)), ["mine: SD: is silent: its peak is 0"]),
    "clipped": (
        lambda kit: kit.update(KD=np.clip(2 * drum(60), -0.4, 0.4)),
        ["mine: KD: clipped: * samples within 0.5 % of the peak"],
    ),
    "late": (late, ["mine: KD: late: 100 ms until it is within 12 dB of its peak"]),
    "short": (lambda kit: kit.update(CHH=kit["CHH"][:60]), ["mine: CHH: short: 3.7 ms"]),
    "cut short": (
        lambda kit: kit.update(HFT=drum(90)[:640]),
        ["mine: HFT: cut: -* dB at its end after 0.04 s"],
    ),
    "goes on": (lambda kit: kit.update(KD=drum(60, 10, 2)), ["mine: KD: cut: -6 dB at its end after 1.00 s"]),
    "offset": (
        lambda kit: kit.update(SD=kit["SD"] + 0.05),
        ["mine: SD: offset: it dies away to * % of its peak, not to 0"],
    ),
    "swapped": (
        swapped,
        [
            "mine: KD: spectrum: 0 % of its energy is below 300 Hz, not at least 70 %",
            "mine: CHH: spectrum: 100 % of its energy is below 1000 Hz, not at most 50 %",
        ],
    ),
    "closed longer than open": (
        lambda kit: kit.update(CHH=cymbal(0.9, 1.2, 2), OHH=cymbal(0.1, 0.3, 3)),
        ["mine: CHH, OHH: decay: 0.3* s to -20 dB, the open one 0.0* s"],
    ),
    "toms out of order": (
        lambda kit: kit.update(HIT=kit["MHT"], MHT=kit["HIT"]),
        ["mine: HIT, MHT: order: 130 Hz, the lower one 180 Hz"],
    ),
    "same": (
        lambda kit: kit.update(MHT=0.3 * kit["HIT"]),
        ["mine: HIT, MHT: duplicates: 1 of their sounds are the same"],
    ),
    "layers": (
        lambda kit: kit.update(SD=[2 * kit["SD"], kit["SD"]]),
        ["mine: SD: layers: that of velocity 0.50 is 6.0 dB louder than that of 1.00"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found_alone(tmp_path: Path, fault: str) -> None:
    plant, wanted = FAULTS[fault]
    kit = sounds()
    plant(kit)
    found = findings(write(tmp_path, kit))
    assert len(found) == len(wanted), found
    for finding, pattern in zip(found, wanted, strict=True):
        assert fnmatch.fnmatchcase(finding, pattern), finding


def test_unreadable_kit_is_a_finding(tmp_path: Path) -> None:
    path = write(tmp_path, sounds())
    (tmp_path / "KD0.wav").write_bytes(b"no audio")
    (finding,) = findings(path)
    assert finding.startswith("mine: ")
    assert "KD0.wav" in finding


def test_kit_of_zero_components(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    (finding,) = findings(path)
    assert finding == f"mine: {path}: source.components: is empty"
    (listed,) = list_kits(str(path))
    assert (listed.components, listed.usable) == ((), False)


def test_measures() -> None:
    sound = drum(100, 0.5, 1.0)
    assert decay_seconds(sound, 20) == pytest.approx(0.5 / 3, abs=0.01)
    assert decay_seconds(sound, 60) == pytest.approx(0.5, abs=0.01)
    assert decay_seconds(sound[:1600], 60) == pytest.approx(0.1)
    assert pitch_hz(sound) == pytest.approx(100, abs=0.5)
    assert pitch_hz(0.5 * drum(80) + drum(200)) == pytest.approx(80, abs=2)
    assert centroid_hz(drum(2000, 4, 1)) == pytest.approx(2000, rel=0.01)
    both = drum(100, 4, 1) + drum(1000, 4, 1)
    assert share_below(both, 500) == pytest.approx(0.5, abs=0.01)


def test_list_of_packaged_kits(tmp_path: Path) -> None:
    write_list(tmp_path / "kits.json", list_kits(["stems", "family:jazz"]))
    listed = json.loads((tmp_path / "kits.json").read_text())
    assert {"name", "family", "source", "licence", "components", "usable", "needs"} <= listed[0].keys()
    names = [kit["name"] for kit in listed]
    assert len(names) == len(set(names))
    assert {"electronic_cluster", "jazz_trio"} <= set(names)
    assert all(kit["usable"] and not kit["needs"] and len(kit["components"]) == 11 for kit in listed)


@pytest.mark.parametrize("removed", ["KD0.wav", None])
def test_list_names_what_is_missing(tmp_path: Path, removed: str | None) -> None:
    path = write(tmp_path, sounds())
    content = yaml.safe_load(path.read_text())
    if removed:
        (tmp_path / removed).unlink()
        wanted = str(tmp_path / removed)
    else:
        content |= {"package": "some-drums"}
        content["source"]["path"] = "elsewhere"
        wanted = "some-drums"
    path.write_text(yaml.safe_dump(content))
    (listed,) = list_kits(str(path))
    assert (listed.usable, listed.needs) == (False, wanted)
    assert listed.components == ("KD", "SD", "CHH", "OHH", "HIT", "MHT", "HFT", "CRC")
    assert format_list([listed]).splitlines()[1].split() == [
        "mine", "test", "mine", "folder", "CC0-1.0", "8", *wanted.split()
    ]  # fmt: skip


def test_two_kits_of_one_name(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    paths = [write(tmp_path / name, sounds()) for name in "ab"]
    with pytest.raises(
        InputError, match=r"kits: name: 'mine' is that of .*/a/mine.yaml and of .*/b/mine.yaml"
    ):
        read_manifests(list(map(str, paths)))
    assert len(read_manifests([str(paths[0]), f"{tmp_path}/a/*.yaml"])) == 1
