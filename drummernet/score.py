"""What the project needs of a Standard MIDI File: strokes on the drum channel, tempo and time signatures."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from drummernet.errors import InputError

DRUM_CHANNEL = 9
"""Channel 10 of General MIDI, counted from 0 as in the file."""

_DEFAULT_TEMPO = 500_000
_LEAST_BEAT_SECONDS = 0.06
"""A shorter beat is nobody's pulse but a broken tempo."""
_LONGEST_BEAT_SECONDS = 12.0

TICKS_PER_SECOND = 2400
"""MIDI ticks per second that are written at the usual tempo of a file: onsets are right within 0.21 ms, and
common readers, which refuse more than 10 million ticks, still take files of an hour."""
_LONGEST_TICK_SECONDS = 1.5e-3
"""In the slowest beat of a file; the onset of a hit is wrong by half of it at most."""
_TICKS_UNIT = 24
"""Of ticks per quarter note there is a multiple of it: triplets and thirty-seconds lie on ticks."""

# mido is imported where a file is opened: machines that train have none.


class Beat(NamedTuple):
    """A beat of a bar.

    Attributes:
        seconds: When.
        number: Its number within the bar; 1 is the downbeat.
    """

    seconds: float
    number: int


@dataclass
class Score:
    """The events of a file, times in ticks.

    Attributes:
        ticks_per_quarter: The unit of time.
        strokes: (tick, note, velocity) of every note-on of the drum channel.
        tempos: (tick, microseconds per quarter note), in order of time from tick 0 on.
        metres: (tick, beats in a bar, ticks per beat), in order of time.
    """

    ticks_per_quarter: int
    strokes: list[tuple[int, int, int]] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=lambda: [(0, _DEFAULT_TEMPO)])
    metres: list[tuple[int, int, int]] = field(default_factory=list)

    def seconds(self, tick: int) -> float:
        """Return when a tick is, once all tempos are there."""
        start, start_seconds, tick_seconds = self._changes[
            bisect_right(self._changes, tick, key=itemgetter(0)) - 1
        ]
        return start_seconds + (tick - start) * tick_seconds

    @cached_property
    def _changes(self) -> list[tuple[int, float, float]]:
        """(tick, seconds there, seconds per tick from there on) of every change of tempo."""
        changes: list[tuple[int, float, float]] = []
        for tick, microseconds in self.tempos:
            start_seconds = 0.0
            if changes:
                before, before_seconds, tick_seconds = changes[-1]
                start_seconds = before_seconds + (tick - before) * tick_seconds
            changes.append((tick, start_seconds, microseconds / 1e6 / self.ticks_per_quarter))
        return changes

    def tick(self, seconds: float) -> int:
        """Return the tick that is nearest to a time, once all tempos are there."""
        start, start_seconds, tick_seconds = self._changes[
            max(0, bisect_right(self._changes, seconds, key=itemgetter(1)) - 1)
        ]
        return start + round((seconds - start_seconds) / tick_seconds)

    def beats(self, until_seconds: float) -> list[Beat]:
        """Return the beats before ``until_seconds``; none where the file states no time signature.

        A time signature begins a bar. In compound ones (6/8, 9/8, 12/8) three notes are a beat.
        """
        found: list[Beat] = []
        for index, (start, bar_beats, beat_ticks) in enumerate(self.metres):
            end = self.metres[index + 1][0] if index + 1 < len(self.metres) else None
            tick, number = start, 0
            while (end is None or tick < end) and (seconds := self.seconds(tick)) < until_seconds:
                if found and seconds - found[-1].seconds < _LEAST_BEAT_SECONDS:
                    return []
                found.append(Beat(seconds, number % bar_beats + 1))
                tick, number = tick + beat_ticks, number + 1
        return found


def median_bpm(beats: Sequence[Beat]) -> float | None:
    """Return the median tempo, None if there are fewer than two beats."""
    return 60.0 / median(_gaps(beats)) if len(beats) > 1 else None


def score_of_beats(beats: Sequence[Beat], where: str | Path) -> Score:
    """Return tempos and metres by which every beat is a quarter note, so that it lies on a line of the grid.

    What comes before the first beat is filled with whole beats of about its tempo, and with an incomplete
    bar if the numbers ask for it. A first beat within 0.06 s of the start is taken for the start.

    Args:
        beats: At least two, in order of time.
        where: What an error names.

    Raises:
        InputError: if beats are nearer than 0.06 s to each other or further apart than 12 s.
    """
    gaps = _gaps(beats)
    if not all(_LEAST_BEAT_SECONDS <= gap <= _LONGEST_BEAT_SECONDS for gap in gaps) or beats[0].seconds < 0:
        raise InputError(
            where, "beats", f"not from {_LEAST_BEAT_SECONDS} to {_LONGEST_BEAT_SECONDS:g} s apart"
        )
    lead_seconds, lead_beats = beats[0].seconds, 0
    if lead_seconds >= _LEAST_BEAT_SECONDS:
        lead_beats = max(1, round(lead_seconds / gaps[0]))
    ends = [lead_seconds * (n + 1) / lead_beats for n in range(lead_beats)]
    ends += [beat.seconds for beat in beats[1:]]
    longest = max([*gaps, lead_seconds / max(lead_beats, 1)])
    ticks = max(TICKS_PER_SECOND * median(gaps), longest / _LONGEST_TICK_SECONDS)
    score = Score(_TICKS_UNIT * -int(-ticks // _TICKS_UNIT), tempos=[])
    reached_microseconds = 0
    for index, end in enumerate(ends):
        tempo = round(1e6 * end) - reached_microseconds  # what one beat is rounded by does not move the next
        if not score.tempos or score.tempos[-1][1] != tempo:
            score.tempos.append((index * score.ticks_per_quarter, tempo))
        reached_microseconds += tempo
    score.metres = _metres(beats, lead_beats, score.ticks_per_quarter)
    return score


def _metres(beats: Sequence[Beat], lead_beats: int, ticks: int) -> list[tuple[int, int, int]]:
    """Return the metres of bars that begin where a beat is number 1; ``lead_beats`` come before the first."""
    usual = max(beat.number for beat in beats)
    first = next((n for n, beat in enumerate(beats) if beat.number == 1), len(beats))
    starts = [lead_beats + n for n, beat in enumerate(beats) if beat.number == 1]
    before = (lead_beats + first) % usual
    bars = [(0, before)] if before else []
    bars += [(start, usual) for start in range(before, lead_beats + first, usual)]
    bars += [(start, end - start) for start, end in pairwise(starts)]
    bars += [(start, usual) for start in starts[-1:]]
    changes = [bars[0], *(bar for last, bar in pairwise(bars) if last[1] != bar[1])]
    return [(start * ticks, length, ticks) for start, length in changes]


def _gaps(beats: Sequence[Beat]) -> list[float]:
    return [after.seconds - before.seconds for before, after in pairwise(beats)]


def read_score(path: str | Path) -> Score:
    """Read a Standard MIDI File.

    Raises:
        InputError: if it cannot be read.
    """
    import mido

    try:
        midi = mido.MidiFile(path)
        if midi.type > 1:
            raise ValueError(f"format {midi.type}")
        if midi.ticks_per_beat <= 0:
            raise ValueError("SMPTE time division")
        score = Score(midi.ticks_per_beat)
        for track in midi.tracks:
            tick = 0
            for message in track:
                tick += message.time
                _add(message, tick, score)
    except Exception as error:  # a broken file raises whatever its bytes happen to trip
        raise InputError(path, "MIDI", f"cannot be read: {str(error) or type(error).__name__}") from error
    score.tempos.sort(key=itemgetter(0))
    score.metres.sort(key=itemgetter(0))
    return score


def _add(message: Any, tick: int, score: Score) -> None:
    if message.type == "note_on" and message.velocity > 0 and message.channel == DRUM_CHANNEL:
        score.strokes.append((tick, message.note, message.velocity))
    elif message.type == "set_tempo":
        score.tempos.append((tick, message.tempo))
    elif message.type == "time_signature" and message.numerator:
        beats, beat_ticks = message.numerator, max(1, 4 * score.ticks_per_quarter // message.denominator)
        if beats > 3 and beats % 3 == 0:
            beats, beat_ticks = beats // 3, beat_ticks * 3
        score.metres.append((tick, beats, beat_ticks))
