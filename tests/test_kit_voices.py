"""The synthesis behind procedural kits, against closed forms and scipy."""

import numpy as np
import pytest
import scipy.signal

from drummernet import SAMPLE_RATE
from drummernet.kits import sound
from drummernet.kits.cymbals import Jingles, Metal, Squares
from drummernet.kits.drums import Knock, Membrane, Snare
from drummernet.kits.procedural import Room


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _decay_seconds(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Time to -60 dB, from a line through the log envelope of a band between 5 % and 40 % of a second."""
    sections = scipy.signal.butter(2, [low_hz, high_hz], "band", fs=SAMPLE_RATE, output="sos")
    envelope = np.abs(scipy.signal.hilbert(scipy.signal.sosfiltfilt(sections, samples)))
    part = slice(800, 6400)
    slope, _ = np.polyfit(np.arange(part.start, part.stop) / SAMPLE_RATE, 20 * np.log10(envelope[part]), 1)
    return -60 / slope


def _power_between(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The share of the energy in a band."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    return float(power[(frequencies >= low_hz) & (frequencies < high_hz)].sum() / power.sum())


@pytest.mark.parametrize(("frequency_hz", "decay_seconds"), [(47.3, 0.9), (171.9, 0.41)])
def test_membrane_has_its_pitch_and_decay(frequency_hz: float, decay_seconds: float) -> None:
    drum = Membrane(frequency_hz=frequency_hz, decay_seconds=decay_seconds, overtones=0).render(_rng())
    spectrum = np.abs(np.fft.rfft(drum * np.hanning(2 * drum.size)[drum.size :], 1 << 20))
    assert np.argmax(spectrum) * SAMPLE_RATE / (1 << 20) == pytest.approx(frequency_hz, abs=0.5)
    measured = _decay_seconds(drum, 0.7 * frequency_hz, 1.4 * frequency_hz)
    assert measured == pytest.approx(decay_seconds, rel=0.03)
    assert np.abs(drum).max() == pytest.approx(1)


def test_membrane_sweeps_down_to_its_pitch() -> None:
    drum = Membrane(frequency_hz=50, decay_seconds=3, sweep=2, sweep_seconds=0.05, overtones=0).render(_rng())
    pitch = np.diff(np.unwrap(np.angle(scipy.signal.hilbert(drum)))) * SAMPLE_RATE / (2 * np.pi)
    for seconds in (0.05, 0.1, 0.4):
        expected = 50 * (1 + 2 * np.exp(-seconds / 0.05))
        at = round(seconds * SAMPLE_RATE)
        assert pitch[at - 40 : at + 40].mean() == pytest.approx(expected, rel=0.02)


def test_layers_add_what_they_say() -> None:
    plain = Membrane(frequency_hz=60, decay_seconds=0.3).render(_rng())
    clicked = Membrane(frequency_hz=60, decay_seconds=0.3, click=0.5, click_hz=3000).render(_rng())
    click = clicked - plain
    assert np.abs(click).max() == pytest.approx(0.5)
    assert _power_between(click, 1000, 6500) > 0.8
    body = {"frequency_hz": 200.0, "decay_seconds": 0.1}
    wires = {"wires_hz": 3000.0, "wires_octaves": 1.0, "wires_decay_seconds": 0.4, "snap": 0.0}
    rattle = Snare(**body, **wires, wires=2).render(_rng()) - Snare(**body, **wires, wires=0).render(_rng())
    assert np.abs(rattle).max() == pytest.approx(2)
    assert _power_between(rattle, 1500, 6000) > 0.95
    assert _decay_seconds(rattle, 1500, 6000) == pytest.approx(0.4, rel=0.15)


def test_metal_lies_above_its_lowest_partial_and_decays() -> None:
    cymbal = Metal(low_hz=3000, decay_seconds=0.6, damping=0).render(_rng())
    assert _power_between(cymbal, 2700, 8000) > 0.98
    assert _decay_seconds(cymbal, 3500, 7500) == pytest.approx(0.6, rel=0.1)
    damped = Metal(low_hz=600, decay_seconds=0.5, damping=1, partials=300).render(_rng())
    assert _decay_seconds(damped, 700, 1400) > 2 * _decay_seconds(damped, 5000, 7000)
    rising = Metal(low_hz=3000, decay_seconds=1, bloom_seconds=0.01).render(_rng())
    assert np.abs(rising[:16]).max() < 0.2 < np.abs(rising[320:640]).max()
    pinged = Metal(low_hz=1000, decay_seconds=1, ping=4, ping_hz=3000).render(_rng())
    assert _power_between(pinged, 2100, 4300) > 0.8


def test_a_body_adds_low_tones_of_its_own_decay() -> None:
    plain = {"low_hz": 3000.0, "decay_seconds": 0.1}
    hat = Metal(**plain, body=0.3, body_hz=500, body_decay_seconds=0.5).render(_rng())
    body = hat - Metal(**plain).render(_rng())
    assert np.abs(body).max() == pytest.approx(0.3)
    assert _power_between(body, 340, 720) > 0.98
    assert 0.3 < _decay_seconds(body, 340, 720) < 0.7


def test_a_knock_has_its_modes_and_click() -> None:
    still = {"frequency_hz": 400.0, "modes": 6, "octaves": 2.0, "decay_seconds": 0.3}
    modes = Knock(**still, damping=0, click=0).render(_rng())
    assert _power_between(modes, 380, 1700) > 0.99
    assert _decay_seconds(modes, 300, 1800) == pytest.approx(0.3, rel=0.1)
    damped = Knock(**still, damping=1.5, click=0).render(_rng())
    assert _power_between(damped, 380, 500) > _power_between(modes, 380, 500)
    click = Knock(**still, damping=0, click=0.5, click_hz=4000, click_seconds=0.01).render(_rng()) - modes
    assert np.abs(click).max() == pytest.approx(0.5)
    assert _power_between(click, 1500, 8000) > 0.8


def test_surge_is_the_louder_beginning() -> None:
    even = Metal(low_hz=1000, decay_seconds=4, damping=0).render(_rng())
    surging = Metal(low_hz=1000, decay_seconds=4, damping=0, surge=3, surge_seconds=0.3).render(_rng())
    ratio = (surging[:80] / even[:80]) / (surging[9600] / even[9600])
    assert np.median(ratio) == pytest.approx(4, rel=0.1)


def test_squares_have_odd_harmonics_below_the_top() -> None:
    cymbal = Squares(low_hz=200, root_hz=300, decay_seconds=8, damping=0, noise=0).render(_rng())
    at = [_power_between(cymbal, h * 300 - 2, h * 300 + 2) for h in range(1, 13)]
    assert np.median(at[::2]) > 100 * np.median(at[1::2])  # of the other five, few fall on these lines
    assert _power_between(cymbal, 7950, 8001) < 1e-4


def test_jingles_collide_one_after_the_other() -> None:
    together = Jingles(low_hz=5000, jingles=6, rattle_seconds=0, decay_seconds=0.05, stick=0).render(_rng())
    apart = Jingles(low_hz=5000, jingles=6, rattle_seconds=0.12, decay_seconds=0.05, stick=0).render(_rng())
    assert _power_between(together, 4900, 8000) > 0.99
    assert np.abs(apart[1200:1600]).max() > 20 * np.abs(together[1200:1600]).max()


def test_damped_sinusoids_are_their_sum() -> None:
    rng = _rng()
    f, d, a, p = rng.uniform(50, 7900, 5), rng.uniform(0.01, 9, 5), rng.normal(size=5), rng.uniform(0, 6, 5)
    seconds = np.arange(sound.VOICE_SAMPLES)[:, None] / SAMPLE_RATE
    expected = (a * np.sin(2 * np.pi * f * seconds + p) * 1000 ** (-seconds / d)).sum(1)
    np.testing.assert_allclose(sound.damped_sinusoids(f, d, a, p), expected, atol=1e-9)


def test_filters_are_butterworth() -> None:
    frequencies = np.array([30.0, 400.0, 1234.0, 5000.0, 8000.0])
    for gain, order, kind in ((sound.high_pass, 4, "high"), (sound.low_pass, 2, "low")):
        _, response = scipy.signal.freqs(*scipy.signal.butter(order, 1234.0, kind, analog=True), frequencies)
        np.testing.assert_allclose(gain(frequencies, 1234.0), np.abs(response), rtol=1e-6)
    np.testing.assert_allclose(
        20 * np.log10(sound.band(np.array([1000.0, 2000.0, 4000.0]), 2000, 2)), [-3, 0, -3]
    )
    np.testing.assert_allclose(
        20 * np.log10(sound.tilt(np.array([250.0, 1000.0, 8000.0]), 2.5)), [-5, 0, 7.5]
    )


def test_saturation_adds_odd_harmonics_and_no_aliases() -> None:
    seconds = np.arange(sound.VOICE_SAMPLES) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 3000 * seconds) * np.hanning(sound.VOICE_SAMPLES)
    naive = np.tanh(3 * tone)
    driven = sound.saturate(5 * tone, 3)
    assert _power_between(naive, 6800, 7200) > 1e-3, "the third harmonic, folded"
    assert _power_between(driven, 6800, 7200) < 1e-7
    low = np.sin(2 * np.pi * 500 * seconds) * np.hanning(sound.VOICE_SAMPLES)
    np.testing.assert_allclose(
        sound.saturate(low, 2)[100:-100], (np.tanh(2 * low) / np.tanh(2))[100:-100], atol=2e-3
    )
    assert sound.saturate(tone, 0) is tone


def test_room_has_its_wetness_and_decay() -> None:
    dry = Room(wet=0, decay_seconds=1).response(_rng())
    np.testing.assert_allclose(dry, 1)
    response = Room(wet=0.7, decay_seconds=0.4, lowpass_hz=8000, predelay_seconds=0.01).response(_rng())
    impulse = np.fft.irfft(response)
    assert np.linalg.norm(impulse[1:]) == pytest.approx(0.7, rel=0.2)
    assert np.abs(impulse[20:140]).max() < 0.02 * np.abs(impulse[160:]).max()
    late = impulse[800 : sound.VOICE_SAMPLES]
    energy = 10 * np.log10(np.cumsum(late[::-1] ** 2)[::-1])
    slope, _ = np.polyfit(np.arange(3000) / SAMPLE_RATE, energy[:3000], 1)
    assert -60 / slope == pytest.approx(0.4, rel=0.1)
