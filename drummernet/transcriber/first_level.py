"""The first level of a wave U-net: from audio to maps at half its rate, by way of one at the full rate.

The map at the full rate is by far the largest of the network: 16 MB per item of the paper's. Here it exists
only tile by tile, and the backward pass makes it again, which costs less than to write and read it.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from drummernet.transcriber.maps import elu_values_, maxima_into, spread_maxima_into, times_slope

TILE_VALUES = 2**19
"""The most values of a tile at the full rate: 2 MiB."""


def first_level(audio: torch.Tensor, first: nn.Conv1d, second: nn.Conv1d) -> torch.Tensor:
    """Return ELU(max-pool 2(second(ELU(first(audio))))) of audio (B, N), a single channel: (B, T, C).

    Both convolutions have the same length and padding. On a CPU, where nothing learns, overlapping windows
    that are views of one recording (``recording.unfold``) take over what the window before has in common.
    """
    values: list[torch.Tensor | None] = [audio, first.weight, first.bias, second.weight, second.bias]
    kind = audio.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        values = [None if value is None else value.to(dtype) for value in values]
    learns = torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in values)
    result: torch.Tensor = _FirstLevel.apply(*values, int(first.padding[0]), learns)
    return result


class _Tile(NamedTuple):
    """Where a tile lies: its items, its steps after pooling, and the steps of the full rate it is made of.

    ``before`` and ``after`` count those of the latter that are padding.
    """

    items: slice
    pooled: slice
    begin: int
    end: int
    before: int
    after: int


def _tiles(frames: torch.Tensor, channels: int, padding: int, shared: slice) -> Iterator[_Tile]:
    """Yield the tiles of a map with a step for each of the frames (B, T, length); one tile off the CPU.

    The steps after pooling that are shared with the item before are left out.
    """
    items, steps, length = frames.shape
    on_cpu = frames.device.type == "cpu"
    pooled_steps = (steps + 2 * padding - length + 1) // 2
    width = max(1, TILE_VALUES // channels // 2) if on_cpu else pooled_steps
    rows = [slice(item, item + 1) for item in range(items)] if on_cpu else [slice(0, items)]
    for row in rows:
        apart = [(0, shared.start), (shared.stop, pooled_steps)] if row.start else [(0, pooled_steps)]
        for first, last in apart:
            for start in range(first, last, width):
                stop = min(start + width, last)
                begin, end = 2 * start - padding, 2 * stop + length - 1 - padding
                before, after = max(0, -begin), max(0, end - steps)
                yield _Tile(row, slice(start, stop), begin + before, end - after, before, after)


def _shared(audio: torch.Tensor, padding: int, kernel: int) -> slice:
    """Return the steps after pooling of an item that the item before has too, an item's advance later.

    Padding reaches as many steps after pooling as it has values.
    """
    advance, samples = audio.stride(0), audio.shape[1]
    if audio.stride(1) != 1 or not 0 < advance < samples or advance % 2 or audio.device.type != "cpu":
        return slice(0, 0)
    pooled_steps = (samples + 2 * (2 * padding - kernel + 1)) // 2
    return slice(padding, max(padding, pooled_steps - advance // 2 - padding))


class _FirstLevel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        audio: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        second_weight: torch.Tensor,
        second_bias: torch.Tensor | None,
        padding: int,
        learns: bool,
    ) -> torch.Tensor:
        frames = F.pad(audio, (padding, padding)).unfold(-1, weight.shape[2], 1)
        shared = slice(0, 0) if learns else _shared(audio, padding, weight.shape[2])
        tiles = list(_tiles(frames, len(weight), padding, shared))
        result = audio.new_empty(len(audio), tiles[-1].pooled.stop, len(second_weight))
        first_is_larger = torch.empty_like(result) if learns else None
        kernel = second_weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        for tile in tiles:
            image = _image(_map(frames, weight, bias, tile))
            y = F.conv2d(image, kernel, second_bias).squeeze(2).transpose(1, 2)
            place = tile.items, tile.pooled
            maxima_into(y, result[place], None if first_is_larger is None else first_is_larger[place])
            elu_values_(result[place])
        for before, item in pairwise(result):
            item[shared] = before[shared.start + audio.stride(0) // 2 :][: shared.stop - shared.start]
        ctx.save_for_backward(frames, weight, bias, second_weight, result, first_is_larger)
        ctx.tiles, ctx.padding, ctx.second_biased = tiles, padding, second_bias is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        frames, weight, bias, second_weight, result, first_is_larger = ctx.saved_tensors
        kernel = second_weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        to_frames = torch.zeros_like(frames) if ctx.needs_input_grad[0] else None
        to_weight, to_bias = torch.zeros_like(weight[:, 0]), weight.new_zeros(len(weight))
        to_kernel, to_second_bias = torch.zeros_like(kernel), weight.new_zeros(len(kernel))
        for tile in ctx.tiles:
            place = tile.items, tile.pooled
            x = _map(frames, weight, bias, tile)
            pooled = times_slope(gradient[place], result[place])
            to_y = pooled.new_empty(len(pooled), 2 * pooled.shape[1], pooled.shape[2])
            spread_maxima_into(pooled, first_is_larger[place], to_y)
            to_image, *here = _convolution_backward(_image(to_y), _image(x), kernel)
            to_kernel += here[0]
            to_second_bias += here[1]
            inside = slice(tile.before, x.shape[1] - tile.after)
            to_x = to_image.squeeze(2).transpose(1, 2)[:, inside]
            part = times_slope(to_x, x[:, inside])
            heard = frames[tile.items, tile.begin : tile.end]
            # In this order the product is four times faster than its transpose.
            to_weight += (heard.flatten(0, 1).T @ part.flatten(0, 1)).T
            to_bias += part.sum((0, 1))
            if to_frames is not None:
                to_frames[tile.items, tile.begin : tile.end] += part @ weight[:, 0]
        return (
            None if to_frames is None else _overlap_add(to_frames, ctx.padding),
            to_weight.unsqueeze(1),
            None if bias is None else to_bias,
            to_kernel.squeeze(2),
            to_second_bias if ctx.second_biased else None,
            None,
            None,
        )


def _map(frames: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, tile: _Tile) -> torch.Tensor:
    """Return a tile of the map at the full rate, padded with zeros at the ends of the audio."""
    heard = frames[tile.items, tile.begin : tile.end]
    x = frames.new_empty(len(heard), tile.before + heard.shape[1] + tile.after, len(weight))
    inside = x[:, tile.before : tile.before + heard.shape[1]]
    matrix = weight[:, 0].T.expand(len(heard), -1, -1)
    if bias is None:
        torch.bmm(heard, matrix, out=inside)
    else:
        torch.baddbmm(bias, heard, matrix, out=inside)
    elu_values_(inside)
    x[:, : tile.before] = 0
    x[:, x.shape[1] - tile.after :] = 0
    return x


def _convolution_backward(
    gradient: torch.Tensor, x: torch.Tensor, kernel: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of input, kernel and bias of a plain two-dimensional convolution."""
    stride, padding, dilation, output_padding = [1, 1], [0, 0], [1, 1], [0, 0]
    shape = (stride, padding, dilation, False, output_padding, 1)
    gradients: tuple[torch.Tensor, ...] = torch.ops.aten.convolution_backward(
        gradient, x, kernel, [len(kernel)], *shape, [True, True, True]
    )
    return gradients


def _image(x: torch.Tensor) -> torch.Tensor:
    """Return maps (B, T, C) as images (B, C, 1, T), channels last."""
    return x.transpose(1, 2).unsqueeze(2)


def _overlap_add(frames: torch.Tensor, padding: int) -> torch.Tensor:
    """Return the adjoint of padding and framing: (B, T, length) to (B, N)."""
    _, steps, length = frames.shape
    audio = frames.new_zeros(len(frames), steps + length - 1)
    for tap, values in enumerate(frames.unbind(-1)):
        audio[:, tap : tap + steps] += values
    return audio[:, padding : audio.shape[1] - padding]
