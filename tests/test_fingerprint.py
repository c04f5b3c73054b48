"""Fingerprints and near duplicates: known onsets, any blocks, copies found, other performances kept."""

import io
from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr

from drummernet import SAMPLE_RATE
from drummernet.grooves.generator import generate_groove
from drummernet.kits.manifest import load_kit
from drummernet.stems import candidates
from drummernet.stems.duplicates import LEAST_AGREEMENT, agreement, near_duplicates
from drummernet.stems.fingerprint import BITS, Fingerprint
from drummernet.stems.frames import HOP_SAMPLES, N_FFT, MagnitudeFrames
from drummernet.stems.render import render_groove


def _frames(audio: np.ndarray) -> np.ndarray:
    stream = MagnitudeFrames()
    return np.concatenate((stream.add(audio.astype(np.float32)), stream.finish()))


def _tokens(audio: np.ndarray) -> np.ndarray:
    fingerprint = Fingerprint()
    fingerprint.add(_frames(audio))
    return fingerprint.finish()


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _via(
    audio: np.ndarray, rate: int, container: str, subtype: str, level: float | None = None
) -> np.ndarray:
    file = io.BytesIO()
    resampled = np.clip(soxr.resample(audio, SAMPLE_RATE, rate), -1, 1)
    soundfile.write(file, resampled, rate, subtype=subtype, format=container, compression_level=level)
    file.seek(0)
    return soxr.resample(soundfile.read(file, dtype="float32")[0], rate, SAMPLE_RATE)


COPIES = {
    "mp3 at its smallest": lambda audio: _via(audio, 44_100, "MP3", "MPEG_LAYER_III", 0.99),
    "ogg at its smallest": lambda audio: _via(audio, 44_100, "OGG", "VORBIS", 1.0),
    "8 bits": lambda audio: _via(audio, SAMPLE_RATE, "WAV", "PCM_U8"),
    "11.025 kHz": lambda audio: _via(audio, 11_025, "WAV", "PCM_16"),
    "8 kHz, behind silence": lambda audio: _via(np.append(_silence(1.2345), audio), 8_000, "WAV", "PCM_16"),
    "quiet, half a frame later": lambda audio: 0.05 * np.append(np.zeros(80, np.float32), audio),
    "upside down, with an offset": lambda audio: 0.02 - 0.7 * audio,
    "the start trimmed": lambda audio: audio[23_456:],
    "two fifths of it, as mp3": lambda audio: _via(
        0.3 * audio[100_011:230_000], 44_100, "MP3", "MPEG_LAYER_III", 0.99
    ),
}


@pytest.fixture(scope="module")
def originals() -> dict[str, np.ndarray]:
    """Four grooves of 20 s; the first two and the last two are played on one kit each."""
    kits = [load_kit(name) for name in ("rock_birch", "rock_birch", "electronic_house", "electronic_house")]
    return {
        f"groove {n}": render_groove(generate_groove(n, 20.0), kit, np.random.default_rng(n))
        for n, kit in enumerate(kits)
    }


def _loop(kicks: list[int], repeats: int) -> np.ndarray:
    """Return bars at 120 beats per minute, one-shots exactly alike each time."""
    sounds = load_kit("electronic_digital").one_shots
    step = round(SAMPLE_RATE * 60 / 120 / 4)
    audio = np.zeros(repeats * 16 * step + 2 * SAMPLE_RATE, np.float32)
    for component, steps in {"KD": kicks, "SD": [4, 12], "CHH": range(0, 16, 2)}.items():
        sound = sounds[component]
        for start in (step * (16 * bar + s) for bar in range(repeats) for s in steps):
            audio[start : start + len(sound)] += sound
    return 0.5 * audio[: repeats * 16 * step] / np.abs(audio).max()


def test_tokens_lie_where_sounds_set_in() -> None:
    rng = np.random.default_rng(0)
    strikes_frames = np.array([100, 131, 187, 240, 300, 382])
    audio = np.zeros(5 * SAMPLE_RATE)
    for frame, tone_hz in zip(strikes_frames, rng.uniform(80, 1_500, 6), strict=True):
        seconds = np.arange(4_000) / SAMPLE_RATE
        start = frame * HOP_SAMPLES
        audio[start : start + 4_000] += 0.3 * np.sin(2 * np.pi * tone_hz * seconds) * np.exp(-seconds / 0.05)
    tokens = _tokens(audio)
    assert tokens.dtype == np.uint32
    # A window of 6.4 frames holds a strike before it is at the strike; the rise is steepest as it enters.
    early_frames = strikes_frames - tokens[:, 1]
    assert early_frames.min() >= 0
    assert early_frames.max() <= N_FFT / HOP_SAMPLES
    assert np.ptp(early_frames) <= 1
    assert len(set(tokens[:, 0])) == 6


@pytest.mark.parametrize("audio", [_silence(0.0), _silence(0.01), _silence(1.0), np.ones(20_000, np.float32)])
def test_silence_and_constants_have_hardly_any(audio: np.ndarray) -> None:
    assert len(_tokens(audio)) <= 2  # where a constant begins and ends


def test_whole_frames_and_levels_change_nothing(originals: dict[str, np.ndarray]) -> None:
    audio = originals["groove 0"]
    tokens = _tokens(np.append(_silence(0.5), audio))
    louder = _tokens(np.append(_silence(0.5), 4 * audio))
    np.testing.assert_array_equal(louder, tokens)
    later = _tokens(np.append(_silence(0.5 + 41.37), audio))
    np.testing.assert_array_equal(later[:, 0], tokens[:, 0])
    np.testing.assert_array_equal(later[:, 1], tokens[:, 1] + 4_137)


def test_blocks_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    gates = np.repeat(rng.random((900, 1)) ** 4, 14, axis=0)
    frames = (rng.random((12_600, 513)) * gates).astype(np.float32)
    whole = Fingerprint()
    whole.add(frames)
    tokens = whole.finish()
    assert len(tokens) > 300
    assert np.all(np.diff(tokens[:, 1].astype(int)) > 0)
    for blocks in (rng.integers(0, 800, 100), np.full(12_600, 1), [12_599, 0, 1]):
        cuts = np.minimum(np.append([0], np.cumsum(np.append(blocks, 12_600))), 12_600)
        pieces = Fingerprint()
        for start, stop in pairwise(cuts):
            pieces.add(frames[start:stop])
        np.testing.assert_array_equal(pieces.finish(), tokens)


def test_tokens_are_few(originals: dict[str, np.ndarray]) -> None:
    for audio in originals.values():
        assert 1 < len(_tokens(audio)) / 20 < 7


def test_copies_are_put_aside_and_other_grooves_kept(originals: dict[str, np.ndarray]) -> None:
    stems = {(name, "original"): audio for name, audio in originals.items()}
    stems |= {(name, copy): make(audio) for copy, make in COPIES.items() for name, audio in originals.items()}
    names = list(stems)
    tokens = [_tokens(audio) for audio in stems.values()]
    rank = [(copy != "original", name, copy) for name, copy in names]
    repeats = near_duplicates(tokens, rank)
    assert {names[stem]: names[kept] for stem, kept in repeats.items()} == {
        (name, copy): (name, "original") for name, copy in names if copy != "original"
    }
    shuffled = np.random.default_rng(2).permutation(len(names))
    again = near_duplicates([tokens[n] for n in shuffled], [rank[n] for n in shuffled])
    assert {shuffled[stem]: shuffled[kept] for stem, kept in again.items()} == repeats


def test_what_only_resembles_is_kept(originals: dict[str, np.ndarray]) -> None:
    house, birch = load_kit("electronic_house"), load_kit("rock_birch")
    groove = generate_groove(0, 20.0)
    first, second, *_ = originals.values()
    stems = [
        *(_loop(kicks, 4) for kicks in ([0, 8], [0, 6, 10], [0, 3, 8, 11], [0, 4, 8, 12])),
        *(render_groove(groove, kit, np.random.default_rng(3)) for kit in (house, birch)),
        first[: 12 * SAMPLE_RATE],
        np.append(first[7 * SAMPLE_RATE : 12 * SAMPLE_RATE], second),  # a short part in common
    ]
    tokens = [_tokens(stem) for stem in stems]
    assert near_duplicates(tokens[:5] + tokens[6:], range(7)) == {}


def test_a_loop_is_found_in_a_longer_one() -> None:
    tokens = [_tokens(_loop([0, 6, 10], 6)), _tokens(_loop([0, 6, 10], 3)[5_000:])]
    assert near_duplicates(tokens, [0, 1]) == {1: 0}
    assert near_duplicates(tokens, [1, 0]) == {0: 1}  # the rank alone decides which stays


def _by_hand(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.integers(11, 60, count))
    return np.stack((rng.integers(0, 2**32, count), times), axis=1).astype(np.uint32)


def _later(tokens: np.ndarray, frames: int) -> np.ndarray:
    return tokens + np.array([0, frames], np.uint32)


def test_agreement_is_worked_out_by_hand() -> None:
    tokens = _by_hand(4, 0)
    assert agreement(tokens, _later(tokens, 500), 500) == 1
    assert agreement(_later(tokens, 500), tokens, -498) == 1  # within 2 frames
    assert agreement(tokens, _later(tokens, 500), 503) == 0
    altered = tokens.copy()
    altered[0, 0] ^= 0b1011  # 3 bits
    altered[1, 0] ^= 0xFFFFF  # 20 bits, as good as none in common
    expected = (2 + (1 - 3 / (BITS / 2))) / 4
    assert agreement(altered, tokens, 0) == pytest.approx(expected)
    assert agreement(tokens, np.concatenate((altered, _later(_by_hand(9, 1), 9_000))), 0) == pytest.approx(
        expected
    )
    longer = _by_hand(10, 2)
    edges = longer.copy()
    edges[[0, -1], 0] ^= 0xFFFFFFFF
    assert agreement(longer, edges, 0) == 1  # where one of them may have been cut


def test_greedy_by_rank() -> None:
    parts = [_by_hand(20, seed) for seed in range(3)]
    first, second, third = parts[0], _later(parts[1], 2_000), _later(parts[2], 4_000)
    chain = {
        "a": np.concatenate((first, second)),
        "b": np.concatenate((second, third)),  # half of a: kept
        "c": second,  # in a and b
        "d": first,  # in a alone
        "e": np.concatenate((first[:3], third[3:])),  # mostly in b
        "few": first[:2],
    }
    tokens, names = list(chain.values()), list(chain)
    assert near_duplicates(tokens, names) == {2: 0, 3: 0, 4: 1}
    # What is put aside puts nothing aside: with c first, a and b repeat it, d repeats nothing kept.
    assert near_duplicates(tokens, [1, 2, 0, 3, 4, 5]) == {0: 2, 1: 2}
    assert near_duplicates([], []) == {}
    assert near_duplicates([first[:0], first[:0]], [0, 1]) == {}


def test_parts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = [_by_hand(30, seed) for seed in range(60)]
    copies = [_later(stem[seed % 9 :], 100 * seed) for seed, stem in enumerate(originals)]
    tokens = originals + copies
    expected = {60 + n: n for n in range(60)}
    assert near_duplicates(tokens, range(120)) == expected
    monkeypatch.setattr(candidates, "_PART_TOKENS", 100)
    monkeypatch.setattr(candidates, "_STEMS_AT_ONCE", 7)
    assert near_duplicates(tokens, range(120)) == expected


def test_a_hash_that_all_have_does_not_explode() -> None:
    stems = [_by_hand(12, seed) for seed in range(3_000)]
    for stem in stems:
        stem[3:8, 0] = 77
    tokens = [*stems, _later(stems[1_234], 50)]
    rows = candidates._pairs(*candidates._part(tokens, 0, 1))
    assert len(rows) <= 4 * sum(map(len, tokens))  # 3,000 stems are 4.5 million pairs
    assert near_duplicates(tokens, range(len(tokens))) == {3_000: 1_234}


def test_the_threshold_lies_between(originals: dict[str, np.ndarray]) -> None:
    first, second = (_tokens(_loop(kicks, 4)) for kicks in ([0, 6, 10], [0, 10]))
    assert agreement(first, second, 0) < LEAST_AGREEMENT  # one kick of a bar is missing
    noisy = originals["groove 0"] + 0.003 * np.random.default_rng(5).standard_normal(20 * SAMPLE_RATE)
    echo = scipy.signal.lfilter([1, 0.2], 1, noisy)
    assert agreement(_tokens(originals["groove 0"]), _tokens(echo), 0) > LEAST_AGREEMENT
