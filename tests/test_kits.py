"""Drum kits: the packaged ones, their voices, folders of sounds, manifests, banks."""

import itertools
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
import yaml
from kit_groups import PROCEDURAL_GROUPS, procedural_kits
from safetensors.numpy import save_file

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.bank import load_bank, resolve_kits
from drummernet.kits.kit import MIX_LEVELS_DB, NORM, Kit, one_shot
from drummernet.kits.manifest import kit_names, load_kit, read_manifest
from drummernet.kits.pack import pack_kits

FAMILIES = {"rock", "jazz", "electronic", "dry", "roomy"}


@pytest.fixture(scope="module")
def kits() -> dict[str, Kit]:
    """The procedural kits."""
    return {name: load_kit(name) for name in procedural_kits()}


def _centroid_hz(sound: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(np.fft.rfftfreq(sound.size, 1 / SAMPLE_RATE) @ power / power.sum())


def _seconds_to(sound: np.ndarray, decibels: float) -> float:
    """When the energy still to come has fallen by so much."""
    energy = np.cumsum(sound[::-1].astype(float) ** 2)[::-1]
    return float(np.argmax(energy < energy[0] * 10 ** (decibels / 10)) / SAMPLE_RATE)


def _log_mel(sound: np.ndarray) -> np.ndarray:
    """The first 256 ms in dB below the loudest band, down to -60 dB."""
    start = np.zeros(4096, np.float32)
    start[: min(sound.size, 4096)] = sound[:4096]
    mel = librosa.feature.melspectrogram(
        y=start, sr=SAMPLE_RATE, n_fft=512, hop_length=256, n_mels=40, center=False
    )
    return librosa.power_to_db(mel, ref=np.max, top_db=60)


def test_every_packaged_one_shot_is_normalised(kits: dict[str, Kit]) -> None:
    sounds = {f"{name} {c}": sound for name, kit in kits.items() for c, sound in kit.one_shots.items()}
    for where, sound in sounds.items():
        assert sound.dtype == np.float32, where
        assert 1000 < sound.size <= SAMPLE_RATE, where
        assert np.isfinite(sound).all(), where
        assert np.linalg.norm(sound.astype(float)) == pytest.approx(NORM, rel=1e-4), where
        assert abs(sound[0]) > 10**-1.5 * np.abs(sound).max(), where
        assert abs(sound[-1]) < 0.01 * np.abs(sound).max(), where
        energy = np.convolve(sound.astype(float) ** 2, np.ones(128), "valid")
        assert energy[:480].max() > energy.max() / 2, f"{where}: its loudest part comes late"


def test_packaged_kits_are_drums(kits: dict[str, Kit]) -> None:
    for kit in kits.values():
        assert tuple(kit.one_shots) == COMPONENTS
        centroid = {component: _centroid_hz(sound) for component, sound in kit.one_shots.items()}
        assert centroid["KD"] < centroid["HFT"] + 150, kit.name
        assert centroid["KD"] < centroid["SD"] < centroid["CHH"], kit.name
        assert centroid["HFT"] < centroid["MHT"] < centroid["HIT"] < centroid["SD"], kit.name
        assert centroid["PHH"] < centroid["CHH"], kit.name
        assert centroid["CRC"] < centroid["OHH"], kit.name
        lasts = {component: _seconds_to(sound, -20) for component, sound in kit.one_shots.items()}
        assert lasts["CHH"] < lasts["OHH"] < lasts["RDC"], kit.name
        assert lasts["OHH"] > (1.15 if kit.family == "roomy" else 2) * lasts["CHH"], kit.name
        assert lasts["OHH"] < lasts["CRC"], kit.name
        assert kit.licence == "MIT"


def test_groups_span_the_families_and_share_nothing() -> None:
    groups = {group: kit_names(group) for group in PROCEDURAL_GROUPS}
    assert [len(names) for names in groups.values()] == [9, 9, 6]
    manifests = [read_manifest(name) for name in itertools.chain(*groups.values())]
    assert {m.source_type for m in manifests} == {"procedural"}
    for group in PROCEDURAL_GROUPS:
        assert {m.family for m in manifests if m.group == group} == FAMILIES
    assert len({m.source["seed"] for m in manifests}) == len(manifests)
    voices = [str(voice) for m in manifests for voice in m.source["voices"].values()]
    assert len(set(voices)) == len(voices)


def test_packaged_kits_differ_and_test_kits_no_less(kits: dict[str, Kit]) -> None:
    features = {
        name: {component: _log_mel(sound) for component, sound in kit.one_shots.items()}
        for name, kit in kits.items()
    }
    distances = {}
    for one, other in itertools.combinations(kits, 2):
        apart = [np.abs(features[one][c] - features[other][c]).mean() for c in COMPONENTS]
        assert min(apart) > 0.25, f"{one} and {other}: {COMPONENTS[int(np.argmin(apart))]}"
        distances[one, other] = float(np.mean(apart))
    assert min(distances.values()) > 1.5

    def between(*groups: str) -> list[float]:
        return [d for pair, d in distances.items() if sorted(kits[n].group for n in pair) == sorted(groups)]

    among_synthesizer = between("synthesizer", "synthesizer")
    for group in ("stems", "test"):
        assert min(between(group, "synthesizer")) >= min(among_synthesizer)
        assert np.median(between(group, "synthesizer")) > 0.85 * np.median(among_synthesizer)
    assert min(between("stems", "test")) >= min(among_synthesizer)


def test_a_kit_is_a_function_of_its_manifest(tmp_path: Path) -> None:
    first, again = load_kit("jazz_trio"), load_kit("jazz_trio")
    content = yaml.safe_load(read_manifest("jazz_trio").path.read_text(encoding="utf-8"))
    content["source"]["seed"] += 1
    reseeded = load_kit(_write(tmp_path, content, "jazz_trio"))
    for component, sound in first.one_shots.items():
        np.testing.assert_array_equal(sound, again.one_shots[component])
        other = reseeded.one_shots[component]
        assert sound.size != other.size or np.abs(sound - other).max() > 0.01
    del content["source"]["voices"]["KD"], content["mix_level_db"]["KD"]
    content["source"]["seed"] -= 1
    without_kick = load_kit(_write(tmp_path, content, "jazz_trio"))
    np.testing.assert_array_equal(without_kick.one_shots["TMB"], first.one_shots["TMB"])


# --- normalisation ---------------------------------------------------------------------------------


def test_one_shot_cuts_at_the_onset_and_fades_a_cut_tail() -> None:
    rng = np.random.default_rng(0)
    sound = np.concatenate([np.full(777, 0.0009), [0.03, 0.032], rng.uniform(-0.9, 0.9, 20_000), [1.0]])
    cut = one_shot(sound.astype(np.float32), "x.wav", "KD")
    assert cut.shape == (16_000,)
    faded = 240  # 15 ms
    np.testing.assert_allclose(cut[1:-faded] / cut[0], sound[779 : 778 + 16_000 - faded] / 0.032, rtol=1e-5)
    assert abs(cut[-1]) < 1e-6 * abs(cut[0])
    assert np.linalg.norm(cut) == pytest.approx(10)
    dying = sound[-5001:] * np.linspace(1, 0, 5001)
    short = one_shot(dying, "x.wav", "KD")
    np.testing.assert_allclose(short / short[1], dying[-short.size :] / dying[1 - short.size], rtol=1e-4)
    np.testing.assert_allclose(one_shot(short, "x.wav", "KD"), short, rtol=1e-6)
    broken_off = one_shot(sound[-5001:], "x.wav", "KD")
    np.testing.assert_allclose(
        broken_off[2:-faded] / broken_off[1], sound[-4999:-faded] / sound[-5000], rtol=1e-4
    )
    assert abs(broken_off[-1]) < 1e-6 * np.abs(broken_off).max()


@pytest.mark.parametrize(
    ("sound", "problem"),
    [
        (np.zeros(100), "is silent: its peak is 0"),
        (np.zeros(0), "is silent"),
        (np.full(100, 5e-5), "is silent: its peak is 5e-05"),
        (np.array([0.1, np.nan]), "not finite"),
        (np.array([0.1, np.inf]), "not finite"),
    ],
)
def test_unusable_sounds(sound: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=rf"^x\.wav: KD: .*{problem}"):
        one_shot(sound, "x.wav", "KD")


# --- manifests -------------------------------------------------------------------------------------


def _manifest(**changes: Any) -> dict[str, Any]:
    voices = {"KD": {"type": "membrane", "frequency_hz": 50, "decay_seconds": 0.3}}
    source = {"type": "procedural", "seed": 1, "voices": voices}
    content = {"name": "mine", "family": "odd", "group": "stems", "licence": "CC0-1.0", "source": source}
    content.update(changes)
    return {key: value for key, value in content.items() if value is not None}


def _write(folder: Path, content: dict[str, Any], stem: str = "mine") -> Path:
    path = folder / f"{stem}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def _procedural(voice: Any = None, **changes: Any) -> dict[str, Any]:
    voice = {"type": "membrane", "frequency_hz": 50, "decay_seconds": 0.3} if voice is None else voice
    return {"type": "procedural", "seed": 1, "voices": {"KD": voice}, **changes}


def test_manifest_of_a_path(tmp_path: Path) -> None:
    content = _manifest(mix_level_db={"KD": -7}, attribution="A. Drummer")
    content["source"]["voices"]["SST"] = {"type": "membrane", "frequency_hz": 300, "decay_seconds": 0.05}
    kit = load_kit(_write(tmp_path, content))
    assert (kit.name, kit.family, kit.group, kit.licence) == ("mine", "odd", "stems", "CC0-1.0")
    assert kit.attribution == "A. Drummer"
    assert kit.mix_level_db == {"KD": -7, "SST": MIX_LEVELS_DB["SST"]}
    assert set(kit.one_shots) == {"KD", "SST"}


MEMBRANE = {"type": "membrane", "frequency_hz": 50, "decay_seconds": 0.3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": None}, "manifest: lacks 'licence'"),
        ({"licence": " "}, "licence: ' ' is not a text"),
        ({"family": 5}, "family: 5 is not a text"),
        ({"attribution": []}, r"attribution: \[\] is not a text"),
        ({"licences": "MIT"}, "manifest: unknown key 'licences'; did you mean 'licence'"),
        ({"name": "yours"}, "name: 'yours' is not the name of the file"),
        ({"group": "tests"}, "group: unknown 'tests'; did you mean 'test'"),
        ({"group": "zzz"}, "group: unknown 'zzz'; known are stems, synthesizer, test"),
        ({"source": "folder"}, "source: 'folder' is not a mapping"),
        ({"source": {}}, "source.type: unknown None"),
        ({"source": {"type": "foldr"}}, "source.type: unknown 'foldr'; did you mean 'folder'"),
        ({"mix_level_db": {"KD": 1}}, "mix_level_db.KD: 1 is not from -60 to 0"),
        ({"mix_level_db": {"KD": "loud"}}, "mix_level_db.KD: 'loud' is not a number"),
        ({"mix_level_db": {"CH": -3}}, "mix_level_db: unknown 'CH'; did you mean 'CHH'"),
        ({"mix_level_db": {"SD": -3}}, "mix_level_db: unknown 'SD'; did you mean 'KD'"),
        ({"mix_level_db": {5: -3}}, "mix_level_db: .* is not a mapping with names"),
        ({"source": {"type": "procedural", "seed": 1}}, "source.voices: None is not a mapping"),
        ({"source": _procedural(voices={})}, "source.voices: is empty"),
        ({"source": _procedural(voices={"BD": MEMBRANE})}, "source.voices: unknown 'BD'"),
        ({"source": _procedural(5)}, "source.voices.KD: 5 is not a mapping"),
        ({"source": _procedural({"frequency_hz": 50})}, "source.voices.KD: lacks 'type'"),
        ({"source": _procedural({"type": "drum"})}, "source.voices.KD.type: unknown 'drum'"),
        ({"source": _procedural({"type": "membrane"})}, "source.voices.KD: lacks 'frequency_hz'"),
        ({"source": _procedural({**MEMBRANE, "decay": 1})}, "KD: unknown key 'decay'; did you mean 'decay_s"),
        ({"source": _procedural({**MEMBRANE, "click": "1e-1"})}, "KD.click: '1e-1' is not a number"),
        ({"source": _procedural({**MEMBRANE, "click": True})}, "KD.click: True is not a number"),
        ({"source": _procedural({**MEMBRANE, "click": float("nan")})}, "KD.click: nan is not from 0 to 2"),
        (
            {"source": _procedural({**MEMBRANE, "frequency_hz": 401})},
            "KD.frequency_hz: 401 is not from 25 to",
        ),
        ({"source": _procedural(seed=1.5)}, "source.seed: 1.5 is not a whole number"),
        ({"source": _procedural(seed=-1)}, "source.seed: -1 is not from 0 to"),
        ({"source": _procedural(sede=1)}, "source: unknown key 'sede'; did you mean 'seed'"),
        ({"source": _procedural(drive=9)}, "source.drive: 9 is not from 0 to 4"),
        ({"source": _procedural(room={"wet": 1})}, "source.room: lacks 'decay_seconds'"),
        ({"source": _procedural(room=3)}, "source.room: 3 is not a mapping"),
    ],
)
def test_manifest_errors_name_file_field_and_value(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"^\S*mine\.yaml: .*{message}") as caught:
        load_kit(_write(tmp_path, _manifest(**changes)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name: [", "YAML: .*line 2"),
        (b"name: mine\nname: mine\n", "YAML: 'name' is written twice.* line 1"),
        (b"name: \xff", "YAML: .*decode"),
        (b"name: 2026-13-41\n", "YAML: month must be"),
        (b"", "manifest: None is not a mapping"),
        (b"- name", "manifest: .* is not a mapping"),
    ],
)
def test_what_is_no_manifest(text: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=rf"^\S*mine\.yaml: {message}") as caught:
        load_kit(path)
    assert "\n" not in str(caught.value)


def test_unknown_names() -> None:
    with pytest.raises(InputError, match=r"rock_mapel: drum_kits: no such file, .*rock_maple"):
        load_kit("rock_mapel")
    with pytest.raises(InputError, match="kit_names: group: unknown 'stem'; did you mean 'stems'"):
        kit_names("stem")


# --- folders ---------------------------------------------------------------------------------------


def _stroke(rate_hz: int, frequency_hz: float) -> np.ndarray:
    seconds = np.arange(int(0.4 * rate_hz)) / rate_hz
    return 0.3 * np.sin(2 * np.pi * frequency_hz * seconds) * np.exp(-seconds / 0.05)


def _folder(**components: Any) -> dict[str, Any]:
    return {"type": "folder", "path": "sounds", "components": components or {"KD": "kick.wav"}}


def test_folder_of_any_format_and_rate(tmp_path: Path) -> None:
    (tmp_path / "sounds" / "snares").mkdir(parents=True)
    quiet = np.zeros(13_231)
    kick = np.concatenate([quiet, _stroke(44_100, 60)])
    soundfile.write(tmp_path / "sounds" / "kick.wav", np.stack([kick, 0.5 * kick], 1), 44_100)
    soundfile.write(tmp_path / "sounds" / "snares" / "s 1.flac", _stroke(11_025, 200), 11_025)
    source = _folder(KD="kick.wav", SD="snares/s 1.flac")
    kit = load_kit(_write(tmp_path, _manifest(source=source)))
    for component, frequency_hz in (("KD", 60), ("SD", 200)):
        expected = one_shot(_stroke(SAMPLE_RATE, frequency_hz), "expected", component)
        sound = kit.one_shots[component]
        assert np.linalg.norm(sound) == pytest.approx(10, rel=1e-5)
        lag = int(np.argmax(scipy.signal.correlate(sound, expected))) - (expected.size - 1)
        assert abs(lag) <= 3, "the onset is cut within a few samples"
        likeness = scipy.signal.correlate(sound, expected).max() / (10 * 10)
        assert likeness > 0.999
    source["path"] = str(tmp_path / "sounds")
    (tmp_path / "elsewhere").mkdir()
    moved = load_kit(_write(tmp_path / "elsewhere", _manifest(source=source)))
    np.testing.assert_array_equal(moved.one_shots["KD"], kit.one_shots["KD"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (_folder(KD="../kick.wav"), r"mine\.yaml: source\.components\.KD: '\.\./kick\.wav' leaves the kit"),
        (_folder(KD="a/../../kick.wav"), "leaves the kit's folder"),
        (_folder(KD="..\\kick.wav"), "leaves the kit's folder"),
        (_folder(KD="/tmp/kick.wav"), "leaves the kit's folder"),
        (_folder(KD="C:kick.wav"), "leaves the kit's folder"),
        (_folder(KD=[]), r"mine\.yaml: source\.components\.KD: is empty"),
        (_folder(KD=["kick.wav", "../b.wav"]), "'../b.wav' leaves the kit's folder"),
        (_folder(KD=[{"velocity": 0.5}]), r"source\.components\.KD\[0\]: lacks 'takes'"),
        (
            _folder(KD=[{"velocity": 0.5, "takes": "kick.wav"}]),
            r"KD: the loudest layer has velocity 0\.5, not 1",
        ),
        (
            _folder(KD=[{"velocity": 0.5, "takes": "kick.wav"}, {"velocity": 0.5, "takes": "kick.wav"}]),
            r"KD\[1\]\.velocity: 0\.5 is not above 0\.5",
        ),
        (_folder(KD=5), r"mine\.yaml: source\.components\.KD: 5 is not a text"),
        (_folder(BD="kick.wav"), r"mine\.yaml: source\.components: unknown 'BD'"),
        (_folder(KD="none.wav"), r"none\.wav: "),
        (_folder(KD="silent.wav"), r"mine\.yaml: KD: is silent"),
        ({**_folder(), "components": {}}, r"mine\.yaml: source\.components: is empty"),
        ({**_folder(), "components": "KD"}, r"mine\.yaml: source\.components: 'KD' is not a mapping"),
        ({**_folder(), "path": "nowhere"}, r"mine\.yaml: source\.path: '\S*nowhere' is no folder"),
        ({**_folder(), "paths": "x"}, r"mine\.yaml: source: unknown key 'paths'; did you mean 'path'"),
        ({"type": "folder", "path": "sounds"}, r"mine\.yaml: source: lacks 'components'"),
    ],
)
def test_folder_errors(source: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    soundfile.write(tmp_path / "sounds" / "kick.wav", _stroke(16_000, 60), 16_000)
    soundfile.write(tmp_path / "sounds" / "silent.wav", np.zeros(500), 16_000)
    with pytest.raises(InputError, match=message):
        load_kit(_write(tmp_path, _manifest(source=source)))


# --- packed kits -----------------------------------------------------------------------------------


def test_packed_kits_give_the_same_bank(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    soundfile.write(tmp_path / "sounds" / "kick.wav", _stroke(44_100, 60), 44_100)
    content = _manifest(source=_folder(), mix_level_db={"KD": -7.5}, attribution="Ä. Drummer")
    kits = ["dry_funk", str(_write(tmp_path, content)), "roomy_hall"]
    paths = pack_kits(kits, tmp_path / "out" / "packed")
    assert [path.name for path in paths] == ["dry_funk.yaml", "mine.yaml", "roomy_hall.yaml"]
    (tmp_path / "sounds" / "kick.wav").unlink()
    (tmp_path / "out" / "packed").rename(tmp_path / "moved")
    original = load_bank([kits[0], kits[2]], level="mix")
    for pattern in (
        str(tmp_path / "moved" / "*.yaml"),
        [str(tmp_path / "moved" / path.name) for path in paths],
    ):
        bank = load_bank(pattern, level="mix")
        torch.testing.assert_close(bank[[0, 2]], original, rtol=1e-6, atol=0)
    assert bank[1, 0].abs().max() == pytest.approx(10 ** (-7.5 / 20))
    assert not bank[1, 1:].any()
    mine = load_kit(tmp_path / "moved" / "mine.yaml")
    assert (mine.name, mine.family, mine.group, mine.licence) == ("mine", "odd", "stems", "CC0-1.0")
    assert (mine.attribution, mine.mix_level_db) == ("Ä. Drummer", {"KD": -7.5})
    short = [
        load_bank(each, ("SD", "CRC"), 0.1) for each in ("dry_funk", str(tmp_path / "moved" / "d*.yaml"))
    ]
    torch.testing.assert_close(*short, rtol=1e-6, atol=0)


def test_packing_overwrites_no_manifest(tmp_path: Path) -> None:
    mine = _write(tmp_path, _manifest())
    (tmp_path / "other").mkdir()
    other = _write(tmp_path / "other", _manifest())
    with pytest.raises(InputError, match=r"mine\.yaml: kit: is there already"):
        pack_kits(["rock_maple", str(mine)], tmp_path)
    with pytest.raises(InputError, match=r"kits: name: 'mine' is that of .*mine\.yaml and of .*other"):
        pack_kits([str(mine), str(other)], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "other"]


@pytest.mark.parametrize(
    ("path", "tensors", "message"),
    [
        ("../kick.safetensors", None, r"mine\.yaml: source\.path: '\.\./kick\.safetensors' is not the name"),
        (5, None, r"mine\.yaml: source\.path: 5 is not a text"),
        ("none.safetensors", None, r"none\.safetensors: tensors: cannot be read"),
        ("text.safetensors", None, r"text\.safetensors: tensors: cannot be read"),
        ("kick.safetensors", {}, r"kick\.safetensors: tensors: holds none"),
        ("kick.safetensors", {"BD/1/0": np.ones(9, np.float32)}, r"kick\.safetensors: tensors: unknown 'BD'"),
        (
            "kick.safetensors",
            {"KD/1/0": np.ones((2, 9), np.float32)},
            r"KD/1/0: float32 of shape \(2, 9\) is no take",
        ),
        (
            "kick.safetensors",
            {"KD/1/0": np.ones(9, np.int16)},
            r"kick\.safetensors: KD/1/0: int16 of shape \(9,\)",
        ),
        ("kick.safetensors", {"KD": np.ones(9, np.float32)}, r"KD: float32 of shape \(9,\) is no take"),
        (
            "kick.safetensors",
            {"KD/2/0": np.ones(9, np.float32)},
            r"KD/2/0: float32 of shape \(9,\) is no take",
        ),
        ("kick.safetensors", {"KD/1/0": np.zeros(9, np.float32)}, r"mine\.yaml: KD: is silent"),
        ("kick.safetensors", {"KD/1/0": np.full(9, np.nan, np.float32)}, r"mine\.yaml: KD: .* not finite"),
    ],
)
def test_tensor_errors(path: Any, tensors: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no tensors")
    if tensors is not None:
        save_file(tensors, tmp_path / path)
    with pytest.raises(InputError, match=message) as caught:
        load_kit(_write(tmp_path, _manifest(source={"type": "tensors", "path": path})))
    assert "\n" not in str(caught.value)


# --- banks -----------------------------------------------------------------------------------------


def test_bank_at_equal_energy(kits: dict[str, Kit]) -> None:
    bank = load_bank("test")
    assert bank.shape == (6, 11, 16_000)
    assert bank.dtype == torch.float32
    torch.testing.assert_close(bank.norm(dim=-1), torch.full((6, 11), 10.0), rtol=1e-5, atol=0)
    ride = kits["rock_birch"].one_shots["RDC"]
    row = bank[kit_names("test").index("rock_birch"), COMPONENTS.index("RDC")]
    torch.testing.assert_close(row[: ride.size], torch.from_numpy(ride))


def test_bank_in_the_mix_cut_short_with_a_missing_component() -> None:
    bank = load_bank(["dry_funk", "jazz_trio"], ("SST", "SD", "KD"), 0.123, level="mix")
    assert bank.shape == (2, 3, 1968)
    assert (bank[:, 0] == 0).all()
    levels = 20 * torch.log10(bank[:, 1:].abs().amax(-1))
    torch.testing.assert_close(levels, torch.tensor([[-3.0, -3.0], [-8.0, -10.0]]), atol=1e-3, rtol=0)
    assert bank[:, 1:, -1].abs().max() < 1e-6, "cut ends are faded"
    equal = load_bank("jazz_trio", ("SD",), 0.123)
    torch.testing.assert_close(equal.norm(dim=-1), torch.tensor([[10.0]]))


def test_resolve_kits(tmp_path: Path) -> None:
    assert resolve_kits("test") == kit_names("test")
    assert resolve_kits("rock_maple") == ["rock_maple"]
    assert resolve_kits(["dry_f*", "rock_maple", "dry_funk"]) == ["dry_funk", "rock_maple"]
    mine = _write(tmp_path, _manifest())
    assert resolve_kits([str(mine), str(tmp_path / "m?ne.yaml")]) == [str(mine)]
    assert load_bank(str(mine), ("KD", "SD")).norm(dim=-1).tolist() == [[pytest.approx(10), 0]]
    for kits, message in (
        ("rock_mapel", "kits: name: unknown 'rock_mapel'; did you mean 'rock_maple'"),
        (["qqq"], "kits: name: unknown 'qqq'; known are stems, .*rock_maple"),
        (str(tmp_path / "*x.yaml"), "kits: name: unknown"),
        ([], "kits: list: is empty"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_kits(kits)


def test_bank_errors() -> None:
    with pytest.raises(InputError, match="load_bank: level: unknown 'loud'"):
        load_bank("test", level="loud")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"load_bank: one_shot_seconds: 1\.5 is not from 0\.05 to 1"):
        load_bank("test", one_shot_seconds=1.5)
    with pytest.raises(InputError, match="load_bank: component: unknown 'BD'"):
        load_bank("test", ("BD",))
