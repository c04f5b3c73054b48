"""What every transcriber takes and gives."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch

from drummernet import SAMPLE_RATE
from drummernet.score import Beat
from drummernet.transcriber.part import Part

Stage = Callable[[torch.Tensor], torch.Tensor]
"""A part of a transcriber, from the tensor that the part before it gave to that of the next."""


class Activations(NamedTuple):
    """Activations on a regular grid of steps.

    Attributes:
        values: (B, K, T), not negative.
        hop_samples: Samples between steps.
        start_sample: Where step 0 lies in the audio that was handed in. Step t is an onset at sample
            ``start_sample + t * hop_samples``.
        logits: Of networks that give probabilities: (B, K or more, T), what the sigmoid was taken of.
        velocities: Of networks that tell whether a drum is hit (``values``) and how hard apart: (B, K, T) in
            [0, 1], the velocity of a hit if there is one.
        offsets: (B, K, T) in [-0.5, 0.5]: where between the steps such a hit begins, in steps from its own.
    """

    values: torch.Tensor
    hop_samples: int
    start_sample: int = 0
    logits: torch.Tensor | None = None
    velocities: torch.Tensor | None = None
    offsets: torch.Tensor | None = None

    @property
    def amplitudes(self) -> torch.Tensor:
        """What F_s plays, (B, K, T): the values, times velocity² (the renderer's curve) where it is told."""
        return self.values if self.velocities is None else self.values * self.velocities.square()


class Windows(NamedTuple):
    """How a recording is cut up for a transcriber; the paper's, unless it says otherwise.

    These are multiples of 1,024 samples, so that the gate blocks of every window are the same; for a hop that
    does not divide them, whole steps are counted, fewer by less than one.

    Attributes:
        samples: Length of a window.
        context_samples: What is heard at either side of a window and not kept.
        beyond: Whether the first and the last window reach beyond the recording, into zeros; else they lie
            within it, and what is heard at its ends is kept.
    """

    samples: int = 131_072
    context_samples: int = 16_384
    beyond: bool = True


class Transcriber(Part):
    """A network from audio (B, N), float32 mono at 16 kHz, to :class:`Activations`.

    Attributes:
        components: The K component names, in the order of the axis K.
        hop_samples: Samples between activation steps.
        hears_beats: Whether ``forward`` takes beats (B, 2, T), too: 1 in the steps of beats and of downbeats.
        windows: In what it hears recordings of any length.
    """

    components: tuple[str, ...]
    hop_samples: int
    hears_beats: bool = False
    windows: Windows = Windows()

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N)."""
        raise NotImplementedError


def beat_steps(beats: Iterable[Beat], steps: int, hop_samples: int, first_step: int = 0) -> torch.Tensor:
    """Return (2, T): 1 in the steps of beats, and below it in those of downbeats, else 0.

    Args:
        beats: In seconds from the start of the recording.
        steps: T.
        hop_samples: Samples between steps.
        first_step: Where the steps begin in the recording.
    """
    marks = torch.zeros(2, steps)
    for beat in beats:
        step = round(beat.seconds * SAMPLE_RATE / hop_samples) - first_step
        if 0 <= step < steps:
            marks[: 2 if beat.number == 1 else 1, step] = 1
    return marks
