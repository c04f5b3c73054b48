"""From the representation r to one value per component and step: GRUs, or convolutions in their place."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.transcriber.part import Part
from drummernet.transcriber.scan import gru, gru_last


class PaperRecurrent(Part):
    """The published three GRUs, 129,462 parameters by default.

    Over time, both ways; over time, forwards; then along the channel axis: at every step the second GRU's
    channels are read in order as a sequence of numbers, and the last state is the vector of components.

    Args:
        in_channels: Channels C of r.
        components: K.
        first_hidden: Channels per direction of the first GRU.
        second_hidden: Channels of the second.
    """

    def __init__(
        self, in_channels: int = 50, components: int = 11, first_hidden: int = 100, second_hidden: int = 50
    ) -> None:
        super().__init__()
        self.first = nn.GRU(in_channels, first_hidden, batch_first=True, bidirectional=True)
        self.second = nn.GRU(2 * first_hidden, second_hidden, batch_first=True)
        self.channels = nn.GRU(1, components, batch_first=True)

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        """Map r (B, C, T) to (B, K, T)."""
        x = F.elu(gru(self.second, F.elu(gru(self.first, r))))
        # The scan leaves the batch innermost: steps before items, so that nothing is copied.
        sequences = x.permute(2, 0, 1).flatten(0, 1).unsqueeze(1)
        last = gru_last(self.channels, sequences).unflatten(0, (x.shape[2], x.shape[0]))
        return F.elu(last.permute(1, 2, 0).contiguous())


class ReleaseRecurrent(Part):
    """The GRUs of the 2019 code, 8,619 parameters by default: a 1→1 GRU without bias scans the K channels.

    Args:
        in_channels: Channels C of r.
        components: K.
    """

    def __init__(self, in_channels: int = 100, components: int = 11) -> None:
        super().__init__()
        self.first = nn.GRU(in_channels, components, batch_first=True, bidirectional=True)
        self.second = nn.GRU(2 * components, components, batch_first=True)
        self.channels = nn.GRU(1, 1, batch_first=True, bias=False)

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        """Map r (B, C, T) to (B, K, T)."""
        x = F.elu(gru(self.second, F.elu(gru(self.first, r))))
        # The scan leaves the batch innermost: steps before items, so that nothing is copied.
        sequences = x.permute(2, 0, 1).flatten(0, 1).unsqueeze(1)
        scanned = gru(self.channels, sequences).squeeze(1).unflatten(0, (x.shape[2], x.shape[0]))
        return F.elu(scanned.permute(1, 2, 0).contiguous())


class ConvolutionHead(Part):
    """The CONV variant of the ablation: three convolutions in place of the three GRUs.

    Args:
        in_channels: Channels C of r.
        components: K.
        first_channels: Channels after the first convolution, as many as the first GRU's two directions.
        second_channels: Channels after the second.
        kernel: Steps that each convolution sees.
    """

    def __init__(
        self,
        in_channels: int = 50,
        components: int = 11,
        first_channels: int = 200,
        second_channels: int = 50,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        widths = (in_channels, first_channels, second_channels, components)
        self.layers = nn.ModuleList(nn.Conv1d(a, b, kernel, padding=kernel // 2) for a, b in pairwise(widths))

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        """Map r (B, C, T) to (B, K, T)."""
        for layer in self.layers:
            r = F.elu(layer(r))
        return r
