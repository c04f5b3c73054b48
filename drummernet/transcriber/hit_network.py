"""A transcriber that tells apart whether a drum is hit, how hard, and when between two steps."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.components import WIDER_COMPONENTS, check_rows
from drummernet.errors import InputError
from drummernet.transcriber.contract import Activations, Transcriber, Windows
from drummernet.transcriber.gates import SoftmaxGates, SparsemaxGates, block_steps_of
from drummernet.transcriber.maps import in_slices
from drummernet.transcriber.mel import LogMelSpectra
from drummernet.transcriber.scan import gru

_SHAPES = ((3, 3), (1, 9), (25, 1))
"""Bands and steps of the first filters: square, long in time for onsets, tall in frequency for timbre (Pons,
Lidy & Serra 2016)."""

_POOLS = 3

_WINDOWS = Windows(524_288, 32_768, beyond=False)
"""Crops have no silent edges, and the more is heard at once the better; but gates need whole blocks."""

_RARE = -4.0
"""The logits before training: hits are rare. From 0 on, the first 500 steps would learn little else."""


class HitTranscriber(Transcriber):
    """Log-mel spectra of several windows, convolutions of musical shapes, bidirectional GRUs, three outputs.

    Values are probabilities, unless there are gates: each class is judged by itself, and silence needs no
    channel of its own. Velocities and offsets hold for a hit if there is one.

    Args:
        hop_samples: Samples per step.
        n_ffts: Window lengths in samples; their spectra are the input channels.
        bands: Mel bands of each, a multiple of 8.
        width: Channels of each of the three shapes of first filters; later layers have 4 and 6 times as many.
        hidden: Channels per direction of the GRUs.
        layers: How many GRUs.
        components: The K components, or classes of them, such as HH.
        learnable_bands: Whether centres and widths of the bands are trained.
        gates: From logits to values, for training by reconstruction; without them values are probabilities.

    Raises:
        InputError: if a component is unknown, the bands cannot be pooled, or gates do not suit the hop.
    """

    def __init__(
        self,
        hop_samples: int = 128,
        n_ffts: Sequence[int] = (512, 2048),
        bands: int = 80,
        width: int = 8,
        hidden: int = 96,
        layers: int = 2,
        components: Sequence[str] = WIDER_COMPONENTS,
        learnable_bands: bool = False,
        gates: SparsemaxGates | SoftmaxGates | None = None,
    ) -> None:
        super().__init__()
        if bands % 2**_POOLS:
            raise InputError("transcriber", "bands", f"{bands} is no multiple of {2**_POOLS}")
        self.components = check_rows(components, "transcriber")
        self.hop_samples = hop_samples
        self.gates = gates
        if gates is not None:
            self.block_steps = block_steps_of(hop_samples)
        else:
            self.windows = _WINDOWS
        self.spectra = LogMelSpectra(hop_samples, n_ffts, bands, learnable_bands)
        self.first = nn.ModuleList(
            nn.Conv2d(len(n_ffts), width, shape, padding=(shape[0] // 2, shape[1] // 2), bias=False)
            for shape in _SHAPES
        )
        self.rest = _later_convolutions(len(_SHAPES) * width, 4 * width, 6 * width)
        self.map_values = len(_SHAPES) * width * bands // 2  # per step, after the first pooling
        self.mix = nn.Linear(6 * width * bands // 2**_POOLS, 2 * hidden)
        self.grus = nn.ModuleList(
            nn.GRU(2 * hidden, hidden, batch_first=True, bidirectional=True) for _ in range(layers)
        )
        self.out = nn.Conv1d(2 * hidden, 3 * len(self.components), 1)
        if gates is None:
            with torch.no_grad():
                assert self.out.bias is not None
                self.out.bias[: len(self.components)] = _RARE

    def _maps(self, audio: torch.Tensor) -> torch.Tensor:
        """Return (B, T, 2 * hidden) of audio (B, N)."""
        spectra = self.spectra(audio).contiguous(memory_format=torch.channels_last)
        maps = self.rest(torch.cat([filters(spectra) for filters in self.first], 1))
        return F.relu(self.mix(maps.flatten(1, 2).transpose(1, 2)))

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N) into ceil(N / hop) steps from sample 0."""
        if self.training:  # the normalisation is over the whole batch
            x = self._maps(audio)
        else:
            x = in_slices(self._maps, audio, audio.shape[1] // self.hop_samples * self.map_values)
        x = x.transpose(1, 2)
        for layer in self.grus:
            assert isinstance(layer, nn.GRU)
            x = gru(layer, x)
        logits, velocities, offsets = self.out(x).chunk(3, 1)
        values = torch.sigmoid(logits) if self.gates is None else self.gates(logits, self.block_steps)
        return Activations(
            values,
            self.hop_samples,
            logits=logits,
            velocities=torch.sigmoid(velocities),
            offsets=0.5 * torch.tanh(offsets),
        )

    def shift_logits(self, shifts: Mapping[str, float]) -> None:
        """Add to the logits of components by name, from now on; those that it does not tell are left out."""
        assert self.out.bias is not None
        with torch.no_grad():
            for k, component in enumerate(self.components):
                self.out.bias[k] += shifts.get(component, 0.0)


def _later_convolutions(*widths: int) -> nn.Sequential:
    """Return what follows the first filters: each further width has a pooling over bands before it."""
    first, middle, last = widths
    layers: list[nn.Module] = [nn.BatchNorm2d(first), nn.ReLU(inplace=True), nn.MaxPool2d((2, 1))]
    for a, b, pooled in ((first, middle, False), (middle, middle, True), (middle, last, True)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        if pooled:
            layers.append(nn.MaxPool2d((2, 1)))
    return nn.Sequential(*layers)
