"""What is evaluated: a recording and where each class is hit in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from drummernet.audio import read_audio
from drummernet.components import FIVE_CLASSES, OTHER, class_of
from drummernet.errors import InputError
from drummernet.score import Beat

ClassOnsets = dict[str, np.ndarray]
"""Onsets in seconds, one array (n,) per class."""

SIDE_STICK = "SST"
"""The label of side sticks, which are scored in no class."""

DRUMS_SHARE, ACCOMPANIMENT_SHARE = 2 / 3, 1 / 3
"""How drums and accompaniment that come apart are mixed (Wu et al. 2018)."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What a system hears of a track: never the reference.

    Attributes:
        audio: (N,) float32 at 16 kHz.
        beats: The annotated beats, None if there are none; for systems that take them as input.
        one_shots: Per class the dataset's own single strokes in a row (n,) float32 at 16 kHz, for systems
            that take their templates from them; empty where the set has none.
    """

    audio: np.ndarray
    beats: tuple[Beat, ...] | None = None
    one_shots: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Track:
    """One annotated recording.

    Attributes:
        name: Unique in its dataset.
        audio_path: The recording, or its drums alone; None if it is not there.
        onsets: The annotated hits of each of the five classes and of ``OT``, ascending; any may have none.
        side_sticks: How many side sticks are annotated.
        accompaniment_path: What is mixed with the drums, if they come apart.
        beats: The annotated beats, None if there are none.
        one_shot_paths: Recordings of single strokes of each class, where the set has them.
        group: The part of the dataset that it belongs to (a drummer, a family of sounds), or "".
        velocities: Those of ``onsets``, each in (0, 1], where the set has them.
    """

    name: str
    audio_path: Path | None
    onsets: ClassOnsets
    side_sticks: int
    accompaniment_path: Path | None = None
    beats: tuple[Beat, ...] | None = None
    one_shot_paths: Mapping[str, Path] = field(default_factory=dict)
    group: str = ""
    velocities: Mapping[str, np.ndarray] = field(default_factory=dict)

    def recording(self) -> Recording:
        """Read what a system hears.

        Raises:
            InputError: if audio is missing or cannot be read.
        """
        if self.audio_path is None:
            raise InputError(self.name, "audio", "is not there")
        audio = read_audio(self.audio_path)
        if self.accompaniment_path is not None:
            audio = _mixed(audio, read_audio(self.accompaniment_path))
        one_shots = {name: read_audio(path) for name, path in self.one_shot_paths.items()}
        return Recording(audio, self.beats, one_shots)


def onsets_by_class(labels: Iterable[tuple[float, str]]) -> ClassOnsets:
    """Sort labelled times into the five classes and ``OT``.

    Args:
        labels: (onset_seconds, label); a label is any component, subclass or class.

    Raises:
        InputError: if a label is unknown.
    """
    times: dict[str, list[float]] = {name: [] for name in (*FIVE_CLASSES, OTHER)}
    for onset_seconds, label in labels:
        times[class_of(label)].append(onset_seconds)
    return {name: np.sort(np.array(values, dtype=np.float64)) for name, values in times.items()}


def _mixed(drums: np.ndarray, accompaniment: np.ndarray) -> np.ndarray:
    """Return the sum of two recordings, as long as the drums."""
    mix = np.float32(DRUMS_SHARE) * drums
    part = accompaniment[: len(mix)]
    mix[: len(part)] += np.float32(ACCOMPANIMENT_SHARE) * part
    return mix
