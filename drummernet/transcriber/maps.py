"""The layers of a U-net on feature maps (B, T, C), channels last, with nothing computed or kept in vain.

Convolutions run on such maps almost twice as fast on a CPU as on (B, C, T), and it is the layout of a GPU's
matrix units.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

MAP_VALUES = 2**22
"""The most values of maps that a CPU works on at a time: 16 MiB."""


def in_slices(
    network: Callable[[torch.Tensor], torch.Tensor], audio: torch.Tensor, map_values: int
) -> torch.Tensor:
    """Apply a network to audio (B, N), on a CPU to so many items at once that maps stay in the cache.

    Args:
        network: From audio to anything with the same items.
        audio: The batch.
        map_values: What the large maps of an item hold.
    """
    if audio.device.type != "cpu":
        return network(audio)
    items = max(1, MAP_VALUES // map_values)
    return torch.cat([network(part) for part in audio.split(items)])


def convolve(x: torch.Tensor, convolution: nn.Conv1d) -> torch.Tensor:
    """Apply a convolution over T to maps (B, T, C)."""
    image = x.transpose(1, 2).unsqueeze(2)
    weight = convolution.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    result = F.conv2d(image, weight, convolution.bias, padding=(0, int(convolution.padding[0])))
    return result.squeeze(2).transpose(1, 2)


def elu(x: torch.Tensor) -> torch.Tensor:
    """Return ELU(x) of maps (B, T, C)."""
    # In place the result is kept for the gradient, and no exponential is taken again.
    return F.elu(x.clone(memory_format=torch.contiguous_format), inplace=True)


def elu_of_maxima(x: torch.Tensor) -> torch.Tensor:
    """Return ELU of the larger of each two neighbours in time, (B, T, C) to (B, T // 2, C).

    It is the larger of the two ELUs, for half of the exponentials.
    """
    return F.elu(maxima(x), inplace=True)


def maxima(x: torch.Tensor) -> torch.Tensor:
    """Return the larger of each two neighbours in time, (B, T, C) to (B, T // 2, C)."""
    result: torch.Tensor = _Maxima.apply(x)
    return result


def double(x: torch.Tensor) -> torch.Tensor:
    """Upsample (B, T, C) to (B, 2T, C) linearly, each new value a quarter of a step beside an old one."""
    before = torch.cat((x[:, :1], x[:, :-1]), 1)
    after = torch.cat((x[:, 1:], x[:, -1:]), 1)
    return torch.stack((torch.lerp(x, before, 0.25), torch.lerp(x, after, 0.25)), 2).flatten(1, 2)


def maxima_into(x: torch.Tensor, out: torch.Tensor, first_is_larger: torch.Tensor) -> None:
    """Write the larger of each two neighbours in time of (B, T, C), and 1 where that is the first, else 0.

    Numbers, because comparisons to booleans, and products with them, are several times slower on a CPU.
    """
    pairs = x[:, : x.shape[1] // 2 * 2].unflatten(1, (-1, 2))
    torch.maximum(pairs[:, :, 0], pairs[:, :, 1], out=out)
    torch.ge(pairs[:, :, 0], pairs[:, :, 1], out=first_is_larger)


def spread_maxima_into(gradient: torch.Tensor, first_is_larger: torch.Tensor, out: torch.Tensor) -> None:
    """Write the gradient (B, T, C) of what :func:`maxima_into` read."""
    end = out.shape[1] // 2 * 2
    pairs = out[:, :end].unflatten(1, (-1, 2))
    torch.mul(gradient, first_is_larger, out=pairs[:, :, 0])
    torch.sub(gradient, pairs[:, :, 0], out=pairs[:, :, 1])
    out[:, end:] = 0


class _Maxima(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        result = x.new_empty(len(x), x.shape[1] // 2, x.shape[2])
        first_is_larger = torch.empty_like(result)
        maxima_into(x, result, first_is_larger)
        ctx.save_for_backward(first_is_larger)
        ctx.steps = x.shape[1]
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (first_is_larger,) = ctx.saved_tensors
        to_x = gradient.new_empty(len(gradient), ctx.steps, gradient.shape[2])
        spread_maxima_into(gradient, first_is_larger, to_x)
        return to_x
