"""Intervals that cover, the paired test against scipy's and under the null, both against values by hand."""

import numpy as np
import pytest
from scipy.stats import permutation_test

from drummernet.errors import InputError
from drummernet.evaluation.bootstrap import averages, f1_of
from drummernet.evaluation.scores import Counts, pooled, track_mean
from drummernet.evaluation.statistics import compare_pair, intervals

CLASSES = ("KD", "SD", "HH")
COLUMNS = (*CLASSES, "mean")
AVERAGES = ("track_mean", "pooled")


def drawn_counts(rng: np.random.Generator, n: int) -> np.ndarray:
    """Counts (n, 3, 3) of tracks as they are.

    They have 20 to 150 hits; a few tracks are far below the others; not every class is in every track, and
    one that is not is heard there all the same.
    """
    quality = 0.5 + 0.5 * rng.beta(5, 1, n)
    counts = np.zeros((n, 3, 3))
    for k, (recall, false_alarms, absent) in enumerate(((0.97, 0.1, 0), (0.85, 0.2, 0.08), (0.8, 0.3, 0.25))):
        hits = rng.integers(20, 151, n) * (rng.random(n) >= absent)
        expected = np.clip(recall * quality, 0.02, 0.98)
        tp = rng.binomial(hits, rng.beta(8 * expected, 8 * (1 - expected)))
        fp = rng.poisson(rng.beta(1, 1 / false_alarms - 1, n) * np.where(hits > 0, hits, 30))
        counts[:, k] = np.stack((tp, fp, hits - tp), axis=-1)
    return counts


def result_of(counts: np.ndarray, system: str = "a") -> dict:
    rows = [
        {
            "track": f"t{i}",
            **{
                name: dict(zip(("tp", "fp", "fn"), row.tolist(), strict=True))
                for name, row in zip(CLASSES, track, strict=True)
            },
        }
        for i, track in enumerate(counts)
    ]
    return {"system": system, "per_track": rows}


def ends_of(found: dict) -> np.ndarray:
    return np.array([[found[average][column] for column in COLUMNS] for average in AVERAGES])


def test_averages_equal_those_that_are_reported():
    counts = drawn_counts(np.random.default_rng(0), 12)
    tracks = [
        {name: Counts(*row) for name, row in zip(CLASSES, track.astype(int).tolist(), strict=True)}
        for track in counts
    ]
    taken = [0, 0, 0, 3, 7, 7, 11, 10]  # as a resample takes them
    weights = np.bincount(taken, minlength=12)[None].astype(float)
    (found,) = averages(weights, counts)
    for row, average in zip(found, (track_mean, pooled), strict=True):
        expected = average([tracks[i] for i in taken], CLASSES)
        np.testing.assert_allclose(row, [expected[column]["f1"] for column in COLUMNS], atol=1e-14)


def test_intervals_cover_the_truth_in_92_to_98_of_100_sets_of_23_tracks():
    population = drawn_counts(np.random.default_rng(1), 400_000)
    there = population[..., 0] + population[..., 2] > 0
    f1 = np.stack(((f1_of(population) * there).sum(0) / there.sum(0), f1_of(population.sum(0))))
    truth = np.concatenate((f1, f1.mean(-1, keepdims=True)), -1)
    rng = np.random.default_rng(5)
    hits, below = np.zeros(truth.shape), np.zeros(truth.shape)
    for _ in range(1_000):
        low, high = np.moveaxis(
            ends_of(intervals(result_of(drawn_counts(rng, 23))["per_track"], 1_000)), -1, 0
        )
        hits += (low <= truth) & (truth <= high)
        below += truth < low
    assert (hits >= 920).all(), hits
    assert (hits <= 980).all(), hits
    assert (below <= 60).all(), below  # and both ends err


def test_an_interval_is_near_the_t_interval_where_that_holds():
    """Of many tracks with like hits the mean of F1 is as good as normal."""
    rng = np.random.default_rng(2)
    hits = np.full((200, 3), 100)
    tp = rng.binomial(hits, 0.8)
    counts = np.stack((tp, 100 - tp, 100 - tp), -1)  # F1 = tp / 100
    f1 = tp / 100
    half = 1.972 * f1.std(axis=0, ddof=1) / np.sqrt(200)  # t of 199 degrees of freedom
    ends = ends_of(intervals(result_of(counts)["per_track"]))
    for i in range(2):
        np.testing.assert_allclose(ends[i, :3, 0], f1.mean(0) - half, atol=5e-4)
        np.testing.assert_allclose(ends[i, :3, 1], f1.mean(0) + half, atol=5e-4)


def test_intervals_are_the_same_each_time_and_say_how_they_were_made():
    rows = result_of(drawn_counts(np.random.default_rng(3), 11))["per_track"]
    found = intervals(rows)
    assert found == intervals(rows)
    assert (found["level"], found["resamples"]) == (0.95, 10_000)


def test_a_class_of_one_track_has_no_narrow_interval():
    counts = np.full((6, 3, 3), 5)
    counts[1:, 2] = 0, 1, 0  # hats in the first track alone
    found = intervals(result_of(counts)["per_track"])
    assert found["track_mean"]["HH"] == found["pooled"]["HH"] == [0, 1]
    assert found["track_mean"]["KD"] == pytest.approx([0.5, 0.5])
    assert intervals(result_of(counts[:1])["per_track"])["pooled"]["mean"] == [0, 1]


def systems(rng: np.random.Generator, n: int, lead: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts of two systems on the same references; the first finds more, if it has a lead."""
    hits = rng.integers(20, 100, (n, 3))
    base = rng.uniform(0.5, 0.8, (n, 3))
    found = [rng.binomial(hits, base + more) for more in (lead, 0)]
    false = [rng.poisson(0.1 * hits) for _ in range(2)]
    a, b = (np.stack((tp, fp, hits - tp), -1) for tp, fp in zip(found, false, strict=True))
    return a, b


def test_the_paired_test_equals_scipys_permutation_test():
    a, b = systems(np.random.default_rng(4), 10, 0.03)
    differences = f1_of(a) - f1_of(b)
    compared = compare_pair(result_of(a), result_of(b, "b"))
    columns = {**dict(zip(CLASSES, differences.T, strict=True)), "mean": differences.mean(axis=1)}
    for column, values in columns.items():
        exact = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
        found = compared["track_mean"][column]
        assert found["difference"] == pytest.approx(values.mean())
        assert found["p"] == pytest.approx(exact.pvalue, abs=1e-12)
    assert compared["exact"]
    assert 0.02 < min(found["p"] for found in compared["track_mean"].values()) < 0.9


def test_the_paired_test_of_the_pooled_score_swaps_counts():
    """All 16 swaps of four tracks, written out."""
    a, b = systems(np.random.default_rng(6), 4, 0.1)

    def difference(swaps: tuple[int, ...]) -> float:
        first = sum(b[i] if swap else a[i] for i, swap in enumerate(swaps))
        second = sum(a[i] if swap else b[i] for i, swap in enumerate(swaps))
        return float((f1_of(first) - f1_of(second)).mean())

    every = [difference(swaps) for swaps in np.ndindex(2, 2, 2, 2)]
    share = np.mean([abs(value) >= abs(every[0]) - 1e-12 for value in every])
    found = compare_pair(result_of(a), result_of(b))["pooled"]["mean"]
    assert found["difference"] == pytest.approx(every[0])
    assert found["p"] == pytest.approx(share, abs=1e-12)


def test_random_swaps_come_near_to_all_of_them():
    """Of 14 tracks not all are tried; scipy tries them."""
    a, b = systems(np.random.default_rng(4), 14, 0.03)
    compared = compare_pair(result_of(a), result_of(b, "b"))
    assert not compared["exact"]
    differences = (f1_of(a) - f1_of(b)).mean(axis=1)
    exact = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert compared["track_mean"]["mean"]["p"] == pytest.approx(exact.pvalue, abs=0.015)


def test_like_systems_differ_in_one_of_twenty_tests():
    rng = np.random.default_rng(7)
    p = []
    for _ in range(600):
        a, b = systems(rng, 15, 0.0)
        compared = compare_pair(result_of(a), result_of(b), 300)
        p.append([compared[average]["mean"]["p"] for average in AVERAGES])
    rates = (np.array(p) < 0.05).mean(axis=0)
    assert ((rates > 0.03) & (rates < 0.07)).all(), rates


def test_a_lead_is_found_and_lies_in_its_interval():
    a, b = systems(np.random.default_rng(8), 23, 0.1)
    compared = compare_pair(result_of(a), result_of(b, "b"))
    assert (compared["systems"], compared["tracks"]) == (["a", "b"], 23)
    for average in AVERAGES:
        low, high = compared[average]["mean"]["interval"]
        assert 0 < low < compared[average]["mean"]["difference"] < high < 0.2
        assert compared[average]["mean"]["p"] < 0.01
    back = compare_pair(result_of(b), result_of(a))["pooled"]["mean"]
    assert back["difference"] == -compared["pooled"]["mean"]["difference"]
    assert back["p"] == compared["pooled"]["mean"]["p"]


def test_a_system_does_not_differ_from_itself():
    a, _ = systems(np.random.default_rng(9), 12, 0.0)
    found = compare_pair(result_of(a), result_of(a))["track_mean"]["mean"]
    assert found == {"difference": 0, "interval": [0, 0], "p": 1}


def test_other_tracks_and_other_annotations_are_refused():
    a, b = systems(np.random.default_rng(10), 5, 0.0)
    fewer = result_of(b, "b")
    fewer["per_track"] = fewer["per_track"][:-1]
    with pytest.raises(InputError, match="a and b: tracks: not the same: t4"):
        compare_pair(result_of(a), fewer)
    other = b.copy()
    other[2, 1, 2] += 1
    with pytest.raises(InputError, match="not scored against the same annotations: t2"):
        compare_pair(result_of(a), result_of(other, "b"))
    turned = result_of(b, "b")
    turned["per_track"].reverse()
    assert compare_pair(result_of(a), turned) == compare_pair(result_of(a), result_of(b, "b"))
