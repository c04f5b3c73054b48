"""Whole files in bounded memory.

F_a is defined on windows of 8.192 s that start every 6.144 s, the first 1.024 s before the file. Of each
window the middle 6.144 s are kept, so that every step has at least 1.024 s of context on either side;
beyond the file there are zeros. What memory holds for a file of any length is its samples (4 bytes at
16 kHz: 38 MB for ten minutes, 230 MB for an hour), its activations, and one batch of windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.score import Beat
from drummernet.transcriber.contract import Activations, Transcriber, beat_steps
from drummernet.transcription.picking import DEFAULT_PICKER, Picker, component_hits

WINDOW_SAMPLES = 131_072
KEPT_SAMPLES = 98_304
CONTEXT_SAMPLES = (WINDOW_SAMPLES - KEPT_SAMPLES) // 2
"""These are multiples of 1,024 samples, so that every window's gate blocks are the same; for a hop that does
not divide them, whole steps are counted, fewer by less than one."""

WINDOW_BATCH = 16
"""Windows per forward pass: the recurrent layers pay per step whatever the number of windows."""

ROUNDING = np.float32(2**20)
"""Activations are multiples of one part of this."""

SILENCE_PEAK = 2.0**-15
"""A recording whose largest magnitude is one step of 16-bit audio is silence, not a faint drum."""


class Heard(NamedTuple):
    """What a transcriber hears in a whole recording; step t lies at sample t · hop.

    Attributes:
        values: The activations (K, T) float32.
        velocities: (K, T), how hard a hit is if there is one; None if the transcriber does not tell.
        offsets: (K, T), where between the steps it begins, in steps; None likewise.
    """

    values: np.ndarray
    velocities: np.ndarray | None = None
    offsets: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Transcription:
    """What was heard in one recording.

    Attributes:
        audio: The recording (N,), float32 at 16 kHz, at its own level.
        components: The K component names.
        activations: (K, T) float32; step t lies at ``t / rate_hz`` seconds.
        rate_hz: Steps per second.
        picker: What picked the hits.
        hits: In order of time.
        beats: In order of time; none where nobody looked for them, or found fewer than two.
    """

    audio: np.ndarray
    components: tuple[str, ...]
    activations: np.ndarray
    rate_hz: float
    picker: Picker
    hits: tuple[Hit, ...]
    beats: tuple[Beat, ...] = ()

    @property
    def duration_seconds(self) -> float:
        """Length of the recording."""
        return len(self.audio) / SAMPLE_RATE


def transcribe_file(transcriber: Transcriber, path: Path, picker: Picker = DEFAULT_PICKER) -> Transcription:
    """Transcribe an audio file of any format, rate and length.

    Args:
        transcriber: F_a.
        path: The file.
        picker: What picks the hits.

    Raises:
        InputError: if the file cannot be read, or as :func:`activations_of_audio`.
    """
    audio = read_audio(path)
    heard = activations_of_audio(transcriber, audio)
    rate_hz = SAMPLE_RATE / transcriber.hop_samples
    hits = component_hits(*heard, transcriber.components, rate_hz, picker)
    return Transcription(audio, transcriber.components, heard.values, rate_hz, picker, tuple(hits))


def activations_of_audio(
    transcriber: Transcriber,
    audio: np.ndarray,
    window_batch: int = WINDOW_BATCH,
    beats: Sequence[Beat] = (),
) -> Heard:
    """Return what is heard in a whole recording, in T = ceil(N / hop) steps; step t lies at sample t · hop.

    The recording is normalised by its peak; silence has activations of 0. The transcriber runs in
    evaluation mode on its own device and is left in the mode in which it came.

    Batches of other sizes are summed in another order. Rounding keeps that from choosing hits: activations
    that the gates saturate come out as 1 give or take the last bit, and of *equal* neighbours the first is
    taken.

    Args:
        transcriber: F_a.
        audio: (N,) float32 at 16 kHz.
        window_batch: Windows per forward pass.
        beats: What a transcriber hears that ``hears_beats``.

    Returns:
        The activations, rounded to multiples of 2^-20, and what else the transcriber tells.

    Raises:
        InputError: if the transcriber's steps do not cover what is kept of a window, do not lie on whole
            steps, or are not finite.
    """
    hop = transcriber.hop_samples
    shape = (len(transcriber.components), -(-len(audio) // hop))
    peak = max(float(audio.max(initial=0.0)), -float(audio.min(initial=0.0)))
    if peak <= SILENCE_PEAK:
        return Heard(np.zeros(shape, np.float32))
    whole: dict[str, np.ndarray] = {}
    kept_samples = _whole_steps(KEPT_SAMPLES, hop)
    device = next(transcriber.parameters(), torch.empty(0)).device
    windows = -(-len(audio) // kept_samples)
    was_training = transcriber.training
    transcriber.eval()
    try:
        with torch.inference_mode():
            for first in range(0, windows, window_batch):
                count = min(window_batch, windows - first)
                inputs = [_windows(audio, first, count, peak, hop)]
                if transcriber.hears_beats:
                    inputs.append(_beat_windows(beats, first, count, hop))
                heard = transcriber(*(batch.to(device) for batch in inputs))
                for name, kept in _kept_steps(heard, type(transcriber).__name__).items():
                    array = whole.setdefault(name, np.zeros(shape, np.float32))
                    steps = array[:, first * kept_samples // hop :][:, : kept.shape[-1]]
                    steps[:] = kept[:, : steps.shape[-1]].cpu().numpy()
    finally:
        transcriber.train(was_training)
    values = whole["values"]
    if not np.isfinite(values).all():
        raise InputError(type(transcriber).__name__, "activations", "not finite: the weights are unusable")
    return Heard(**{**whole, "values": np.rint(values * ROUNDING, out=values) / ROUNDING})


def _whole_steps(samples: int, hop_samples: int) -> int:
    return samples // hop_samples * hop_samples


def _windows(audio: np.ndarray, first: int, count: int, peak: float, hop: int) -> torch.Tensor:
    """Return ``count`` windows from the ``first`` on, over the peak: (B, WINDOW_SAMPLES), zeros outside.

    They are views of one stretch of it: a transcriber may see that they overlap.
    """
    kept, context = _whole_steps(KEPT_SAMPLES, hop), _whole_steps(CONTEXT_SAMPLES, hop)
    stretch = np.zeros((count - 1) * kept + WINDOW_SAMPLES, np.float32)
    start = first * kept - context
    piece = audio[max(start, 0) : start + len(stretch)]
    stretch[max(-start, 0) :][: len(piece)] = piece
    stretch /= peak
    return torch.from_numpy(stretch).unfold(0, WINDOW_SAMPLES, kept)


def _beat_windows(beats: Sequence[Beat], first: int, count: int, hop: int) -> torch.Tensor:
    """Return the beats of the same windows, (B, 2, T)."""
    kept, context = _whole_steps(KEPT_SAMPLES, hop), _whole_steps(CONTEXT_SAMPLES, hop)
    steps = -(-WINDOW_SAMPLES // hop)
    start = (first * kept - context) // hop
    stretch = beat_steps(beats, (count - 1) * kept // hop + steps, hop, start)
    return stretch.unfold(1, steps, kept // hop).transpose(0, 1)


def _kept_steps(activations: Activations, name: str) -> dict[str, torch.Tensor]:
    """Return what is kept of a batch of windows, one after the other, each (K, B · KEPT_SAMPLES / hop)."""
    values, hop, start = activations.values, activations.hop_samples, activations.start_sample
    if start % hop:
        raise InputError(name, "start_sample", f"{start} is no multiple of the hop, {hop}")
    first = (_whole_steps(CONTEXT_SAMPLES, hop) - start) // hop
    end = first + KEPT_SAMPLES // hop
    if first < 0 or end > values.shape[-1]:
        covered = f"samples {start} to {start + values.shape[-1] * hop} of {WINDOW_SAMPLES}"
        raise InputError(name, "activations", f"cover {covered}, too few to keep the middle {KEPT_SAMPLES}")
    told = {"values": values, "velocities": activations.velocities, "offsets": activations.offsets}
    return {
        key: tensor[..., first:end].transpose(0, 1).flatten(1)
        for key, tensor in told.items()
        if tensor is not None
    }
