"""The dataset readers and the predictions folder, on layouts written here."""

import logging
from pathlib import Path

import numpy as np
import pytest

from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.evaluation.predictions import read_predictions
from drummernet.evaluation.readers import read_dataset
from drummernet.evaluation.tracks import Track
from drummernet.hits import Hit, write_midi


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def mdb_track(root: Path, name: str, classes: str, subclasses: str, audio: bool = True) -> None:
    text(root / "annotations" / "class" / f"MusicDelta_{name}_class.txt", classes)
    text(root / "annotations" / "subclass" / f"MusicDelta_{name}_subclass.txt", subclasses)
    if audio:
        write_audio(root / "audio" / "drum_only" / f"MusicDelta_{name}_Drum.wav", np.zeros(500))


def onsets(track: Track) -> dict[str, list[float]]:
    return {name: times.tolist() for name, times in track.onsets.items()}


def test_mdb_class_labels_decide_and_side_sticks_are_counted(tmp_path):
    mdb_track(
        tmp_path,
        "Swing",
        "0.500000 \t HH \n0.010000 \t KD \n\n0.250000 \t OT \n0.750000 \t CY \n0.900000 \t SD \n1.0 \t SD\n",
        "0.010000 \t KD \n0.250000 \t SST \n0.500000 \t PHH \n0.750000 \t CHC \n0.900000 \t SST \n",
    )
    mdb_track(tmp_path, "Beatles", "0.125 \t TT \n", "0.125 \t LFT \n", audio=False)
    (tmp_path / "annotations" / "class" / "._MusicDelta_Swing_class.txt").write_bytes(b"\x00\xff")
    beatles, swing = read_dataset("mdb", tmp_path)
    assert (beatles.name, beatles.audio_path, beatles.side_sticks) == ("MusicDelta_Beatles", None, 0)
    assert onsets(beatles) == {"KD": [], "SD": [], "HH": [], "TT": [0.125], "CY": []}
    assert swing.name == "MusicDelta_Swing"
    assert swing.audio_path == tmp_path / "audio" / "drum_only" / "MusicDelta_Swing_Drum.wav"
    assert swing.side_sticks == 2
    assert onsets(swing) == {"KD": [0.01], "SD": [1.0], "HH": [0.5], "TT": [], "CY": [0.75]}


def performance(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    components = ("KD", "SST", "OHH", "RDB", "SD", "HFT", "TMB")
    write_midi(path, [Hit(0.25 * n, component) for n, component in enumerate(components)])


PERFORMED = {"KD": [0.0], "SD": [1.0], "HH": [0.5], "TT": [1.25], "CY": [0.75]}


def check_performance(track: Track) -> None:
    assert track.side_sticks == 1
    for name, times in PERFORMED.items():
        np.testing.assert_allclose(track.onsets[name], times, atol=3e-4)


def test_e_gmd_with_a_table(tmp_path, caplog):
    performance(tmp_path / "drummer1" / "s1" / "1_rock_4-4_1.5.mid")
    performance(tmp_path / "drummer2" / "s1" / "1_rock_4-4_1.5.mid")
    write_audio(tmp_path / "drummer1" / "s1" / "1_rock_4-4_1.5.wav", np.zeros(500))
    rows = (f"{d}/s1/1_rock_4-4_1.5.mid,{d}/s1/1_rock_4-4_1.5.wav" for d in ("drummer1", "drummer2", "gone"))
    text(tmp_path / "info.csv", "\n".join(["midi_filename,audio_filename", *rows]))
    with caplog.at_level(logging.WARNING):
        first, second = read_dataset("e-gmd", tmp_path)
    assert "line 4" in caplog.text
    assert "gone/s1" in caplog.text
    assert first.name == "drummer1/s1/1_rock_4-4_1.5"
    assert first.audio_path == tmp_path / "drummer1" / "s1" / "1_rock_4-4_1.5.wav"
    assert second.name == "drummer2/s1/1_rock_4-4_1.5"
    assert second.audio_path is None
    check_performance(first)
    check_performance(second)


def test_e_gmd_without_a_table(tmp_path, caplog):
    performance(tmp_path / "a_4-4.midi")
    performance(tmp_path / "b.mid")
    write_audio(tmp_path / "a_4-4.flac", np.zeros(500))
    write_audio(tmp_path / "lonely.wav", np.zeros(500))
    with caplog.at_level(logging.WARNING):
        first, second = read_dataset("e-gmd", tmp_path)
    assert "lonely.wav" in caplog.text
    assert (first.name, first.audio_path) == ("a_4-4", tmp_path / "a_4-4.flac")
    assert (second.name, second.audio_path) == ("b", None)
    check_performance(first)


def test_e_gmd_table_without_a_column(tmp_path):
    text(tmp_path / "info.csv", "midi_filename,style\na.mid,rock\n")
    with pytest.raises(InputError, match=r"info\.csv: columns: no audio_filename among midi_filename, style"):
        read_dataset("e-gmd", tmp_path)


def test_folder_takes_components_subclasses_and_classes(tmp_path):
    text(tmp_path / "annotations" / "x.1.txt", "0.5 SDG 0.3\n0.1 CHH\n0.2 HH\n0.3 SST\n0.4 CRC\n0.6 OT\n")
    text(tmp_path / "annotations" / "y.txt", "0.7\tKD\n")
    write_audio(tmp_path / "audio" / "x.1.wav", np.zeros(500))
    first, second = read_dataset("folder", tmp_path)
    assert (first.name, first.audio_path) == ("x.1", tmp_path / "audio" / "x.1.wav")
    assert onsets(first) == {"KD": [], "SD": [0.5], "HH": [0.1, 0.2], "TT": [], "CY": [0.4]}
    assert first.side_sticks == 1
    assert second.audio_path is None


@pytest.mark.parametrize(
    ("line", "value"),
    [("0.2 XYZ", "XYZ"), ("abc KD", "abc"), ("nan KD", "nan"), ("-0.1 KD", "-0.1"), ("0.2", "0.2")],
)
def test_bad_annotation_names_file_line_and_value(tmp_path, line, value):
    text(tmp_path / "annotations" / "x.txt", f"0.1 KD\n\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_dataset("folder", tmp_path)
    message = str(caught.value)
    assert "x.txt" in message
    assert "line 3" in message
    assert value in message
    assert "\n" not in message


@pytest.mark.parametrize("dataset", ["mdb", "e-gmd", "folder"])
def test_wrong_root(tmp_path, dataset):
    with pytest.raises(InputError, match=str(tmp_path)):
        read_dataset(dataset, tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        read_dataset(dataset, tmp_path / "nowhere")


def test_unknown_dataset_lists_the_known(tmp_path):
    with pytest.raises(InputError, match=r"rwc.*mdb, e-gmd, folder"):
        read_dataset("rwc", tmp_path)


def bare_track(name: str, audio_path: Path | None) -> Track:
    return Track(name, audio_path, {}, 0)


def test_predictions_by_track_or_audio_name(tmp_path):
    text(tmp_path / "A.tsv", "0.3\tHH\n0.1\tCHH\t0.8\n0.2\tSST\n")
    text(tmp_path / "B_Drum.txt", "")
    tracks = [bare_track("A", Path("A_Drum.wav")), bare_track("B", Path("B_Drum.wav")), bare_track("C", None)]
    predictions = read_predictions(tmp_path, tracks)
    assert predictions.keys() == {"A", "B"}
    assert {name: times.tolist() for name, times in predictions["A"].items() if times.size} == {
        "HH": [0.1, 0.3]
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


def test_the_five_mdb_tracks(shared_data):
    root = shared_data / "MDB Drums"
    tracks = read_dataset("mdb", root)
    assert len(tracks) == 5
    assert sum(track.side_sticks for track in tracks) == 38
    for track in tracks:
        assert track.audio_path is not None
        lines = (root / "annotations" / "class" / f"{track.name}_class.txt").read_text().splitlines()
        labels = [line.split()[1] for line in lines if line.strip()]
        assert {name: len(times) for name, times in track.onsets.items()} == {
            name: labels.count(name) for name in track.onsets
        }
        assert labels.count("KD") >= 12


def test_the_eight_e_gmd_recordings(shared_data):
    tracks = read_dataset("e-gmd", shared_data / "e-gmd")
    assert len(tracks) == 8
    for track in tracks:
        assert track.audio_path is not None
        assert all(len(track.onsets[name]) >= 25 for name in ("KD", "SD", "HH"))
