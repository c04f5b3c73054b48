"""The picking rule against the rule written out, madmom and librosa; sums of classes; hits of components."""

import librosa
import numpy as np
import pytest
from madmom_oracle import madmom_module

from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError
from drummernet.transcription.picking import (
    Picker,
    class_activations,
    component_hits,
    normalise,
    pick,
)


def written_out(y: np.ndarray, w_m: int, w_a: int, w_w: int, delta: float) -> list[int]:
    """The rule, step by step: reference.md §5 with windows cut at the edges."""
    onsets: list[int] = []
    for n in range(len(y)):
        is_largest = y[n] == max(y[max(0, n - w_m) : n + w_m + 1])
        stands_out = y[n] >= np.mean(y[max(0, n - w_a) : n + w_a + 1]) + delta
        is_first = n == 0 or y[n - 1] != y[n]
        waited = not onsets or n > onsets[-1] + w_w
        if is_largest and stands_out and is_first and waited:
            onsets.append(n)
    return onsets


def bumps(seed: int, steps: int, count: int) -> np.ndarray:
    """Decaying bumps of random heights on a little noise, zeros for 250 steps at both ends."""
    rng = np.random.default_rng(seed)
    y = np.zeros(steps)
    for start in rng.integers(250, steps - 300, count):
        y[start : start + 40] += rng.uniform(0.1, 1.0) * np.exp(-np.arange(40) / rng.uniform(1, 12))
    y[250:-250] += 0.02 * rng.random(steps - 500)
    return y / y.max()


@pytest.mark.parametrize("steps", [1, 2, 49, 50, 101, 150, 201, 777])
def test_pick_equals_the_rule_written_out_on_lengths_around_the_windows(steps):
    y = np.random.default_rng(steps).random(steps) ** 4
    assert pick(y, 1000, Picker()).tolist() == written_out(y, 50, 100, 50, 0.2)


@pytest.mark.parametrize("seed", range(4))
def test_pick_equals_the_rule_written_out_on_plateaus(seed):
    # Eighths are summed without rounding, so that both sides compare the same numbers.
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.integers(0, 9, 120) * (rng.random(120) < 0.3), rng.integers(1, 90, 120)) / 8
    expected = written_out(y, 50, 100, 50, 0.2)
    assert len(expected) > 10
    assert pick(y, 1000, Picker()).tolist() == expected


@pytest.mark.parametrize(
    ("rate_hz", "steps"), [(125.0, (6, 12, 6)), (62.5, (3, 6, 3)), (1000.0, (50, 100, 50))]
)
def test_spans_are_whole_steps_at_any_rate(rate_hz, steps):
    y = bumps(3, 2000, 60)
    expected = written_out(y, *steps, 0.2)
    assert len(expected) > 5
    assert pick(y, rate_hz, Picker()).tolist() == expected


def test_all_three_spans_and_the_threshold_are_used():
    y = bumps(11, 4000, 80)
    picker = Picker(0.3, max_half_width_seconds=0.02, mean_half_width_seconds=0.05, wait_seconds=0.033)
    assert pick(y, 1000, picker).tolist() == written_out(y, 20, 50, 33, 0.3)
    assert pick(y, 1000, picker).tolist() != pick(y, 1000, Picker()).tolist()


def test_windows_reach_exactly_fifty_and_a_hundred_steps():
    y = np.zeros(1000)
    y[[200, 250, 500, 551]] = 0.9, 1.0, 0.9, 1.0  # 50 steps apart: the lower is hidden; 51: it is not
    assert pick(y, 1000, Picker()).tolist() == [250, 500, 551]
    y = np.zeros(1000)
    y[400:601] = 0.5
    y[500] = 0.7005  # just below its mean + 0.2; wider windows have lower means
    assert 500 not in pick(y, 1000, Picker())
    for edge in (400, 600):
        lower = y.copy()
        lower[edge] = 0.3
        assert 500 in pick(lower, 1000, Picker())


def test_wait_counts_whole_steps():
    y = np.zeros(400)
    y[[100, 150, 151]] = 1.0, 1.0, 1.0
    assert pick(y, 1000, Picker()).tolist() == [100]  # 150 must wait, 151 is no first of equals
    y[150] = 0.0
    assert pick(y, 1000, Picker()).tolist() == [100, 151]


def test_first_of_a_long_plateau_and_hits_at_the_edges():
    y = np.zeros(1200)
    y[300:600] = 1.0
    y[0] = y[-1] = 1.0
    assert pick(y, 1000, Picker()).tolist() == [0, 300, 1199]


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_constant_has_no_onset(level):
    assert pick(np.full(500, level), 1000, Picker()).size == 0


def test_no_steps_have_no_onset():
    assert pick(normalise(np.zeros(0, np.float32), 0.05), 1000, Picker()).size == 0


def test_normalise_guards_against_silence():
    y = np.array([0.0, 0.2, 0.4], np.float32)
    np.testing.assert_allclose(normalise(y, 0.05), [0, 0.5, 1], rtol=1e-6)
    np.testing.assert_allclose(normalise(0.05 * y, 0.05), [0, 0.2, 0.4], rtol=1e-6)
    assert not normalise(np.zeros(7), 0.05).any()


@pytest.mark.parametrize(
    ("field", "value"),
    [("threshold", 0.0), ("threshold", float("nan")), ("guard", -1.0), ("wait_seconds", -0.01)],
)
def test_values_that_make_no_sense_are_refused(field, value):
    with pytest.raises(InputError, match=f"picker: {field}: {value}"):
        Picker(**{field: value})


@pytest.mark.parametrize("seed", range(3))
def test_pick_equals_madmom_away_from_the_edges(seed):
    y = bumps(seed, 6000, 120)
    peak_picking = madmom_module("features.onsets").peak_picking
    theirs = peak_picking(y, 0.2, pre_avg=100, post_avg=100, pre_max=50, post_max=50)
    # madmom takes the maximum over what passed the threshold: it also finds steps beside larger ones.
    hidden = [n for n in theirs if y[n] < y[n - 50 : n + 51].max()]
    assert len(hidden) < 0.1 * len(theirs)
    ours = pick(y, 1000, Picker(wait_seconds=0.0))
    assert len(ours) > 20
    assert ours.tolist() == [n for n in theirs if n not in hidden]


@pytest.mark.parametrize("seed", range(3))
def test_pick_equals_librosa_away_from_the_edges(seed):
    y = bumps(seed, 6000, 120)
    # librosa's windows leave out their last step.
    theirs = librosa.util.peak_pick(y, pre_max=50, post_max=51, pre_avg=100, post_avg=101, delta=0.2, wait=50)
    assert len(theirs) > 20
    assert pick(y, 1000, Picker()).tolist() == theirs.tolist()


def test_classes_are_sums_of_their_components_that_exist():
    components = ("KD", "OHH", "CHH", "RDC")
    values = np.random.default_rng(0).random((4, 9)).astype(np.float32)
    sums = class_activations(values, components, THREE_CLASSES)
    assert list(sums) == ["KD", "SD", "HH"]
    np.testing.assert_array_equal(sums["KD"], values[0])
    np.testing.assert_allclose(sums["HH"], values[1] + values[2])
    np.testing.assert_array_equal(sums["SD"], np.zeros(9))


def test_component_hits_have_velocities_from_the_activations():
    values = np.zeros((2, 300), np.float32)
    values[0, [20, 200]] = 0.4, 0.1
    values[1, 100] = 0.8
    hits = component_hits(values, None, None, ("SD", "KD"), 125, Picker())
    assert [hit.component for hit in hits] == ["SD", "KD", "SD"]
    np.testing.assert_allclose([hit.onset_seconds for hit in hits], [0.16, 0.8, 1.6])
    np.testing.assert_allclose([hit.velocity for hit in hits], [1, 1, 0.5], rtol=1e-6)


def test_an_instrument_is_struck_in_one_way_at_a_time():
    components = ("CHH", "OHH", "PHH", "HIT", "HFT", "KD")
    values = np.zeros((6, 200), np.float32)
    for row, step, value in (
        *((0, 20, 0.5), (2, 22, 0.9)),  # 16 ms apart: the pedal is surer
        *((0, 60, 0.6), (1, 61, 0.5), (2, 62, 0.4)),
        *((0, 100, 0.6), (1, 105, 0.5)),  # 40 ms apart: both
        *((3, 140, 0.4), (4, 140, 0.5), (5, 140, 0.6)),  # drums of their own
    ):
        values[row, step] = value
    hits = component_hits(values, None, None, components, 125, Picker(0.2, 0.024, 0.05, 0.03, 1.0))
    assert [(hit.component, round(hit.onset_seconds * 125)) for hit in hits] == [
        *(("PHH", 22), ("CHH", 60), ("CHH", 100), ("OHH", 105)),
        *(("HFT", 140), ("HIT", 140), ("KD", 140)),
    ]


def test_component_hits_have_the_velocities_and_places_that_are_told():
    values, velocities, offsets = (np.zeros((2, 300), np.float32) for _ in range(3))
    values[0, [0, 200]] = 0.9, 0.4
    values[1, 100] = 0.8
    velocities[0, [0, 200]] = 0.3, 0.0
    velocities[1, 100] = 1.0
    offsets[0, [0, 200]] = -0.25, 0.25
    offsets[1, 100] = -0.5
    hits = component_hits(values, velocities, offsets, ("SD", "KD"), 125, Picker(guard=1.0))
    np.testing.assert_allclose([hit.onset_seconds for hit in hits], [0.0, 99.5 / 125, 200.25 / 125])
    np.testing.assert_allclose([hit.velocity for hit in hits], [0.3, 1.0, 1 / 127], rtol=1e-6)
