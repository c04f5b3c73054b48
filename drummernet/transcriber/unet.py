"""Wave U-nets: from audio to a representation r at a sixteenth of the rate (DrummerNet, table 1).

Ten convolutions, each followed by a pooling of 2, see 192 ms at the bottom; six upsampling levels bring
that view back to 1 kHz beside the finer maps of the way down.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from drummernet.transcriber.first_level import first_level
from drummernet.transcriber.maps import convolve, double, elu, elu_of_maxima, in_slices, maxima
from drummernet.transcriber.part import Part

DEPTH = 10
LEVELS_UP = 6
KERNEL = 3
HOP_SAMPLES = 2 ** (DEPTH - LEVELS_UP)


def _convolutions(modules: nn.ModuleList) -> list[nn.Conv1d]:
    return [module for module in modules if isinstance(module, nn.Conv1d)]


class Encoder(nn.Module):
    """A convolution, then ten times convolution, ELU and max-pool 2.

    Args:
        first_channels: Channels after the first convolution.
        channels: Channels after every other one.
        padding: 1 keeps lengths, 0 loses one value at each end of each convolution.
        bias: Whether the convolutions have biases.
    """

    def __init__(self, first_channels: int, channels: int, padding: int, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, first_channels, KERNEL, padding=padding, bias=bias)
        self.channels = channels
        widths = [first_channels] + [channels] * DEPTH
        self.levels = nn.ModuleList(
            nn.Conv1d(a, b, KERNEL, padding=padding, bias=bias) for a, b in pairwise(widths)
        )

    def first_level(self, audio: torch.Tensor) -> torch.Tensor:
        """Encode audio (B, N) at the full rate; maps (B, about N / 2, C)."""
        return first_level(audio, self.first, _convolutions(self.levels)[0])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Encode the maps of the first level.

        Returns:
            The bottom (B, about N / 1024, C) and, finest first, the maps before pooling of the levels that
            have a counterpart on the way up, (B, about N / 16, C) to (B, about N / 512, C).
        """
        levels = _convolutions(self.levels)[1:]
        for convolution in levels[:-LEVELS_UP]:
            x = elu_of_maxima(convolve(x, convolution))
        maps = []
        for convolution in levels[-LEVELS_UP:]:
            maps.append(elu(convolve(x, convolution)))
            x = maxima(maps[-1])
        return x, maps


def crop_to(x: torch.Tensor, length: int) -> torch.Tensor:
    """Return the middle ``length`` values of (B, T, C)."""
    start = (x.shape[1] - length) // 2
    return x[:, start : start + length]


def _in_slices(
    encoder: Encoder, rest: Callable[[torch.Tensor], torch.Tensor], audio: torch.Tensor
) -> torch.Tensor:
    """Apply the first level of an encoder to audio (B, N), then the rest of the network."""
    map_values = audio.shape[1] // 2 * encoder.channels
    if torch.is_grad_enabled():
        return in_slices(lambda part: rest(encoder.first_level(part)), audio, map_values)
    # All at once: windows of one recording share what they have in common.
    return in_slices(rest, encoder.first_level(audio), map_values)


class PaperUnet(Part):
    """The published U-net: same-length convolutions with biases, 178,012 parameters by default.

    Args:
        first_channels: Channels of the first convolution.
        channels: Channels of every other one.
    """

    start_sample = 0

    def __init__(self, first_channels: int = 128, channels: int = 50) -> None:
        super().__init__()
        self.encoder = Encoder(first_channels, channels, padding=1, bias=True)
        self.ups = nn.ModuleList(
            nn.Conv1d(2 * channels, channels, KERNEL, padding=1) for _ in range(LEVELS_UP)
        )

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map audio (B, N), N a multiple of 1,024, to r (B, C, N / 16)."""
        return _in_slices(self.encoder, self._maps, audio).transpose(1, 2)

    def _maps(self, x: torch.Tensor) -> torch.Tensor:
        x, maps = self.encoder(x)
        for convolution, finer in zip(_convolutions(self.ups), reversed(maps), strict=True):
            x = elu(convolve(torch.cat((double(x), finer), 2), convolution))
        return x


class ReleaseUnet(Part):
    """The U-net of the authors' 2019 code, 195,250 parameters by default.

    It differs from the paper's in valid convolutions without bias, one more at the bottom, the order
    convolution, ELU, doubling, concatenation, and a last convolution with bias over all channels.

    Args:
        channels: Channels of every convolution but the last, which has twice as many.
    """

    start_sample = 4080
    """Samples lost at each end of the audio: 255 steps."""

    def __init__(self, channels: int = 50) -> None:
        super().__init__()
        self.encoder = Encoder(channels, channels, padding=0, bias=False)
        self.bottom = nn.Conv1d(channels, channels, KERNEL, bias=False)
        widths = [channels] + [2 * channels] * (LEVELS_UP - 1)
        self.ups = nn.ModuleList(nn.Conv1d(width, channels, KERNEL, bias=False) for width in widths)
        self.last = nn.Conv1d(2 * channels, 2 * channels, KERNEL)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map audio (B, N), N a multiple of 1,024 from 9,216, to r (B, 2C, N / 16 - 510)."""
        return _in_slices(self.encoder, self._maps, audio).transpose(1, 2)

    def _maps(self, x: torch.Tensor) -> torch.Tensor:
        x, maps = self.encoder(x)
        x = elu(convolve(x, self.bottom))
        for convolution, finer in zip(_convolutions(self.ups), reversed(maps), strict=True):
            x = double(elu(convolve(x, convolution)))
            x = torch.cat((x, crop_to(finer, x.shape[1])), 2)
        return elu(convolve(x, self.last))
