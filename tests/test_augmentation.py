"""Augmentation: every part does what it says, and none moves an onset."""

from collections.abc import Callable

import numpy as np
import pytest
from kit_groups import procedural_kits
from scipy.signal import sosfreqz

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.augmentation import KitAugmentation
from drummernet.kits.completeness import resampled
from drummernet.kits.filters import bell, convolved, equalised, equaliser, room_tail, shelf
from drummernet.kits.manifest import load_kit
from drummernet.stems import augmentation, render
from drummernet.stems.augmentation import Augmentation, coloured_noise, saturate
from drummernet.stems.render import render_groove

OFF = dict.fromkeys(("equaliser", "room", "saturation", "noise", "gain"), 0.0)
ALL = dict.fromkeys(OFF, 1.0)
NOTHING = dict.fromkeys(("gain", "decay", "tuning", "equaliser", "balance", "room"), 0.0)
WHOLE = KitAugmentation(gain=1.0, decay=1.0, tuning=1.0, equaliser=1.0, balance=1.0, room=1.0)


def equalise(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return equalised(audio, equaliser(rng))


def reverberate(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return audio + convolved(audio, room_tail(rng))


def _gain_db(section: np.ndarray, *frequencies_hz: float) -> np.ndarray:
    _, response = sosfreqz(section[None], np.array(frequencies_hz) * 2 * np.pi / SAMPLE_RATE)
    return 20 * np.log10(np.abs(response))


def _mix(samples: int = 24_000) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (0.3 * rng.standard_normal(samples) * np.exp(-np.arange(samples) / 3_000)).astype(np.float32)


@pytest.mark.parametrize("gain_db", [-6.0, 2.5, 6.0])
@pytest.mark.parametrize("frequency_hz", [60.0, 1000.0, 6000.0])
def test_filters_have_the_gains_that_they_are_asked_for(gain_db: float, frequency_hz: float) -> None:
    places = (0.5, frequency_hz, 7999.5)
    low, high = shelf(frequency_hz, gain_db), shelf(frequency_hz, gain_db, high=True)
    peaking = bell(frequency_hz, gain_db, 1.0)
    np.testing.assert_allclose(_gain_db(low, *places), [gain_db, gain_db / 2, 0], atol=0.01)
    np.testing.assert_allclose(_gain_db(high, *places), [0, gain_db / 2, gain_db], atol=0.01)
    np.testing.assert_allclose(_gain_db(peaking, *places), [0, gain_db, 0], atol=0.01)
    for section in (low, high, peaking):  # minimum phase: no delay that is not in the magnitudes
        assert np.abs(np.concatenate((np.roots(section[:3]), np.roots(section[3:])))).max() < 1


def test_the_equaliser_stays_within_its_ranges() -> None:
    impulse = np.zeros(16_000, np.float32)
    impulse[0] = 1.0
    gains_db = []
    for seed in range(50):
        heard = equalise(impulse, np.random.default_rng(seed))
        assert heard.dtype == np.float32
        gains_db.append(20 * np.log10(np.abs(np.fft.rfft(heard))[20:]))
    assert np.abs(gains_db).max() < 18
    assert np.std(gains_db, axis=0).min() > 1.5  # everywhere it varies from stem to stem


def test_tuning_changes_pitch_and_length() -> None:
    n = np.arange(16_000)
    sine = np.sin(2 * np.pi * 500 / SAMPLE_RATE * n).astype(np.float32)
    for semitones in (-2.0, 0.7, 2.0):
        ratio = 2 ** (semitones / 12)
        tuned = resampled(sine, semitones)
        assert len(tuned) == pytest.approx(16_000 / ratio, abs=1)
        expected = np.sin(2 * np.pi * 500 * ratio / SAMPLE_RATE * np.arange(len(tuned)))
        np.testing.assert_allclose(tuned[100:-100], expected[100:-100], atol=2e-3)
    np.testing.assert_allclose(resampled(sine, 0.0), sine, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 99, 100, 1_000, 20_011])
def test_blocks_of_a_convolution_make_the_whole(samples: int) -> None:
    rng = np.random.default_rng(0)
    audio, response = (rng.standard_normal(n).astype(np.float32) for n in (samples, 100))
    expected = np.convolve(audio.astype(float), response.astype(float))[:samples]
    np.testing.assert_allclose(convolved(audio, response), expected, atol=1e-4)


def test_a_room_is_the_direct_sound_and_a_tail_after_it() -> None:
    impulse = np.zeros(16_000, np.float32)
    impulse[100] = 1.0
    levels_db, half_lives = [], []
    for seed in range(40):
        heard = reverberate(impulse, np.random.default_rng(seed))
        assert heard[100] == pytest.approx(1.0, abs=1e-5)
        tail = np.abs(heard)
        tail[100] = 0.0
        assert tail[:116].max() < 1e-6  # nothing before 1 ms
        energy = np.cumsum(tail**2)
        levels_db.append(10 * np.log10(energy[-1]))
        half_lives.append(np.searchsorted(energy, energy[-1] / 2) - 100)
    assert -24.1 < min(levels_db) < -18
    assert -12 < max(levels_db) < -5.9
    assert max(half_lives) > 3 * min(half_lives)  # long and short rooms
    assert max(half_lives) < 0.1 * SAMPLE_RATE


def test_saturation_keeps_the_peak_and_lifts_what_is_soft() -> None:
    ramp = np.linspace(-0.5, 0.5, 1_001, dtype=np.float32)
    heard = saturate(ramp, 2.5)
    np.testing.assert_allclose(heard, 0.5 * np.tanh(5 * ramp) / np.tanh(2.5), atol=1e-6)
    assert 20 * np.log10(heard[510] / ramp[510]) == pytest.approx(8.0, abs=0.2)


def test_noise_has_a_level_and_a_colour() -> None:
    levels_db, tilts = [], []
    for seed in range(60):
        noise = coloured_noise(16_000, np.random.default_rng(seed))
        levels_db.append(20 * np.log10(np.std(noise)))
        power = np.abs(np.fft.rfft(noise)) ** 2
        tilts.append(10 * np.log10(power[4_000:].sum() / power[:4_000].sum()))
    assert -70.1 < min(levels_db) < -65
    assert -50 < max(levels_db) < -44.9
    assert min(tilts) < -15
    assert -3 < max(tilts) < 0.5


def test_it_is_a_pure_function_of_audio_and_rng() -> None:
    audio = _mix()
    before = audio.copy()
    first, again, other = (Augmentation(**ALL)(audio, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(audio, before)
    assert np.abs(first - other).max() > 0.01
    assert first.dtype == np.float32
    assert first.shape == audio.shape


def test_peaks_never_grow_and_silence_stays() -> None:
    audio = _mix()
    peaks = [np.abs(Augmentation(**ALL)(audio, np.random.default_rng(seed))).max() for seed in range(40)]
    lost_db = 20 * np.log10(np.array(peaks) / np.abs(audio).max())
    assert -12.01 < lost_db.min() < -9
    assert -3 < lost_db.max() < 0.01
    for silent in (np.zeros(1_000, np.float32), np.zeros(0, np.float32)):
        np.testing.assert_array_equal(Augmentation(**ALL)(silent, np.random.default_rng(0)), silent)


def test_parts_can_be_switched_off() -> None:
    audio = _mix()
    np.testing.assert_array_equal(Augmentation(**OFF)(audio, np.random.default_rng(0)), audio)
    for part in OFF:
        heard = Augmentation(**{**OFF, part: 1.0})(audio, np.random.default_rng(0))
        assert np.abs(heard - audio).max() > 1e-3, part


def test_the_kit_is_augmented_before_it_is_played() -> None:
    """A hit alone, of a component by itself, against the changed one-shot."""
    kit = load_kit("rock_maple")
    groove = Groove("alone", (Hit(0.1, "SD"),), 1.5)
    plain, same, heard = (
        render_groove(groove, kit, np.random.default_rng(5), augmentation)
        for augmentation in (
            None,
            Augmentation(kit=KitAugmentation(**NOTHING), **OFF),
            Augmentation(kit=KitAugmentation(**NOTHING | {"tuning": 1.0}), **OFF),
        )
    )
    begin, end = round(0.1 * SAMPLE_RATE), round(0.4 * SAMPLE_RATE)
    alike, tuned = (np.corrcoef(plain[begin:end], other[begin:end])[0, 1] for other in (same, heard))
    assert alike > 0.999
    assert tuned < 0.99


def test_strength_widens_the_ranges() -> None:
    weak, strong = (
        np.stack([equaliser(np.random.default_rng(n), strength) for n in range(20)])
        for strength in (1.0, 2.0)
    )
    gains = [np.array([_gain_db(section, 20.0)[0] for section in drawn[:, 0]]) for drawn in (weak, strong)]
    np.testing.assert_allclose(gains[1], 2 * gains[0], rtol=0.1, atol=0.1)
    kits = [KitAugmentation(**dict.fromkeys(NOTHING, 1.0), strength=strength) for strength in (1.0, 2.0)]
    changes = [kit.draw(["SD"], np.random.default_rng(3))["SD"] for kit in kits]
    for name in ("gain_db", "balance_db", "semitones"):
        assert getattr(changes[1], name) == pytest.approx(2 * getattr(changes[0], name))
    assert changes[1].decay == pytest.approx(changes[0].decay ** 2)


@pytest.mark.parametrize("strength", [0.0, 3.5])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match=f"kit augmentation: strength: {strength}"):
        KitAugmentation(strength=strength)
    with pytest.raises(InputError, match=f"augmentation: strength: {strength}"):
        Augmentation(strength=strength)


def test_dynamics_flatten_the_velocities() -> None:
    kit = load_kit("rock_maple")
    groove = Groove("pair", (Hit(0.1, "SD", 0.25), Hit(1.1, "SD", 1.0)), 2.0)
    nothing = KitAugmentation(**NOTHING)

    def contrast_db(seed: int, dynamics: float) -> float:
        augment = Augmentation(kit=nothing, **OFF, dynamics=dynamics)
        audio = render_groove(groove, kit, np.random.default_rng(seed), augment)
        soft, loud = (np.square(audio[begin : begin + 3_000]).sum() for begin in (1_600, 17_600))
        return float(10 * np.log10(loud / soft))

    standard, even = ([contrast_db(seed, dynamics) for seed in range(12)] for dynamics in (0.0, 1.0))
    np.testing.assert_allclose(standard, 40 * np.log10(4), atol=4)  # each varies by 1 dB, over noise
    assert min(even) > 20 * 0.8 * np.log10(4) - 4
    assert max(even) < 40 * np.log10(4) + 4
    assert np.mean(even) == pytest.approx(20 * 1.4 * np.log10(4), abs=4)
    rng = np.random.default_rng(0)
    assert Augmentation().velocity_power(rng) == 2.0
    assert rng.random() == np.random.default_rng(0).random()  # older renderings stay what they are


def test_the_kit_stays_as_it_is() -> None:
    kit = load_kit("rock_maple")
    before = {name: sound.copy() for name, sound in kit.one_shots.items()}
    groove = Groove("pair", (Hit(0.1, "KD"), Hit(0.5, "SD")), 1.0)
    render_groove(groove, kit, np.random.default_rng(0), Augmentation(kit=WHOLE))
    for name, sound in kit.one_shots.items():
        np.testing.assert_array_equal(sound, before[name])


def test_a_probability_out_of_range_is_named() -> None:
    with pytest.raises(InputError, match=r"augmentation: room: 1.5 is not in \[0, 1\]"):
        Augmentation(room=1.5)


@pytest.mark.parametrize("augment", [None, Augmentation(kit=WHOLE, **{**ALL, "noise": 0.0})])
def test_hits_of_packaged_kits_start_within_a_millisecond_of_their_label(
    augment: Augmentation | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sample above -30 dB of the peak; without noise, which is above that of a soft hit."""
    monkeypatch.setattr(render, "_NOISE_DBFS", (-200.0, -199.0))
    checked = 0
    for name in procedural_kits():
        kit = load_kit(name)
        for seed, component in enumerate(kit.one_shots):
            groove = Groove("alone", (Hit(0.25, component),), 0.75)
            magnitude = np.abs(render_groove(groove, kit, np.random.default_rng(seed), augment))
            begin = np.argmax(magnitude > magnitude.max() * 10 ** (-30 / 20))
            assert 4_000 <= begin <= 4_016, f"{name} {component}"
            checked += 1
    assert checked > 200


@pytest.mark.parametrize("part", [equalise, reverberate])
def test_what_is_cut_in_time_is_heard_the_same(part: Callable[..., np.ndarray]) -> None:
    """Nothing that comes later changes what was heard before."""
    audio = _mix()
    whole = part(audio, np.random.default_rng(5))
    cut = part(audio[:9_000], np.random.default_rng(5))
    np.testing.assert_allclose(cut, whole[:9_000], atol=1e-5)


def test_ranges_are_ordered() -> None:
    ranges = {name: value for name, value in vars(augmentation).items() if isinstance(value, tuple)}
    assert len(ranges) == 5
    assert all(low < high for low, high in ranges.values())
