"""Onsets that some system wrote down."""

from pathlib import Path

import numpy as np
import pytest
from made_datasets import text

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.evaluation.predictions import read_predictions
from drummernet.evaluation.tracks import Track


def bare_track(name: str, audio_path: Path | None) -> Track:
    return Track(name, audio_path, {}, 0)


def test_predictions_by_track_or_audio_name(tmp_path):
    text(tmp_path / "A.tsv", "0.3\tHH\n0.1\tCHH\t0.8\n0.2\tSST\n")
    text(tmp_path / "B_Drum.txt", "")
    tracks = [bare_track("A", Path("A_Drum.wav")), bare_track("B", Path("B_Drum.wav")), bare_track("C", None)]
    predictions = read_predictions(tmp_path, tracks).onsets
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
    predictions = read_predictions(tmp_path, tracks).onsets
    assert predictions["RealDrum01_00"]["KD"].tolist() == [0.1, 0.1, 0.3]
    assert predictions["drummer_1/x"]["HH"].tolist() == [0.2]


def test_tracks_without_audio_and_predictions_and_files_of_no_track_are_named(tmp_path):
    for name in ("A.tsv", "README.txt", "deep/B.tsv", ".hidden.txt", "B.json"):
        text(tmp_path / name, "")
    heard = read_predictions(tmp_path, [bare_track("A", None), bare_track("B", None)])
    assert list(heard.onsets) == ["A"]
    assert heard.unscored == ["B: neither audio nor predictions"]
    assert heard.problems == [f"{tmp_path}: predictions: for no track: README.txt, deep/B.tsv"]
    for number in range(5):
        text(tmp_path / f"z{number}.tsv", "")
    assert read_predictions(tmp_path, [bare_track("A", None)]).problems[0].endswith("z2.tsv and 2 more")


def test_names_in_another_case_are_found_and_two_of_one_name_refused(tmp_path):
    text(tmp_path / "a.TSV", "0.1 KD\n")
    text(tmp_path / "B_DRUM.Txt", "0.2 KD\n")
    tracks = [bare_track("A", Path("A.wav")), bare_track("B", Path("B_Drum.wav"))]
    onsets = read_predictions(tmp_path, tracks).onsets
    assert [onsets[name]["KD"].tolist() for name in "AB"] == [[0.1], [0.2]]
    text(tmp_path / "a.txt", "0.1 KD\n")
    with pytest.raises(InputError, match=r"predictions: two of one name: a\.TSV, a\.txt$"):
        read_predictions(tmp_path, tracks)


def test_onsets_far_after_the_audio_are_named(tmp_path):
    write_audio(tmp_path / "audio" / "A.wav", np.zeros(2 * SAMPLE_RATE))
    path = tmp_path / "hits" / "A.tsv"
    track = Track("A", tmp_path / "audio" / "A.wav", {"KD": np.array([0.5, 2.5, 3.0])}, 0)
    text(path, "0.5 KD\n2.9 SD\n3.1 SD\n500 HH\n")
    assert read_predictions(path.parent, [track]).problems == [
        f"{path}: onsets: 2 lie after the 2.00 s of the audio",
        f"{track.audio_path}: length: 2 hits lie after its 2.00 s",
    ]
