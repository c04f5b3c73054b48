"""Groove folders and the groove generator."""

import csv
import logging
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest

from drummernet.components import COMPONENTS, NOTE_MAPS, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.grooves.drummer import play_style, swung_step
from drummernet.grooves.generator import MIN_GAP_SECONDS, generate_groove
from drummernet.grooves.groove import Groove
from drummernet.grooves.midi import LONGEST_SECONDS, read_grooves
from drummernet.grooves.patterns import FILL_LETTERS, FILLS, LEVELS, STYLES
from drummernet.hits import Hit, read_midi, write_midi
from drummernet.score import Beat, read_score

HITS = [Hit(0.0, "KD", 1.0), Hit(0.5, "SD", 1.0), Hit(1.5, "CHH", 1.0)]


@pytest.fixture
def groove_folder(tmp_path: Path) -> Path:
    """Two usable train grooves, a test groove, and four files that are unusable, each for its own reason."""
    rows = [
        ("d1/a.mid", "4.0", "train"),
        ("d1/b.b.midi", "0.1", "train"),
        ("d2/c.mid", "2.5", "test"),
        ("d2/broken.mid", "2.5", "train"),
        ("d2/absent.mid", "2.5", "train"),
        ("d2/silent.mid", "2.5", "train"),
        ("d2/endless.mid", "nan", "train"),
    ]
    with (tmp_path / "info.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["drummer", "midi_filename", "duration", "split"])
        writer.writerows([("d", *row) for row in rows])
    for name in ("d1/a.mid", "d1/b.b.midi", "d2/c.mid", "d2/endless.mid", "d2/unlisted.mid"):
        write_midi(tmp_path / name, HITS)
    write_midi(tmp_path / "d2/silent.mid", [])
    (tmp_path / "d2/broken.mid").write_text("not MIDI")
    return tmp_path


def test_the_split_is_respected_and_bad_files_are_skipped_by_name(
    groove_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        grooves = read_grooves(groove_folder, "train")
    assert [groove.name for groove in grooves] == ["d1/a", "d1/b.b"]
    assert [groove.duration_seconds for groove in grooves] == pytest.approx([4.0, 1.5], abs=3e-4)
    assert [hit.component for hit in grooves[0].hits] == ["KD", "SD", "CHH"]
    bad = ("broken.mid", "absent.mid", "silent.mid", "endless.mid")
    assert len(caplog.records) == len(bad)
    for name, record in zip(bad, caplog.records, strict=True):
        assert name in record.getMessage()


def test_other_splits(groove_folder: Path) -> None:
    assert [groove.name for groove in read_grooves(groove_folder, "test")] == ["d2/c"]
    assert [groove.name for groove in read_grooves(groove_folder)] == ["d1/a", "d1/b.b", "d2/c"]
    with pytest.raises(InputError, match=r"info\.csv: split: no 'dev'; there are test, train"):
        read_grooves(groove_folder, "dev")


def test_a_folder_without_a_table(groove_folder: Path) -> None:
    (groove_folder / "info.csv").unlink()
    names = [groove.name for groove in read_grooves(groove_folder)]
    assert names == ["d1/a", "d1/b.b", "d2/c", "d2/endless", "d2/unlisted"]
    assert read_grooves(groove_folder)[0].duration_seconds == pytest.approx(2.5, abs=3e-4)
    with pytest.raises(InputError, match="'train' was asked for"):
        read_grooves(groove_folder, "train")


def test_tables_that_lack_columns_are_named(groove_folder: Path) -> None:
    (groove_folder / "info.csv").write_text("midi_filename,split\nd1/a.mid,train\n")
    with pytest.raises(InputError, match=r"info\.csv: columns: without duration"):
        read_grooves(groove_folder)


def test_a_folder_without_a_usable_groove_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable MIDI file"):
        read_grooves(tmp_path)
    (tmp_path / "broken.mid").write_text("not MIDI")
    with pytest.raises(InputError, match="no usable MIDI file"):
        read_grooves(tmp_path)


def test_the_groove_dataset_has_its_published_splits(shared_data: Path) -> None:
    counts = {
        split: len(read_grooves(shared_data / "groove", split)) for split in ("train", "validation", "test")
    }
    assert counts == {"train": 897, "validation": 124, "test": 129}
    grooves = read_grooves(shared_data / "groove")
    assert len({groove.name for groove in grooves}) == 1150
    assert sum(groove.duration_seconds for groove in grooves) / 3600 == pytest.approx(13.6, abs=0.05)


def test_grooves_of_the_dataset_hold_what_pretty_midi_finds(shared_data: Path) -> None:
    """In rolls there is more: pretty_midi drops a stroke whose note-on coincides with a note-off."""
    folder = shared_data / "groove" / "drummer1" / "eval_session"
    for groove in read_grooves(folder):
        onsets: dict[tuple[str, int], list[float]] = defaultdict(list)
        for hit in groove.hits:
            onsets[hit.component, round(hit.velocity * 127)].append(hit.onset_seconds)
        [drums] = pretty_midi.PrettyMIDI(str(folder / f"{groove.name}.mid")).instruments
        notes = [note for note in drums.notes if note.pitch in NOTE_MAPS["roland"]]
        for note in notes:
            candidates = onsets[NOTE_MAPS["roland"][note.pitch], note.velocity]
            assert min(abs(np.array(candidates) - note.start)) < 1e-6
        assert len(notes) <= len(groove.hits) <= 1.02 * len(notes)


def test_tables_of_patterns_are_sound() -> None:
    for style in STYLES:
        lengths = {len(pattern) for pattern in (*style.kicks, *style.snares)}
        lengths |= {len(pattern) for layers in style.keepers for pattern in layers.values()}
        assert lengths in ({16}, {12}), style.name
        for layers in style.keepers:
            assert set(layers) <= set(COMPONENTS) - {"KD", "SD"}
            assert set("".join(layers.values())) <= {*LEVELS, "."}
            one_hat = zip(layers.get("CHH", ""), layers.get("OHH", ""), strict=False)
            assert all("." in marks for marks in one_hat), (style.name, layers)
    for beats, letters in FILLS:
        assert set(letters.upper()) <= {*FILL_LETTERS, "."}
        assert len(letters) % beats == 0
    assert set(FILL_LETTERS.values()) <= set(COMPONENTS)


@pytest.mark.parametrize("seed", range(40))
def test_generated_grooves_are_well_formed(seed: int) -> None:
    groove = generate_groove(seed, 17.3)
    assert groove == generate_groove(seed, 17.3)
    assert list(groove.hits) == sorted(groove.hits)
    assert groove.hits
    for component in {hit.component for hit in groove.hits}:
        assert component in COMPONENTS
        onsets = np.array([hit.onset_seconds for hit in groove.hits if hit.component == component])
        assert onsets.min() >= 0
        assert onsets.max() < groove.duration_seconds
        assert np.all(np.diff(onsets) >= MIN_GAP_SECONDS)
    assert all(0 < hit.velocity <= 1 for hit in groove.hits)


def test_seeds_differ() -> None:
    assert len({generate_groove(seed, 5.0).hits for seed in range(50)}) == 50


@pytest.mark.parametrize(
    ("seed", "seconds"), [(-1, 2.0), (0, 0.0), (0, -1.0), (0, float("nan")), (0, float("inf"))]
)
def test_arguments_out_of_range_are_named(seed: int, seconds: float) -> None:
    with pytest.raises(InputError, match=r"generate_groove: (seed|duration_seconds)"):
        generate_groove(seed, seconds)


@pytest.fixture(scope="module")
def many() -> list[Groove]:
    return [generate_groove(seed, 20.0) for seed in range(300)]


def _style(groove: Groove) -> str:
    return groove.name.split("/")[1]


def test_all_components_occur_in_short_grooves() -> None:
    counts = Counter(hit.component for seed in range(200) for hit in generate_groove(seed, 2.0).hits)
    assert set(counts) == set(COMPONENTS)
    assert min(counts.values()) > 40


def test_density_is_that_of_drummers(many: list[Groove]) -> None:
    scored = {component for members in THREE_CLASSES.values() for component in members}
    hits = sum(hit.component in scored for groove in many for hit in groove.hits)
    assert 5 < hits / sum(groove.duration_seconds for groove in many) < 9


def test_every_style_is_drawn_and_a_fifth_is_free(many: list[Groove]) -> None:
    drawn = Counter(_style(groove) for groove in many)
    assert set(drawn) == {style.name for style in STYLES} | {"free"}
    assert 0.13 < drawn["free"] / len(many) < 0.27


def test_free_grooves_play_all_components_alike(many: list[Groove]) -> None:
    counts = Counter(hit.component for groove in many if _style(groove) == "free" for hit in groove.hits)
    assert set(counts) == set(COMPONENTS)
    assert max(counts.values()) < 1.35 * min(counts.values())


def test_dynamics_vary_within_and_between_grooves(many: list[Groove]) -> None:
    snares = [[hit.velocity for hit in groove.hits if hit.component == "SD"] for groove in many]
    snares = [velocities for velocities in snares if len(velocities) > 10]
    assert np.median([np.std(velocities) for velocities in snares]) > 0.07
    assert np.std([np.median(velocities) for velocities in snares]) > 0.07


def test_flams_are_a_quiet_stroke_before_a_loud_one(many: list[Groove]) -> None:
    pairs = [
        (a, b)
        for groove in many
        if _style(groove) != "free"
        for a, b in pairwise([hit for hit in groove.hits if hit.component == "SD"])
        if b.onset_seconds - a.onset_seconds <= 0.035 and a.velocity <= 0.51 * b.velocity
    ]
    assert len(pairs) > 50


def test_swing_stretches_the_first_of_a_pair() -> None:
    swung = [swung_step(step, 1 / 3, 2) for step in range(6)]
    assert swung == pytest.approx([0, 4 / 3, 8 / 3, 10 / 3, 4, 16 / 3])
    assert [swung_step(step, 0.5, 1) for step in (0, 1, 2, 3)] == pytest.approx([0, 1.5, 2, 3.5])
    assert [swung_step(step / 2, 0.0, 2) for step in range(9)] == [step / 2 for step in range(9)]


@pytest.mark.parametrize(("name", "least", "most"), [("shuffle", 1.4, 2.6), ("punk", 1.0, 1.2)])
def test_swing_delays_the_offbeats_that_are_played(name: str, least: float, most: float) -> None:
    """Of two neighbouring eighths of the time-keeper the long gap is compared with the short one."""
    [style] = [style for style in STYLES if style.name == name]
    ratios: list[float] = []
    for seed in range(30):
        hits, _ = play_style(style, np.random.default_rng(seed), 20.0)
        onsets = np.array(sorted(hit.onset_seconds for hit in hits if hit.component in ("CHH", "RDC")))
        beats = onsets[2:] - onsets[:-2]
        if beats.size > 20:
            regular = abs(beats / np.median(beats) - 1) < 0.1
            pairs = np.stack([np.diff(onsets)[1:], np.diff(onsets)[:-1]])[:, regular]
            ratios += (pairs.max(axis=0) / pairs.min(axis=0)).tolist()
    assert len(ratios) > 300
    assert least < np.median(ratios) < most


def _recurrence(groove: Groove) -> float:
    """Return the share of loud snares that another follows after the groove's best period of 0.6 to 2 s."""
    loud = np.array([h.onset_seconds for h in groove.hits if h.component == "SD" and h.velocity > 0.4])
    if loud.size < 5:
        return 0.0
    gaps = loud[None] - loud[:, None]
    return float(max((abs(gaps - period) < 0.03).any(axis=1).mean() for period in np.arange(0.6, 2.0, 0.02)))


def test_most_grooves_have_a_backbeat_and_free_ones_have_none(many: list[Groove]) -> None:
    styled = [_recurrence(groove) > 0.5 for groove in many if _style(groove) != "free"]
    free = [_recurrence(groove) > 0.5 for groove in many if _style(groove) == "free"]
    assert np.mean(styled) > 0.5
    assert np.mean(free) < 0.1


def test_pauses_thin_some_bars_out(many: list[Groove]) -> None:
    """Two seconds in which one component alone plays: they teach what it sounds like."""
    alone: Counter[str] = Counter()
    for groove in many:
        if _style(groove) == "free":
            continue
        for start in np.arange(0, 18, 0.5):
            inside = {h.component for h in groove.hits if start <= h.onset_seconds < start + 1.5}
            if len(inside) == 1:
                alone.update(inside)
    assert {"KD", "SD", "CHH", "RDC"} <= set(alone)


def _write_score(path: Path, *messages: mido.MetaMessage | mido.Message) -> None:
    """Write a file of 480 ticks per quarter note, with a stroke 10,000 ticks after the last message."""
    stroke = mido.Message("note_on", channel=9, note=36, velocity=64, time=10_000)
    mido.MidiFile(tracks=[mido.MidiTrack([*messages, stroke])]).save(path)


def _tempo(bpm: float, ticks: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm), time=ticks)


def _metre(numerator: int, denominator: int, ticks: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator, time=ticks)


@pytest.mark.parametrize(
    ("numerator", "denominator", "beat_quarters", "bar_beats"),
    [(4, 4, 1, 4), (3, 4, 1, 3), (5, 8, 0.5, 5), (6, 8, 1.5, 2), (12, 8, 1.5, 4), (2, 2, 2, 2)],
)
def test_beats_follow_tempo_and_time_signature(
    tmp_path: Path, numerator: int, denominator: int, beat_quarters: float, bar_beats: int
) -> None:
    _write_score(tmp_path / "a.mid", _tempo(90), _metre(numerator, denominator))
    beats = read_score(tmp_path / "a.mid").beats(10.0)
    expected = np.arange(0, 10, beat_quarters * 60 / 90)
    np.testing.assert_allclose([beat.seconds for beat in beats], expected, atol=1e-5)
    assert [beat.number for beat in beats] == [n % bar_beats + 1 for n in range(len(beats))]


def test_beats_where_tempo_and_time_signature_change(tmp_path: Path) -> None:
    """A bar of 4/4 at 120; in its second half at 60; then 3/4."""
    _write_score(tmp_path / "a.mid", _metre(4, 4), _tempo(120), _tempo(60, 960), _metre(3, 4, 960))
    beats = read_score(tmp_path / "a.mid").beats(7.5)
    assert beats == [
        *(Beat(0.0, 1), Beat(0.5, 2), Beat(1.0, 3), Beat(2.0, 4)),
        *(Beat(3.0, 1), Beat(4.0, 2), Beat(5.0, 3), Beat(6.0, 1), Beat(7.0, 2)),
    ]


def test_beats_that_nobody_states(tmp_path: Path) -> None:
    _write_score(tmp_path / "a.mid", _tempo(90))
    _write_score(tmp_path / "b.mid", _metre(4, 4), _tempo(3e6))
    assert [groove.beats for groove in read_grooves(tmp_path)] == [(), ()]


def test_a_part_has_its_own_clock() -> None:
    beats = (Beat(0.0, 1), Beat(0.75, 2), Beat(1.5, 3))
    part = Groove("whole", tuple(HITS), 2.5, beats).part(0.5, 1.5)
    assert part == Groove("whole", (Hit(0.0, "SD"),), 1.0, (Beat(0.25, 2),))


def test_scores_hold_what_a_general_reader_finds(shared_data: Path) -> None:
    folder = shared_data / "groove"
    for groove in read_grooves(folder)[::80]:
        path = folder / f"{groove.name}.mid"
        expected = read_midi(path, "roland")
        assert sorted((hit.component, hit.velocity) for hit in groove.hits) == sorted(
            (hit.component, hit.velocity) for hit in expected
        )
        np.testing.assert_allclose(
            [hit.onset_seconds for hit in groove.hits], [hit.onset_seconds for hit in expected], atol=1e-6
        )
        general = pretty_midi.PrettyMIDI(str(path))
        for ours, theirs in (
            ([beat.seconds for beat in groove.beats], general.get_beats()),
            ([beat.seconds for beat in groove.beats if beat.number == 1], general.get_downbeats()),
        ):
            inside = theirs[theirs < groove.duration_seconds - 1e-6]
            assert len(ours) >= len(inside) > 0  # theirs end with the file
            np.testing.assert_allclose(ours[: len(inside)], inside, atol=1e-4)


def test_beats_of_the_dataset_fit_its_table_and_its_hits(shared_data: Path) -> None:
    """The table states tempo and metre too; kicks fall on downbeats, snares on the second and fourth beat."""
    folder = shared_data / "groove"
    with (folder / "info.csv").open(newline="") as file:
        rows = {row["midi_filename"].removesuffix(".mid"): row for row in csv.DictReader(file)}
    on_beat: Counter[tuple[str, int]] = Counter()
    for groove in read_grooves(folder, "validation"):
        row = rows[groove.name]
        seconds = np.array([beat.seconds for beat in groove.beats])
        if row["time_signature"] != "4-4" or len(seconds) < 2:
            continue
        np.testing.assert_allclose(np.diff(seconds), 60 / float(row["bpm"]), rtol=0.01)
        for hit in groove.hits:
            nearest = int(np.abs(seconds - hit.onset_seconds).argmin())
            if hit.velocity > 0.4 and abs(seconds[nearest] - hit.onset_seconds) < 0.04:
                on_beat[hit.component, groove.beats[nearest].number] += 1
    assert on_beat["KD", 1] > 2 * max(on_beat["KD", 2], on_beat["KD", 4])
    assert min(on_beat["SD", 2], on_beat["SD", 4]) > 2 * max(on_beat["SD", 1], on_beat["SD", 3])


def test_tracks_running_status_and_other_messages(tmp_path: Path) -> None:
    """A file by hand: two tracks, a system exclusive message, a program change, running status."""
    conductor = b"\x00\xff\x51\x03\x0f\x42\x40" + b"\x00\xff\x2f\x00"  # a quarter note lasts 1 s
    drums = b"\x00\xf0\x03\x01\x02\xf7" + b"\x00\xc9\x05"
    drums += (
        b"\x60\x99\x24\x40" + b"\x60\x26\x7f" + b"\x00\x24\x00" + b"\x81\x40\x24\x20" + b"\x00\xff\x2f\x00"
    )
    tracks = (b"MTrk" + len(track).to_bytes(4, "big") + track for track in (conductor, drums))
    data = b"MThd\x00\x00\x00\x06\x00\x01\x00\x02\x00\x60" + b"".join(tracks)
    (tmp_path / "a.mid").write_bytes(data)
    (groove,) = read_grooves(tmp_path)
    assert groove.hits == (Hit(1.0, "KD", 64 / 127), Hit(2.0, "SD", 1.0), Hit(4.0, "KD", 32 / 127))
    assert list(groove.hits) == read_midi(tmp_path / "a.mid", "roland")


def test_broken_files_are_named_whatever_is_broken(tmp_path: Path) -> None:
    """Cut anywhere, or with any bytes replaced, a file is a groove or an error, soon."""
    _write_score(tmp_path / "a.mid", _tempo(100), _metre(4, 4), *(_metre(3, 4, 960),) * 8)
    whole = (tmp_path / "a.mid").read_bytes()
    rng = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    for n in range(len(whole) + 400):
        broken = bytearray(whole[:n]) if n < len(whole) else bytearray(whole)
        if n >= len(whole):
            for at in rng.integers(len(whole), size=3):
                broken[at] = rng.integers(256)
        (tmp_path / "a.mid").write_bytes(broken)
        try:
            (groove,) = read_grooves(tmp_path)
        except InputError:
            outcomes["error"] += 1
        else:
            outcomes["groove"] += 1
            assert groove.duration_seconds < LONGEST_SECONDS
    assert outcomes["error"] > len(whole) // 2
    assert outcomes["groove"] > 20


def test_an_unknown_note_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="note_map: unknown 'korg'; known are"):
        read_grooves(tmp_path, note_map="korg")


def test_generated_beats_are_those_of_the_bars(many: list[Groove]) -> None:
    """A free groove has none; others have crashes on downbeats, whatever the style."""
    crashes: Counter[int] = Counter()
    for groove in many:
        assert bool(groove.beats) == (_style(groove) != "free")
        assert all(0 <= beat.seconds < groove.duration_seconds for beat in groove.beats)
        numbers = [beat.number for beat in groove.beats]
        bar_beats = {"waltz": 3, "six_eight": 2}.get(_style(groove), 4)
        assert all(b == a % bar_beats + 1 for a, b in pairwise(numbers))
        seconds = np.array([beat.seconds for beat in groove.beats])
        if len(seconds):
            gaps = np.diff(seconds)
            np.testing.assert_allclose(gaps, np.median(gaps), rtol=0.06)  # a drummer drifts
            for hit in groove.hits:
                nearest = int(np.abs(seconds - hit.onset_seconds).argmin())
                if hit.component == "CRC" and abs(seconds[nearest] - hit.onset_seconds) < 0.04:
                    crashes[groove.beats[nearest].number] += 1
    assert crashes[1] > 2 * crashes[2] > 0
