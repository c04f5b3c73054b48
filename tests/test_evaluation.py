"""Scores against mir_eval, averages against values worked by hand, the whole protocol on small sets."""

import hashlib
import json
import math
import time
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import torch

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.evaluation.baselines import BASELINES
from drummernet.evaluation.confusion import confusion
from drummernet.evaluation.curves import THRESHOLDS
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import ActivationEstimator, TranscriberEstimator, Unhearable
from drummernet.evaluation.example import choose_excerpt
from drummernet.evaluation.origin import Tuning, everything_scored, is_development
from drummernet.evaluation.protocol import evaluate, score, write_result
from drummernet.evaluation.report import format_table
from drummernet.evaluation.scores import count_matches
from drummernet.evaluation.systems import evaluate_system
from drummernet.evaluation.tracks import Recording, Track, onsets_by_class
from drummernet.hits import merge_close
from drummernet.resources import resource_folder
from drummernet.score import Beat
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcription.files import Heard
from drummernet.transcription.picking import DEFAULT_PICKER, Picker

CLASSES = ("KD", "SD", "HH")


@pytest.mark.parametrize("tolerance_seconds", [0.02, 0.05])
@pytest.mark.parametrize("sizes", [(41, 67), (97, 13), (1, 1), (0, 5), (5, 0), (0, 0)])
@pytest.mark.filterwarnings("ignore:.*onsets are empty")
def test_rates_equal_mir_eval(sizes, tolerance_seconds):
    rng = np.random.default_rng(7)
    for _ in range(20):
        # Dense enough for several candidates within the tolerance, where greedy matching would differ.
        reference, estimate = (np.sort(rng.uniform(0, 4, size)) for size in sizes)
        counts = count_matches(reference, estimate, tolerance_seconds)
        expected = mir_eval.onset.f_measure(reference, estimate, window=tolerance_seconds)
        rates = counts.rates()
        np.testing.assert_allclose(
            (rates["f1"], rates["precision"], rates["recall"]), expected, rtol=0, atol=1e-12
        )
        assert (counts.tp + counts.fn, counts.tp + counts.fp) == sizes


def track(name: str, **times: list[float]) -> Track:
    return Track(name, None, onsets_by_class((t, label) for label, ts in times.items() for t in ts), 0)


def estimate(**times: list[float]) -> dict[str, np.ndarray]:
    return {label: np.array(ts, dtype=float) for label, ts in times.items()}


def worked_example() -> dict:
    tracks = [
        track("a", KD=[1, 2, 3, 4], SD=[1.5], HH=[1, 2]),
        track("b", KD=[1, 2], SD=[3, 4]),  # no hats
        track("c", KD=[5], SD=[1, 2, 3, 4], HH=[1, 2, 3, 4], TT=[6]),
    ]
    estimates = {
        # tp fp fn:   KD 3 1 1                SD 1 0 0        HH 1 0 1
        "a": estimate(KD=[1.01, 2, 3.04, 3.5], SD=[1.46], HH=[2.03]),
        # KD 2 0 0, SD 0 1 2, HH 0 3 0
        "b": estimate(KD=[1, 2], SD=[3.06], HH=[1, 2, 3]),
        # KD 0 0 1, SD 4 4 0, HH 4 0 0, TT 1 0 0, CY 0 1 0
        "c": estimate(SD=[1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5], HH=[1, 2, 3, 4], TT=[6], CY=[5]),
    }
    return score(tracks, estimates)


def test_averages_worked_by_hand():
    result = worked_example()
    # F1 per track: KD 3/4, 1, 0; SD 1, 0, 2/3; HH 2/3, no reference, 1
    kd, sd, hh = 7 / 12, 5 / 9, 5 / 6
    f1 = {name: rates["f1"] for name, rates in result["track_mean"].items()}
    assert f1 == pytest.approx({"KD": kd, "SD": sd, "HH": hh, "mean": (kd + sd + hh) / 3})
    assert result["left_out"] == {"KD": 0, "SD": 0, "HH": 1, "TT": 2, "CY": 3}
    paper = {name: rates["f1"] for name, rates in result["paper_convention"].items()}
    assert paper == pytest.approx({"KD": kd, "SD": sd, "HH": 5 / 9, "mean": (kd + sd + 5 / 9) / 3})
    precision = {name: rates["precision"] for name, rates in result["track_mean"].items()}
    assert precision == pytest.approx({"KD": 7 / 12, "SD": 1 / 2, "HH": 1, "mean": 25 / 36})
    # Pooled counts: KD 5 1 2, SD 5 5 2, HH 5 3 1, TT 1 0 0, CY 0 1 0
    assert result["pooled"]["KD"] == pytest.approx({"f1": 10 / 13, "precision": 5 / 6, "recall": 5 / 7})
    assert result["pooled"]["SD"] == pytest.approx({"f1": 10 / 17, "precision": 1 / 2, "recall": 5 / 7})
    assert result["pooled"]["HH"] == pytest.approx({"f1": 5 / 7, "precision": 5 / 8, "recall": 5 / 6})
    assert result["pooled"]["mean"]["f1"] == pytest.approx((10 / 13 + 10 / 17 + 5 / 7) / 3)
    five = result["five_classes"]["pooled"]
    assert (five["TT"]["f1"], five["CY"]["f1"]) == (1, 0)
    assert five["mean"]["f1"] == pytest.approx((10 / 13 + 10 / 17 + 5 / 7 + 1 + 0) / 5)
    assert result["five_classes"]["track_mean"]["mean"]["f1"] == pytest.approx((kd + sd + hh + 1 + 0) / 5)


def test_per_track_and_the_finer_tolerance():
    result = worked_example()
    first, second, _ = result["per_track"]
    assert first["track"] == "a"
    assert first["KD"] == {"f1": 3 / 4, "precision": 3 / 4, "recall": 3 / 4, "tp": 3, "fp": 1, "fn": 1}
    assert second["HH"] == {"f1": 0, "precision": 0, "recall": 0, "tp": 0, "fp": 3, "fn": 0}
    # At 20 ms track a also loses the kick at 3.04, its snare and its hat; the rest stays.
    f1 = {name: rates["f1"] for name, rates in result["at_20_ms"]["track_mean"].items() if name != "mean"}
    assert f1 == pytest.approx({"KD": (1 / 2 + 1 + 0) / 3, "SD": (0 + 0 + 2 / 3) / 3, "HH": (0 + 1) / 2})
    # Kicks 4 2 3, snares 4 6 3, hats 4 4 2
    pooled = {name: rates["f1"] for name, rates in result["at_20_ms"]["pooled"].items() if name != "mean"}
    assert pooled == pytest.approx({"KD": 8 / 13, "SD": 8 / 17, "HH": 8 / 14})


def test_hits_within_10_ms_are_one_in_reference_and_estimate():
    tracks = [track("a", KD=[1, 1.01, 2], HH=[1, 1.02])]
    counts = score(tracks, {"a": estimate(KD=[2.009, 1, 2], HH=[1.0, 1.02, 1.025])})["per_track"][0]
    assert [counts["KD"][n] for n in ("tp", "fp", "fn")] == [2, 0, 0]
    assert [counts["HH"][n] for n in ("tp", "fp", "fn")] == [2, 0, 0]


def folder_dataset(root: Path, annotations: dict[str, str], silent: tuple[str, ...] = ()) -> None:
    for name, lines in annotations.items():
        path = root / "annotations" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8")
        if name not in silent:
            write_audio(root / "audio" / f"{name}.wav", np.zeros(SAMPLE_RATE))


LINES = "0.1\tKD\n0.2\tCHH\n0.3\tSST\n0.4\tSDG\n0.6\tOHH\n0.7\tCRC\n0.8\tHIT\n"


def test_perfect_predictions_score_1_in_the_documented_json(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES, "z": LINES}, silent=("z",))
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    for name in ("x", "y"):
        (predictions / f"{name}.tsv").write_text(LINES)
    checkpoint = tmp_path / "weights"
    checkpoint.write_bytes(b"weights")
    dataset = read_dataset("folder", tmp_path)
    made_from = {"items": 640, "selected_on": ["folder"]}
    result = evaluate(dataset, "copy", predictions, checkpoint=checkpoint, provenance=made_from)
    assert result.keys() == {
        *("dataset", "root", "task", "split", "system", "checkpoint_sha256", "items_seen", "provenance"),
        *(
            "development",
            "threshold",
            "tuned_on",
            "tuning",
            "tracks",
            "unusable",
            "missing_audio",
            "unreadable_audio",
            "unscored",
        ),
        *("problems", "audio_seconds", "side_sticks", "tolerance_seconds", "per_track", "track_mean"),
        *("pooled", "intervals", "left_out", "paper_convention", "at_20_ms", "five_classes"),
        *("threshold_curve", "confusion", "example", "cpu_seconds_per_audio_second", "velocities"),
    }
    assert (result["dataset"], result["task"], result["split"]) == ("folder", "DTP", None)
    assert (result["items_seen"], result["development"]) == (640, ["folder"])
    assert result["provenance"] == made_from
    assert result["audio_seconds"] == 2
    assert result["threshold_curve"] is result["threshold"] is result["tuned_on"] is None
    assert result["example"]["activations"] is result["example"]["rate_hz"] is None
    assert result["example"]["picks"] == result["example"]["reference"]
    assert result["intervals"]["pooled"] == {key: [1, 1] for key in (*CLASSES, "mean")}
    assert (result["tracks"], result["missing_audio"], result["side_sticks"]) == (2, ["z"], 2)
    assert result["checkpoint_sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert result["cpu_seconds_per_audio_second"] is None
    three = (result, result["at_20_ms"])
    averages = [scores[key] for scores in three for key in ("track_mean", "pooled")]
    assert all(set(average) == {*CLASSES, "mean"} for average in averages)
    averages += [result["five_classes"]["track_mean"], result["five_classes"]["pooled"]]
    assert all(rates == {"f1": 1, "precision": 1, "recall": 1} for a in averages for rates in a.values())
    write_result(tmp_path / "out" / "result.json", result)
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.json"]


def test_the_table_says_what_was_left_out(tmp_path, caplog):
    folder_dataset(tmp_path, {"x": LINES, "y": "0.1 KD\n0.4 SD\n", "z": "0.1 KD\n"}, silent=("z",))
    (tmp_path / "annotations" / "w.txt").write_text("0.1 XX\n")
    heard = Clicks(Picker(threshold=0.25))
    heard.activations = lambda recording: {}
    result = evaluate(read_dataset("folder", tmp_path), "nothing", heard, tuning=Tuning("mdb:m", 0.25, 0.5))
    table = format_table(result)
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert rows["HH"].split() == ["HH", *["0.000"] * 9, "1", "tracks"]
    assert "missing audio: z" in table
    assert "side sticks (scored in no class): 1" in table
    assert "threshold 0.25, tuned on mdb:m (F1 0.500 there)" in table
    assert "development: chosen on mdb" in table
    assert "nothing on folder, DTP: 2 tracks, tolerance 50 ms" in rows["nothing"]
    assert "mean F1, 95% interval over tracks: track mean 0.000 to 0.000, pooled 0.000 to 0.000" in table
    assert "warning: fewer than 10 tracks" in table
    assert "only 2 tracks" in caplog.text
    assert "problems of the set: 1\n  " in table
    assert "XX" in table
    on_itself = {**result, "dataset": "mdb", "problems": list("abcdefg"), "tracks": 10}
    on_itself["missing_audio"] = [f"m{number}" for number in range(23)]
    table = format_table(on_itself)
    assert "nothing on mdb, DTP (development): 10 tracks" in table
    assert "m18, m19 and 3 more" in table
    assert "  e\n  and 2 more" in table
    assert "warning" not in table


def test_unreadable_audio_is_named_and_the_rest_is_scored(tmp_path, caplog):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})
    (tmp_path / "audio" / "y.wav").write_text("this is no audio")
    heard = []

    def system(recording: Recording) -> dict[str, np.ndarray]:
        heard.append(len(recording.audio))
        return estimate(KD=[0.1])

    result = evaluate(read_dataset("folder", tmp_path), "kick", system)
    assert heard == [SAMPLE_RATE] * 2  # a second of noise first
    assert result["unreadable_audio"] == ["y"]
    assert (result["tracks"], result["missing_audio"]) == (1, ["y"])
    assert "y.wav" in caplog.text
    assert result["pooled"]["KD"]["f1"] == 1
    assert math.isfinite(result["cpu_seconds_per_audio_second"])


def test_what_the_system_raises_is_not_blamed_on_the_audio(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})

    def broken(recording: Recording) -> dict[str, np.ndarray]:
        raise InputError("weights", "activations", "not finite")

    with pytest.raises(InputError, match="weights"):
        evaluate(read_dataset("folder", tmp_path), "broken", broken)


class Envelope(Transcriber):
    """Hears kicks below and hats above zero: 10 ms steps of the rectified signal."""

    components = ("KD", "CHH", "OHH", "CRC")
    hop_samples = 128

    def forward(self, audio: torch.Tensor) -> Activations:
        steps = audio.unflatten(-1, (-1, self.hop_samples))
        below, above = steps.neg().amax(-1).relu(), steps.amax(-1).relu()
        # Each half of a hat alone would miss every second stroke.
        odd = torch.arange(above.shape[-1]) // 100 % 2
        return Activations(
            torch.stack((below, above * odd, above * (1 - odd), 0 * above), -2), self.hop_samples
        )


def test_a_transcriber_is_scored_by_its_class_sums(tmp_path):
    hats = np.arange(1, 20) * 0.5
    audio = np.zeros(10 * SAMPLE_RATE)
    audio[np.round(hats * SAMPLE_RATE).astype(int)] = 0.5
    audio[np.round((hats + 0.2) * SAMPLE_RATE).astype(int)] = -0.4
    write_audio(tmp_path / "audio" / "x.wav", audio)
    lines = [f"{t:.3f} HH\n{t + 0.2:.3f} KD\n" for t in hats]
    folder_dataset(tmp_path, {"x": "".join(lines)}, silent=("x",))
    dataset = read_dataset("folder", tmp_path)
    result = evaluate(dataset, "envelope", TranscriberEstimator(Envelope(), DEFAULT_PICKER))
    (counts,) = result["per_track"]
    for name in ("KD", "HH"):
        assert [counts[name][n] for n in ("tp", "fp", "fn")] == [len(hats), 0, 0]
    assert [counts["CY"][n] for n in ("tp", "fp", "fn")] == [0, 0, 0]


def test_nothing_to_score_is_an_error(tmp_path):
    folder_dataset(tmp_path, {"x": LINES}, silent=("x",))
    with pytest.raises(InputError, match="none of 1 tracks"):
        evaluate(read_dataset("folder", tmp_path), "kick", lambda recording: {})


def test_onset_baseline_claims_every_class_at_every_click(tmp_path):
    clicks = np.array([0.5, 1.1, 1.75, 2.6])
    audio = np.zeros(3 * SAMPLE_RATE)
    rng = np.random.default_rng(3)
    for onset in clicks:
        start = round(onset * SAMPLE_RATE)
        audio[start : start + 800] = rng.uniform(-1, 1, 800) * np.exp(-np.arange(800) / 150)
    onset_baseline = BASELINES["onsets"].make(None)
    claimed = onset_baseline(Recording(audio.astype(np.float32)))
    assert tuple(claimed) == CLASSES
    for onsets_seconds in claimed.values():
        np.testing.assert_allclose(onsets_seconds, clicks, atol=0.03)
    silence = Recording(np.zeros(SAMPLE_RATE, np.float32))
    assert all(len(onsets) == 0 for onsets in onset_baseline(silence).values())
    with pytest.raises(InputError, match="kits: 'onsets' takes none, got test"):
        BASELINES["onsets"].make(["test"])


class Clicks(ActivationEstimator):
    """Hears a kick where the sound is above zero and a snare where it is below, by their size."""

    rate_hz = 1_000.0

    def __init__(self, picker: Picker = DEFAULT_PICKER) -> None:
        self.picker = picker
        self.heard: list[int] = []

    def activations(self, recording: Recording) -> dict[str, np.ndarray]:
        self.heard.append(len(recording.audio))
        steps = recording.audio[: len(recording.audio) // 16 * 16].reshape(-1, 16)
        return {"KD": steps.max(axis=1), "SD": -steps.min(axis=1)}


def clicked_dataset(root: Path, sizes: dict[str, list[tuple[float, float]]], lines: dict[str, str]) -> None:
    """Write tracks of 12 s with clicks (onset in seconds, size) and their annotations."""
    folder_dataset(root, lines, silent=tuple(lines))
    for name, clicks in sizes.items():
        audio = np.zeros(12 * SAMPLE_RATE)
        for onset_seconds, size in clicks:
            audio[round(onset_seconds * SAMPLE_RATE)] = size
        write_audio(root / "audio" / f"{name}.wav", audio)


def test_the_curve_over_thresholds_is_that_of_each_threshold(tmp_path):
    sizes = {"x": [(1, 0.9), (2, 0.5), (3, 0.31), (4, -0.3)], "y": [(5, 0.72), (6, 0.4)]}
    clicked_dataset(tmp_path, sizes, {"x": "1 KD\n2 KD\n4 SD\n", "y": "5 KD\n"})
    dataset, system = read_dataset("folder", tmp_path), Clicks()
    result = evaluate(dataset, "clicks", system)
    assert system.heard == [SAMPLE_RATE, 12 * SAMPLE_RATE, 12 * SAMPLE_RATE]  # first noise
    curve = {point["threshold"]: point["pooled"] for point in result["threshold_curve"]}
    assert tuple(curve) == THRESHOLDS
    assert curve[0.2] == result["pooled"]
    # A click of one step among 201 is above their mean by 200/201 of its size. Kicks: 3 of 3 found and 2
    # invented; 3 and 1; 2 and 0; 2 and 0; 1 and 0; none.
    f1 = {t: round(curve[t]["KD"]["f1"], 12) for t in (0.02, 0.35, 0.45, 0.6, 0.8, 0.95)}
    assert f1 == pytest.approx({0.02: 6 / 8, 0.35: 6 / 7, 0.45: 1, 0.6: 4 / 5, 0.8: 1 / 2, 0.95: 0})
    for threshold in (0.05, 0.5):
        other = evaluate(dataset, "clicks", Clicks(Picker(threshold=threshold)))
        assert other["pooled"] == curve[threshold]
        assert other["threshold"] == threshold


def test_the_curve_holds_the_threshold_that_was_used(tmp_path):
    clicked_dataset(tmp_path, {"x": [(1, 0.9), (2, 0.38)]}, {"x": "1 KD\n"})
    result = evaluate(read_dataset("folder", tmp_path), "clicks", Clicks(Picker(threshold=0.37)))
    curve = {point["threshold"]: point["pooled"] for point in result["threshold_curve"]}
    assert list(curve) == sorted([*THRESHOLDS, 0.37])
    assert curve[0.37] == result["pooled"] != curve[0.4]


def test_what_is_heard_where_something_else_is_played():
    tracks = [track("a", KD=[1, 2, 3], SD=[2, 4], HH=[1, 2], TT=[5], OT=[6]), track("b", KD=[1])]
    estimates = {
        "a": estimate(
            KD=[1, 2, 4.03],  # two found, one at a snare
            SD=[1.01, 2.02, 5, 5.04, 7],  # one found; at kick and hat; two at one tom; one at nothing
            HH=[1, 1.04, 6.01],  # one found; a second one there: at the kick; at something else
            CY=[9],
        ),
        "b": {},
    }
    result = confusion(tracks, estimates)
    assert result["hits"] == {"KD": 4, "SD": 2, "HH": 2, "TT": 1, "CY": 0, "OT": 1}
    heard = {(played, name): n for played, row in result["heard"].items() for name, n in row.items() if n > 0}
    # The second snare at that tom has no other row.
    assert result["again"] == {"KD": 0, "SD": 1, "HH": 0, "TT": 0, "CY": 0}
    assert heard == {
        **{("KD", "KD"): 2, ("KD", "SD"): 1, ("KD", "HH"): 1},
        **{("SD", "KD"): 1, ("SD", "SD"): 1},
        **{("HH", "SD"): 1, ("HH", "HH"): 1},
        **{("TT", "SD"): 1, ("OT", "HH"): 1},
        **{("nothing", "SD"): 1, ("nothing", "CY"): 1},
    }


def test_every_heard_hit_is_somewhere():
    rng = np.random.default_rng(5)
    tracks, estimates = [], {}
    for number in range(20):
        tracks.append(track(f"{number}", **{c: rng.uniform(0, 9, 20).tolist() for c in ("KD", "SD", "OT")}))
        estimates[f"{number}"] = estimate(KD=np.sort(rng.uniform(0, 9, 60)))
    result = confusion(tracks, estimates)
    pooled = sum(row["KD"]["fp"] for row in score(tracks, estimates)["per_track"])
    rows = {played: row["KD"] for played, row in result["heard"].items()}
    assert result["again"]["KD"] > 20
    false = rows["SD"] + rows["OT"] + rows["nothing"] + result["again"]["KD"]
    # A false hit near two drums counts twice.
    assert pooled <= false <= pooled + min(rows["SD"], rows["OT"])
    only_kicks = [track(each.name, KD=each.onsets["KD"].tolist()) for each in tracks]
    result = confusion(only_kicks, estimates)
    heard = sum(row["KD"] for row in result["heard"].values()) + result["again"]["KD"]
    assert heard == sum(len(merge_close(each["KD"])) for each in estimates.values())


def test_what_a_system_does_once_is_no_cost_of_hearing(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})
    imported = []

    def slow_at_first(recording: Recording) -> dict[str, np.ndarray]:
        start = time.process_time()
        while not imported and time.process_time() - start < 0.5:
            pass
        imported.append(len(recording.audio))
        return {}

    result = evaluate(read_dataset("folder", tmp_path), "slow", slow_at_first)
    assert imported == [SAMPLE_RATE] * 3
    assert result["audio_seconds"] == 2
    assert result["cpu_seconds_per_audio_second"] < 0.1


def test_hits_after_the_end_of_cut_audio_are_a_problem(tmp_path):
    folder_dataset(tmp_path, {"x": "0.5 KD\n1.5 KD\n1.9 SD\n", "y": "0.5 KD\n"})
    cut = f"{tmp_path}/audio/x.wav: length: 2 hits lie after its 1.00 s"
    for system in (lambda recording: {}, tmp_path / "annotations"):
        result = evaluate(read_dataset("folder", tmp_path), "kick", system)
        assert (result["problems"], result["unusable"]) == ([cut], [])
        assert everything_scored(result)


def test_what_cost_a_track_is_told_from_what_is_odd(tmp_path):
    folder_dataset(tmp_path, {"x": "0.5 KD\n0.2 KD\n", "y": LINES}, silent=("y",))
    predictions = tmp_path / "annotations"
    odd = evaluate(read_dataset("folder", tmp_path), "copy", predictions)
    # What has no audio is scored from predictions.
    assert (odd["missing_audio"], odd["tracks"], len(odd["problems"])) == (["y"], 2, 1)
    assert everything_scored(odd)
    assert not everything_scored(evaluate(read_dataset("folder", tmp_path), "kick", lambda recording: {}))
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "x.tsv").write_text("0.5 KD\n")
    part = evaluate(read_dataset("folder", tmp_path), "part", tmp_path / "part")
    assert part["unscored"] == ["y: neither audio nor predictions"]
    assert not everything_scored(part)
    (predictions / "z.txt").write_text("0.5 XX\n")
    bad = evaluate(read_dataset("folder", tmp_path), "copy", predictions)
    assert bad["unusable"] == [f"{predictions}/z.txt: line 1: unknown label 'XX'"]
    assert set(bad["unusable"]) < set(bad["problems"])
    assert not everything_scored(bad)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"dataset": "mdb", "development": ["smt", "mdb"]}, True),
        ({"dataset": "mdb", "development": ["smt"], "tuned_on": "mdb:elsewhere"}, True),
        ({"dataset": "mdb", "development": None}, False),
        ({"dataset": "folder", "root": "a", "development": ["folder"]}, False),
        ({"dataset": "folder", "root": "a", "tuned_on": "folder:b"}, False),
        ({"dataset": "folder", "root": "a", "tuned_on": "folder:a"}, True),
    ],
)
def test_development_is_by_the_set_and_of_folders_by_the_root(content, expected):
    assert is_development(content) is expected


def test_the_example_is_the_same_whatever_the_system(tmp_path):
    lines = {"a": "1 KD\n", "b": "1 HH\n3.9 KD\n5.13 SD\n6.5 KD\n11.2 KD\n", "c": "1 KD\n2 SD\n3 HH\n"}
    sizes = {name: [(1, 0.5), (5.13, -0.8), (6.5, 0.4), (11.2, 0.9)] for name in lines}
    sizes["c"] = [(5.2, 0.7)]
    clicked_dataset(tmp_path, sizes, {**lines, "A": lines["c"]})  # the last has no audio
    dataset = read_dataset("folder", tmp_path)
    found = evaluate(dataset, "clicks", Clicks())["example"]
    # A third of 12 s is 4 s; the next hit is the snare, from 50 ms before which it is rounded down.
    assert (found["track"], found["start_seconds"], found["duration_seconds"]) == ("b", 5, 6)
    assert found["reference"] == {"KD": [6.5], "SD": [5.13], "HH": [], "TT": [], "CY": []}
    assert found["picks"] == found["reference"]
    assert found["rate_hz"] == 100
    assert {name: len(values) for name, values in found["activations"].items()} == {"KD": 600, "SD": 600}
    kicks, snares = (np.array(found["activations"][name]) for name in ("KD", "SD"))
    assert (kicks[150], snares[13]) == (pytest.approx(0.4, abs=6e-4), pytest.approx(0.8, abs=6e-4))
    assert kicks.sum() == pytest.approx(0.4, abs=6e-4)
    other = evaluate(dataset, "kick", lambda recording: estimate(KD=[5.0, 10.99, 11.0]))["example"]
    assert (other["start_seconds"], other["picks"]["KD"]) == (5, [5.0, 10.99])
    assert other["activations"] is other["rate_hz"] is None


def test_the_example_takes_what_there_is(tmp_path):
    assert choose_excerpt([track("a", KD=[1])]) is None  # no audio
    clicked_dataset(tmp_path, {"x": [], "y": []}, {"x": "", "y": "0.02 CY\n"})
    excerpt = choose_excerpt(read_dataset("folder", tmp_path).tracks)
    assert excerpt is not None
    assert (excerpt.track.name, excerpt.start_seconds) == ("y", 0)  # no hit after a third: the first one


def test_a_recording_that_a_system_cannot_hear_is_listed_with_the_reason(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})
    (tmp_path / "beats").mkdir()
    (tmp_path / "beats" / "y.txt").write_text("0.1 1\n0.3 2\n")

    def needs_beats(recording: Recording) -> dict[str, np.ndarray]:
        if recording.beats is None:
            raise Unhearable("recording", "beats", "none are annotated")
        return estimate(KD=[0.1])

    result = evaluate(read_dataset("folder", tmp_path), "beats", needs_beats)
    assert result["unscored"] == ["x: recording: beats: none are annotated"]
    assert [row["track"] for row in result["per_track"]] == ["y"]
    assert (result["missing_audio"], result["unreadable_audio"]) == ([], [])
    assert result["audio_seconds"] == 1
    assert result["example"] is None  # its track is the first, x
    assert "not scored: 1\n  x: recording" in format_table(result)


def test_a_transcriber_that_hears_beats_is_given_them(monkeypatch):
    given = []

    def activations_of(transcriber: Transcriber, audio: np.ndarray, beats: tuple) -> Heard:
        given.append(beats)
        return Heard(np.zeros((len(transcriber.components), 9), np.float32))

    monkeypatch.setattr("drummernet.evaluation.estimators.activations_of_audio", activations_of)
    system = TranscriberEstimator(Envelope(), DEFAULT_PICKER)
    system(Recording(np.zeros(9, np.float32)))
    system.transcriber.hears_beats = True
    with pytest.raises(Unhearable, match="none are annotated"):
        system(Recording(np.zeros(9, np.float32)))
    beats = (Beat(0.5, 1),)
    system(Recording(np.zeros(9, np.float32), beats))
    assert given == [(), beats]


def test_classes_are_picked_from_normalised_sums(monkeypatch):
    values = np.zeros((4, 600), np.float32)
    values[1, 100] = 0.3  # the largest of the sum: 0.3 + 0.3
    values[2, 100] = 0.3
    values[1, 300] = 0.1  # 1/6 of it: below the threshold, though 1/3 of its own component
    values[2, 450] = 0.15
    values[0, 50] = 0.009  # guarded: 0.18
    monkeypatch.setattr(
        "drummernet.evaluation.estimators.activations_of_audio", lambda *_, **__: Heard(values)
    )
    onsets = TranscriberEstimator(Envelope(), Picker())(Recording(np.zeros(9, np.float32)))
    np.testing.assert_allclose(onsets["HH"], [0.8, 3.6])
    assert onsets["KD"].size == onsets["SD"].size == 0


def test_a_result_is_called_as_asked_and_says_what_a_baseline_is(tmp_path):
    folder_dataset(tmp_path, {"x": LINES})
    result = evaluate_system("folder", tmp_path, baseline="onsets", name="librosa", task="DTD")
    assert (result["system"], result["task"]) == ("librosa", "DTD")
    assert "McFee" in result["provenance"]["paper"]
    assert (result["development"], result["items_seen"]) == ([], None)
    with pytest.raises(InputError, match="kits: test: only baselines"):
        evaluate_system("folder", tmp_path, predictions=tmp_path, kits=["test"])
    with pytest.raises(InputError, match="kits: 'test,': one of the names is empty"):
        evaluate_system("folder", tmp_path, baseline="nmfd", kits=["test", ""])


def test_packaged_weights_are_hashed(tmp_path):
    folder_dataset(tmp_path, {"x": LINES})
    result = evaluate_system("FOLDER", tmp_path, baseline="GRUTS", task="dtd")
    weights = resource_folder("weights") / "gruts.safetensors"
    assert result["checkpoint_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (result["dataset"], result["task"]) == ("folder", "DTD")
