"""The snare's skin under a side stick: measured on tones of which everything is known."""

from dataclasses import replace

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.kits.augmentation import KitAugmentation
from drummernet.kits.filters import amplitude
from drummernet.kits.kit import Kit, Layer, normalised
from drummernet.kits.measures import decay_rate
from drummernet.kits.skin import DECAY_SECONDS, LEVEL_DB, MUFFLED_DB, skin

SECONDS = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
OFF = dict.fromkeys(("gain", "decay", "tuning", "equaliser", "balance", "room"), 0.0)


def _tone(hertz: float, decay_seconds: float) -> np.ndarray:
    """Return a tone of norm 10 that falls by 60 dB in so many seconds."""
    sound = np.sin(2 * np.pi * hertz * SECONDS) * 10 ** (-3 * SECONDS / decay_seconds)
    return (10 * sound / np.linalg.norm(sound)).astype(np.float32)


def _kit() -> Kit:
    low, high = _tone(200, 0.5), _tone(1500, 0.1)
    soft = (0.3 * high).astype(np.float32)
    sounds = {
        "KD": (Layer(1.0, (_tone(60, 0.5),)),),
        "SD": (Layer(1.0, (low,)),),
        "SST": (Layer(0.5, (soft,)), Layer(1.0, (high, high[::2].copy()))),
    }
    sounds = {component: normalised(layers, "own", component) for component, layers in sounds.items()}
    return Kit("own", "own", "stems", "MIT", "", sounds, dict.fromkeys(sounds, 0.0))


def _power(sound: np.ndarray, hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(sound, SAMPLE_RATE)) ** 2
    return float(spectrum[round(hertz) - 100 : round(hertz) + 100].sum() / SAMPLE_RATE * 2)


@pytest.mark.parametrize("seed", range(20))
def test_level_and_decay_lie_in_their_ranges(seed: int) -> None:
    answer = skin(_tone(200, 2.0), np.random.default_rng(seed))
    assert answer.dtype == np.float32
    assert amplitude(LEVEL_DB[0]) <= np.linalg.norm(answer) * 1.001
    assert np.linalg.norm(answer) <= amplitude(LEVEL_DB[1]) * 1.001
    falls = decay_rate(answer)
    assert 20 / DECAY_SECONDS[1] * 0.9 < falls < 20 / DECAY_SECONDS[0] * 1.1


@pytest.mark.parametrize("seed", range(5))
def test_a_skin_that_dies_away_sooner_is_not_damped(seed: int) -> None:
    short = _tone(200, 0.06)
    assert decay_rate(short) > 20 / DECAY_SECONDS[0]
    assert decay_rate(skin(short, np.random.default_rng(seed))) == pytest.approx(decay_rate(short), rel=0.1)


def test_what_is_high_is_weakened_and_by_no_more_than_so_much() -> None:
    snare = (_tone(150, 0.05) + _tone(6500, 0.05)).astype(np.float32)
    weaker_db = []
    for seed in range(40):
        answer = skin(snare, np.random.default_rng(seed))
        weaker_db.append(10 * np.log10(_power(answer, 6500) / _power(answer, 150)))
    assert MUFFLED_DB[0] - 1 < min(weaker_db) < -20
    assert -5 < max(weaker_db) < 1


def test_side_sticks_of_a_kit_are_answered_and_nothing_else_changes() -> None:
    kit = _kit()
    heard = KitAugmentation(**OFF, skin=1.0)(kit, np.random.default_rng(0))
    for component in ("KD", "SD"):
        np.testing.assert_allclose(heard.one_shots[component], kit.one_shots[component], atol=1e-6)
    for before, after in zip(kit.sounds["SST"], heard.sounds["SST"], strict=True):
        for own, answered in zip(before.takes, after.takes, strict=True):
            assert _power(answered, 200) > 0.02 * np.linalg.norm(answered) ** 2 > 2 * _power(own, 200)
    assert np.linalg.norm(heard.one_shots["SST"]) == pytest.approx(10, rel=1e-5)
    for lacking in ("SD", "SST"):
        sounds = {name: layers for name, layers in kit.sounds.items() if name != lacking}
        other = KitAugmentation(**OFF, skin=1.0)(replace(kit, sounds=sounds), np.random.default_rng(0))
        for name in sounds:
            np.testing.assert_allclose(other.one_shots[name], kit.one_shots[name], atol=1e-6)


def test_so_many_kits_are_answered() -> None:
    kit = _kit()
    augment = KitAugmentation(**OFF, skin=0.3)
    answered = [
        _power(augment(kit, np.random.default_rng(seed)).one_shots["SST"], 200) > 1 for seed in range(300)
    ]
    assert np.mean(answered) == pytest.approx(0.3, abs=0.08)


def test_what_is_played_does_not_decide_the_answer() -> None:
    kit = _kit()
    augment = KitAugmentation(skin=1.0)
    played = kit.one_shot("SST", 0.5, 0)
    whole, part = (augment(kit, np.random.default_rng(3), takes) for takes in (None, [played]))
    np.testing.assert_array_equal(part.one_shot("SST", 0.5, 0), whole.one_shot("SST", 0.5, 0))
