"""The networks of the supervised baselines: a probability per class and frame (Vogl et al., ISMIR 2017).

Convolutions over spectrogram excerpts, recurrent layers, or both; the variants DT (drums alone), BF (beats
are an input) and MT (beats are a second task).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.components import THREE_CLASSES, check_rows
from drummernet.errors import InputError
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcriber.layers import DenseLayers, RecurrentLayers
from drummernet.transcriber.log_frequency import HOP_SAMPLES, LogFrequencySpectrogram
from drummernet.transcriber.part import Part

Variant = Literal["DT", "BF", "MT"]
_KERNEL = 3
_POOL = 3
_LOST_STEPS = 4 * (_KERNEL - 1)


class FrameConvolutions(Part):
    """Twice two convolutions of 3 x 3 with batch normalisation, each pair followed by max-pooling over bands.

    In time the convolutions are valid: of the context of each frame what they leave is put side by side. The
    published pooling is 3 x 3; over time it would take frames away that a recurrent layer needs, so here,
    where excerpts of all frames are computed at once, it is over bands alone.

    Args:
        context_frames: The frames that decide about the one in the middle, odd, from 9 on.
        channels: Of the first and of the second pair.

    Raises:
        InputError: if the context is even or too short.
    """

    def __init__(self, context_frames: int = 9, channels: Sequence[int] = (32, 64)) -> None:
        super().__init__()
        if context_frames % 2 == 0 or context_frames <= _LOST_STEPS:
            raise InputError("convolutions", "context_frames", f"{context_frames} is not odd and at least 9")
        self.context_frames = context_frames
        self.frames = context_frames - _LOST_STEPS
        layers: list[nn.Module] = []
        before = 2
        for width in channels:
            for _ in range(2):
                layers += [nn.Conv2d(before, width, _KERNEL, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                before = width
            layers.append(nn.MaxPool2d((_POOL, 1)))
        self.layers = nn.Sequential(*layers)
        self.channels = before

    def out_channels(self, bands: int) -> int:
        """Return C of what comes out for so many bands."""
        for _ in range(2):
            bands = (bands - 2 * (_KERNEL - 1)) // _POOL
        return self.channels * bands * self.frames

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Map spectra (B, 2, F, T) to (B, C, T); beyond their ends the outermost frames are repeated."""
        side = self.context_frames // 2
        x = F.pad(spectra, (side, side, 0, 0), mode="replicate")
        x = self.layers(x.contiguous(memory_format=torch.channels_last))
        frames = x.flatten(1, 2).unfold(-1, self.frames, 1)
        return frames.transpose(2, 3).flatten(1, 2)


class FramewiseTranscriber(Transcriber):
    """From a log-filtered spectrogram to probabilities, 100 per second.

    Args:
        layers: What decides about a frame, given its features and, if recurrent, its neighbours.
        convolutions: What makes features of spectrogram excerpts; without them a frame is its own features.
        variant: DT: drums alone; BF: whether a frame is a beat or a downbeat is an input, too; MT: to tell
            beats and downbeats is a second task, which shares all but the output.
        components: The K classes or components.

    Raises:
        InputError: if a class or the variant is unknown.
    """

    hop_samples = HOP_SAMPLES

    def __init__(
        self,
        layers: RecurrentLayers | DenseLayers,
        convolutions: FrameConvolutions | None = None,
        variant: Variant = "DT",
        components: Sequence[str] = tuple(THREE_CLASSES),
    ) -> None:
        super().__init__()
        if variant not in ("DT", "BF", "MT"):
            raise InputError("transcriber", "variant", f"{variant!r} is none of DT, BF, MT")
        self.components = check_rows(components, "transcriber")
        self.hears_beats = variant == "BF"
        self.tells_beats = variant == "MT"
        self.spectrogram = LogFrequencySpectrogram()
        self.convolutions = convolutions
        bands = self.spectrogram.bands
        features = 2 * bands if convolutions is None else convolutions.out_channels(bands)
        layers.connect(features + (2 if self.hears_beats else 0))
        self.layers = layers
        outputs = len(self.components) + (2 if self.tells_beats else 0)
        self.out = nn.Conv1d(layers.out_channels, outputs, 1)

    def forward(self, audio: torch.Tensor, beats: torch.Tensor | None = None) -> Activations:
        """Transcribe audio (B, N).

        Args:
            audio: The recordings.
            beats: (B, 2, T), 1 in the frames of beats and of downbeats; for the variant BF.

        Returns:
            Probabilities, and with them their logits; after those of the K classes come, for the variant MT,
            those of beats and downbeats.
        """
        spectra = self.spectrogram(audio)
        x = spectra.flatten(1, 2) if self.convolutions is None else self.convolutions(spectra)
        if self.hears_beats:
            if beats is None:
                raise InputError("transcriber", "beats", "the variant BF needs them")
            x = torch.cat((x, beats.to(x)), 1)
        logits = self.out(self.layers(x))
        values = torch.sigmoid(logits[:, : len(self.components)])
        return Activations(values, HOP_SAMPLES, logits=logits)
