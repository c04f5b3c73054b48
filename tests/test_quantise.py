"""Grids: swung grooves stay swung, straight ones straight, whatever the timing noise and the tempo curve."""

import numpy as np
import pytest

from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.score import Beat
from drummernet.transcription.quantise import find_grid, quantise

BEATS = [Beat(1.0 + 0.5 * n, n % 4 + 1) for n in range(64)]


def played(positions: list[float], noise_beats: float = 0.016, bars: int = 16) -> list[Hit]:
    """Ride cymbals at positions within a beat, with kicks on beats, played unevenly: 8 ms at 120 bpm."""
    rng = np.random.default_rng(0)
    return [
        Hit(max(0.0, 1.0 + 0.5 * (beat + position + rng.normal(0, noise_beats))), component, 0.7)
        for beat in range(4 * bars)
        for component, places in (("RDC", positions), ("KD", [0.0]))
        for position in places
    ]


def places_of(hits: list[Hit], component: str = "RDC") -> np.ndarray:
    """Return where in their beats hits lie."""
    beats = np.array([(hit.onset_seconds - 1.0) / 0.5 for hit in hits if hit.component == component])
    return np.unique(np.round(beats - np.floor(beats + 1e-6), 6))


@pytest.mark.parametrize("division", [8, 16])
@pytest.mark.parametrize("swing", [0.58, 0.62, 2 / 3])
def test_swung_eighths_stay_swung(division, swing):
    found = places_of(quantise(played([0.0, swing]), BEATS, division))
    assert len(found) == 2
    np.testing.assert_allclose(found, [0, swing], atol=0.006)


@pytest.mark.parametrize("division", [8, 16])
def test_straight_eighths_stay_straight(division):
    found = places_of(quantise(played([0.0, 0.5]), BEATS, division))
    np.testing.assert_array_equal(found, [0, 0.5])


def test_straight_sixteenths_stay_straight():
    found = places_of(quantise(played([0.0, 0.25, 0.5, 0.75]), BEATS, 16))
    np.testing.assert_array_equal(found, [0, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("positions", [[0.0, 0.75], [0.0, 0.5, 0.75]])
def test_dotted_figures_are_no_swing(positions):
    found = places_of(quantise(played(positions), BEATS, 16))
    np.testing.assert_array_equal(found, positions)


def test_swung_sixteenths_stay_swung():
    found = places_of(quantise(played([0.0, 0.31, 0.5, 0.81]), BEATS, 16))
    assert len(found) == 4
    np.testing.assert_allclose(found, [0, 0.31, 0.5, 0.81], atol=0.006)


def test_triplets_have_their_own_grid():
    found = places_of(quantise(played([0.0, 1 / 3, 2 / 3]), BEATS, 12))
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3], atol=1e-6)
    assert find_grid(np.arange(40) / 6, 24).swing == 0.5


def test_the_grid_follows_the_beats():
    gaps = np.random.default_rng(2).uniform(0.4, 0.6, 63)
    seconds = np.concatenate(([0.7], 0.7 + np.cumsum(gaps)))
    beats = [Beat(float(at), 1) for at in seconds]
    halves = (seconds[1:] + seconds[:-1]) / 2
    hits = [Hit(float(at) + 0.01, "SD", 0.5) for at in np.concatenate((seconds[:-1], halves))]
    onsets = [hit.onset_seconds for hit in quantise(hits, beats, 8)]
    np.testing.assert_allclose(onsets, np.sort(np.concatenate((seconds[:-1], halves))), atol=1e-9)


def test_before_the_first_beat_and_behind_the_last_the_grid_goes_on():
    hits = [Hit(0.02, "KD", 0.5), Hit(0.49, "SD", 0.5), Hit(40.02, "KD", 0.5)]
    assert [hit.onset_seconds for hit in quantise(hits, BEATS, 8)] == pytest.approx([0.0, 0.5, 40.0])
    late = [Beat(0.1, 1), Beat(0.6, 2)]
    assert quantise([Hit(0.0, "KD", 0.5)], late, 8)[0].onset_seconds in (0.0, pytest.approx(0.1))


def test_of_a_component_on_one_place_the_loudest_is_kept():
    hits = [Hit(1.0, "SD", 0.2), Hit(1.02, "SD", 0.9), Hit(1.03, "KD", 0.1), Hit(1.04, "SD", 0.4)]
    assert quantise(hits, BEATS, 8) == [Hit(1.0, "KD", 0.1), Hit(1.0, "SD", 0.9)]


def test_without_a_beat_nothing_is_moved():
    hits = [Hit(0.3, "SD", 0.5), Hit(0.1, "KD", 0.5)]
    assert quantise(hits, BEATS[:1], 16) == sorted(hits)
    assert quantise([], BEATS, 16) == []


@pytest.mark.parametrize("division", [0, 7, 64])
def test_unknown_divisions_are_named(division):
    with pytest.raises(InputError, match=f"quantise: division: {division} is none of 8, 12, 16, 24, 32"):
        quantise([], BEATS, division)
