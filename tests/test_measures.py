"""What is measured of a stem while it is decoded, and what is put aside for it."""

import math
import tracemalloc
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import soxr

from drummernet import SAMPLE_RATE
from drummernet.audio import SILENCE_PEAK, read_audio
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.manifest import load_kit
from drummernet.stems.clipping import LONGEST_TOP_SECONDS, STEEP
from drummernet.stems.frames import BINS, MagnitudeFrames
from drummernet.stems.judging import (
    FEWEST_ONSETS_PER_SECOND,
    JUDGED_SECONDS,
    LEAST_PERCUSSIVE_SHARE,
    MOST_CLIPPED,
    MOST_SILENCE,
    REASONS,
    SHORTEST_SECONDS,
    judge,
)
from drummernet.stems.loudness import k_weighting
from drummernet.stems.measures import Measures, Meter
from drummernet.stems.render import render_groove

KITS = ("rock_maple", "electronic_square", "jazz_club", "roomy_church", "dry_deadened")


def measure(samples: np.ndarray, cuts: tuple[int, ...] = ()) -> Measures:
    """Measure a stem (n,) whose own rate is 16 kHz, handed over in pieces that end at ``cuts``."""
    samples = samples.astype(np.float32)
    meter, frames = Meter(SAMPLE_RATE), MagnitudeFrames()
    for start, end in pairwise((0, *cuts, len(samples))):
        piece = samples[start:end]
        meter.add_native(piece[:, np.newaxis])
        meter.add(piece)
        meter.add_frames(frames.add(piece))
    meter.add_frames(frames.finish())
    return meter.finish()


def clipped_share(native: np.ndarray, block: int = 1 << 16, rate: int = 44_100) -> float:
    meter = Meter(rate)
    native = (native if native.ndim == 2 else native[:, np.newaxis]).astype(np.float32)
    for start in range(0, len(native), block):
        meter.add_native(native[start : start + block])
    return meter.finish().clipped_share


def sine(hz: float, seconds: float, amplitude: float = 1.0, rate: int = SAMPLE_RATE) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate + 0.3)


def quantised(samples: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(samples * (2 ** (bits - 1) - 1)) / 2 ** (bits - 1)


def played(kit: str, seconds: float, **every: float) -> np.ndarray:
    """Render components, each struck ``every`` so many seconds."""
    hits = [Hit(float(t), name, 0.9) for name, gap in every.items() for t in np.arange(0.3, seconds, gap)]
    groove = Groove("made by hand", tuple(sorted(hits)), seconds)
    return render_groove(groove, load_kit(kit), np.random.default_rng(7))


@pytest.fixture(scope="module")
def stem() -> np.ndarray:
    """12.034 s of a rendered groove."""
    return render_groove(generate_groove(5, 12.034), load_kit("rock_birch"), np.random.default_rng(1))


def test_k_weighting_is_that_of_the_standard_at_48_khz():
    published = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), published, atol=1e-8)


def test_loudness_of_sines():
    # A sine of 997 Hz at full scale in one channel has -3.01 LUFS (BS.1770-4, annex 1).
    assert measure(sine(997, 3, 10 ** (-23 / 20))).loudness_lufs == pytest.approx(-26.01, abs=0.06)
    # EBU Tech 3341, case 3: what is 13 LU quieter is not counted.
    parts = [sine(997, seconds, 10 ** (level / 20)) for seconds, level in ((10, -36), (60, -23), (10, -36))]
    assert measure(np.concatenate(parts)).loudness_lufs == pytest.approx(-26.01, abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_loudness_agrees_with_pyloudnorm(seed):
    samples = render_groove(generate_groove(seed, 9.3), load_kit(KITS[seed]), np.random.default_rng(seed))
    samples[: 3 * SAMPLE_RATE] *= 0.03  # for the gates
    oracle = pyloudnorm.Meter(SAMPLE_RATE, filter_class="DeMan").integrated_loudness(samples)
    # At rates other than 48 kHz pyloudnorm's high-pass is louder than the standard's.
    louder_db = -20 * math.log10(k_weighting(SAMPLE_RATE)[1, 0])
    assert louder_db == pytest.approx(0.086, abs=0.001)
    assert measure(samples).loudness_lufs == pytest.approx(oracle - louder_db, abs=1e-3)


def test_loudness_that_cannot_be_measured_is_none():
    assert measure(sine(997, 0.3999)).loudness_lufs is None
    assert measure(sine(997, 0.4)).loudness_lufs is not None
    assert measure(sine(997, 2, 10 ** (-67.5 / 20))).loudness_lufs is None
    assert measure(sine(997, 2, 10 ** (-66.5 / 20))).loudness_lufs == pytest.approx(-69.51, abs=0.06)


def test_levels_and_silence_by_counting(stem):
    assert measure(np.array([0.0, 0.5, -0.7, 0.2])).peak == pytest.approx(0.7)
    samples = np.zeros(SAMPLE_RATE * 2 + 100)
    samples[4_000:8_000] = sine(500, 0.25, 1.01 * SILENCE_PEAK)
    samples[20_000:24_000] = sine(500, 0.25, 0.99 * SILENCE_PEAK)
    samples[-50:-48] = 0.5, -0.5
    measured = measure(samples)
    assert measured.duration_seconds == 2.00625
    # 41 blocks, the last is short; 5 hold the first sine.
    assert measured.silence_share == pytest.approx(35 / 41)
    assert measure(stem).peak == pytest.approx(np.abs(stem - stem.mean(dtype=float)).max(), abs=1e-7)


def test_a_constant_part_changes_nothing(stem):
    plain, shifted = asdict(measure(stem)), asdict(measure(stem + np.float32(0.25)))
    assert shifted["dc"] - plain["dc"] == pytest.approx(0.25, abs=1e-6)
    for name in plain.keys() - {"dc"}:
        assert shifted[name] == pytest.approx(plain[name], abs=1e-4), name
    silent = measure(np.full(SAMPLE_RATE, 0.25))
    assert (silent.peak, silent.silence_share, silent.loudness_lufs) == (0.0, 1.0, None)


def plain_clipped_share(native: np.ndarray, rate: int) -> float:
    """Count in (n, C) what lies in flat tops, sample by sample."""
    count = 0
    for signed in (native, -native):
        extreme = signed.max()
        for channel in signed.T:
            start = 0
            for n in range(1, len(channel) + 1):
                if n < len(channel) and channel[n] == channel[start]:
                    continue
                steep = start == 0 or channel[start - 1] < (1 - STEEP) * extreme
                if channel[start] == extreme and steep and 3 <= n - start <= LONGEST_TOP_SECONDS * rate:
                    count += n - start
                start = n
    return count / native.size


def test_clipped_share_by_counting():
    rng = np.random.default_rng(0)
    for trial in range(6):
        walk = np.cumsum(rng.standard_normal((3_000, 1 + trial % 3)), axis=0) * 0.1
        native = np.clip(walk % 2.4 - 1.2, -1, 1).astype(np.float32)
        native[: 50 * trial] *= np.float32(0.9)  # the extreme grows
        expected = plain_clipped_share(native, 8_000)
        assert expected > 0.02
        for block in (1, 2, 7, 400, 3_000):
            assert clipped_share(native, block, 8_000) == expected
    # Two thirds of a sine lie above half its amplitude; one top in twenty is not entered steeply.
    assert clipped_share(np.clip(2 * sine(997, 2, rate=44_100), -1, 1)) == pytest.approx(
        0.95 * 2 / 3, abs=0.01
    )


def test_what_only_looks_clipped_is_not(stem):
    loud = (stem / np.abs(stem).max()).repeat(3)
    seconds = np.arange(44_100) / 44_100
    kick = np.tile(np.sin(2 * np.pi * 50 * seconds) * np.exp(-seconds / 0.2), 4)
    for name, native in {
        "16 bit, normalised": quantised(loud, 16),
        "8 bit": quantised(loud, 8),
        "low level": quantised(0.002 * loud, 16),
        "float above 1": 3 * loud,
        "8-bit bass": quantised(sine(41, 4, 0.99, rate=44_100), 8),
        "soft saturation": quantised(np.tanh(20 * kick), 16),
        "square kick": quantised(np.sign(kick) * np.tile(np.exp(-seconds / 0.2), 4), 16),
        "silence": np.zeros(44_100),
        "constant": np.full(44_100, -0.5),
        "nothing": np.zeros((0, 2)),
        "constant, then quieter": np.concatenate((np.full(22_050, 0.5), sine(50, 1, 0.4, rate=44_100))),
    }.items():
        assert clipped_share(native) < 0.002, name
    # And what is: at any scale, in one channel of two, in 8 bits.
    clipped = np.clip(16 * loud, -1, 1)
    share = clipped_share(clipped)
    assert share > 0.1
    assert clipped_share(quantised(0.3 * clipped, 16)) == pytest.approx(share, rel=0.01)
    assert clipped_share(quantised(clipped, 8)) == pytest.approx(share, rel=0.1)
    assert clipped_share(np.stack((clipped, 0.1 * loud), axis=1)) == pytest.approx(share / 2)


@pytest.mark.parametrize("per_second", [0.5, 4, 10])
def test_clicks_at_a_known_rate(per_second):
    rng = np.random.default_rng(0)
    samples = 1e-3 * rng.standard_normal(10 * SAMPLE_RATE)
    burst = rng.standard_normal(800) * np.exp(-np.arange(800) / 100)
    starts = np.arange(0.05, 9.9, 1 / per_second)
    for start in starts:
        samples[round(start * SAMPLE_RATE) :][:800] += 0.3 * burst
    for level in (1.0, 0.02):
        measured = measure(level * samples)
        assert measured.onsets_per_second == pytest.approx(len(starts) / 10)
        assert measured.percussive_share > 0.7


def test_notes_have_a_small_percussive_share():
    note = np.sum([sine(220 * k, 0.5) / k for k in range(1, 9)], axis=0) * np.minimum(
        1, np.arange(8_000) / 200
    )
    measured = measure(
        0.1 * np.tile(np.concatenate((note[:6_000], np.linspace(1, 0, 2_000) * note[6_000:])), 8)
    )
    assert measured.onsets_per_second == pytest.approx(2, abs=0.5)
    assert measured.percussive_share < 0.25


def test_measures_do_not_depend_on_the_sizes_of_blocks(stem):
    whole = measure(stem)
    rng = np.random.default_rng(3)
    for pieces in (3, 40, 700):
        assert measure(stem, tuple(sorted(rng.integers(len(stem), size=pieces).tolist()))) == whole
    assert measure(stem[:9_000], tuple(range(100))) == measure(stem[:9_000])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seconds", [0, 1 / SAMPLE_RATE, 0.0101, 0.07, 0.4, 1.3, 3.2])
def test_every_finite_input_has_finite_measures(seconds):
    n = round(seconds * SAMPLE_RATE)
    rng = np.random.default_rng(n)
    impulse = np.zeros(n)
    impulse[n // 2 :][:1] = 1
    sounds = (np.zeros(n), np.full(n, -0.3), impulse, *(rng.standard_normal(n) * a for a in (1e-40, 1, 1e12)))
    for samples in (*sounds, 1e12 * np.sign(sounds[-1]), sine(8_000, seconds)):
        measured = measure(samples)
        loudness = measured.loudness_lufs
        assert loudness is None or math.isfinite(loudness)
        assert all(math.isfinite(value) for value in asdict(measured).values() if value is not None)
        assert 0 <= measured.percussive_share <= 1
        reason = judge(measured)
        assert reason is None or reason[0] in REASONS


def test_memory_is_bounded():
    meter = Meter(SAMPLE_RATE)
    samples = np.zeros(10 * SAMPLE_RATE, np.float32)
    frames = np.zeros((1_000, BINS), np.float32)
    samples[::4_000] = frames[::25] = 1

    def listen(minutes: int) -> None:
        for _ in range(6 * minutes):
            meter.add_native(samples[:, np.newaxis])
            meter.add(samples)
            meter.add_frames(frames)

    tracemalloc.start()
    listen(1)
    before, _ = tracemalloc.get_traced_memory()
    listen(15)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1.5 * 400 * 900  # 320 bytes per second, 64 for its onsets, room to grow


def beats(seconds: float = 10.0) -> Measures:
    return Measures(0.5, -20.0, 0.1, 0.0, 0.6, 4.0, seconds, 0.0)


@pytest.mark.parametrize(
    ("reason", "name", "aside", "kept"),
    [
        ("too short", "duration_seconds", 0.499, SHORTEST_SECONDS),
        ("silent", "peak", 0.00099, SILENCE_PEAK),
        ("silent", "silence_share", MOST_SILENCE, 0.989),
        ("clipped", "clipped_share", MOST_CLIPPED, 0.099),
        ("not drums", "onsets_per_second", 0.099, FEWEST_ONSETS_PER_SECOND),
        ("not drums", "percussive_share", 0.319, LEAST_PERCUSSIVE_SHARE),
    ],
)
def test_each_reason_and_its_neighbour(reason, name, aside, kept):
    verdict = judge(replace(beats(), **{name: aside}))
    assert verdict is not None
    assert verdict[0] == reason
    assert verdict[1]
    assert "\n" not in verdict[1]
    assert judge(replace(beats(), **{name: kept})) is None
    assert judge(beats()) is None


def test_what_is_short_is_not_called_other_than_drums():
    assert judge(replace(beats(2.99), onsets_per_second=0.0, percussive_share=0.0)) is None
    assert judge(replace(beats(JUDGED_SECONDS), onsets_per_second=0.0, percussive_share=0.0)) is not None


@pytest.mark.parametrize("kit", KITS)
def test_drums_are_kept(kit):
    rng = np.random.default_rng(0)
    sparse = played(kit, 20, CHH=5)
    reverberation = rng.standard_normal(2 * SAMPLE_RATE) * np.exp(-6.9 * np.linspace(0, 1, 2 * SAMPLE_RATE))
    groove = render_groove(generate_groove(2, 8), load_kit(kit), rng)
    roomy = scipy.signal.fftconvolve(groove, reverberation)[: len(groove)]
    for name, samples in {
        "groove": groove,
        "quiet groove": quantised(0.02 * groove, 16),
        "room": roomy / np.abs(roomy).max() + 0.3 * groove,
        "kick": played(kit, 8, KD=1),
        "double bass drum": played(kit, 8, KD=0.075, SD=0.6, RDC=0.15),
        "doom": played(kit, 12, KD=3, CRC=3),
        "cymbals": played(kit, 8, CRC=0.35, RDC=0.175),
        "hat now and then": sparse,
        "the same, gated": np.where(np.abs(sparse) > 0.004, sparse, 0),
        "tambourine": played(kit, 8, TMB=0.5),
        "toms": played(kit, 8, HIT=0.7, HFT=0.3),
        "one hit": played(kit, 1.5, SD=9),
        "hit at once": played(kit, 1.5, SD=9)[4_850:],
    }.items():
        assert judge(measure(samples)) is None, name


def test_kicks_with_long_tails_are_kept():
    seconds = np.arange(40_000) / SAMPLE_RATE
    click = np.random.default_rng(0).standard_normal(40_000) * np.exp(-seconds / 0.003)
    for decay, gap, loudness in ((2.0, 0.75, 0.05), (2.5, 2.0, 0.02), (1.0, 0.4, 0.3)):
        sweep = 50 * seconds + 4 * (1 - np.exp(-seconds / 0.02))
        kick = np.exp(-6.9 * seconds / decay) * np.sin(2 * np.pi * sweep) + loudness * click
        samples = np.zeros(12 * SAMPLE_RATE)
        for start in np.arange(0.1, 9, gap):
            samples[round(start * SAMPLE_RATE) :][:40_000] += 0.3 * kick
        assert judge(measure(samples)) is None, (decay, gap)


def others() -> dict[str, np.ndarray]:
    """Eight seconds of each of what is not drums."""
    rng = np.random.default_rng(0)
    n = 8 * SAMPLE_RATE
    seconds = np.arange(n) / SAMPLE_RATE
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 10)

    def chord(notes: list[int], partials: list[int]) -> np.ndarray:
        every = [220 * 2 ** (note / 12) * partial for note in notes for partial in partials]
        return np.sum([np.sin(2 * np.pi * f * seconds + f) for f in every], axis=0) / len(every)

    swell = np.minimum(1, np.minimum(seconds % 2, 2 - seconds % 2) / 0.4)
    choice = (seconds * 1.25 % 3).astype(int)
    key = np.minimum(1, 50 * np.minimum(seconds % 0.8, 0.8 - seconds % 0.8))  # organ: up in 20 ms, stays
    organ = [chord([0, 4, 7], [1, 2, 3, 4]), chord([-2, 3, 8], [1, 2, 3, 4]), chord([1, 5, 8], [1, 2, 3, 4])]
    glide = (
        scipy.signal.lfilter([0.002], [1, -0.998], np.repeat(rng.choice([5, 9, 15, 22], 16), n // 16)) + 41
    )
    phase = 2 * np.pi * np.cumsum(glide) / SAMPLE_RATE
    pulses = (np.cumsum(150 + 20 * np.sin(seconds)) / SAMPLE_RATE % 1 < 0.1).astype(float) - 0.1
    for formant, width in ((600, 80), (1_400, 120), (2_700, 200)):
        radius = np.exp(-np.pi * width / SAMPLE_RATE)
        turn = 2 * radius * np.cos(2 * np.pi * formant / SAMPLE_RATE)
        pulses = scipy.signal.lfilter([1 - radius], [1, -turn, radius**2], pulses)
    rain = 0.02 * rng.standard_normal(n)
    for start in rng.integers(n - 400, size=2_000):
        drop = np.sin(2 * np.pi * rng.uniform(1_500, 6_000) * seconds[:400]) * np.exp(-seconds[:400] / 0.004)
        rain[start : start + 400] += 0.03 * rng.uniform() * drop
    return {
        "sine": sine(440, 8),
        "low sine": sine(55, 8),
        "white noise": rng.standard_normal(n),
        "pink noise": np.fft.irfft(spectrum / np.sqrt(hz)),
        "brown noise": np.fft.irfft(spectrum / hz),
        "hum": np.sum([sine(50 * k, 8) / k for k in range(1, 20)], axis=0) + 0.01 * rng.standard_normal(n),
        "drone": chord([-24, -12, -5, 0], [1, 2]) * (1 + 0.5 * np.sin(seconds)),
        "pad": chord([0, 4, 7, 12], [1, 2]) * swell,
        "organ chords": key * np.choose(choice, organ),
        "legato bass": np.sum([np.sin(k * phase) / k**1.5 for k in range(1, 8)], axis=0),
        "voice": pulses * (0.5 - 0.5 * np.cos(2 * np.pi * 3 * seconds)),
        "rain": rain,
    }


def test_what_is_not_drums_is_put_aside():
    for name, samples in others().items():
        for level in (0.5, 0.01):
            verdict = judge(measure(level * samples / np.abs(samples).max()))
            assert verdict is not None, name
            assert verdict[0] == "not drums", name


def test_recordings_of_drums_are_kept(shared_data):
    paths = [*shared_data.glob("MDB Drums/audio/*/*.wav"), *shared_data.glob("e-gmd/*.wav")]
    assert len(paths) == 13
    for path in paths:
        measured = measure(read_audio(path)[: 10 * SAMPLE_RATE])
        assert judge(measured) is None, path
        assert measured.percussive_share > 1.3 * LEAST_PERCUSSIVE_SHARE, path
        assert measured.onsets_per_second > 5 * FEWEST_ONSETS_PER_SECOND, path


def test_clipping_of_a_resampled_file_is_seen_in_its_own_samples(stem):
    native = np.clip(40 * soxr.resample(stem, SAMPLE_RATE, 44_100), -1, 1)
    meter = Meter(44_100)
    meter.add_native(native[:, np.newaxis].astype(np.float32))
    meter.add(soxr.resample(native, 44_100, SAMPLE_RATE).astype(np.float32))
    verdict = judge(meter.finish())
    assert verdict is not None
    assert verdict[0] == "clipped"
