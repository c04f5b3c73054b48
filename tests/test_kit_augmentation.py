"""Kit augmentation: every part does what it says, and a kit stays a kit."""

import numpy as np
import pytest
import torch
from kit_groups import procedural_kits

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits import augmentation, filters
from drummernet.kits.augmentation import Change, KitAugmentation, changed, decay_rate
from drummernet.kits.bank import load_bank
from drummernet.kits.filters import bell, room_tail
from drummernet.kits.kit import MIX_LEVELS_DB, Kit, Layer
from drummernet.kits.manifest import load_kit
from drummernet.kits.versions import augmented_versions

PARTS = ("gain", "decay", "tuning", "equaliser", "balance", "room")
OFF, ALL = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 1.0)
SECONDS = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def _heard(sound: np.ndarray, **change: object) -> np.ndarray:
    (layer,) = changed((Layer(1.0, (sound.astype(np.float32),)),), Change(**change), "test", "SD")  # type: ignore[arg-type]
    return layer.takes[0]


def _noise(decay_seconds: float, seed: int = 0, samples: int = SAMPLE_RATE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(samples) * 10 ** (-3 * SECONDS[:samples] / decay_seconds)).astype(np.float32)


def _layered() -> Kit:
    """A kit whose snare has two layers, the loud one with two takes, and whose kick has one sound."""
    snare = (Layer(0.4, (0.2 * _noise(0.2, 1),)), Layer(1.0, (_noise(0.3, 2), 0.8 * _noise(0.3, 3))))
    kick = (np.sin(2 * np.pi * 60 * SECONDS + 1) * np.exp(-SECONDS / 0.1)).astype(np.float32)
    sounds = {"KD": (Layer(1.0, (kick,)),), "SD": snare}
    same = Change()
    sounds = {name: changed(layers, same, "test", name) for name, layers in sounds.items()}
    return Kit("layered", "odd", "test", "MIT", "", sounds, {name: MIX_LEVELS_DB[name] for name in sounds})


def _level_db(sound: np.ndarray, begin: float, end: float) -> float:
    part = sound[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(float)
    return float(10 * np.log10(np.sum(part**2)))


def _takes(kit: Kit) -> list[np.ndarray]:
    return [take for layers in kit.sounds.values() for layer in layers for take in layer.takes]


@pytest.mark.parametrize("semitones", [-2.0, 0.7, 2.0])
def test_a_tuned_sine_has_the_new_pitch(semitones: float) -> None:
    heard = _heard(np.cos(2 * np.pi * 500 * SECONDS), semitones=semitones)
    spectrum = np.abs(np.fft.rfft(heard[:8_000] * np.hanning(8_000), 1 << 18))
    assert np.argmax(spectrum) * SAMPLE_RATE / (1 << 18) == pytest.approx(
        500 * 2 ** (semitones / 12), rel=1e-3
    )


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.25, 1.5])
@pytest.mark.parametrize("decay_seconds", [0.15, 0.5, 2.0])
def test_the_decay_of_an_exponential_changes_by_the_factor(factor: float, decay_seconds: float) -> None:
    tone = np.cos(2 * np.pi * 1000 * SECONDS) * 10 ** (-3 * SECONDS / decay_seconds)
    heard = _heard(tone, decay=factor)
    until = min(0.6, decay_seconds * min(1, factor) * 40 / 60)
    fallen_db = _level_db(heard, until - 0.01, until) - _level_db(heard, 0, 0.01)
    assert fallen_db == pytest.approx(-60 * (until - 0.01) / (decay_seconds * factor), rel=0.03)


def test_what_has_died_away_is_not_made_longer() -> None:
    """A recording's noise is lifted by what is missing at -40 dB, and by no more."""
    recorded = _noise(0.1) + 1e-4 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)
    heard = _heard(recorded, decay=1.5)
    before = _level_db(recorded, 0.5, 1) - _level_db(recorded, 0, 0.002)
    after = _level_db(heard, 0.5, 1) - _level_db(heard, 0, 0.002)
    assert after - before == pytest.approx(40 / 3, abs=0.5)
    shorter = _heard(recorded, decay=0.6)
    assert _level_db(shorter, 0.5, 1) - _level_db(shorter, 0, 0.002) < before - 100


def test_a_decay_is_measured() -> None:
    for decay_seconds in (0.1, 0.7, 3.0):
        assert decay_rate(_noise(decay_seconds)) == pytest.approx(60 / decay_seconds, rel=0.08)
    swelling = np.cos(2 * np.pi * 1000 * SECONDS) * 10**SECONDS
    for sound in (np.ones(16_000), swelling, np.ones(100), np.zeros(0), np.zeros(500)):
        assert decay_rate(sound.astype(np.float32)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("gain_db", [-5.0, 4.0])
def test_the_equaliser_has_its_gain_at_its_frequency(gain_db: float) -> None:
    both = np.cos(2 * np.pi * 250 * SECONDS) + np.cos(2 * np.pi * 2000 * SECONDS)
    heard = _heard(both, sections=bell(2000, gain_db, 2.0)[None].astype(np.float32))
    spectrum = np.abs(np.fft.rfft(heard[:16_000] * np.hanning(len(heard[:16_000])), 16_000))
    assert 20 * np.log10(spectrum[2000] / spectrum[250]) == pytest.approx(gain_db, abs=0.1)


@pytest.mark.parametrize("balance_db", [-6.0, 3.0])
def test_the_balance_moves_energy_between_transient_and_tail(balance_db: float) -> None:
    sound = _noise(0.4)
    heard = _heard(sound, balance_db=balance_db)
    for early, late in (((0, 0.025), (0.035, 0.9)), ((0, 0.01), (0.04, 0.05))):
        before = _level_db(sound, *early) - _level_db(sound, *late)
        after = _level_db(heard, *early) - _level_db(heard, *late)
        assert after - before == pytest.approx(balance_db, abs=0.01)


def test_the_direct_sound_of_a_room_stays_and_its_tail_rings_on() -> None:
    room = room_tail(np.random.default_rng(0))
    sound = _noise(0.05, samples=1_000)
    heard = _heard(sound, room=room)
    assert len(heard) == 1_000 + len(room)
    scale = heard[0] / sound[0]
    np.testing.assert_allclose(heard[:16], scale * sound[:16], rtol=1e-3)  # the tail comes 1 ms later
    expected = np.convolve(sound.astype(float), room.astype(float))
    expected[:1_000] += sound
    np.testing.assert_allclose(heard[:-1], scale * expected, atol=1e-3 * np.abs(heard).max())
    long = _heard(_noise(2.0), room=room)
    assert len(long) == SAMPLE_RATE
    assert np.abs(long[-8:]).max() < 0.01 * np.abs(long[-400:-240]).max()  # faded, not cut off


def test_silence_stays() -> None:
    silence = np.zeros(500, np.float32)
    everything = KitAugmentation(**ALL).draw(["SD"], np.random.default_rng(0))["SD"]
    assert not everything.sound(silence, everything.envelope(silence)).any()
    bank = load_bank("rock_maple", ("KD", "LFT"))
    bank[:, 1] = 0
    versions = augmented_versions(bank, ("KD", "LFT"), KitAugmentation(**ALL), 2)
    assert versions[:, 0].any(dim=1).all()
    assert not versions[:, 1].any()


def test_gains_are_of_the_mix_and_norms_stay() -> None:
    kit = _layered()
    loud = KitAugmentation(**{**OFF, "gain": 1.0})
    levels = [loud(kit, np.random.default_rng(seed)).mix_level_db["SD"] for seed in range(40)]
    shifts_db = np.array(levels) - MIX_LEVELS_DB["SD"]
    assert -4 <= shifts_db.min() < -3
    assert 3 < shifts_db.max() <= 4
    for seed in range(20):
        heard = KitAugmentation(**ALL)(kit, np.random.default_rng(seed))
        for sound in heard.one_shots.values():
            assert np.linalg.norm(sound) == pytest.approx(10, rel=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_off_changes_nothing(part: str) -> None:
    kit = _layered()
    before = [take.copy() for take in _takes(kit)]
    off = KitAugmentation(**OFF)(kit, np.random.default_rng(0))
    on = KitAugmentation(**{**OFF, part: 1.0})(kit, np.random.default_rng(0))
    for take, same in zip(before, _takes(off), strict=True):
        np.testing.assert_allclose(take, same, atol=1e-6)
    assert off.mix_level_db == kit.mix_level_db
    differences = [
        len(take) != len(other) or np.abs(take - other).max() > 1e-3
        for take, other in zip(before, _takes(on), strict=True)
    ]
    assert all(differences) if part != "gain" else not any(differences)
    assert (on.mix_level_db != kit.mix_level_db) == (part == "gain")


def test_it_is_a_pure_function_of_kit_and_rng() -> None:
    kit = _layered()
    before = [take.copy() for take in _takes(kit)]
    first, again, other = (KitAugmentation(**ALL)(kit, np.random.default_rng(seed)) for seed in (3, 3, 4))
    for take, same in zip(_takes(first), _takes(again), strict=True):
        np.testing.assert_array_equal(take, same)
        assert take.dtype == np.float32
    assert np.abs(_takes(first)[0] - _takes(other)[0]).max() > 0.01
    for take, same in zip(before, _takes(kit), strict=True):
        np.testing.assert_array_equal(take, same)


def test_layers_and_takes_of_a_component_change_alike() -> None:
    """A filter is linear, so layers that differ in level alone still do, and stay in order."""
    loud = _noise(0.3, 2)
    layers = tuple(Layer(v, (v * loud, v / 2 * loud)) for v in (0.25, 0.5, 1.0))
    kit = _layered()
    kit = Kit(**{**vars(kit), "sounds": {"SD": changed(layers, Change(), "test", "SD")}})
    for seed in range(5):
        heard = KitAugmentation(**ALL)(kit, np.random.default_rng(seed)).sounds["SD"]
        assert [layer.velocity for layer in heard] == [0.25, 0.5, 1.0]
        loudest = heard[-1].takes[0]
        for layer in heard:
            for take, share in zip(layer.takes, (1.0, 0.5), strict=True):
                np.testing.assert_allclose(take, layer.velocity * share * loudest, atol=1e-4)


def test_takes_that_are_not_played_need_not_change() -> None:
    kit = _layered()
    augment = KitAugmentation(**ALL)
    whole = augment(kit, np.random.default_rng(0))
    played = kit.one_shot("SD", 1.0, 1)
    part = augment(kit, np.random.default_rng(0), [played])
    np.testing.assert_array_equal(part.one_shot("SD", 1.0, 1), whole.one_shot("SD", 1.0, 1))
    np.testing.assert_array_equal(part.one_shots["SD"], whole.one_shots["SD"])  # its level is the measure
    assert part.sounds["KD"] is kit.sounds["KD"]
    unchanged, soft = part.one_shot("SD", 0.3, 0), kit.one_shot("SD", 0.3, 0)
    np.testing.assert_allclose(unchanged / unchanged[0], soft / soft[0], rtol=1e-5, atol=1e-5)


def test_onsets_of_packaged_kits_stay_within_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a changed sound begins, before it is cut there again: the first sample above -30 dB."""
    begins = []
    plain = Change.sound

    def watched(self: Change, take: np.ndarray, envelope: np.ndarray) -> np.ndarray:
        heard = plain(self, take, envelope)
        begins.append(int(np.argmax(np.abs(heard) > np.abs(heard).max() * 10 ** (-30 / 20))))
        return heard

    monkeypatch.setattr(Change, "sound", watched)
    for seed, name in enumerate(procedural_kits()):
        KitAugmentation(**ALL)(load_kit(name), np.random.default_rng(seed))
    assert len(begins) > 200
    assert max(begins) <= 16


def test_a_room_is_one_for_the_kit() -> None:
    changes = KitAugmentation(**ALL).draw(COMPONENTS, np.random.default_rng(0))
    assert len({id(change.room) for change in changes.values()}) == 1
    assert len({change.semitones for change in changes.values()}) == len(COMPONENTS)


def test_a_probability_out_of_range_is_named() -> None:
    with pytest.raises(InputError, match=r"kit augmentation: tuning: -0.1 is not in \[0, 1\]"):
        KitAugmentation(tuning=-0.1)


def test_a_synthesizers_kits_do_not_rattle() -> None:
    with pytest.raises(InputError, match="kit augmentation: rattle: is for rendered stems"):
        augmented_versions(torch.ones(1, 1, 9), ("KD",), KitAugmentation(rattle=0.5), 1)


@pytest.mark.parametrize("module", [augmentation, filters])
def test_ranges_are_ordered(module: object) -> None:
    ranges = [value for value in vars(module).values() if isinstance(value, tuple)]
    assert len(ranges) >= 4
    assert all(low < high for low, high in ranges)


@pytest.mark.parametrize("level", ["energy", "mix"])
def test_versions_of_a_bank_are_the_augmented_kits(level: str) -> None:
    """The bank's way, rows of a tensor, against the kit's."""
    rows = ("KD", "SD", "CRC")
    bank = load_bank(["rock_maple", "jazz_trio"], rows, level=level)  # type: ignore[arg-type]
    versions = augmented_versions(bank, rows, KitAugmentation(**ALL), 3, level)  # type: ignore[arg-type]
    assert versions.shape == (6, 3, SAMPLE_RATE)
    kit = load_kit("jazz_trio")
    changes = KitAugmentation(**ALL).draw(rows, np.random.default_rng((2, 1, 2)))
    for row, component in enumerate(rows):
        (layer,) = changed(kit.sounds[component], changes[component], "test", component)
        expected = layer.takes[0]
        if level == "mix":
            peak_db = kit.mix_level_db[component] + changes[component].gain_db
            expected = expected * 10 ** (peak_db / 20) / np.abs(expected).max()
        sound = versions[2 * 2 + 1, row, : len(expected)].numpy()
        np.testing.assert_allclose(sound, expected, atol=1e-4 * np.abs(expected).max())
        assert not versions[5, row, len(expected) :].any()


def test_variants_of_a_kit_change_alike_and_stay_together() -> None:
    kit = _layered()
    loud, again = (np.pad(take, (0, SAMPLE_RATE - len(take))) for take in kit.sounds["SD"][-1].takes)
    bank = torch.from_numpy(np.stack([loud, again, loud, again])[:, None])
    versions = augmented_versions(bank, ("SD",), KitAugmentation(**ALL), 2, variants=4)
    assert versions.shape == (8, 1, SAMPLE_RATE)
    for version in range(2):
        of = versions[4 * version : 4 * version + 4, 0]
        assert torch.equal(of[:2], of[2:])
        assert not torch.equal(of[0], of[1])
        assert torch.linalg.norm(of[0]) == pytest.approx(10, rel=1e-5)
    assert torch.equal(versions, augmented_versions(bank, ("SD",), KitAugmentation(**ALL), 2, variants=4))
    assert torch.equal(versions[:4], augmented_versions(bank, ("SD",), KitAugmentation(**ALL), 1, variants=4))
