"""The layers of a U-net on feature maps (B, T, C), channels last, with nothing computed or kept in vain.

Convolutions run on such maps almost twice as fast on a CPU as on (B, C, T), and it is the layout of a GPU's
matrix units.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_LOG2_E = 1 / math.log(2)
MAP_VALUES = 2**22
"""The most values of maps that a CPU works on at a time: 16 MiB."""


def in_slices(
    network: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, map_values: int
) -> torch.Tensor:
    """Apply a network to x (B, ...), on a CPU to so many items at once that maps stay in the cache.

    Args:
        network: From x to anything with the same items.
        x: The batch.
        map_values: What the large maps of an item hold.
    """
    if x.device.type != "cpu":
        return network(x)
    items = max(1, MAP_VALUES // map_values)
    return torch.cat([network(part) for part in x.split(items)])


def convolve(x: torch.Tensor, convolution: nn.Conv1d) -> torch.Tensor:
    """Apply a convolution over T to maps (B, T, C)."""
    image = x.transpose(1, 2).unsqueeze(2)
    weight = convolution.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    result = F.conv2d(image, weight, convolution.bias, padding=(0, int(convolution.padding[0])))
    return result.squeeze(2).transpose(1, 2)


def elu(x: torch.Tensor) -> torch.Tensor:
    """Return ELU(x) of maps (B, T, C)."""
    return elu_(x.clone(memory_format=torch.contiguous_format))


def elu_(x: torch.Tensor) -> torch.Tensor:
    """Replace x by ELU(x), which alone is kept for the gradient."""
    result: torch.Tensor = _Elu.apply(x)
    return result


def elu_of_maxima(x: torch.Tensor) -> torch.Tensor:
    """Return ELU of the larger of each two neighbours in time, (B, T, C) to (B, T // 2, C).

    It is the larger of the two ELUs, for half of the exponentials.
    """
    return elu_(maxima(x))


def maxima(x: torch.Tensor) -> torch.Tensor:
    """Return the larger of each two neighbours in time, (B, T, C) to (B, T // 2, C)."""
    result: torch.Tensor = _Maxima.apply(x, torch.is_grad_enabled() and x.requires_grad)
    return result


def double(x: torch.Tensor) -> torch.Tensor:
    """Upsample (B, T, C) to (B, 2T, C) linearly, each new value a quarter of a step beside an old one."""
    before = torch.cat((x[:, :1], x[:, :-1]), 1)
    after = torch.cat((x[:, 1:], x[:, -1:]), 1)
    return torch.stack((torch.lerp(x, before, 0.25), torch.lerp(x, after, 0.25)), 2).flatten(1, 2)


def elu_values_(x: torch.Tensor) -> None:
    """Replace x by ELU(x), without regard to gradients."""
    if x.device.type != "cpu" or x.dtype is torch.bfloat16:
        F.elu(x, inplace=True)
        return
    # On a CPU torch's powers of two take a quarter of the time of its other exponentials. The difference to 1
    # is off by 1e-7, less than a hundredth of a step of 16-bit audio.
    below = torch.clamp(x, max=0).mul_(_LOG2_E).exp2_().sub_(1)
    torch.maximum(x, below, out=x)


def times_slope(gradient: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    """Return a gradient times the slope of the ELU that gave ``result``, which is min(result, 0) + 1."""
    slope = torch.clamp(result, max=0)
    return torch.addcmul(gradient, gradient, slope, out=slope)


def maxima_into(x: torch.Tensor, out: torch.Tensor, first_is_larger: torch.Tensor | None) -> None:
    """Write the larger of each two neighbours in time of (B, T, C), and 1 where that is the first, else 0.

    Numbers, because comparisons to booleans, and products with them, are several times slower on a CPU.
    """
    pairs = x[:, : x.shape[1] // 2 * 2].unflatten(1, (-1, 2))
    torch.maximum(pairs[:, :, 0], pairs[:, :, 1], out=out)
    if first_is_larger is not None:
        torch.ge(pairs[:, :, 0], pairs[:, :, 1], out=first_is_larger)


def spread_maxima_into(gradient: torch.Tensor, first_is_larger: torch.Tensor, out: torch.Tensor) -> None:
    """Write the gradient (B, T, C) of what :func:`maxima_into` read."""
    end = out.shape[1] // 2 * 2
    pairs = out[:, :end].unflatten(1, (-1, 2))
    torch.mul(gradient, first_is_larger, out=pairs[:, :, 0])
    torch.sub(gradient, pairs[:, :, 0], out=pairs[:, :, 1])
    out[:, end:] = 0


class _Elu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        elu_values_(x)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return times_slope(gradient, *ctx.saved_tensors)


class _Maxima(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, learns: bool) -> torch.Tensor:
        result = x.new_empty(len(x), x.shape[1] // 2, x.shape[2])
        first_is_larger = torch.empty_like(result) if learns else None
        maxima_into(x, result, first_is_larger)
        ctx.save_for_backward(first_is_larger)
        ctx.steps = x.shape[1]
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (first_is_larger,) = ctx.saved_tensors
        to_x = gradient.new_empty(len(gradient), ctx.steps, gradient.shape[2])
        spread_maxima_into(gradient, first_is_larger, to_x)
        return to_x, None
