"""Layers and takes of kits, and what a kit lacks and is derived."""

from pathlib import Path

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.bank import load_bank, resolve_kits
from drummernet.kits.completeness import completed
from drummernet.kits.kit import NORM, Kit, Layer, Sounds, normalised, single
from drummernet.kits.manifest import load_kit
from drummernet.kits.pack import pack_kits
from drummernet.stems.render import render_groove

SECONDS = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def tone(hertz: float, decay_seconds: float = 0.3) -> np.ndarray:
    return (np.cos(2 * np.pi * hertz * SECONDS) * 10 ** (-3 * SECONDS / decay_seconds)).astype(np.float32)


def noise(decay_seconds: float, seed: int = 0) -> np.ndarray:
    sound = np.random.default_rng(seed).standard_normal(SAMPLE_RATE)
    return (sound * 10 ** (-3 * SECONDS / decay_seconds)).astype(np.float32)


def prepared(**sounds: np.ndarray) -> Sounds:
    return {name: normalised(layers, "test", name) for name, layers in single(sounds).items()}


def pitch_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    return float(np.argmax(spectrum) * SAMPLE_RATE / (1 << 18))


def seconds_to_60_db(sound: np.ndarray) -> float:
    """From a line through the logarithm of the envelope of what is still to come."""
    left_db = 10 * np.log10(
        np.cumsum(sound[::-1].astype(float) ** 2)[::-1] / np.sum(sound.astype(float) ** 2)
    )
    part = (left_db < -3) & (left_db > -30)
    return float(-60 / np.polyfit(np.flatnonzero(part) / SAMPLE_RATE, left_db[part], 1)[0])


@pytest.mark.parametrize(
    ("has", "derived"),
    [
        ({"MHT": 120.0}, {"HFT": 95.24, "HIT": 151.19}),
        ({"HIT": 160.0, "HFT": 90.0}, {"MHT": 113.39}),
        ({"LFT": 70.0}, {"HFT": 88.19, "MHT": 111.12}),
    ],
)
def test_toms_are_the_nearest_tom_retuned(has: dict[str, float], derived: dict[str, float]) -> None:
    sounds, filled = completed(prepared(**{name: tone(hertz) for name, hertz in has.items()}))
    assert set(filled) == set(derived)
    for name, hertz in derived.items():
        (layer,) = sounds[name]
        assert pitch_hz(layer.takes[0]) == pytest.approx(hertz, rel=0.01)
        assert np.linalg.norm(layer.takes[0]) == pytest.approx(NORM, rel=1e-4)


def test_hats_are_choked() -> None:
    sounds, filled = completed(prepared(OHH=noise(1.2)))
    assert filled == {"PHH": "OHH", "CHH": "OHH"}
    assert seconds_to_60_db(sounds["OHH"][0].takes[0]) == pytest.approx(1.2, rel=0.1)
    for name, seconds in (("CHH", 0.28), ("PHH", 0.25)):
        both = 1 / (1 / seconds + 1 / 1.2)  # it decays, too
        assert seconds_to_60_db(sounds[name][0].takes[0]) == pytest.approx(both, rel=0.1)
    _, filled = completed(prepared(CHH=noise(0.1)))
    assert filled == {"PHH": "CHH"}


def test_what_nothing_sounds_like_is_left_out() -> None:
    sounds, filled = completed(prepared(KD=tone(50), SD=noise(0.2), RDC=noise(2)))
    assert set(sounds) == {"KD", "SD", "RDC"}
    assert not filled
    wider = ("CRC", "SPC", "CHC", "RDB", "SST", "TMB", "LFT")
    assert completed(prepared(CHC=noise(1)), wider)[1] == {"CRC": "CHC"}
    assert completed(prepared(CRC=noise(1)), wider)[1] == {"SPC": "CRC"}
    assert completed(prepared(HIT=tone(200)), ("LFT",))[1] == {}


def test_layers_keep_their_ratio_and_takes_go_round() -> None:
    soft, loud, again = 0.1 * tone(100), tone(100), 2 * tone(103)
    layers = normalised((Layer(0.4, (soft,)), Layer(1.0, (loud, again))), "test", "SD")
    kit = Kit("k", "f", "test", "MIT", "", {"SD": layers}, {"SD": -6.0})
    assert kit.is_varied
    assert np.linalg.norm(kit.one_shots["SD"]) == pytest.approx(NORM, rel=1e-4)
    for velocity, take, norm in ((0.4, 5, 1.0), (0.41, 0, 10.0), (1.0, 1, 20.0), (0.9, 2, 10.0)):
        assert np.linalg.norm(kit.one_shot("SD", velocity, take)) == pytest.approx(norm, rel=1e-3)


def test_the_renderer_plays_layers_at_the_level_of_the_stroke() -> None:
    layers = normalised((Layer(0.4, (0.01 * tone(300),)), Layer(1.0, (tone(100),))), "test", "SD")
    kit = Kit("k", "f", "test", "MIT", "", {"SD": layers}, {"SD": -6.0})
    groove = Groove("g", (Hit(0.1, "SD", 0.4), Hit(1.2, "SD", 0.8)), 2.0)
    ratios = []
    for seed in range(60):
        audio = render_groove(groove, kit, np.random.default_rng(seed))
        first, second = audio[1_600:9_600], audio[19_200:27_200]
        assert pitch_hz(first) == pytest.approx(300, rel=0.02)
        assert pitch_hz(second) == pytest.approx(100, rel=0.02)
        ratios.append(np.linalg.norm(second) / np.linalg.norm(first))
    assert 20 * np.log10(np.median(ratios)) == pytest.approx(40 * np.log10(2), abs=0.7)  # each hit ±1 dB


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    for name, sound in (
        ("soft", 0.2 * noise(0.2)),
        ("loud", noise(0.3, 1)),
        ("kick", tone(60)),
        ("again", tone(62)),
    ):
        write_audio(tmp_path / "sounds" / f"{name}.wav", 0.5 * sound / np.abs(sound).max(), "FLOAT")
    layers = "[{velocity: 0.5, takes: [soft.wav]}, {velocity: 1, takes: loud.wav}]"
    source = f"{{type: folder, path: sounds, components: {{KD: [kick.wav, again.wav], SD: {layers}}}}}"
    head = "name: mine\nfamily: my_room\ngroup: sampled_test\nlicence: CC0-1.0\npackage: my-package\n"
    (tmp_path / "mine.yaml").write_text(f"{head}source: {source}\n")
    return tmp_path / "mine.yaml"


def test_a_folder_has_layers_and_takes_and_packs_them(layered: Path, tmp_path: Path) -> None:
    kit = load_kit(layered)
    assert [(layer.velocity, len(layer.takes)) for layer in kit.sounds["SD"]] == [(0.5, 1), (1.0, 1)]
    assert [len(layer.takes) for layer in kit.sounds["KD"]] == [2]
    (packed,) = pack_kits([str(layered)], tmp_path / "packed")
    again = load_kit(packed)
    for component, layers in kit.sounds.items():
        for one, other in zip(layers, again.sounds[component], strict=True):
            assert one.velocity == other.velocity
            for take, same in zip(one.takes, other.takes, strict=True):
                np.testing.assert_allclose(take, same, atol=1e-5)
    bank = load_bank(str(layered), ("KD", "SD", "TMB"), variants=3)
    assert bank.shape == (3, 3, 16_000)
    assert not bank[:, 2].any()
    norms = bank[:, 1].norm(dim=-1)
    assert norms[0] == pytest.approx(10, rel=1e-4)
    assert norms[1] < norms[0]
    assert norms[2] == norms[0]


def test_a_missing_package_is_named(layered: Path) -> None:
    (layered.parent / "sounds").rename(layered.parent / "elsewhere")
    with pytest.raises(InputError, match=r"source\.path: .*install the package my-package, or run make kits"):
        load_kit(layered)


def test_a_recording_is_no_one_shot(layered: Path) -> None:
    write_audio(layered.parent / "sounds" / "kick.wav", np.full(31 * SAMPLE_RATE, 0.1))
    with pytest.raises(InputError, match=r"kick\.wav: duration: more than 30 s: no one-shot"):
        load_kit(layered)


def test_kits_are_chosen_by_family_and_licence() -> None:
    assert resolve_kits("family:jazz") == resolve_kits(["jazz_*"])
    assert set(resolve_kits(["family:rock", "rock_maple"])) == set(resolve_kits("rock_*"))
    assert set(resolve_kits("stems")) < set(resolve_kits("licence:MIT"))
    with pytest.raises(InputError, match=r"kits: family: unknown 'jaz'; did you mean 'jazz'"):
        resolve_kits("family:jaz")
