"""Every reader on a fixture of the exact layout, and on what is particular to it."""

import shutil

import mido
import numpy as np
import pytest
from made_datasets import (
    SECONDS,
    check_onsets,
    made_e_gmd,
    made_groove,
    only,
    text,
    written_midi,
)

from drummernet.audio import read_audio, write_audio
from drummernet.errors import InputError
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.validation import format_validation


def test_smt_mixes_and_their_single_strokes(made):
    root, _ = made["smt"]
    dataset = read_dataset("smt", root)
    assert [track.group for track in dataset.tracks] == ["RealDrum", "TechnoDrum", "WaveDrum"]
    first = dataset.tracks[0]
    assert first.audio_path == root / "audio" / "RealDrum01_00#MIX.wav"
    assert first.one_shot_paths == {
        name: root / "audio" / f"RealDrum01_00#{name}#train.wav" for name in ("KD", "SD", "HH")
    }
    kick = first.recording().one_shots["KD"]
    assert len(kick) == pytest.approx(32_000, abs=1)
    assert np.abs(kick[:4000]).max() > 10 * np.abs(kick[6000:7900]).max()
    report = format_validation(dataset.validate())
    assert "3 tracks (version 1 of SMT has 104 mixes, version 2 has 95)" in report
    assert "RealDrum 1, TechnoDrum 1, WaveDrum 1" in report
    (root_without := root.parent / "few").mkdir()
    shutil.copytree(root, root_without, dirs_exist_ok=True)
    (root_without / "audio" / "RealDrum01_00#HH#train.wav").unlink()
    assert "RealDrum01_00#HH#train" in only(read_dataset("smt", root_without))


def test_smt_xml_in_other_forms(tmp_path):
    """Name spaces, spaces, lists by instrument and rounding errors around 0 are no faults."""
    events = [("KD", "-1.2e-05"), ("KD", " 0.75 "), ("SD", ".5"), ("HH", "2.5E-1")]
    lines = [f"<event><onsetSec>{t}</onsetSec><instrument> {n} </instrument></event>" for n, t in events]
    text(tmp_path / "annotation_xml" / "X#mix.XML", f"\ufeff<a xmlns='urn:x'><!-- -->{''.join(lines)}</a>")
    write_audio(tmp_path / "Audio" / "x#MIX.WAV", np.zeros(500))
    dataset = read_dataset("smt", tmp_path)
    (track,) = dataset.tracks
    assert dataset.problems == ()
    assert (track.name, track.group) == ("X", "")
    assert track.audio_path == tmp_path / "Audio" / "x#MIX.WAV"
    check_onsets(track, [(0.0, "KD"), (0.75, "KD"), (0.5, "SD"), (0.25, "HH")])


def event(time: str, instrument: str) -> str:
    return f"<a><event><onsetSec>{time}</onsetSec><instrument>{instrument}</instrument></event></a>"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (event("0.5", "TT"), "event 1: unknown label 'TT'"),
        (event("0,5", "KD"), "event 1: time '0,5' is not"),
        (event("-0.02", "KD"), "event 1: time '-0.02' is not"),
        (event("nan", "KD"), "event 1: time 'nan' is not"),
        (event("", "KD"), "event 1: lacks onsetSec or instrument"),
        ("<a></a>", "annotation: holds no hit"),
        ("<a>", "XML: cannot be parsed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML: refused, it declares entities"),
    ],
)
def test_smt_xml_without_meaning_is_left_out(copied, content, problem):
    root = copied("smt")
    path = root / "annotation_xml" / "WaveDrum02_03#MIX.xml"
    path.write_text(content)
    dataset = read_dataset("smt", root)
    assert f"{path}: {problem}" in dataset.problems[0]
    assert dataset.track_ids == ["RealDrum01_00", "TechnoDrum01_11"]


def test_mdb_drums_and_full_mixes(made):
    root, _ = made["mdb"]
    drums, mixes = (read_dataset("mdb", root, task) for task in ("DTP", "DTM"))
    first, mixed = drums.tracks[0], mixes.tracks[0]
    assert first.audio_path == root / "audio" / "drum_only" / "MusicDelta_Beatles_Drum.wav"
    assert mixed.audio_path == root / "audio" / "full_mix" / "MusicDelta_Beatles_MIX.wav"
    assert [(beat.seconds, beat.number) for beat in first.beats] == [
        *((0.0, 1), (0.5, 2), (1.0, 3), (1.5, 4), (2.0, 1), (2.5, 2))
    ]
    assert mixed.beats == first.beats


def test_mdb_side_sticks_are_ot_whatever_the_class_file_says(tmp_path):
    folder = tmp_path / "annotations"
    lines = "0.010000 \t KD \n0.250000 \t OT \n0.500000 \t HH \n0.750000 \t CY \n0.900000 \t SD \n1.0 \t SD\n"
    text(folder / "class" / "MusicDelta_Swing_class.txt", lines)
    lines = "0.010000 \t KD \n0.250000 \t SST \n0.500000 \t PHH \n0.750000 \t CHC \n0.900000 \t SST \n"
    text(folder / "subclass" / "MusicDelta_Swing_subclass.txt", lines)
    dataset = read_dataset("mdb", tmp_path)
    assert dataset.problems == ()
    (track,) = dataset.tracks
    assert track.side_sticks == 2
    check_onsets(track, [(0.01, "KD"), (1.0, "SD"), (0.5, "HH"), (0.75, "CY"), (0.25, "OT"), (0.9, "OT")])


def test_mdb_side_sticks_beside_snares_and_at_rounded_times(tmp_path):
    folder = tmp_path / "annotations"
    text(folder / "class" / "MusicDelta_X_class.txt", "1.0 SD\n1.0 OT\n2.0 SD\n3.0 SD\n3.01 SD\n4.0 OT\n")
    lines = "1.0 SD\n1.0 SST\n2.000001 SST\n3.0 SDG\n3.0102 SST\n4.0009 SST\n"
    text(folder / "subclass" / "MusicDelta_X_subclass.txt", lines)
    (track,) = read_dataset("mdb", tmp_path).tracks
    assert track.side_sticks == 4
    check_onsets(track, [(1.0, "SD"), (3.0, "SD"), *((t, "OT") for t in (1.0, 2.000001, 3.0102, 4.0))])


def test_mdb_files_that_are_not_all_there(copied):
    root = copied("mdb")
    (root / "audio" / "drum_only" / "MusicDelta_Swing1_Drum.wav").rename(
        root / "audio" / "drum_only" / "MusicDelta_Other_Drum.wav"
    )
    (root / "annotations" / "subclass" / "MusicDelta_Swing1_subclass.txt").unlink()
    (root / "annotations" / "class" / "MusicDelta_Beatles_class.txt").unlink()
    dataset = read_dataset("mdb", root)
    (track,) = dataset.tracks
    assert (track.name, track.audio_path, track.side_sticks) == ("MusicDelta_Swing1", None, 0)
    for part in (
        "MusicDelta_Other_Drum.wav: annotation",
        "MusicDelta_Beatles_Drum.wav: annotation",
        "MusicDelta_Beatles_subclass.txt: annotation: no class file",
        "MusicDelta_Swing1_class.txt: subclass: no such file",
    ):
        assert sum(part in problem for problem in dataset.problems) == 1, part
    # The missing subclass file costs no track.
    assert [problem in dataset.unusable for problem in dataset.problems].count(False) == 1
    validation = dataset.validate()
    assert validation.missing_audio == ("MusicDelta_Swing1",)
    assert not validation.is_complete


@pytest.mark.parametrize("line", ["0.5\t0", "0.5\tone", "x\t1", "0.5", "0.5\t1\t2", "0.1\t2"])
def test_beats_without_meaning_are_not_used_but_the_hits_are(copied, line):
    root = copied("mdb")
    path = root / "annotations" / "beats" / "MusicDelta_Swing1_MIX.beats"
    path.write_text(f"0.1\t1\n{line}\n")
    dataset = read_dataset("mdb", root)
    where = "0.1 s" if line == "0.1\t2" else "line 2"
    assert only(dataset).startswith(f"{path}: {where}: ")
    assert only(dataset).endswith("its beats are not used")
    assert [track.beats is None for track in dataset.tracks] == [False, True]


def test_enst_drummers_minus_one_tracks_and_accompaniment(copied):
    root = copied("enst")
    drums, mixes = (read_dataset("enst", root, task) for task in ("DTP", "DTM"))
    assert [track.group for track in drums.tracks] == ["drummer_1", "drummer_2", "drummer_3"]
    assert all(track.accompaniment_path is None for track in drums.tracks)
    name = "102_minus-one_salsa_sticks.wav"
    track, mix = drums.tracks[1], mixes.tracks[1]
    assert track.audio_path == mix.audio_path == root / "drummer_2" / "audio" / "wet_mix" / name
    assert mix.accompaniment_path == root / "drummer_2" / "audio" / "accompaniment" / name
    expected = 2 / 3 * read_audio(mix.audio_path) + 1 / 3 * read_audio(mix.accompaniment_path)
    np.testing.assert_allclose(mix.recording().audio, expected, atol=1e-6)
    mix.accompaniment_path.unlink()
    dataset = read_dataset("enst", root, "DTM")
    assert dataset.validate().missing_audio == ("drummer_2/102_minus-one_salsa_sticks",)
    assert f"{name}: accompaniment: there is none" in only(dataset)
    shutil.rmtree(root / "drummer_3")
    dataset = read_dataset("enst", root)
    assert len(dataset.tracks) == 2
    assert only(dataset) == f"{root}: drummer_3: no such folder"


ENST = {
    "KD": ("bd",),
    "SD": ("sd", "sd-", "rs"),
    "HH": ("chh", "ohh"),
    "TT": ("mt", "lmt", "lt", "ltr", "mtr", "lft"),
    "CY": ("rc", "rc1", "rc4", "cr", "cr2", "cr5", "c", "c1", "c4", "ch", "ch1", "ch5", "spl", "spl2"),
    "OT": ("cs", "sticks", "cb", "sweep"),
}


def test_enst_labels(tmp_path):
    lines = [f"{n}.5 {label}" for n, label in enumerate(sum(ENST.values(), ()))]
    text(tmp_path / "drummer_1" / "annotation" / "1_minus-one_x.txt", "\n".join(lines))
    (track,) = read_dataset("enst", tmp_path).tracks
    assert track.side_sticks == 1
    at = 0
    for name, labels in ENST.items():
        assert track.onsets[name].tolist() == [at + n + 0.5 for n in range(len(labels))]
        at += len(labels)


@pytest.mark.parametrize("label", ["BD", "c2", "chhh", "rcx", "sst", "KD"])
def test_enst_labels_that_it_does_not_have(copied, label):
    root = copied("enst")
    path = root / "drummer_2" / "annotation" / "102_minus-one_salsa_sticks.txt"
    path.write_text(f"0.1 bd\n0.2 {label}\n")
    dataset = read_dataset("enst", root)
    assert only(dataset) == f"{path}: line 2: unknown label {label!r}"
    assert len(dataset.tracks) == 2


def test_e_gmd_splits_groups_and_beats(made):
    root, _ = made["e-gmd"]
    everything, tests = read_dataset("e-gmd", root), read_dataset("e-gmd", root, split="test")
    assert tests.track_ids == everything.track_ids[1:]
    assert tests.split == "test"
    assert tests.problems == ()
    assert tests.validate().groups == {"drummer1": 1, "drummer7": 1}
    beats = tests.tracks[0].beats
    np.testing.assert_allclose([beat.seconds for beat in beats], np.arange(6) / 2, atol=1e-3)
    assert [beat.number for beat in beats] == [1, 2, 3, 4, 1, 2]
    with pytest.raises(InputError, match=r"e-gmd-v1\.0\.0\.csv: split: no 'dev'; there are test, train"):
        read_dataset("e-gmd", root, split="dev")


def test_e_gmd_table_that_names_what_is_not_there(copied):
    root = copied("e-gmd")
    table = root / "e-gmd-v1.0.0.csv"
    first = table.read_text().splitlines()[1]
    rows = [first, first.replace("0_rock", "gone"), first.replace("drummer1/session1/0", "../x"), first[:30]]
    table.write_text(table.read_text() + "\n".join(rows) + "\n")
    write_audio(root / "lonely.wav", np.zeros(500))
    dataset = read_dataset("e-gmd", root)
    assert len(dataset.tracks) == 3
    for number, part in enumerate(("is there twice", "gone", "../x", "no such MIDI: ''"), start=5):
        assert any(f"line {number}: left out" in p and part in p for p in dataset.problems), part
    assert any("lonely.wav" in problem for problem in dataset.problems)
    assert len(dataset.problems) == 5


def test_groove_without_audio_and_a_table_without_a_column(copied):
    root = copied("e-gmd")
    table = (root / "e-gmd-v1.0.0.csv").rename(root / "info.csv")
    for path in root.rglob("*.wav"):
        path.unlink()
    table.write_text(table.read_text().replace("drummer7/session1/2_rock_120_beat_4-4_1.wav", ""))
    dataset = read_dataset("e-gmd", root)
    assert dataset.problems == ()
    assert dataset.validate().missing_audio == tuple(dataset.track_ids)
    assert "drummer7/session1/2_rock_120_beat_4-4_1" in dataset.track_ids
    table.write_text("midi_filename,style\na.mid,rock\n")
    with pytest.raises(
        InputError, match=r"info\.csv: columns: no audio_filename among 'midi_filename, style'"
    ):
        read_dataset("e-gmd", root)


def test_e_gmd_without_a_table(tmp_path):
    played = made_e_gmd(tmp_path, table=None)
    path = tmp_path / "drummer1" / "session1" / "0_rock_120_beat_4-4_1.midi"
    written_midi(path.with_suffix(".MID"), made_groove(0), metre=None)
    path.unlink()
    dataset = read_dataset("e-gmd", tmp_path)
    assert dataset.problems == ()
    for track in dataset.tracks:
        check_onsets(track, played[track.name], 3e-4)
        assert (track.group, track.audio_path is None) == (track.name.split("/")[0], False)
    assert [track.beats is None for track in dataset.tracks] == [True, False, False]
    with pytest.raises(InputError, match="split: 'test' was asked for, but here is no info"):
        read_dataset("e-gmd", tmp_path, split="test")


def test_e_gmd_root_one_level_too_high(copied):
    root = copied("e-gmd")
    written_midi(root.parent / "other" / "x.mid", made_groove(0))
    with pytest.raises(InputError, match=f"^{root.parent}: root: {root} has the table; name that folder$"):
        read_dataset("e-gmd", root.parent)
    (root / "e-gmd-v1.0.0.csv").unlink()
    assert len(read_dataset("e-gmd", root.parent).tracks) == 4


def test_e_gmd_durations_without_end(copied):
    root = copied("e-gmd")
    table = root / "e-gmd-v1.0.0.csv"
    table.write_text(table.read_text().replace(f",{SECONDS},", ",1e300,"))
    dataset = read_dataset("e-gmd", root)
    assert dataset.problems == ()
    # Nobody knows when it ends: beats go on for a second.
    assert all(track.beats[-1].seconds <= SECONDS + 1 for track in dataset.tracks)
    midi = mido.MidiFile(next(root.rglob("0_*.midi")))
    midi.tracks[0].append(mido.Message("note_on", channel=9, note=36, velocity=9, time=200_000_000))
    midi.save(midi.filename)
    dataset = read_dataset("e-gmd", root)
    assert only(dataset).endswith("s is more than 12 hours")
    assert len(dataset.tracks) == 2


def test_e_gmd_notes_of_other_kits_are_not_passed_over(tmp_path):
    def write(name: str, *notes: int, channel: int = 9) -> None:
        track = [mido.Message("note_on", note=n, velocity=90, channel=channel, time=240) for n in notes]
        mido.MidiFile(tracks=[mido.MidiTrack(track)]).save(tmp_path / name)

    write("a.mid", 36, 39, 56, 38)
    write("b.mid", 36, 35)
    write("c.mid", 36, channel=0)
    dataset = read_dataset("e-gmd", tmp_path)
    assert dataset.track_ids == ["a"]
    check_onsets(dataset.tracks[0], [(0.25, "KD"), (0.5, "OT"), (0.75, "OT"), (1.0, "SD")])
    assert dataset.problems == (
        f"{tmp_path}/b.mid: 0.500 s: unknown note 35",
        f"{tmp_path}/c.mid: annotation: holds no hit",
    )


def test_folder_with_what_the_renderer_writes(made):
    root, _ = made["folder"]
    first, second = read_dataset("folder", root).tracks
    assert first.audio_path.parent == root / "audio"
    for track, seed in ((first, 0), (second, 1)):
        expected = [(round(beat.seconds, 6), beat.number) for beat in made_groove(seed).beats]
        assert [tuple(beat) for beat in track.beats] == expected


def test_folder_takes_components_subclasses_and_classes(tmp_path):
    lines = "0.1 CHH\n0.2\tHH\r\n0.3 SST\n0.4 CRC 0.8\n0.5 SDG 0.3\n\n0.6 OT\n"
    text(tmp_path / "annotations" / "b" / "x.1.TXT", "\ufeff" + lines)
    text(tmp_path / "annotations" / "silence.txt", "")
    for name in ("b/._x.1.txt", "__MACOSX/x.txt", ".DS_Store/y.txt"):
        text(tmp_path / "annotations" / name, "\0")
    write_audio(tmp_path / "AUDIO" / "B" / "X.1.wav", np.zeros(500))
    dataset = read_dataset("folder", tmp_path, "DTM")
    assert (dataset.problems, dataset.task) == ((), "DTM")
    first, second = dataset.tracks
    assert (first.name, first.group) == ("b/x.1", "b")
    assert first.audio_path == tmp_path / "AUDIO" / "B" / "X.1.wav"
    check_onsets(first, [(0.1, "HH"), (0.2, "HH"), (0.3, "OT"), (0.4, "CY"), (0.5, "SD"), (0.6, "OT")])
    assert first.side_sticks == 1
    check_onsets(second, [])
