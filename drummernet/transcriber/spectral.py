"""A small transcriber that reads log-mel spectra, for machines on which the wave U-net is too slow."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.components import COMPONENTS, check_rows
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcriber.gates import BLOCK_SAMPLES, SoftmaxGates, SparsemaxGates, block_steps_of
from drummernet.transcriber.maps import in_slices
from drummernet.transcriber.mel import LogMelSpectra
from drummernet.transcriber.scan import gru


class SpectralTranscriber(Transcriber):
    """Log-mel spectra of several windows, convolutions over bands and time, a bidirectional GRU, gates.

    Args:
        gates: From values to activations.
        hop_samples: Samples per step; divides 1,024.
        n_ffts: Window lengths in samples; their spectra are the input channels.
        bands: Mel bands of each.
        channels: Channels of the first convolution; the second has twice as many.
        hidden: Channels per direction of the GRU.
        components: The K components, or classes of them, such as HH.

    Raises:
        InputError: if a component is unknown.
    """

    def __init__(
        self,
        gates: SparsemaxGates | SoftmaxGates,
        hop_samples: int = 128,
        n_ffts: Sequence[int] = (512, 2048),
        bands: int = 80,
        channels: int = 16,
        hidden: int = 64,
        components: Sequence[str] = COMPONENTS,
    ) -> None:
        super().__init__()
        self.components = check_rows(components, "transcriber")
        self.hop_samples = hop_samples
        self.block_steps = block_steps_of(hop_samples)
        self.map_values = 5 * channels * bands  # per step: two convolutions with what follows them
        self.gates = gates
        self.spectra = LogMelSpectra(hop_samples, n_ffts, bands)
        self.convolutions = nn.Sequential(
            nn.Conv2d(len(n_ffts), channels, (5, 3), padding=(2, 1)),
            nn.ELU(),
            nn.MaxPool2d((2, 1)),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ELU(),
            nn.MaxPool2d((2, 1)),
        )
        self.mix = nn.Linear(2 * channels * (bands // 4), 2 * hidden)
        self.gru = nn.GRU(2 * hidden, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, len(self.components))

    def _maps(self, audio: torch.Tensor) -> torch.Tensor:
        """Return (B, T, 2 * hidden) of audio (B, N)."""
        x = self.convolutions(self.spectra(audio))
        return F.elu(self.mix(x.flatten(1, 2).transpose(1, 2)))

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N) into ceil(N / hop) steps from sample 0."""
        steps = -(-audio.shape[-1] // self.hop_samples)
        padded = F.pad(audio, (0, -audio.shape[-1] % BLOCK_SAMPLES))
        x = in_slices(self._maps, padded, steps * self.map_values)
        logits = self.out(gru(self.gru, x.transpose(1, 2)).transpose(1, 2)).transpose(1, 2)
        return Activations(self.gates(logits, self.block_steps)[..., :steps], self.hop_samples)
