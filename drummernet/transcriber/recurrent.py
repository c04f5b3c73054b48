"""From the representation r to one value per component and step: GRUs, or convolutions in their place."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.transcriber.contract import Stage
from drummernet.transcriber.part import Part
from drummernet.transcriber.scan import gru, gru_last


def _elu(x: torch.Tensor) -> torch.Tensor:
    """Apply ELU to states, which nobody but their gradient needs afterwards."""
    return F.elu(x, inplace=not torch.is_grad_enabled())


class ThreeGrus(Part):
    """Three GRUs, each followed by ELU: two over time, the last one along the channel axis."""

    first: nn.GRU
    second: nn.GRU
    channels: nn.GRU

    def stages(self) -> dict[str, Stage]:
        """Return the three layers by name, in the order in which they are applied."""
        return {
            "gru_1": lambda r: _elu(gru(self.first, r)),
            "gru_2": lambda x: _elu(gru(self.second, x)),
            "gru_channels": self._over_channels,
        }

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        """Map r (B, C, T) to (B, K, T)."""
        for stage in self.stages().values():
            r = stage(r)
        return r

    def _over_channels(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def _sequences(x: torch.Tensor) -> torch.Tensor:
    """Return maps (B, C, T) as sequences of numbers along C, (T * B, 1, C)."""
    # The scan leaves the batch innermost: steps before items, so that nothing is copied.
    return x.permute(2, 0, 1).flatten(0, 1).unsqueeze(1)


class PaperRecurrent(ThreeGrus):
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
        self.components = components
        self.first = nn.GRU(in_channels, first_hidden, batch_first=True, bidirectional=True)
        self.second = nn.GRU(2 * first_hidden, second_hidden, batch_first=True)
        self.channels = nn.GRU(1, components, batch_first=True)

    def _over_channels(self, x: torch.Tensor) -> torch.Tensor:
        last = gru_last(self.channels, _sequences(x)).unflatten(0, (x.shape[2], x.shape[0]))
        return _elu(last.permute(1, 2, 0).contiguous())


class ReleaseRecurrent(ThreeGrus):
    """The GRUs of the 2019 code, 8,619 parameters by default: a 1→1 GRU without bias scans the K channels.

    Args:
        in_channels: Channels C of r.
        components: K.
    """

    def __init__(self, in_channels: int = 100, components: int = 11) -> None:
        super().__init__()
        self.components = components
        self.first = nn.GRU(in_channels, components, batch_first=True, bidirectional=True)
        self.second = nn.GRU(2 * components, components, batch_first=True)
        self.channels = nn.GRU(1, 1, batch_first=True, bias=False)

    def _over_channels(self, x: torch.Tensor) -> torch.Tensor:
        scanned = gru(self.channels, _sequences(x)).squeeze(1).unflatten(0, (x.shape[2], x.shape[0]))
        return _elu(scanned.permute(1, 2, 0).contiguous())


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
        self.components = components
        widths = (in_channels, first_channels, second_channels, components)
        self.layers = nn.ModuleList(nn.Conv1d(a, b, kernel, padding=kernel // 2) for a, b in pairwise(widths))

    def stages(self) -> dict[str, Stage]:
        """Return the head as a single stage."""
        return {"convolutions": self}

    def forward(self, r: torch.Tensor) -> torch.Tensor:
        """Map r (B, C, T) to (B, K, T)."""
        for layer in self.layers:
            r = F.elu(layer(r))
        return r
