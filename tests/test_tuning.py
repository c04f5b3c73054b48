"""Thresholds: fixed, the system's own, or chosen on a set that is not the one that is scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.evaluation import systems
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import ActivationEstimator, Baseline, Unhearable
from drummernet.evaluation.protocol import evaluate
from drummernet.evaluation.report import format_table
from drummernet.evaluation.systems import evaluate_system
from drummernet.evaluation.tracks import Recording
from drummernet.evaluation.tuning import GRID, middle_of_best, tune_threshold, tuning_set
from drummernet.transcription.picking import Picker

LINES = "1 KD\n2 KD\n4 SD\n5 SD\n"
CLICKS = ((1, 0.9), (2, 0.6), (3, 0.3), (4, -0.7), (5, -0.5), (6, -0.26))


class Clicks(ActivationEstimator):
    """Hears a kick where the sound is above zero and a snare where it is below, by their size."""

    rate_hz = 1_000.0

    def __init__(self) -> None:
        self.picker = Picker(threshold=0.97)
        self.heard = 0

    def activations(self, recording: Recording) -> dict[str, np.ndarray]:
        self.heard += 1
        steps = recording.audio.reshape(-1, 16)
        return {"KD": steps.max(axis=1), "SD": -steps.min(axis=1)}


def write_set(root: Path, names: str = "x", lines: str = LINES) -> Path:
    for name in names:
        audio = np.zeros(7 * SAMPLE_RATE)
        for onset_seconds, size in CLICKS:
            audio[onset_seconds * SAMPLE_RATE] = size
        # No two recordings are alike, though nobody hears it.
        audio[-100:] = np.random.default_rng(list(f"{root.name}{name}".encode())).uniform(-1e-3, 1e-3, 100)
        write_audio(root / "audio" / f"{name}.wav", audio)
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{name}.txt").write_text(lines)
    return root


@pytest.fixture
def clicks(monkeypatch) -> list[list[str] | None]:
    """Make ``Clicks`` a baseline; return the kits that it is asked to be made with."""
    asked = []

    def make(kits: list[str] | None) -> Clicks:
        asked.append(kits)
        return Clicks()

    monkeypatch.setitem(systems.find_baseline.__globals__["BASELINES"], "clicks", Baseline(make, "-", "-"))
    return asked


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0, 1, 1, 1, 0], 0.3), ([1, 1, 0, 0, 0], 0.1), ([0, 0, 0, 0, 1], 0.5), ([0.7] * 5, 0.3)],
)
def test_of_like_thresholds_the_middle_one_is_taken(scores, expected):
    assert middle_of_best([0.1, 0.2, 0.3, 0.4, 0.5], scores) == expected


def test_rounding_makes_no_best():
    assert middle_of_best([0.1, 0.2, 0.3], [0.5, 0.5 + 1e-15, 0.5]) == 0.2


def test_the_threshold_is_the_middle_of_those_that_hear_all_and_invent_nothing(tmp_path):
    system = Clicks()
    on, threshold, f1 = tune_threshold(system, read_dataset("folder", write_set(tmp_path, "xyz")))
    assert (on, f1) == (f"folder:{tmp_path}", pytest.approx(2 / 3))  # no hats there to be found
    # All of 0.30 (and a little less than that by the mean of its window) to 0.49.
    assert threshold == pytest.approx(0.38)
    assert system.heard == 3  # each recording once
    elsewhere = [evaluate_with(tmp_path, value) for value in GRID[::4]]
    assert evaluate_with(tmp_path, threshold) == max(elsewhere) > min(elsewhere)


def evaluate_with(root: Path, threshold: float) -> float:
    system = Clicks()
    system.picker = Picker(threshold=threshold)
    return evaluate(read_dataset("folder", root), "clicks", system)["pooled"]["mean"]["f1"]


def test_what_cannot_be_heard_is_not_tuned_on(tmp_path, caplog):
    write_set(tmp_path, "xyz")
    (tmp_path / "audio" / "x.wav").write_text("no audio")
    (tmp_path / "audio" / "y.wav").unlink()
    system = Clicks()
    assert tune_threshold(system, read_dataset("folder", tmp_path)).threshold == pytest.approx(0.38)
    assert system.heard == 1
    assert "x: not tuned on" in caplog.text

    def deaf(recording: Recording) -> dict[str, np.ndarray]:
        raise Unhearable("recording", "beats", "none")

    system.activations = deaf
    with pytest.raises(InputError, match="none of 3 tracks can be tuned on"):
        tune_threshold(system, read_dataset("folder", tmp_path))


def test_a_choice_that_tells_nothing_or_lies_at_an_end_is_named(tmp_path, caplog):
    root = write_set(tmp_path / "hats", lines="1 HH\n")
    assert tune_threshold(Clicks(), read_dataset("folder", root))[1:] == (0.5, 0)
    assert caplog.messages == [f"folder:{root}: tuned on in vain: F1 is 0 at every threshold"]
    caplog.clear()

    def hears_little(recording: Recording) -> dict[str, np.ndarray]:
        values = np.zeros(7000)
        values[[1000, 2000]] = 0.03, 0.9
        return {"KD": values}

    system = Clicks()
    system.activations = hears_little
    tuning = tune_threshold(system, read_dataset("folder", root := write_set(tmp_path / "soft")))
    assert tuning.threshold == GRID[0]
    assert caplog.messages == [f"folder:{root}: the best threshold, 0.02, is at the end of those tried"]


def test_a_threshold_is_tuned_on_another_set_and_the_result_says_so(tmp_path, clicks):
    scored = write_set(tmp_path / "scored")
    other = write_set(tmp_path / "other", lines="1 KD\n4 SD\n")  # only the loudest of each
    words = f"folder:{other}"
    result = evaluate_system("folder", scored, baseline="clicks", tune_on=words, kits=["a", "b"])
    assert (result["threshold"], result["tuned_on"]) == (pytest.approx(0.64), words)
    assert result["tuning"] == {"f1": pytest.approx(2 / 3), "threshold": pytest.approx(0.64)}
    assert f"tuned on {words} (F1 0.667 there)" in format_table(result)
    assert result["development"] == ["folder"]
    assert result["pooled"]["KD"]["recall"] == 0.5
    assert result["provenance"] == {"paper": "-", "kits": ["a", "b"]}
    fixed = evaluate_system("folder", scored, baseline="clicks", threshold=0.4)
    assert (fixed["threshold"], fixed["tuned_on"], fixed["development"]) == (0.4, None, [])
    assert fixed["tuning"] is None
    assert fixed["pooled"]["mean"]["f1"] == pytest.approx(2 / 3)  # no hats there to be found
    assert evaluate_system("folder", scored, baseline="clicks")["threshold"] == 0.97
    assert clicks == [["a", "b"], None, None]


def test_the_task_is_that_of_the_scored_set_where_there_is_one(tmp_path):
    scored = read_dataset("folder", write_set(tmp_path / "scored"), task="DTM")
    other = write_set(tmp_path / "other")
    assert tuning_set(f"folder:{other}", scored).task == "DTM"


def test_what_is_scored_is_not_tuned_on(tmp_path, clicks):
    scored = write_set(tmp_path / "scored", "xy")
    inside = write_set(scored / "part", "z")
    linked = write_set(tmp_path / "linked", "w")
    (linked / "audio" / "w.wav").unlink()
    (linked / "audio" / "w.wav").symlink_to(scored / "audio" / "y.wav")
    (tmp_path / "again").symlink_to(scored, target_is_directory=True)
    copied, hard = write_set(tmp_path / "copied", "uv"), write_set(tmp_path / "hard", "t")
    shutil.copy(scored / "audio" / "x.wav", copied / "audio" / "u.wav")
    (hard / "audio" / "t.wav").unlink()
    (hard / "audio" / "t.wav").hardlink_to(scored / "audio" / "x.wav")
    for words, what in (
        (f"folder:{scored}", "2 recordings"),
        (f"folder:{tmp_path / 'again'}", "2 recordings"),
        (f"folder:{inside}", "its folder"),
        (f"folder:{linked}", "1 recordings"),
        (f"FOLDER:{copied}", "1 recordings"),
        (f"folder:{hard}", "1 recordings"),
    ):
        with pytest.raises(InputError, match=f"tune-on: .*: shares {what} with the set that is scored"):
            evaluate_system("folder", scored, baseline="clicks", tune_on=words)
    with pytest.raises(InputError, match="shares its folder"):
        evaluate_system("folder", inside, baseline="clicks", tune_on=f"folder:{scored}")


def test_the_command_tunes_names_and_counts_what_it_could_not_score(tmp_path, clicks, capsys, monkeypatch):
    write_set(tmp_path / "scored", "xy")
    write_set(tmp_path / "other")
    words = ["evaluate", "--dataset", "folder", "--root", str(tmp_path / "scored"), "--baseline", "clicks"]
    words += ["--name", "mine", "--task", "DTD", "--kits", "test,stems", "--json", str(tmp_path / "a.json")]
    tune = ["--tune-on", f"folder:{tmp_path / 'other'}"]
    assert main([*words, *tune]) == 0
    told = capsys.readouterr().out
    assert "mine on folder, DTD: 2 tracks" in told  # tuned on another folder
    assert "development: chosen on folder" in told
    result = json.loads((tmp_path / "a.json").read_text())
    assert (result["system"], result["threshold"]) == ("mine", pytest.approx(0.38))
    assert clicks == [["test", "stems"]]
    with pytest.raises(SystemExit, match="2"):
        main([*words, *tune, "--threshold", "0.3"])
    assert main([*words, "--tune-on", f"folder:{tmp_path / 'scored'}"]) == 2

    def hears_no_second(self: Clicks, recording: Recording) -> dict[str, np.ndarray]:
        self.heard += 1
        if self.heard == 3:  # the first is noise
            raise Unhearable("recording", "one_shots", "there are none")
        return {}

    monkeypatch.setattr(Clicks, "activations", hears_no_second)
    assert main(words) == 1
    assert json.loads((tmp_path / "a.json").read_text())["unscored"] == [
        "y: recording: one_shots: there are none"
    ]


@pytest.mark.parametrize("words", ["folder", "folder:", "/some/where"])
def test_a_tuning_set_needs_a_name_and_a_root(words, tmp_path, clicks):
    with pytest.raises(InputError, match=f"tune-on: {words}: is not SET:ROOT"):
        evaluate_system("folder", write_set(tmp_path), baseline="clicks", tune_on=words)


def test_a_system_without_a_threshold_has_none_to_set(tmp_path, clicks):
    root = write_set(tmp_path / "a")
    write_set(tmp_path / "b")
    for option in ({"threshold": 0.3}, {"tune_on": f"folder:{tmp_path / 'b'}"}):
        with pytest.raises(InputError, match="threshold: onsets: this system has no threshold"):
            evaluate_system("folder", root, baseline="onsets", **option)
        with pytest.raises(InputError, match="threshold: annotations: this system has no threshold"):
            evaluate_system("folder", root, predictions=root / "annotations", **option)
    with pytest.raises(InputError, match="is given, and also to be tuned on"):
        evaluate_system("folder", root, baseline="clicks", threshold=0.3, tune_on="folder:b")
    with pytest.raises(InputError, match="picker: threshold: nan"):
        evaluate_system("folder", root, baseline="clicks", threshold=float("nan"))
