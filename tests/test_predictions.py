"""Onsets that some system wrote down."""

from pathlib import Path

import pytest
from made_datasets import text

from drummernet.errors import InputError
from drummernet.evaluation.predictions import read_predictions
from drummernet.evaluation.tracks import Track


def bare_track(name: str, audio_path: Path | None) -> Track:
    return Track(name, audio_path, {}, 0)


def test_predictions_by_track_or_audio_name(tmp_path):
    text(tmp_path / "A.tsv", "0.3\tHH\n0.1\tCHH\t0.8\n0.2\tSST\n")
    text(tmp_path / "B_Drum.txt", "")
    tracks = [bare_track("A", Path("A_Drum.wav")), bare_track("B", Path("B_Drum.wav")), bare_track("C", None)]
    predictions = read_predictions(tmp_path, tracks)
    assert predictions.keys() == {"A", "B"}
    assert {name: times.tolist() for name, times in predictions["A"].items() if times.size} == {
        "HH": [0.1, 0.3],
        "OT": [0.2],
    }
    assert not any(times.size for times in predictions["B"].values())


def test_missing_predictions_are_named_and_never_shared(tmp_path):
    text(tmp_path / "one.tsv", "0.1\tKD\n")
    tracks = [bare_track("s1/one", Path("s1/one.wav")), bare_track("s2/one", Path("s2/one.wav"))]
    with pytest.raises(InputError, match="s1/one, s2/one"):
        read_predictions(tmp_path, tracks)
    with pytest.raises(InputError, match="nowhere"):
        read_predictions(tmp_path / "nowhere", tracks)


def test_bad_prediction_names_line_and_label(tmp_path):
    text(tmp_path / "A.tsv", "0.1\tKD\n0.2\tCOWBELL\n")
    with pytest.raises(InputError, match=r"A\.tsv: line 2: .*COWBELL"):
        read_predictions(tmp_path, [bare_track("A", Path("A.wav"))])


def test_predictions_in_any_order_and_named_like_the_audio(tmp_path):
    text(tmp_path / "RealDrum01_00#MIX.tsv", "0.3\tKD\n0.1\tKD\n0.1\tKD\n")
    text(tmp_path / "drummer_1" / "x.txt", "0.2 HH\n")
    tracks = [bare_track("RealDrum01_00", Path("RealDrum01_00#MIX.wav")), bare_track("drummer_1/x", None)]
    predictions = read_predictions(tmp_path, tracks)
    assert predictions["RealDrum01_00"]["KD"].tolist() == [0.1, 0.1, 0.3]
    assert predictions["drummer_1/x"]["HH"].tolist() == [0.2]
