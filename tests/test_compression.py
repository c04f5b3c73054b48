"""The compressor: its static curve, its time constants, and that it moves nothing."""

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.kits.augmentation import KitAugmentation
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.compression import Compressor


def _steps(*levels: float, seconds: float = 0.5) -> np.ndarray:
    """A tone of 1 kHz at one level after the other."""
    n = np.arange(round(seconds * SAMPLE_RATE))
    tone = np.cos(2 * np.pi * 1000 / SAMPLE_RATE * n)
    return np.concatenate([level * tone for level in levels]).astype(np.float32)


def _level_db(audio: np.ndarray, seconds: float) -> float:
    around = audio[round((seconds - 0.001) * SAMPLE_RATE) : round((seconds + 0.001) * SAMPLE_RATE)]
    return float(20 * np.log10(np.abs(around).max()))


def test_levels_follow_the_static_curve() -> None:
    # -40 dB lies below the threshold of -24 dB; above it 4 dB of input make 1 dB of output.
    audio = _steps(0.01, 0.25, 1.0)
    heard = Compressor(-24.0, 4.0, 0.002, 0.05)(audio)
    loud, middle, soft = (_level_db(heard, seconds) for seconds in (1.49, 0.99, 0.49))
    assert loud - middle == pytest.approx((0 - -12.04) / 4, abs=0.1)
    assert middle - soft == pytest.approx((-12.04 + 24) / 4 + (-24 + 40), abs=0.1)


@pytest.mark.parametrize("seconds", [0.06, 0.2])
def test_it_attacks_and_releases_with_its_time_constants(seconds: float) -> None:
    heard = Compressor(-20.0, 1e6, seconds, seconds)(_steps(0.05, 1.0, 0.05, seconds=2.0))
    at_rest_db = _level_db(heard, 1.9) - 20 * np.log10(0.05)
    fallen_db = at_rest_db - _level_db(heard, 2.0 + seconds)
    assert fallen_db == pytest.approx(20 * (1 - np.exp(-1)), abs=0.6)
    left_db = at_rest_db - (_level_db(heard, 4.0 + seconds) - 20 * np.log10(0.05))
    assert left_db == pytest.approx(20 * np.exp(-1), abs=0.6)


def test_peak_length_and_silence_stay() -> None:
    rng = np.random.default_rng(0)
    for samples in (1, 63, 64, 5_001):
        audio = rng.standard_normal(samples).astype(np.float32)
        before = audio.copy()
        heard = Compressor.draw(rng)(audio)
        assert heard.shape == audio.shape
        assert heard.dtype == np.float32
        assert np.abs(heard).max() == pytest.approx(np.abs(audio).max(), rel=1e-5)
        np.testing.assert_array_equal(audio, before)
        assert np.array_equal(np.sign(heard), np.sign(audio))
    for silent in (np.zeros(100, np.float32), np.zeros(0, np.float32)):
        np.testing.assert_array_equal(Compressor.draw(rng)(silent), silent)


def test_augmentation_compresses_as_often_as_it_is_asked() -> None:
    off = dict.fromkeys(("equaliser", "room", "saturation", "noise", "gain"), 0.0)
    audio = _steps(0.02, 1.0)
    changed = [
        not np.array_equal(
            Augmentation(kit=KitAugmentation(), **off, compression=0.5)(audio, np.random.default_rng(seed)),
            audio,
        )
        for seed in range(60)
    ]
    assert 18 <= sum(changed) <= 42
