"""Scores against mir_eval, averages against values worked by hand, the whole protocol on small sets."""

import hashlib
import json
import math
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import torch

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.evaluation.baselines import BASELINES
from drummernet.evaluation.protocol import evaluate, score, write_result
from drummernet.evaluation.report import format_table
from drummernet.evaluation.scores import count_matches
from drummernet.evaluation.tracks import Track, onsets_by_class
from drummernet.evaluation.transcribers import TranscriberEstimator
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcription.picking import DEFAULT_PICKER

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
    result = evaluate(
        "folder", tmp_path, "copy", predictions, checkpoint=checkpoint, tuned_on="mdb:m", threshold=0.2
    )
    assert result.keys() == {
        *(
            "dataset",
            "root",
            "system",
            "checkpoint_sha256",
            "threshold",
            "tuned_on",
            "tracks",
            "missing_audio",
        ),
        *("tolerance_seconds", "per_track", "track_mean", "pooled", "left_out", "paper_convention"),
        *("at_20_ms", "five_classes", "cpu_seconds_per_audio_second", "side_sticks", "unreadable_audio"),
    }
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


def test_the_table_says_what_was_left_out(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": "0.1 KD\n0.4 SD\n", "z": "0.1 KD\n"}, silent=("z",))
    result = evaluate("folder", tmp_path, "nothing", lambda path: {}, threshold=0.25)
    table = format_table(result)
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert rows["HH"].split() == ["HH", *["0.000"] * 9, "1", "tracks"]
    assert "missing audio: z" in table
    assert "side sticks (scored in no class): 1" in table
    assert "threshold 0.25, tuned on nothing" in table
    assert "2 tracks, tolerance 50 ms" in rows["nothing"]


def test_unreadable_audio_is_named_and_the_rest_is_scored(tmp_path, caplog):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})
    (tmp_path / "audio" / "y.wav").write_text("this is no audio")
    heard = []

    def system(path: Path) -> dict[str, np.ndarray]:
        heard.append(path.name)
        return estimate(KD=[0.1])

    result = evaluate("folder", tmp_path, "kick", system)
    assert heard == ["x.wav"]
    assert (result["tracks"], result["missing_audio"]) == (1, ["y"])
    assert "y.wav" in caplog.text
    assert result["pooled"]["KD"]["f1"] == 1
    assert math.isfinite(result["cpu_seconds_per_audio_second"])


def test_what_the_system_raises_is_not_blamed_on_the_audio(tmp_path):
    folder_dataset(tmp_path, {"x": LINES, "y": LINES})

    def broken(path: Path) -> dict[str, np.ndarray]:
        raise InputError("weights", "activations", "not finite")

    with pytest.raises(InputError, match="weights"):
        evaluate("folder", tmp_path, "broken", broken)


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
    result = evaluate("folder", tmp_path, "envelope", TranscriberEstimator(Envelope(), DEFAULT_PICKER))
    (counts,) = result["per_track"]
    for name in ("KD", "HH"):
        assert [counts[name][n] for n in ("tp", "fp", "fn")] == [len(hats), 0, 0]
    assert [counts["CY"][n] for n in ("tp", "fp", "fn")] == [0, 0, 0]


def test_nothing_to_score_is_an_error(tmp_path):
    folder_dataset(tmp_path, {"x": LINES}, silent=("x",))
    with pytest.raises(InputError, match="none of 1 tracks"):
        evaluate("folder", tmp_path, "kick", lambda path: {})


def test_onset_baseline_claims_every_class_at_every_click(tmp_path):
    clicks = np.array([0.5, 1.1, 1.75, 2.6])
    audio = np.zeros(3 * SAMPLE_RATE)
    rng = np.random.default_rng(3)
    for onset in clicks:
        start = round(onset * SAMPLE_RATE)
        audio[start : start + 800] = rng.uniform(-1, 1, 800) * np.exp(-np.arange(800) / 150)
    write_audio(tmp_path / "clicks.wav", audio)
    claimed = BASELINES["onsets"](tmp_path / "clicks.wav")
    assert tuple(claimed) == CLASSES
    for onsets_seconds in claimed.values():
        np.testing.assert_allclose(onsets_seconds, clicks, atol=0.03)
    write_audio(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE))
    assert all(len(onsets) == 0 for onsets in BASELINES["onsets"](tmp_path / "silence.wav").values())
