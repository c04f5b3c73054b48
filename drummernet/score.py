"""What the project needs of a Standard MIDI File: strokes on the drum channel, tempo and time signatures."""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.errors import InputError

DRUM_CHANNEL = 9
"""Channel 10 of General MIDI, counted from 0 as in the file."""

_DEFAULT_TEMPO = 500_000
_LEAST_BEAT_SECONDS = 0.06
"""A shorter beat is nobody's pulse but a broken tempo."""

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
