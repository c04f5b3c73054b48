"""The packaged kits of real sounds: their manifests, and their sounds where the packages are installed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from kit_groups import PROCEDURAL_GROUPS

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.kit import GROUPS, NORM, Kit
from drummernet.kits.manifest import kit_names, load_kit, read_manifest

SAMPLED_GROUPS = GROUPS[3:6]
WHOLE = sorted(name for group in SAMPLED_GROUPS for name in kit_names(group))
SIDE_STICKS = kit_names("side_sticks")
SAMPLED = sorted([*WHOLE, *SIDE_STICKS])

PACKAGES = {
    "avldrums.lv2-soundfont": {"CC-BY-SA-3.0"},
    "exadrums": {"BSD-3-Clause"},
    "fluid-soundfont-gm": {"MIT"},
    "hydrogen-data": {"GPL-2.0-or-later"},
    "hydrogen-drumkits": {"CC0-1.0", "CC-BY-3.0", "CC-BY-SA-3.0", "GPL-2.0-only", "GPL-2.0-or-later"},
    "musescore-general-soundfont": {"CC0-1.0", "MIT"},
    "sonic-pi-samples": {"CC0-1.0"},
}
"""Debian packages and the licences, as SPDX names them, that their copyright files give to sounds."""

PERMISSIVE = {"BSD-3-Clause", "CC0-1.0", "CC-BY-3.0", "MIT"}
"""What shipped weights may be trained with."""

ELECTRONIC = {"artemio_labs", "looppool", "tr808_emulation", "vari_breaks"}

TOMS = ("HIT", "MHT", "HFT", "LFT")
CYMBALS = ("RDC", "CRC", "RDB", "CHC", "SPC")


@cache
def _installed(name: str) -> Kit:
    """Load a kit, or skip the test if its package is missing."""
    manifest = read_manifest(name)
    if not Path(manifest.source["path"]).exists():
        pytest.skip(f"needs the package {manifest.package}")
    return load_kit(name)


# --- manifests -------------------------------------------------------------------------------------


def test_there_are_enough_and_two_thirds_are_for_training() -> None:
    assert len(WHOLE) >= 24
    groups = {group: kit_names(group) for group in SAMPLED_GROUPS}
    assert 0.6 < len(groups["sampled_train"]) / len(WHOLE) < 0.75
    for names in groups.values():
        families = {read_manifest(name).family for name in names}
        assert families & ELECTRONIC
        assert families - ELECTRONIC
    permissive = [name for name in groups["sampled_train"] if read_manifest(name).licence in PERMISSIVE]
    assert len(permissive) > len(groups["sampled_train"]) / 2


def test_side_sticks_alone_are_nothing_else_and_free():
    assert len(SIDE_STICKS) >= 10
    for manifest in map(read_manifest, SIDE_STICKS):
        assert list(manifest.source["components"]) == ["SST"]
        assert manifest.licence in PERMISSIVE


@pytest.mark.parametrize("name", SAMPLED)
def test_manifests_say_whose_the_sounds_are(name: str) -> None:
    manifest = read_manifest(name)
    assert manifest.licence in PACKAGES[manifest.package]
    assert manifest.attribution
    assert manifest.source_type in ("folder", "hydrogen", "soundfont")
    assert Path(manifest.source["path"]).is_absolute()
    assert manifest.path.read_text(encoding="utf-8").startswith("# "), "what it is, in a comment"


def test_a_family_lies_in_one_group() -> None:
    groups: dict[str, set[str]] = {}
    for name in SAMPLED:
        manifest = read_manifest(name)
        groups.setdefault(manifest.family, set()).add(manifest.group)
    assert all(len(members) == 1 for members in groups.values()), groups
    procedural = {read_manifest(name).family for group in PROCEDURAL_GROUPS for name in kit_names(group)}
    assert not procedural & set(groups)


def test_no_two_kits_have_the_same_sounds() -> None:
    sources = [str(sorted(read_manifest(name).source.items())) for name in SAMPLED]
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize("name", SAMPLED)
def test_what_to_install_is_said(name: str, tmp_path: Path) -> None:
    manifest = read_manifest(name)
    content = yaml.safe_load(manifest.path.read_text(encoding="utf-8"))
    content["source"]["path"] = str(tmp_path / "missing")
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    message = rf"{name}\.yaml: source\.path: .*install the package {manifest.package}, or run make kits"
    with pytest.raises(InputError, match=message):
        load_kit(path)


# --- sounds ----------------------------------------------------------------------------------------


def _share(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The share of the energy of a sound (N,) in a band."""
    power = np.abs(np.fft.rfft(sound.astype(float), SAMPLE_RATE)) ** 2
    frequencies = np.arange(power.size)
    return float(power[(frequencies >= low_hz) & (frequencies < high_hz)].sum() / power.sum())


def _centroid_hz(sound: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(sound.astype(float), SAMPLE_RATE)) ** 2
    return float(np.arange(power.size) @ power / power.sum())


def _pitch_hz(sound: np.ndarray) -> float:
    """The strongest frequency of a sound (N,) after its stroke, 50 ms on."""
    part = sound[800:9600].astype(float)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(part.size), 4 * SAMPLE_RATE))
    return float(np.argmax(spectrum[140:2400]) + 140) / 4


def _lasts_seconds(sound: np.ndarray) -> float:
    """When the mean power over 5 ms is 20 dB below its greatest for good."""
    power = np.convolve(sound.astype(float) ** 2, np.ones(80), "same")
    return float(np.flatnonzero(power > power.max() / 100)[-1]) / SAMPLE_RATE


def _doubts(kit: Kit) -> Iterator[str]:
    """Say which components of a kit, the derived ones aside, do not sound like what they are called."""
    sounds = {name: sound for name, sound in kit.one_shots.items() if name not in kit.filled}
    lasts = {name: _lasts_seconds(sound) for name, sound in sounds.items()}
    centroid = {name: _centroid_hz(sound) for name, sound in sounds.items()}
    bounds = {}
    if "KD" in sounds:
        bounds["KD"] = centroid["KD"] < 300 and _share(sounds["KD"], 0, 200) > 0.75 and lasts["KD"] < 0.85
    if "SD" in sounds:
        bounds["SD"] = 2 * centroid["KD"] < centroid["SD"] < 3600 and lasts["SD"] < 0.5
    if "TMB" in sounds:
        bounds["TMB"] = _share(sounds["TMB"], 4000, 8000) > 0.9 and lasts["TMB"] < 0.4
    if "SST" in sounds:
        bounds["SST"] = 700 < centroid["SST"] < 3500 and lasts["SST"] < 0.15
    for hat in ("CHH", "OHH", "PHH"):
        if hat in sounds:
            longest = 1.0 if hat == "OHH" else 0.8 * lasts.get("OHH", 0.5)
            bounds[hat] = centroid[hat] > 950 and _share(sounds[hat], 0, 200) < 0.4 and lasts[hat] < longest
    for cymbal in CYMBALS:
        if cymbal in sounds:
            short = max(lasts["SD"], lasts.get("CHH", 0))
            rings = lasts[cymbal] > (0.9 if cymbal == "RDB" else 1.1) * short
            bounds[cymbal] = centroid[cymbal] > 1500 and _share(sounds[cymbal], 0, 300) < 0.2 and rings
    toms = [name for name in TOMS if name in sounds]
    for name in toms:
        bounds[name] = centroid[name] < 1600 and _share(sounds[name], 40, 450) > 0.6
    for high, low in pairwise(toms):
        bounds[f"{high} and {low}"] = _pitch_hz(sounds[high]) > 1.03 * _pitch_hz(sounds[low])
    yield from (name for name, is_plausible in bounds.items() if not is_plausible)


@pytest.mark.parametrize("name", SAMPLED)
def test_one_shots_begin_at_once_and_end_without_a_click(name: str) -> None:
    kit = _installed(name)
    for component, layers in kit.sounds.items():
        assert np.linalg.norm(kit.one_shots[component].astype(float)) == pytest.approx(NORM, rel=1e-4)
        for layer in layers:
            for take in layer.takes:
                where = f"{component} at velocity {layer.velocity}"
                peak = np.abs(take).max()
                assert take.size <= SAMPLE_RATE, where
                assert np.abs(take[:16]).max() > 10**-1.5 * peak, where
                assert np.abs(take[:112]).max() > 0.1 * peak, f"{where}: something comes before the stroke"
                assert np.abs(take[-8:]).max() < 0.02 * peak, f"{where}: breaks off"


@pytest.mark.parametrize("name", SAMPLED)
def test_softer_layers_are_softer(name: str) -> None:
    kit = _installed(name)
    for component, layers in kit.sounds.items():
        assert [layer.velocity for layer in layers] == sorted({layer.velocity for layer in layers})
        levels = [20 * np.log10(np.linalg.norm(layer.takes[0]) / NORM) for layer in layers]
        assert levels == sorted(levels) or min(np.diff(levels)) > -2, f"{component}: {levels}"
        assert levels[0] <= levels[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", SAMPLED)
def test_components_sound_like_what_they_are_called(name: str) -> None:
    assert not list(_doubts(_installed(name)))


def test_a_wrong_component_is_noticed() -> None:
    """Every exchange of two components whose difference numbers can tell raises a doubt."""
    kit = load_kit("rock_maple")
    assert not list(_doubts(kit))
    pairs = [("KD", "HFT"), ("CHH", "PHH"), ("OHH", "RDC"), ("OHH", "CRC"), ("RDC", "CRC")]
    alike = {frozenset(pair) for pair in pairs}
    for number, one in enumerate(COMPONENTS):
        for other in COMPONENTS[:number]:
            if frozenset((one, other)) not in alike:
                exchanged = {**kit.sounds, one: kit.sounds[other], other: kit.sounds[one]}
                assert list(_doubts(replace(kit, sounds=exchanged))), f"{one} and {other}"
