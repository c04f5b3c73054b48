"""What can be evaluated: anything that turns a recording into onsets, best by way of activations."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import FIVE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.tracks import ClassOnsets, Recording
from drummernet.transcriber.contract import Transcriber
from drummernet.transcription.files import Heard, activations_of_audio
from drummernet.transcription.picking import Picker, class_activations, normalise, pick

ClassActivations = dict[str, np.ndarray]
"""Activations (T,) per class, normalised as they are picked."""


class Unhearable(InputError):  # noqa: N818
    """A recording lacks what a system needs beside the sound: beats, single strokes of its drums."""


class Estimator(Protocol):
    """A system: from a recording to onsets per class; a class that is not there has none."""

    def __call__(self, recording: Recording) -> ClassOnsets:
        """Transcribe a recording.

        Raises:
            Unhearable: if this one recording lacks what the system needs; the others can still be scored.
        """
        ...


class Baseline(NamedTuple):
    """A system that is made on the spot.

    Attributes:
        make: From the words that name kits (None for the kits that F_s plays) to the system. It raises an
            InputError if it takes no kits and there are some.
        paper: Where it comes from.
        about: What it does, in a line.
    """

    make: Callable[[Sequence[str] | None], Estimator]
    paper: str
    about: str


class ActivationEstimator(ABC):
    """A system with a threshold: activations per class, from which a rule picks onsets.

    Attributes:
        rate_hz: Steps per second; step t lies at ``t / rate_hz``.
        picker: The rule, with the threshold that counts.
        provenance: What it was made from (``"kits"``, …), for the result; None if nothing is known.
        weights: The file of its weights, None if it has none.
    """

    rate_hz: float
    picker: Picker
    provenance: Mapping[str, Any] | None = None
    weights: Path | None = None

    @abstractmethod
    def activations(self, recording: Recording) -> ClassActivations:
        """Return the activations of a recording.

        Raises:
            Unhearable: as :class:`Estimator`.
        """

    def onsets(self, activations: ClassActivations, picker: Picker | None = None) -> ClassOnsets:
        """Pick onsets, with the system's own rule unless there is another."""
        rule = picker or self.picker
        return {name: pick(values, self.rate_hz, rule) / self.rate_hz for name, values in activations.items()}

    def __call__(self, recording: Recording) -> ClassOnsets:
        """Transcribe a recording."""
        return self.onsets(self.activations(recording))


class TranscriberEstimator(ActivationEstimator):
    """A transcriber: onsets of the five classes, three of which are also the three classes.

    Args:
        transcriber: The network.
        picker: The rule by which onsets are picked from each class's summed activations.
    """

    def __init__(self, transcriber: Transcriber, picker: Picker) -> None:
        self.transcriber = transcriber
        self.picker = picker
        self.rate_hz = SAMPLE_RATE / transcriber.hop_samples
        self._last: tuple[Recording, Heard] | None = None

    def activations(self, recording: Recording) -> ClassActivations:
        """Return the normalised sums of each class's components.

        Raises:
            Unhearable: if the transcriber hears beats and none are annotated.
        """
        if self.transcriber.hears_beats and recording.beats is None:
            raise Unhearable("recording", "beats", "the transcriber hears them, and none are annotated")
        heard = self._hear(recording)
        sums = class_activations(heard.values, self.transcriber.components, FIVE_CLASSES)
        return {name: normalise(values, self.picker.guard) for name, values in sums.items()}

    def velocities(self, recording: Recording, onsets: ClassOnsets) -> ClassOnsets:
        """Return the velocities of onsets in a recording: of each that of the class's strongest component.

        A transcriber that tells none has those of :func:`drummernet.transcription.picking.component_hits`.
        """
        heard = self._hear(recording)
        return {name: self._velocities(heard, name, times) for name, times in onsets.items()}

    def _velocities(self, heard: Heard, name: str, times: np.ndarray) -> np.ndarray:
        if not times.size:
            return times
        members = (name, *FIVE_CLASSES[name])
        rows = np.flatnonzero([row in members for row in self.transcriber.components])
        steps = np.rint(times * self.rate_hz).astype(int)
        values = heard.values[np.ix_(rows, steps)]
        if heard.velocities is None:
            summed = normalise(heard.values[rows].sum(axis=0), self.picker.guard)
            told: np.ndarray = np.sqrt(summed[steps])
        else:
            strongest = values.argmax(axis=0)[None]
            told = np.take_along_axis(heard.velocities[np.ix_(rows, steps)], strongest, axis=0)[0]
        return np.clip(told, 1 / 127, 1)

    def _hear(self, recording: Recording) -> Heard:
        """Run the network, unless the recording is the one that was heard last."""
        if self._last is None or self._last[0] is not recording:
            beats = recording.beats or ()
            self._last = recording, activations_of_audio(self.transcriber, recording.audio, beats=beats)
        return self._last[1]
