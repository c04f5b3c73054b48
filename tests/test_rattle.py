"""The wires of a snare drum under the strokes of other drums."""

from dataclasses import replace

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.kits.augmentation import KitAugmentation
from drummernet.kits.kit import Kit, Layer, normalised
from drummernet.kits.rattle import LEVEL_DB, SHAKEN_BY, SKIPPED_SECONDS, rattle, shaken

OFF = dict.fromkeys(("gain", "decay", "tuning", "equaliser", "balance", "room"), 0.0)


def _noise(seconds: float, seed: int) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE)
    fading = np.exp(-np.arange(samples) / 2_000)
    return (np.random.default_rng(seed).standard_normal(samples) * fading).astype(np.float32)


def _sine(frequency_hz: float) -> np.ndarray:
    n = np.arange(8_000)
    return (np.cos(2 * np.pi * frequency_hz / SAMPLE_RATE * n) * np.exp(-n / 2_000)).astype(np.float32)


def _kit() -> Kit:
    sounds = {
        "KD": (Layer(0.5, (0.3 * _sine(60),)), Layer(1.0, (_sine(55), _sine(65)))),
        "SD": (Layer(1.0, (_noise(0.5, 1),)),),
        "CHH": (Layer(1.0, (_noise(0.1, 2),)),),
    }
    sounds = {component: normalised(layers, "test", component) for component, layers in sounds.items()}
    return Kit("test", "test", "stems", "MIT", "", sounds, dict.fromkeys(sounds, -6.0))


def test_it_is_the_wires_alone_behind_the_stroke_and_within_its_levels() -> None:
    # Of the snare's sound: the stroke, a skin of 150 Hz, and wires.
    snare = _noise(0.5, 1) + 2 * _sine(150)
    levels_db = []
    for seed in range(40):
        drums = rattle(snare, np.random.default_rng(seed))
        assert tuple(drums) == SHAKEN_BY
        for wires in drums.values():
            assert wires.dtype == np.float32
            assert len(wires) <= SAMPLE_RATE
            assert np.abs(wires[:8]).max() == 0  # half a millisecond after the stroke
            levels_db.append(20 * np.log10(np.linalg.norm(wires)))
            power = np.abs(np.fft.rfft(wires, SAMPLE_RATE)) ** 2
            before = np.abs(np.fft.rfft(snare, SAMPLE_RATE)) ** 2
            assert power[140:160].sum() / power.sum() < 0.2 * before[140:160].sum() / before.sum()
    assert LEVEL_DB[0] <= min(levels_db) < LEVEL_DB[0] + 3
    assert LEVEL_DB[1] - 3 < max(levels_db) <= LEVEL_DB[1] + 1e-4


def test_a_drum_is_shaken_in_proportion_to_its_stroke() -> None:
    wires = 0.1 * np.eye(1, 300, 200, dtype=np.float32)[0]
    take = 4 * np.eye(1, 100, 0, dtype=np.float32)[0]
    (layer,) = shaken((Layer(1.0, (take, 0.5 * take)),), wires)
    for heard, own in zip(layer.takes, (take, 0.5 * take), strict=True):
        expected = np.zeros(300, np.float32)
        expected[0], expected[200] = own[0], 0.1 * own[0]
        np.testing.assert_allclose(heard, expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_a_snare_of_nothing_but_its_stroke_does_not_rattle(seed: int) -> None:
    assert rattle(np.ones(10, np.float32), np.random.default_rng(seed)) == {}
    skipped = round(np.random.default_rng(seed).uniform(*SKIPPED_SECONDS) * SAMPLE_RATE)
    # One sample is left, where the rattle only begins to rise.
    assert rattle(np.ones(skipped + 1, np.float32), np.random.default_rng(seed)) == {}


def test_kick_and_toms_of_a_kit_rattle_and_nothing_else_changes() -> None:
    kit = _kit()
    heard = KitAugmentation(**OFF, rattle=1.0)(kit, np.random.default_rng(0))
    for component in ("SD", "CHH"):
        np.testing.assert_allclose(heard.one_shots[component], kit.one_shots[component], atol=1e-6)
    for before, after in zip(kit.sounds["KD"], heard.sounds["KD"], strict=True):
        for own, rattling in zip(before.takes, after.takes, strict=True):
            spectra = [np.abs(np.fft.rfft(sound, SAMPLE_RATE)) for sound in (own, rattling)]
            assert spectra[1][2_000:].sum() > 3 * spectra[0][2_000:].sum()
            assert np.linalg.norm(rattling) == pytest.approx(np.linalg.norm(own), rel=0.06)
    without = replace(kit, sounds={"KD": kit.sounds["KD"]})
    quiet = KitAugmentation(**OFF, rattle=1.0)(without, np.random.default_rng(0))
    np.testing.assert_allclose(quiet.one_shots["KD"], kit.one_shots["KD"], atol=1e-6)


def test_what_is_played_does_not_decide_how_it_rattles() -> None:
    kit = _kit()
    augment = KitAugmentation(rattle=1.0)
    played = kit.one_shot("KD", 1.0, 1)
    whole, part = (augment(kit, np.random.default_rng(3), takes) for takes in (None, [played]))
    np.testing.assert_array_equal(part.one_shot("KD", 1.0, 1), whole.one_shot("KD", 1.0, 1))


def test_without_rattle_kits_are_what_they_were() -> None:
    rng = np.random.default_rng(0)
    KitAugmentation(**OFF)(_kit(), rng)
    again = np.random.default_rng(0)
    KitAugmentation(**OFF).draw(sorted(_kit().sounds), again)
    assert rng.random() == again.random()
