"""All datasets alike: what was played is what is read, and what is wrong with them is named."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_datasets import (
    CLASS,
    MAKERS,
    SECONDS,
    check_onsets,
    only,
    text,
)

from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.evaluation.datasets import DATASETS, read_dataset
from drummernet.evaluation.tracks import Track
from drummernet.evaluation.validation import format_validation


@pytest.mark.parametrize("name", list(MAKERS))
def test_what_was_played_is_what_is_read(made, name):
    root, played = made[name]
    dataset = read_dataset(name, root)
    assert dataset.problems == ()
    assert (dataset.name, dataset.root, dataset.split) == (name, root, None)
    assert dataset.task == ("DTD" if name == "smt" else "DTP")
    assert dataset.track_ids == sorted(played)
    assert list(dataset.load_tracks()) == dataset.track_ids
    for track in dataset.tracks:
        assert track is dataset.load_tracks()[track.name]
        # MIDI ticks are 0.42 ms.
        check_onsets(track, played[track.name], 3e-4 if name == "e-gmd" else 1e-9)
        assert track.side_sticks == (0 if name in ("smt", "folder") else len(track.onsets["OT"]))
        recording = track.recording()
        assert abs(len(recording.audio) - 16_000 * SECONDS) <= 1
        assert np.abs(recording.audio).max() > 0.05


@pytest.mark.parametrize("name", list(MAKERS))
def test_validation_counts_what_was_played(made, name):
    root, played = made[name]
    validation = read_dataset(name, root).validate()
    assert validation.is_complete
    assert validation.tracks == len(played)
    hits = Counter(label for events in played.values() for _, label in events)
    assert validation.hits == {label: hits[label] for label in ("KD", "SD", "HH", "TT", "CY", "OT")}
    assert validation.audio_hours == pytest.approx(len(played) * SECONDS / 3600, rel=1e-3)
    lacking = {label: tuple(sorted(played)) if name == "smt" else () for label in ("TT", "CY", "OT")}
    assert validation.lacking == {"KD": (), "SD": (), "HH": (), **lacking}
    assert json.loads(json.dumps(validation.as_dict()))["hits"] == validation.hits
    assert f"{name} (" in format_validation(validation)


def test_names_that_differ_in_case_or_suffix_alone(tmp_path):
    for name in ("a.txt", "A.txt", "a.TXT"):
        text(tmp_path / "annotations" / name, "0.1 KD\n")
    write_audio(tmp_path / "audio" / "a.flac", np.zeros(500))
    write_audio(tmp_path / "audio" / "a.wav", np.zeros(500))
    dataset = read_dataset("folder", tmp_path)
    assert [(t.name, t.audio_path and t.audio_path.name) for t in dataset.tracks] == [
        ("A", None),
        ("a", "a.flac"),
    ]
    assert [problem.split(": ", 1)[0] for problem in dataset.problems] == [
        f"{tmp_path}/annotations/a.txt",
        f"{tmp_path}/audio/a.wav",
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        *(("0.2 XYZ", "'XYZ'"), ("abc KD", "'abc'"), ("nan KD", "'nan'"), ("-0.1 KD", "'-0.1'")),
        *(("0.2", "'0.2'"), ("1_0 KD", "'1_0'"), ("0,2 KD", "'0,2'"), ("1e400 KD", "'1e400'")),
        *(("1e300 KD", "'1e300'"), ("\u0663 KD", "time"), ("0.2 KD 1 1", "'0.2 KD 1 1'")),
        ("9" * 90 + " KD", "'" + "9" * 60 + "'…"),
    ],
)
def test_a_bad_line_leaves_out_its_track_alone(tmp_path, line, value):
    text(tmp_path / "annotations" / "x.txt", f"0.1 KD\n\n{line}\n")
    text(tmp_path / "annotations" / "y.txt", "0.1 KD\n")
    dataset = read_dataset("folder", tmp_path)
    assert dataset.track_ids == ["y"]
    assert only(dataset).startswith(f"{tmp_path}/annotations/x.txt: line 3: ")
    assert value in only(dataset)


def test_unsorted_and_duplicate_onsets_are_named_and_mended(tmp_path):
    path = tmp_path / "annotations" / "x.txt"
    text(path, "0.5 KD\n0.2 SD\n0.7 KD\n0.5 KD\n0.9 CRC\n0.9 RDC\n0.50 KD\n")
    dataset = read_dataset("folder", tmp_path)
    (track,) = dataset.tracks
    # Two cymbals struck together are one onset of their class, and nobody's mistake.
    check_onsets(track, [(0.2, "SD"), (0.5, "KD"), (0.7, "KD"), (0.9, "CY")])
    assert dataset.problems == (
        f"{path}: line 2: 0.2 SD comes after a later one; sorted; also line 4, line 7",
        f"{path}: line 4: 0.5 KD is there twice; taken once; also line 7",
    )
    text(path, "".join(f"{20 - n} KD\n" for n in range(20)))
    assert only(read_dataset("folder", tmp_path)).endswith("line 9 and 11 more")


@pytest.mark.parametrize("name", list(MAKERS))
def test_wrong_roots_say_what_was_expected_and_where_it_is(made, name, tmp_path):
    expected = DATASETS[name].expects
    with pytest.raises(InputError) as caught:
        read_dataset(name, tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path}: root: no track that can be used; it should hold {expected}"
    )
    with pytest.raises(InputError, match="nowhere: root: no such folder"):
        read_dataset(name, tmp_path / "nowhere")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "set").symlink_to(made[name][0])
    if name != "e-gmd":  # which is read from any folder above it
        with pytest.raises(InputError, match=f"did you mean {tmp_path}/outer/inner/set"):
            read_dataset(name, tmp_path / "outer")
    inside = {"smt": "audio", "mdb": "audio", "enst": "drummer_1", "e-gmd": "empty", "folder": "audio"}[name]
    (made[name][0] / inside).mkdir(exist_ok=True)
    with pytest.raises(InputError, match=f"did you mean {made[name][0].resolve()}"):
        read_dataset(name, made[name][0] / inside)


@pytest.mark.parametrize("name", ["smt", "mdb", "enst", "folder"])
@pytest.mark.parametrize("other", list(MAKERS))
def test_another_dataset_is_recognised(made, name, other):
    if name != other:
        with pytest.raises(InputError, match=f"it looks like the layout of '{other}'"):
            read_dataset(name, made[other][0])


def test_what_was_asked_for_and_is_not_there(made):
    with pytest.raises(InputError, match=r"rwc: unknown; known datasets are smt, mdb, enst, e-gmd, folder"):
        read_dataset("rwc", made["mdb"][0])
    with pytest.raises(InputError, match="smt: task: 'DTM' is none of DTD"):
        read_dataset("smt", made["smt"][0], "DTM")
    with pytest.raises(InputError, match="mdb: split: 'test' was asked for"):
        read_dataset("mdb", made["mdb"][0], split="test")


def test_no_usable_track_is_an_error_that_names_the_first_fault(tmp_path):
    for name in ("x", "y"):
        text(tmp_path / "annotations" / f"{name}.txt", "0.1 kick\n")
    with pytest.raises(InputError, match=r"x\.txt: line 1: unknown label 'kick' \(and 1 more\)$"):
        read_dataset("folder", tmp_path)


def annotation_files(root: Path) -> list[Path]:
    suffixes = {".xml", ".txt", ".beats", ".midi", ".csv"}
    return sorted(path for path in root.rglob("*") if path.suffix in suffixes)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite, cut, repeat or insert somewhere; at times replace everything by noise."""
    start, end = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    noise = rng.bytes(int(rng.integers(1, 9)))
    words = [b"-1", b"nan", b"1e999", b"KD", b"\t", b"\n", b"\0", b"\xef\xbb\xbf", b"<event>", b",", b"\x85"]
    choices = (
        content[:start] + noise + content[start + len(noise) :],
        content[:start] + content[end:],
        content[:end] + content[start:],
        content[:start] + words[rng.integers(len(words))] + content[start:],
        rng.bytes(int(rng.integers(0, 300))),
    )
    return choices[rng.integers(len(choices))]


def read_or_refused(name: str, root: Path) -> tuple[Sequence[Track], Sequence[str]]:
    try:
        dataset = read_dataset(name, root)
    except InputError as error:
        return (), (str(error),)
    return dataset.tracks, dataset.problems


@pytest.mark.parametrize("name", list(MAKERS))
def test_mutated_annotations_are_listed_or_refused_in_one_line(copied, name):
    root = copied(name)
    for path in root.rglob("*.wav"):
        path.write_bytes(b"")  # not read here
    files = annotation_files(root)
    rng = np.random.default_rng(11)
    noticed = 0
    for _ in range(200):
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        path.write_bytes(mutated(content, rng))
        tracks, messages = read_or_refused(name, root)
        path.write_bytes(content)
        noticed += bool(messages)
        assert all(len(message.splitlines()) == 1 for message in messages)
        for times in (times for track in tracks for times in track.onsets.values()):
            assert np.isfinite(times).all()
            assert all(a < b for a, b in pairwise(times.tolist()))
    assert noticed >= 60
    assert read_dataset(name, root).problems == ()


def validate(words: str, capsys) -> tuple[int, str, str]:
    status = main(["validate", *shlex.split(words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command_names_all_that_is_missing(copied, tmp_path, capsys):
    root = copied("enst")
    words = f"--dataset enst --root {root} --task DTM --json {tmp_path}/v.json"
    status, out, _ = validate(words, capsys)
    assert status == 0
    assert "enst (DTM)" in out
    assert "3 tracks (ENST-Drums has 64 minus-one tracks)" in out
    name = "103_minus-one_salsa_sticks"
    (root / "drummer_3" / "audio" / "wet_mix" / f"{name}.wav").unlink()
    (root / "drummer_1" / "audio" / "wet_mix" / "101_minus-one_salsa_sticks.wav").write_text("no audio")
    (root / "drummer_2" / "annotation" / "102_minus-one_salsa_sticks.txt").write_text("0.1 bd\n9.5 sd\n")
    status, out, _ = validate(words, capsys)
    assert status == 1
    assert f"missing audio: drummer_3/{name}\n" in out
    assert f"{root}/drummer_1/audio/wet_mix/101_minus-one_salsa_sticks.wav: format" in out
    assert "102_minus-one_salsa_sticks.wav: length: 1 hits lie after its 3.00 s" in out
    content = json.loads((tmp_path / "v.json").read_text())
    assert content["missing_audio"] == [f"drummer_3/{name}"]
    assert len(content["problems"]) == 2
    assert content["is_complete"] is False
    assert content["lacking"]["HH"] == ["drummer_2/102_minus-one_salsa_sticks"]


def test_the_command_lists_no_more_than_twenty_of_a_kind(tmp_path, capsys):
    for number in range(22):
        text(tmp_path / "annotations" / f"{number:02}.txt", "0.2 KD\n0.1 KD\n")
    words = f"--dataset Folder --task dtm --root {tmp_path} --json {tmp_path}/v.json"
    status, out, _ = validate(words, capsys)
    assert status == 1
    assert out.startswith("folder (DTM)")
    for kind in ("missing audio", "problem"):
        assert out.count(f"\n{kind}: ") == 21
        assert f"\n{kind}: and 2 more\n" in out
    assert "/annotations/19.txt" in out
    assert "/annotations/20.txt" not in out
    content = json.loads((tmp_path / "v.json").read_text())
    assert len(content["problems"]) == len(content["missing_audio"]) == 22


def test_the_command_on_a_wrong_root(tmp_path, capsys):
    status, out, err = validate(f"--dataset mdb --root {tmp_path}", capsys)
    assert (status, out) == (2, "")
    assert err.startswith(
        f"drummernet: {tmp_path}: root: no track that can be used; it should hold annotations/"
    )
    assert len(err.splitlines()) == 1


def test_the_five_mdb_tracks(shared_data):
    root = shared_data / "MDB Drums"
    dataset = read_dataset("mdb", root)
    assert dataset.problems == ()
    assert len(dataset.tracks) == 5
    assert sum(track.side_sticks for track in dataset.tracks) == 38
    for track in dataset.tracks:
        assert track.audio_path is not None
        lines = (root / "annotations" / "class" / f"{track.name}_class.txt").read_text().splitlines()
        labels = [line.split()[1] for line in lines if line.strip()]
        assert {name: len(times) for name, times in track.onsets.items()} == {
            name: labels.count(name) for name in track.onsets
        }
        assert labels.count("KD") >= 12
        assert [beat.number for beat in track.beats[:4]] == [1, 2, 3, 4]
    assert dataset.validate().is_complete


def test_the_eight_e_gmd_recordings(shared_data):
    dataset = read_dataset("e-gmd", shared_data / "e-gmd")
    assert dataset.problems == ()
    assert len(dataset.tracks) == 8
    for track in dataset.tracks:
        assert track.audio_path is not None
        assert all(len(track.onsets[name]) >= 25 for name in ("KD", "SD", "HH"))
        assert track.beats is not None
    assert dataset.validate().is_complete


def test_the_groove_set_by_its_table(shared_data):
    dataset = read_dataset("e-gmd", shared_data / "groove", split="validation")
    assert len(dataset.tracks) > 100
    assert dataset.validate().missing_audio == tuple(dataset.track_ids)
    assert set(CLASS.values()) == {name for name, n in dataset.validate().hits.items() if n}
