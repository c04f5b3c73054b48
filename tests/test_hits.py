"""Hit lists survive every format, and bad files are named in one line."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest

from drummernet.components import COMPONENTS, GM_NOTES, WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.hits import (
    Hit,
    merge_close,
    read_json,
    read_labels,
    read_midi,
    read_tsv,
    write_json,
    write_midi,
    write_tsv,
)
from drummernet.resources import refuse_unwritable, replaced_file

ALL_WRITERS = [write_midi, write_tsv, write_json]
ALL_READERS = [read_midi, read_tsv, read_json, read_labels]


def _random_hits(count: int, seconds: float) -> list[Hit]:
    rng = np.random.default_rng(7)
    return sorted(
        Hit(
            float(rng.uniform(0, seconds)), str(rng.choice(WIDER_COMPONENTS)), int(rng.integers(1, 128)) / 127
        )
        for _ in range(count)
    )


def _write_notes(path: Path, notes: list[tuple[int, int, int, int]], tempo: int = 500_000) -> None:
    """Write (tick, channel, note, velocity) without any note-off; 1,000 ticks are a beat."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    now = 0
    for tick, channel, note, velocity in notes:
        track.append(mido.Message("note_on", channel=channel, note=note, velocity=velocity, time=tick - now))
        now = tick
    mido.MidiFile(ticks_per_beat=1000, tracks=[track]).save(path)


@pytest.mark.parametrize("tempo_bpm", [5, 61.7, 120, 133, 1000])
def test_midi_round_trip_of_ten_minutes(tmp_path: Path, tempo_bpm: float) -> None:
    hits = _random_hits(301, 600.0)
    write_midi(tmp_path / "hits.midi", reversed(hits), tempo_bpm)
    found = read_midi(tmp_path / "hits.midi")
    assert [(hit.component, hit.velocity) for hit in found] == [(hit.component, hit.velocity) for hit in hits]
    errors = [abs(a.onset_seconds - b.onset_seconds) for a, b in zip(found, hits, strict=True)]
    assert max(errors) < 0.0003


def test_pretty_midi_reads_what_is_written(tmp_path: Path) -> None:
    hits = [Hit(0.5, "KD", 1.0), Hit(0.5, "SD", 0.5), Hit(0.52, "SD", 0.25), Hit(599.9, "TMB", 1 / 127)]
    write_midi(tmp_path / "hits.mid", hits, tempo_bpm=97.3)
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "hits.mid"))
    [drums] = midi.instruments
    assert drums.is_drum
    notes = sorted(drums.notes, key=lambda note: (note.start, note.pitch))
    assert [note.pitch for note in notes] == [GM_NOTES[hit.component] for hit in hits]
    assert [note.velocity for note in notes] == [127, 64, 32, 1]
    np.testing.assert_allclose([note.start for note in notes], [h.onset_seconds for h in hits], atol=3e-4)
    assert midi.get_tempo_changes()[1] == pytest.approx([97.3], rel=1e-5)


def test_channel_bytes_are_those_of_drums(tmp_path: Path) -> None:
    write_midi(tmp_path / "hits.mid", [Hit(0.0, "KD", 100 / 127)])
    raw = (tmp_path / "hits.mid").read_bytes()
    assert bytes([0x99, 36, 100]) in raw  # status: note on, channel 9 counted from 0
    messages = [message for message in mido.MidiFile(tmp_path / "hits.mid") if not message.is_meta]
    assert {message.channel for message in messages} == {9}
    assert [message.type for message in messages] == ["note_on", "note_off"]


@pytest.mark.parametrize(("velocity", "midi"), [(1.0, 127), (0.5, 64), (0.001, 1), (0.004, 1), (0.02, 3)])
def test_velocity_quantisation(tmp_path: Path, velocity: float, midi: int) -> None:
    write_midi(tmp_path / "hits.mid", [Hit(1.0, "SD", velocity)])
    assert read_midi(tmp_path / "hits.mid") == [Hit(1.0, "SD", midi / 127)]


def test_known_roland_file(tmp_path: Path) -> None:
    path = tmp_path / "known.mid"
    notes = [(0, 9, 36, 127), (500, 9, 22, 64), (500, 0, 38, 90), (750, 9, 22, 0), (1000, 9, 39, 90)]
    _write_notes(path, [*notes, (1500, 9, 40, 32), (1500, 9, 37, 1), (4000, 9, 26, 5)], tempo=600_000)
    expected = [(0.0, "KD", 127), (0.3, "CHH", 64), (0.9, "SD", 32), (0.9, "SST", 1), (2.4, "OHH", 5)]
    found = read_midi(path, "roland")
    assert [(hit.component, round(hit.velocity * 127)) for hit in found] == [e[1:] for e in expected]
    assert [hit.onset_seconds for hit in found] == pytest.approx([e[0] for e in expected])
    assert [hit.component for hit in read_midi(path, "gm")] == ["KD", "SD", "SST"]


def test_tempo_changes_are_followed(tmp_path: Path) -> None:
    tempi = mido.MidiTrack(
        [mido.MetaMessage("set_tempo", tempo=500_000), mido.MetaMessage("set_tempo", tempo=250_000, time=100)]
    )
    notes = mido.MidiTrack([mido.Message("note_on", channel=9, note=36, velocity=1, time=300)])
    mido.MidiFile(type=1, ticks_per_beat=100, tracks=[tempi, notes]).save(tmp_path / "t.mid")
    assert read_midi(tmp_path / "t.mid")[0].onset_seconds == pytest.approx(0.5 + 2 * 0.25)


def test_a_file_without_drums_has_no_hits(tmp_path: Path) -> None:
    _write_notes(tmp_path / "piano.mid", [(0, 0, 36, 100)])
    assert read_midi(tmp_path / "piano.mid") == []


@pytest.mark.parametrize(
    "content", [b"time\tlabel\n", b"", b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk"]
)
def test_what_is_no_midi_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text.mid").write_bytes(content)
    with pytest.raises(InputError, match=r"text\.mid: MIDI: cannot be read"):
        read_midi(tmp_path / "text.mid")


def test_smpte_time_division_is_refused(tmp_path: Path) -> None:
    _write_notes(tmp_path / "smpte.mid", [(10, 9, 36, 100)])
    raw = bytearray((tmp_path / "smpte.mid").read_bytes())
    raw[12:14] = b"\xe7\x28"  # 25 frames per second, 40 ticks per frame
    (tmp_path / "smpte.mid").write_bytes(raw)
    with pytest.raises(InputError, match="SMPTE"):
        read_midi(tmp_path / "smpte.mid")


def test_unknown_note_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'xg'.*gm, roland"):
        read_midi(tmp_path / "any.mid", "xg")


@pytest.mark.parametrize("tempo_bpm", [0, -120, float("nan"), float("inf")])
def test_impossible_tempo_is_named(tmp_path: Path, tempo_bpm: float) -> None:
    with pytest.raises(InputError, match="tempo_bpm"):
        write_midi(tmp_path / "hits.mid", [], tempo_bpm)


def test_tsv_round_trip(tmp_path: Path) -> None:
    hits = _random_hits(57, 3600.0)
    write_tsv(tmp_path / "hits.tsv", reversed(hits))
    found = read_tsv(tmp_path / "hits.tsv")
    assert found == [Hit(round(h.onset_seconds, 6), h.component, round(h.velocity, 3)) for h in hits]
    write_tsv(tmp_path / "again.tsv", found)
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "hits.tsv").read_bytes()


def test_tsv_lines(tmp_path: Path) -> None:
    write_tsv(tmp_path / "hits.tsv", [Hit(1.25, "SD", 0.5), Hit(0, "KD", 1e-5)])
    assert (tmp_path / "hits.tsv").read_text() == "0.000000\tKD\t0.001\n1.250000\tSD\t0.500\n"
    assert read_labels(tmp_path / "hits.tsv") == [(0.0, "KD"), (1.25, "SD")]


def test_json_round_trip_is_exact(tmp_path: Path) -> None:
    hits = _random_hits(57, 3600.0)
    write_json(tmp_path / "hits.json", reversed(hits))
    assert read_json(tmp_path / "hits.json") == hits
    first = json.loads((tmp_path / "hits.json").read_text())["hits"][0]
    assert set(first) == {"onset_seconds", "component", "velocity"}


@pytest.mark.parametrize(("writer", "reader"), list(zip(ALL_WRITERS, ALL_READERS, strict=False)))
def test_no_hits_are_a_valid_list(tmp_path: Path, writer: Callable, reader: Callable) -> None:
    writer(tmp_path / "new" / "none.mid", [])
    assert reader(tmp_path / "new" / "none.mid") == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("0.5\tBD\t0.5", "'BD'"),
        ("0.5\tHH\t0.5", "'HH'"),
        ("soon\tKD\t0.5", "'soon'"),
        ("-0.1\tKD\t0.5", "'-0.1'"),
        ("nan\tKD\t0.5", "'nan'"),
        ("inf\tKD\t0.5", "'inf'"),
        ("0.5\tKD\t0", "'0'"),
        ("0.5\tKD\t1.01", "'1.01'"),
        ("0.5\tKD\tnan", "'nan'"),
        ("0.5 KD 0.5", "0.5 KD 0.5"),
        ("0.5\tKD", "KD"),
    ],
)
def test_bad_tsv_lines_are_named(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / "bad.tsv").write_text(f"0.1\tKD\t1\n\n{line}\n0.7\tKD\t1\n")
    with pytest.raises(InputError) as caught:
        read_tsv(tmp_path / "bad.tsv")
    message = str(caught.value)
    assert "bad.tsv: line 3: " in message
    assert value in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "hits"),
        ("{", "hits"),
        ('{"hits": 3}', "3 is not a list"),
        ('{"hits": [{"onset_seconds": 0, "component": "KD"}]}', r"hits\[0\]: .*lacks"),
        ('{"hits": [5]}', r"hits\[0\]: 5"),
        ('{"hits": [{"onset_seconds": -1, "component": "KD", "velocity": 1}]}', r"hits\[0\]: time -1"),
        ('{"hits": [{"onset_seconds": [], "component": "KD", "velocity": 1}]}', r"hits\[0\]: time \[\]"),
        ('{"hits": [{"onset_seconds": 0, "component": [], "velocity": 1}]}', r"unknown component \[\]"),
        ('{"hits": [{"onset_seconds": 0, "component": "KD", "velocity": 2}]}', r"velocity 2"),
    ],
)
def test_bad_json_is_named(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(InputError, match=rf"bad\.json: .*{problem}"):
        read_json(tmp_path / "bad.json")


def test_labels_in_the_layouts_of_the_datasets(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(
        "\ufeff0.75 \t SDG \n0.010000 \t KD \n\n0.5\tHH\t0.9\r\n0.6 OT\n", "utf-8"
    )
    assert read_labels(tmp_path / "labels.txt") == [(0.01, "KD"), (0.5, "HH"), (0.6, "OT"), (0.75, "SDG")]


@pytest.mark.parametrize("line", ["0.5 kick", "x KD", "-1 KD", "nan KD", "0.5", "0.5 KD 1 2"])
def test_bad_labels_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.txt").write_text(f"0.1 KD\n{line}\n")
    with pytest.raises(InputError, match=rf"bad\.txt: line 2: .*'({line}|{'|'.join(line.split())})'"):
        read_labels(tmp_path / "bad.txt")


@pytest.mark.parametrize("reader", ALL_READERS)
def test_missing_files_are_named(tmp_path: Path, reader: Callable) -> None:
    with pytest.raises(InputError, match="absent"):
        reader(tmp_path / "absent")


@pytest.mark.parametrize("reader", [read_tsv, read_json, read_labels])
def test_bytes_that_are_no_text_are_named(tmp_path: Path, reader: Callable) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="binary"):
        reader(tmp_path / "binary")


def test_a_failed_block_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.tsv"
    target.write_text("old")

    def fail() -> None:
        with replaced_file(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.tsv"]
    assert target.read_text() == "old"


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    def fail() -> None:
        with replaced_file(tmp_path / "out.tsv") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        fail()
    assert error.value.filename == str(tmp_path / "out.tsv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", ALL_WRITERS)
def test_a_failed_writer_leaves_nothing(tmp_path: Path, writer: Callable) -> None:
    folder = tmp_path / "taken.mid"
    folder.mkdir()
    with pytest.raises(OSError, match="taken"):
        writer(folder, [Hit(0.5, "KD", 1.0)])
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


def test_a_block_that_succeeds_replaces_the_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.tsv"
    for content in ("first", "second"):
        with replaced_file(target) as temporary:
            assert temporary.suffix == ".tsv"
            assert temporary.parent == target.parent
            temporary.write_text(content)
        assert target.read_text() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.tsv"
    link.symlink_to("real/out.tsv")
    for content in ("first", "second"):
        with replaced_file(link) as temporary:
            temporary.write_text(content)
        assert link.is_symlink()
        assert (tmp_path / "real" / "out.tsv").read_text() == content


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with replaced_file(tmp_path / "pipe") as temporary:
        temporary.write_text("through")
    assert os.read(end, 99) == b"through"
    os.close(end)
    assert (tmp_path / "pipe").is_fifo()


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    def fail() -> None:
        with replaced_file(tmp_path / "out.tsv") as temporary:
            raise PermissionError(errno.EACCES, "Permission denied", str(temporary))

    with pytest.raises(PermissionError) as error:
        fail()
    assert error.value.filename == str(tmp_path / "out.tsv")

    def vanish() -> None:
        with replaced_file(tmp_path / "out.tsv"):
            pass  # nothing is written: there is nothing to put in place

    with pytest.raises(FileNotFoundError) as gone:
        vanish()
    assert (gone.value.filename, gone.value.filename2) == (str(tmp_path / "out.tsv"), None)


def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "new" / "deep" / "a.json", tmp_path / "file", Path("/dev/null"), Path("a.json")):
        refuse_unwritable(path)
    for path, problem in (
        (tmp_path, "Is a directory"),
        (Path(), "Is a directory"),
        (tmp_path / "file" / "a.json", f"{tmp_path / 'file'} is no folder"),
    ):
        with pytest.raises(InputError, match=f"file: {problem}"):
            refuse_unwritable(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # root may do everything
    with pytest.raises(InputError, match=f"a: file: {tmp_path} cannot be written to"):
        refuse_unwritable(tmp_path / "new" / "a")


def test_merge_close_compares_with_the_last_kept() -> None:
    onsets = np.array([1.0, 1.009, 1.010, 1.018, 1.025, 0.2, 0.2])
    assert merge_close(onsets).tolist() == [0.2, 1.0, 1.018]
    assert merge_close(onsets, 0.0).tolist() == sorted(set(onsets.tolist()))
    assert merge_close(np.array([])).shape == (0,)


def test_ten_milliseconds_are_within_wherever_they_lie() -> None:
    starts = np.arange(1, 400) * 1.7
    onsets = np.concatenate([starts, starts + 0.010, starts + 0.011])
    np.testing.assert_array_equal(merge_close(onsets), np.sort(np.concatenate([starts, starts + 0.011])))


def test_hits_are_ordered_by_time_then_component() -> None:
    assert sorted([Hit(1, "SD"), Hit(0.5, "TMB"), Hit(1, "KD")]) == [
        Hit(0.5, "TMB", 1.0),
        Hit(1, "KD"),
        Hit(1, "SD"),
    ]
    assert all(Hit(0, component).velocity == 1.0 for component in COMPONENTS)
