"""Hits, and hit lists to and from MIDI, TSV, JSON and label files."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.components import GM_NOTES, NOTE_MAPS, WIDER_COMPONENTS, class_of
from drummernet.errors import InputError
from drummernet.resources import replaced_file
from drummernet.score import (
    DRUM_CHANNEL,
    TICKS_PER_SECOND,
    Beat,
    Score,
    median_bpm,
    read_score,
    score_of_beats,
)

NOTE_SECONDS = 0.05
"""How long a written note lasts; a drum has no note-off, but MIDI needs one."""

_FLOAT_SLACK_SECONDS = 1e-6

# Only what writes MIDI imports mido: machines that train have none.


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """One stroke on one drum component.

    Attributes:
        onset_seconds: When, from the start of the recording.
        component: One of ``WIDER_COMPONENTS``.
        velocity: How hard, in (0, 1]; 1 is MIDI velocity 127.
    """

    onset_seconds: float
    component: str
    velocity: float = 1.0


def merge_close(onsets_seconds: np.ndarray, within_seconds: float = 0.010) -> np.ndarray:
    """Merge the onsets of one class that lie within ``within_seconds`` of the last one kept.

    Args:
        onsets_seconds: (n,), in any order.
        within_seconds: The largest distance that is merged.

    Returns:
        The kept onsets, ascending; of merged ones the first.
    """
    kept: list[float] = []
    for onset in np.sort(onsets_seconds):
        if not kept or onset - kept[-1] > within_seconds + _FLOAT_SLACK_SECONDS:
            kept.append(float(onset))
    return np.array(kept)


def read_midi(path: str | Path, note_map: str = "gm") -> list[Hit]:
    """Read the drum channel (10) of a MIDI file.

    Every note-on is a hit, whether or not a note-off follows it: in recorded rolls they overlap.

    Args:
        path: A ``.mid`` or ``.midi`` file.
        note_map: A name in ``NOTE_MAPS``; notes outside the map are ignored.

    Returns:
        The hits in order of time; none if the file has no drum channel.

    Raises:
        InputError: if the map is unknown or the file cannot be read.
    """
    if note_map not in NOTE_MAPS:
        raise InputError(path, "note_map", f"unknown {note_map!r}; known are {', '.join(NOTE_MAPS)}")
    return score_hits(read_score(path), note_map)


def score_hits(score: Score, note_map: str) -> list[Hit]:
    """Return the strokes of a score that a note map knows, as hits in order of time."""
    components = NOTE_MAPS[note_map]
    return sorted(
        Hit(score.seconds(tick), components[note], velocity / 127)
        for tick, note, velocity in score.strokes
        if note in components
    )


def write_midi(
    path: str | Path, hits: Iterable[Hit], tempo_bpm: float = 120.0, beats: Sequence[Beat] = ()
) -> None:
    """Write hits as General MIDI percussion (channel 10).

    Neither tempo nor beats move the hits: their times in seconds stay within 0.75 ms. With beats the file has
    their tempos and time signatures, see :func:`drummernet.score.score_of_beats`.

    Args:
        path: The file to write.
        hits: In any order. Velocities become ``round(127 * velocity)``, at least 1.
        tempo_bpm: The tempo where there are fewer than two beats.
        beats: Of the recording, in order of time.

    Raises:
        InputError: if the tempo is outside 5 to 1,000 bpm, as are those of the beats.
    """
    if not 5 <= tempo_bpm <= 1000:
        raise InputError(path, "tempo_bpm", f"{tempo_bpm} is not between 5 and 1000")
    import mido

    score = score_of_beats(beats, path) if len(beats) > 1 else _steady_score(tempo_bpm)
    events = [(tick, 0, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in score.tempos]
    events += [
        (tick, 1, mido.MetaMessage("time_signature", numerator=length, denominator=4))
        for tick, length, _ in score.metres
    ]
    for hit in hits:
        note = {"channel": DRUM_CHANNEL, "note": GM_NOTES[hit.component]}
        velocity = min(max(round(127 * hit.velocity), 1), 127)
        start, end = (score.tick(hit.onset_seconds + after) for after in (0.0, NOTE_SECONDS))
        events.append((start, 3, mido.Message("note_on", velocity=velocity, **note)))
        events.append(
            (end, 2, mido.Message("note_off", velocity=0, **note))
        )  # before a note of the same tick
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=_place):
        track.append(message.copy(time=tick - now))
        now = tick
    with replaced_file(path) as temporary:
        mido.MidiFile(type=0, ticks_per_beat=score.ticks_per_quarter, tracks=[track]).save(temporary)


def _steady_score(tempo_bpm: float) -> Score:
    microseconds = round(60e6 / tempo_bpm)
    return Score(round(TICKS_PER_SECOND * microseconds / 1e6), tempos=[(0, microseconds)])


def _place(event: tuple[int, int, Any]) -> tuple[int, int, int]:
    """Return tick, rank and note, by which events of a track are sorted."""
    tick, rank, message = event
    return tick, rank, 0 if message.is_meta else message.note


def read_tsv(path: str | Path) -> list[Hit]:
    """Read lines ``onset_seconds<TAB>component<TAB>velocity`` without a header.

    Returns:
        The hits in order of time.

    Raises:
        InputError: naming the path, the line and the value at fault.
    """
    hits = []
    for where, line in _numbered_lines(path):
        fields = line.split("\t")
        if len(fields) != 3:
            raise InputError(path, where, f"{line!r} is not onset_seconds<TAB>component<TAB>velocity")
        hits.append(_checked_hit(path, where, *fields))
    return sorted(hits)


def write_tsv(path: str | Path, hits: Iterable[Hit]) -> None:
    """Write hits in order of time, in the format of :func:`read_tsv`."""
    lines = (
        f"{hit.onset_seconds:.6f}\t{hit.component}\t{max(hit.velocity, 1e-3):.3f}\n" for hit in sorted(hits)
    )
    with replaced_file(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def read_json(path: str | Path) -> list[Hit]:
    """Read ``{"hits": [{"onset_seconds": …, "component": …, "velocity": …}]}``; other entries are left alone.

    Returns:
        The hits in order of time.

    Raises:
        InputError: naming the path, the entry and the value at fault.
    """
    try:
        entries = json.loads(_text(path))["hits"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "hits", f"not a JSON object with a list of hits ({error})") from error
    if not isinstance(entries, list):
        raise InputError(path, "hits", f"{entries!r} is not a list")
    hits = []
    for index, entry in enumerate(entries):
        where = f"hits[{index}]"
        try:
            values = (entry["onset_seconds"], entry["component"], entry["velocity"])
        except (KeyError, TypeError) as error:
            raise InputError(path, where, f"{entry!r} lacks onset_seconds, component or velocity") from error
        hits.append(_checked_hit(path, where, *values))
    return sorted(hits)


def write_json(path: str | Path, hits: Iterable[Hit], beats: Sequence[Beat] = ()) -> None:
    """Write hits in order of time, in the format of :func:`read_json`, with beats and their median tempo.

    Beside the hits there are ``"beats": [{"seconds": …, "number": …}]``, the number that within the bar, and
    ``"tempo_bpm"``, null where there are fewer than two beats.
    """
    content = {
        "tempo_bpm": median_bpm(beats),
        "beats": [beat._asdict() for beat in beats],
        "hits": [asdict(hit) for hit in sorted(hits)],
    }
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_labels(path: str | Path) -> list[tuple[float, str]]:
    """Read annotation lines ``onset_seconds label``; a third column is tolerated.

    Returns:
        (onset_seconds, label) in order of time; a label is a component, a subclass or a class.

    Raises:
        InputError: naming the path, the line and the value at fault.
    """
    labels = []
    for where, line in _numbered_lines(path):
        fields = line.split()
        if len(fields) not in (2, 3):
            raise InputError(path, where, f"{line!r} is not a time and a label")
        try:
            class_of(fields[1])
        except InputError as error:
            raise InputError(path, where, f"unknown label {fields[1]!r}") from error
        labels.append((_checked_seconds(path, where, fields[0]), fields[1]))
    return sorted(labels)


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "text", f"cannot be read: {error}") from error


def _numbered_lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield (``"line 3"``, text) of the lines that are not blank."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line


def _checked_seconds(path: str | Path, where: str, value: object) -> float:
    seconds = _number(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(path, where, f"time {value!r} is not a finite number of seconds from 0 on")
    return seconds


def _checked_hit(path: str | Path, where: str, onset: object, component: object, velocity: object) -> Hit:
    if component not in WIDER_COMPONENTS:
        raise InputError(
            path, where, f"unknown component {component!r}; known are {', '.join(WIDER_COMPONENTS)}"
        )
    strength = _number(velocity)
    if not 0 < strength <= 1:
        raise InputError(path, where, f"velocity {velocity!r} is not in (0, 1]")
    return Hit(_checked_seconds(path, where, onset), str(component), strength)


def _number(value: object) -> float:
    """Return ``value`` as a float, NaN where it is none, for the range checks to catch."""
    try:
        return float(str(value))
    except ValueError:
        return math.nan
