"""Wave U-nets: from audio to a representation r at a sixteenth of the rate (DrummerNet, table 1).

Ten convolutions, each followed by a pooling of 2, see 192 ms at the bottom; six upsampling levels bring
that view back to 1 kHz beside the finer maps of the way down.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.transcriber.part import Part

DEPTH = 10
LEVELS_UP = 6
KERNEL = 3
HOP_SAMPLES = 2 ** (DEPTH - LEVELS_UP)


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
        widths = [first_channels] + [channels] * DEPTH
        self.levels = nn.ModuleList(
            nn.Conv1d(a, b, KERNEL, padding=padding, bias=bias) for a, b in pairwise(widths)
        )

    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Encode audio (B, N).

        Returns:
            The bottom (B, C, about N / 1024) and, finest first, the maps before pooling of the levels that
            have a counterpart on the way up, (B, C, about N / 16) to (B, C, about N / 512).
        """
        x = F.elu(self.first(audio.unsqueeze(1)))
        maps = []
        for level, convolution in enumerate(self.levels):
            x = convolution(x)
            if level < DEPTH - LEVELS_UP:
                # ELU is monotonic: pooling first gives the same values for half of the exponentials.
                x = F.elu(F.max_pool1d(x, 2))
            else:
                x = F.elu(x)
                maps.append(x)
                x = F.max_pool1d(x, 2)
        return x, maps


def double(x: torch.Tensor) -> torch.Tensor:
    """Upsample (B, C, T) to (B, C, 2T) linearly."""
    return F.interpolate(x, scale_factor=2, mode="linear", align_corners=False)


def crop_to(x: torch.Tensor, length: int) -> torch.Tensor:
    """Return the middle ``length`` values of (B, C, T)."""
    start = (x.shape[-1] - length) // 2
    return x[..., start : start + length]


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
        x, maps = self.encoder(audio)
        for convolution, finer in zip(self.ups, reversed(maps), strict=True):
            x = F.elu(convolution(torch.cat((double(x), finer), 1)))
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
        x, maps = self.encoder(audio)
        x = F.elu(self.bottom(x))
        for convolution, finer in zip(self.ups, reversed(maps), strict=True):
            x = double(F.elu(convolution(x)))
            x = torch.cat((x, crop_to(finer, x.shape[-1])), 1)
        return F.elu(self.last(x))
