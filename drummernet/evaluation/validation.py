"""What of a dataset is there and what is not."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drummernet.audio import audio_length
from drummernet.components import FIVE_CLASSES, OTHER
from drummernet.errors import InputError
from drummernet.evaluation.tracks import Track
from drummernet.resources import replaced_file

_LISTED = 20
_LATE_SECONDS = 0.05
"""A hit this long after the end of the audio is in the wrong place, or the audio is cut."""


@dataclass(frozen=True)
class Validation:
    """What of a dataset is there.

    Attributes:
        dataset: Its name.
        root: Its folder.
        task: What it is used for.
        split: The part that was read, None if all.
        tracks: How many have an annotation that can be used.
        published: How many the whole set has, in words; "" if there is no such number.
        missing_audio: The tracks whose audio, or what is mixed with it, is not there.
        problems: In one line each, what is wrong with annotations and audio.
        hits: Annotated hits of the five classes and of ``OT``.
        side_sticks: How many of them are side sticks.
        audio_hours: Length of the audio, as its headers state it.
        groups: Tracks in each part of the set; one without parts has the group "".
        lacking: For each class the tracks that never hit it.
        with_beats: Tracks with annotated beats.
        with_one_shots: Tracks with recordings of single strokes.
    """

    dataset: str
    root: str
    task: str
    split: str | None
    tracks: int
    published: str
    missing_audio: tuple[str, ...]
    problems: tuple[str, ...]
    hits: dict[str, int]
    side_sticks: int
    audio_hours: float
    groups: dict[str, int]
    lacking: dict[str, tuple[str, ...]]
    with_beats: int
    with_one_shots: int

    @property
    def is_complete(self) -> bool:
        """Whether every track has audio and nothing is wrong; a set with fewer tracks than published may."""
        return not self.missing_audio and not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {**asdict(self), "is_complete": self.is_complete}


def validate_tracks(
    tracks: Sequence[Track],
    problems: Sequence[str],
    *,
    dataset: str,
    root: str,
    task: str,
    split: str | None,
    published: str,
) -> Validation:
    """Count what tracks have and read the headers of their audio.

    Args:
        tracks: What there is.
        problems: What was wrong with it so far.
        dataset: Its name; this and what follows is handed through.
        root: Its folder.
        task: What it is used for.
        split: The part that was read.
        published: How many tracks the whole set has, in words.
    """
    found = list(problems)
    names = (*FIVE_CLASSES, OTHER)
    return Validation(
        dataset=dataset,
        root=root,
        task=task,
        split=split,
        tracks=len(tracks),
        published=published,
        missing_audio=tuple(track.name for track in tracks if track.audio_path is None),
        audio_hours=sum(_audio_seconds(track, found) for track in tracks) / 3600,
        problems=tuple(found),
        hits={name: sum(len(track.onsets[name]) for track in tracks) for name in names},
        side_sticks=sum(track.side_sticks for track in tracks),
        groups=dict(sorted(Counter(track.group for track in tracks).items())),
        lacking={
            name: tuple(track.name for track in tracks if not len(track.onsets[name])) for name in names
        },
        with_beats=sum(track.beats is not None for track in tracks),
        with_one_shots=sum(bool(track.one_shot_paths) for track in tracks),
    )


def format_validation(validation: Validation) -> str:
    """Return what a validation found as lines for a terminal, the first faults of each kind named."""
    v = validation
    published = f" ({v.published})" if v.published else ""
    split = f", split {v.split}" if v.split else ""
    lines = [
        f"{v.dataset} ({v.task}{split}) in {v.root}: {v.tracks} tracks{published}",
        f"audio: {v.audio_hours:.2f} hours, missing for {len(v.missing_audio)} tracks",
        f"beats: {v.with_beats} tracks; single strokes: {v.with_one_shots} tracks",
        f"side sticks (scored in no class): {v.side_sticks}",
    ]
    if set(v.groups) != {""}:
        parts = (f"{name or 'none'} {count}" for name, count in v.groups.items())
        lines.append(f"tracks per group: {', '.join(parts)}")
    lines.append("class    hits  tracks without")
    lines += [f"{name:5}{count:8}{len(v.lacking[name]):16}" for name, count in v.hits.items()]
    for kind, found in (("missing audio", v.missing_audio), ("problem", v.problems)):
        lines += [f"{kind}: {line}" for line in found[:_LISTED]]
        if len(found) > _LISTED:
            lines.append(f"{kind}: and {len(found) - _LISTED} more")
    return "\n".join(lines)


def late_hits(track: Track, seconds: float) -> str | None:
    """Say how many annotated hits lie after the end of the audio; None if none does."""
    late = sum(int((onsets > seconds + _LATE_SECONDS).sum()) for onsets in track.onsets.values())
    return f"{track.audio_path}: length: {late} hits lie after its {seconds:.2f} s" if late else None


def write_validation(path: Path, validation: Validation) -> None:
    """Write a validation as JSON."""
    content = json.dumps(validation.as_dict(), indent=1, ensure_ascii=False)
    with replaced_file(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _audio_seconds(track: Track, problems: list[str]) -> float:
    """Return the length of a track's audio; what cannot be read, and hits after its end, are named."""
    if track.audio_path is None:
        return 0.0
    others = [path for path in (track.accompaniment_path, *track.one_shot_paths.values()) if path]
    for path in others:
        _length_seconds(path, problems)
    seconds = _length_seconds(track.audio_path, problems)
    late = late_hits(track, seconds) if seconds else None
    if late:
        problems.append(late)
    return seconds


def _length_seconds(path: Path, problems: list[str]) -> float:
    try:
        frames, rate = audio_length(path)
    except InputError as error:
        problems.append(str(error))
        return 0.0
    return frames / rate
