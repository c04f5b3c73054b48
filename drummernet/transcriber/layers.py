"""Layers over time of the supervised baselines, from (B, C, T) to (B, C', T)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.transcriber.part import Part
from drummernet.transcriber.scan import gru

Cell = Literal["tanh", "relu", "lstm", "gru"]


class PeepholeLstm(nn.Module):
    """An LSTM whose gates see the cell (Gers et al. 2002), which torch does not have; one direction.

    Args:
        channels: C.
        hidden: H.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.to_gates = nn.Linear(channels, 4 * hidden)
        self.state = nn.Linear(hidden, 4 * hidden, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden))
        for linear in (self.to_gates, self.state):
            nn.init.uniform_(linear.weight, -(hidden**-0.5), hidden**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, T) to (B, H, T), from a state of 0."""
        steps = self.to_gates(x.permute(2, 0, 1))
        h = c = steps.new_zeros(steps.shape[1], self.peepholes.shape[1])
        states = []
        for step in steps:
            into, forget, new, out = (step + self.state(h)).chunk(4, -1)
            into = torch.sigmoid(into + self.peepholes[0] * c)
            forget = torch.sigmoid(forget + self.peepholes[1] * c)
            c = forget * c + into * torch.tanh(new)
            h = torch.sigmoid(out + self.peepholes[2] * c) * torch.tanh(c)
            states.append(h)
        return torch.stack(states, -1)


class _Elman(nn.Module):
    """A plain recurrent layer, one or two directions."""

    def __init__(self, channels: int, hidden: int, nonlinearity: str, bidirectional: bool) -> None:
        super().__init__()
        self.layer = nn.RNN(
            channels, hidden, nonlinearity=nonlinearity, batch_first=True, bidirectional=bidirectional
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.layer(x.transpose(1, 2))[0]
        return states.transpose(1, 2)


class _BothWays(nn.Module):
    """Two layers of one direction, one of which reads from the end."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.forwards, self.backwards = make(), make()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.forwards(x), self.backwards(x.flip(-1)).flip(-1)), 1)


class RecurrentLayers(Part):
    """Recurrent layers, one upon the other.

    Args:
        cell: What each consists of: plain units with tanh or ReLU, LSTM with peepholes, GRU.
        layers: How many.
        hidden: H, per direction.
        bidirectional: Whether they read from both ends.
        shift_steps: They may hear so many steps beyond the one that they speak of; the "target shift" of
            Vogl et al. 2016 gives networks that read forwards a look at what follows an onset.

    Raises:
        InputError: if there is no such cell, or a number is out of range.
    """

    context_steps = 1

    def __init__(
        self,
        cell: Cell = "gru",
        layers: int = 2,
        hidden: int = 50,
        bidirectional: bool = True,
        shift_steps: int = 0,
    ) -> None:
        super().__init__()
        if layers < 1 or hidden < 1 or shift_steps < 0:
            raise InputError("layers", "layers", f"{layers} of {hidden}, shifted by {shift_steps}: too few")
        if cell not in ("tanh", "relu", "lstm", "gru"):
            raise InputError("layers", "cell", f"{cell!r} is none of tanh, relu, lstm, gru")
        self.cell = cell
        self.bidirectional = bidirectional
        self.shift_steps = shift_steps
        self.hidden = hidden
        self.count = layers
        self.out_channels = hidden * (2 if bidirectional else 1)
        self.stack = nn.ModuleList()

    def connect(self, in_channels: int) -> None:
        """Make the layers for C channels."""
        widths = (in_channels, *[self.out_channels] * self.count)
        self.stack = nn.ModuleList(self._layer(width) for width in widths[:-1])

    def _layer(self, channels: int) -> nn.Module:
        if self.cell == "gru":
            return nn.GRU(channels, self.hidden, batch_first=True, bidirectional=self.bidirectional)
        if self.cell == "lstm":
            if self.bidirectional:
                return _BothWays(lambda: PeepholeLstm(channels, self.hidden))
            return PeepholeLstm(channels, self.hidden)
        return _Elman(channels, self.hidden, self.cell, self.bidirectional)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, T) to (B, H or 2H, T)."""
        x = F.pad(x, (0, self.shift_steps))
        for layer in self.stack:
            x = gru(layer, x) if isinstance(layer, nn.GRU) else layer(x)
        return x[..., self.shift_steps :]


class DenseLayers(Part):
    """Dense layers that see some steps around each one, the way a classifier of excerpts does.

    Args:
        layers: How many.
        hidden: Channels of each.
    """

    def __init__(self, layers: int = 2, hidden: int = 256) -> None:
        super().__init__()
        self.count = layers
        self.out_channels = hidden
        self.stack = nn.Sequential()

    def connect(self, in_channels: int) -> None:
        """Make the layers for C channels."""
        for a, b in pairwise((in_channels, *[self.out_channels] * self.count)):
            self.stack.extend([nn.Conv1d(a, b, 1, bias=False), nn.BatchNorm1d(b), nn.ReLU()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, T) to (B, ``out_channels``, T)."""
        result: torch.Tensor = self.stack(x)
        return result
