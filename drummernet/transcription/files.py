"""Whole files in bounded memory.

F_a is defined on windows of 8.192 s that start every 6.144 s, the first 1.024 s before the file. Of each
window the middle 6.144 s are kept, so that every step has at least 1.024 s of context on either side;
beyond the file there are zeros. Other transcribers may have other windows. What memory holds for a file of
any length is its samples (4 bytes at 16 kHz: 38 MB for ten minutes, 230 MB for an hour), its activations, and
one batch of windows.
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
from drummernet.transcriber.contract import Activations, Transcriber, Windows, beat_steps
from drummernet.transcription.picking import DEFAULT_PICKER, Picker, component_hits

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
    samples, cuts = _cut(transcriber.windows, shape[1], hop)
    device = next(transcriber.parameters(), torch.empty(0)).device
    was_training = transcriber.training
    transcriber.eval()
    try:
        with torch.inference_mode():
            for first in range(0, len(cuts), window_batch):
                batch = cuts[first : first + window_batch]
                inputs = [_windows(audio, batch, samples, peak, hop)]
                if transcriber.hears_beats:
                    steps = -(-samples // hop)
                    inputs.append(torch.stack([beat_steps(beats, steps, hop, cut.start) for cut in batch]))
                heard = transcriber(*(tensor.to(device) for tensor in inputs))
                _check_cover(heard, batch, samples, type(transcriber).__name__)
                for name, told in _told(heard).items():
                    array = whole.setdefault(name, np.zeros(shape, np.float32))
                    for cut, window in zip(batch, told.cpu().numpy(), strict=True):
                        before = cut.start + heard.start_sample // hop
                        array[:, cut.first : cut.end] = window[:, cut.first - before : cut.end - before]
    finally:
        transcriber.train(was_training)
    values = whole["values"]
    if not np.isfinite(values).all():
        raise InputError(type(transcriber).__name__, "activations", "not finite: the weights are unusable")
    return Heard(**{**whole, "values": np.rint(values * ROUNDING, out=values) / ROUNDING})


class _Cut(NamedTuple):
    """A window of a recording, in steps: where it starts, and of which steps it is kept."""

    start: int
    first: int
    end: int


def _cut(windows: Windows, steps: int, hop: int) -> tuple[int, list[_Cut]]:
    """Return the length of the windows of a recording in samples, and the windows: each step is in one."""
    context = windows.context_samples // hop
    stride = (windows.samples - 2 * windows.context_samples) // hop
    if windows.beyond:
        samples, starts = windows.samples, list(range(-context, steps - context, stride))
    else:
        length = min(windows.samples // hop, steps)
        samples, starts = length * hop, [*range(0, steps - length, stride), steps - length]
    firsts = [0, *(start + context for start in starts[1:])]
    return samples, list(map(_Cut, starts, firsts, [*firsts[1:], steps]))


def _windows(audio: np.ndarray, cuts: Sequence[_Cut], samples: int, peak: float, hop: int) -> torch.Tensor:
    """Return windows over the peak, (B, samples), zeros outside.

    Those that start at equal distances are views of one stretch: a transcriber may see that they overlap.
    """
    starts = [cut.start * hop for cut in cuts]
    stretch = np.zeros(starts[-1] - starts[0] + samples, np.float32)
    piece = audio[max(starts[0], 0) : starts[0] + len(stretch)]
    stretch[max(-starts[0], 0) :][: len(piece)] = piece
    stretch /= peak
    whole = torch.from_numpy(stretch)
    strides = set(np.diff(starts).tolist()) or {samples}
    if len(strides) == 1:
        return whole.unfold(0, samples, strides.pop())
    return torch.stack([whole[start - starts[0] :][:samples] for start in starts])


def _check_cover(activations: Activations, cuts: Sequence[_Cut], samples: int, name: str) -> None:
    """Check that activations cover what is kept of each window."""
    hop, start = activations.hop_samples, activations.start_sample
    if start % hop:
        raise InputError(name, "start_sample", f"{start} is no multiple of the hop, {hop}")
    end = start + activations.values.shape[-1] * hop
    first_kept = min(cut.first - cut.start for cut in cuts) * hop
    last_kept = max(cut.end - cut.start for cut in cuts) * hop
    if first_kept < start or last_kept > end:
        problem = f"cover samples {start} to {end} of {samples}, too few to keep {first_kept} to {last_kept}"
        raise InputError(name, "activations", problem)


def _told(activations: Activations) -> dict[str, torch.Tensor]:
    """Return what a transcriber tells of each step, each (B, K, T)."""
    told = {
        "values": activations.values,
        "velocities": activations.velocities,
        "offsets": activations.offsets,
    }
    return {name: tensor for name, tensor in told.items() if tensor is not None}
