"""Narrow-band spectra of overlapping frames, by way of shared blocks.

The fifty bins that an octave of the pseudo-CQT reads are a narrow band, in which a stretch of audio has few
degrees of freedom: in the lowest octave 64 samples have 7 and half a frame, 2,048 samples, has 33. So the
product of frames with windowed sinusoids is factored into a ladder of small matrices. The first one takes a
block of 64 samples to its degrees of freedom; each later one takes those of two or four neighbours to those
of the stretch that they form, and the last to the spectrum of the frame. What overlapping frames share is
computed once. The bases are singular vectors, cut where the number format no longer tells a difference.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

BLOCK_SAMPLES = 64


def _basis(blocks: torch.Tensor, precision: float) -> torch.Tensor:
    """Return (k, rows), orthonormal, which spans the columns of blocks (count, rows, columns)."""
    vectors, values, _ = torch.linalg.svd(blocks.transpose(0, 1).flatten(1), full_matrices=False)
    return vectors[:, values > precision * values[0]].T


def ladder(sinusoids: torch.Tensor, precision: float) -> list[torch.Tensor]:
    """Factor the product of frames with sinusoids.

    Args:
        sinusoids: (samples, columns) float64; samples are 64 times a power of two, at least 2.
        precision: Singular values below this share of the largest are left out.

    Returns:
        (c, 64), c the degrees of freedom of a block, then the stages (rows, c of the one before, neighbours).
        The last one has a row for each column of ``sinusoids``.
    """
    rest = sinusoids.unflatten(0, (-1, BLOCK_SAMPLES))
    bits = int(math.log2(len(rest)))
    first = _basis(rest, precision)
    stages, rest = [first], first @ rest
    for neighbours in [2] * (bits % 2) + [4] * (bits // 2):
        joined = rest.unflatten(0, (-1, neighbours)).transpose(1, 2)
        rest = joined.flatten(1, 2)
        matrix = _basis(rest, precision) if len(rest) > 1 else rest[0].T
        stages.append(matrix.unflatten(1, (-1, neighbours)))
        rest = matrix @ rest
    return stages


def _frame_blocks(stages: Sequence[torch.Tensor]) -> int:
    return math.prod(stage.shape[2] for stage in stages)


def _climb(values: torch.Tensor, stages: Sequence[torch.Tensor], out: torch.Tensor) -> None:
    """Write the spectra (B, rows, frames) of blocks ``values`` (B, c, frames + blocks of a frame - 1)."""
    step = 1
    for stage in stages:
        neighbours = stage.shape[2]
        matrix = stage.flatten(1).expand(len(values), -1, -1)
        length = values.shape[2] - (neighbours - 1) * step
        joined = values.unfold(2, length, step).flatten(1, 2)
        values = torch.bmm(matrix, joined, out=out if stage is stages[-1] else None)
        step *= neighbours


def _descend(gradient: torch.Tensor, stages: Sequence[torch.Tensor], out: torch.Tensor) -> None:
    """Write the adjoint of :func:`_climb`; ``out`` (B, c, frames + blocks of a frame - 1) holds zeros."""
    step = _frame_blocks(stages)
    for stage in reversed(stages):
        _, channels, neighbours = stage.shape
        step //= neighbours
        batch, _, length = gradient.shape
        joined = torch.bmm(stage.flatten(1).T.expand(batch, -1, -1), gradient)
        joined = joined.unflatten(1, (channels, neighbours))
        total = length + (neighbours - 1) * step
        values = out if stage is stages[0] else gradient.new_zeros(batch, channels, total)
        for k in range(neighbours):
            values[:, :, k * step : k * step + length] += joined[:, :, k]
        gradient = values


def _windows(values: torch.Tensor, bands: Sequence[Sequence[torch.Tensor]]) -> list[torch.Tensor]:
    """Return each band's part of values (B, C, blocks), less the blocks that only longer frames reach."""
    longest = max(_frame_blocks(stages) for stages in bands)
    parts = values.split([stages[0].shape[1] for stages in bands], 1)
    windows = []
    for part, stages in zip(parts, bands, strict=True):
        spare = longest - _frame_blocks(stages)
        windows.append(part.narrow(2, spare // 2, part.shape[2] - spare))
    return windows


class WeightedMagnitudes(torch.autograd.Function):
    """W √(|X|² + floor) of several bands, X being the spectra of frames around the same middles.

    Autograd would keep all that the ladders pass through, and add the shifted parts up with a pass over the
    whole for each. Here only X and its magnitudes are kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        values: torch.Tensor,
        weights: torch.Tensor,
        bands: Sequence[Sequence[torch.Tensor]],
        floor: float,
    ) -> torch.Tensor:
        """Return (bands, B, F, frames).

        Args:
            ctx: Keeps what the gradient needs.
            values: (B, C, blocks), the degrees of freedom of each block, band after band.
            weights: W, (bands, F, bins); it gets no gradient.
            bands: The stages of each band's ladder; the last has 2 * bins rows, first all real parts.
            floor: Added to the power.
        """
        frames = values.shape[2] - max(_frame_blocks(stages) for stages in bands) + 1
        spectra = values.new_empty(len(bands), len(values), 2, weights.shape[2], frames)
        for window, stages, out in zip(_windows(values, bands), bands, spectra, strict=True):
            _climb(window, stages, out.flatten(1, 2))
        real, imaginary = spectra.unbind(2)
        magnitudes = real.square().addcmul_(imaginary, imaginary).add_(floor).sqrt_()
        ctx.save_for_backward(spectra, magnitudes, weights)
        ctx.bands, ctx.shape = bands, values.shape
        filters = weights.repeat_interleave(len(values), 0)
        return torch.bmm(filters, magnitudes.flatten(0, 1)).unflatten(0, (len(bands), -1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradient of ``values``."""
        spectra, magnitudes, weights = ctx.saved_tensors
        filters = weights.repeat_interleave(spectra.shape[1], 0)
        ratios = torch.bmm(filters.mT, gradient.flatten(0, 1)).view(magnitudes.shape).div_(magnitudes)
        result = gradient.new_zeros(ctx.shape)
        windows = _windows(result, ctx.bands)
        for ratio, spectrum, stages, out in zip(ratios, spectra, ctx.bands, windows, strict=True):
            _descend((spectrum * ratio.unsqueeze(1)).flatten(1, 2), stages, out)
        return result, None, None, None
