"""A fixed piece of work to measure by: seconds differ between machines and days, ratios less.

A convolution forward and backward, a GRU of 1,500 steps, Fourier transforms and matrix products, at sizes of
this project's networks.
"""

import torch
from torch import nn


class Yardstick:
    """The work; inputs and weights are made once."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator)

        self._maps = normal(16, 50, 16_000).requires_grad_()
        self._sequences = normal(16, 1_500, 100).requires_grad_()
        self._signals = normal(16, 65_536)
        self._matrix = normal(1_024, 1_024)
        self._convolution = nn.Conv1d(50, 50, 3, padding=1)
        self._gru = nn.GRU(100, 11, batch_first=True, bidirectional=True)

    def work(self) -> None:
        """Do it once, on the CPU."""
        self._convolution(self._maps).sum().backward()
        self._gru(self._sequences)[0].sum().backward()
        torch.fft.irfft(torch.fft.rfft(self._signals))
        for _ in range(10):
            self._matrix @ self._matrix
