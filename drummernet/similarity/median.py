"""Running median along the first axis of a matrix, and its gradient, by whole-tensor operations.

Windows of 2n - 1 values that start at n neighbouring positions share n values. A tile of n windows therefore
sorts its shared values once, then halves itself again and again: each half takes in the values that only its
own windows share, and of the sorted values keeps the ranks that can still be the median. All tiles go through
the same compare-exchanges, each a minimum and a maximum of large tensors, so nothing depends on the data.
"""

import math
from collections.abc import Callable

import torch

Step = tuple[Callable[..., torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor]


def _write_reflected(padded: torch.Tensor, x: torch.Tensor, start: int, width: int) -> None:
    """Write ``x`` (N, C) into ``padded`` from row ``start`` on, and ``width`` reflected rows on each side."""
    end = start + len(x)
    padded[start:end] = x
    padded[start - width : start] = x[1 : width + 1].flip(0)
    padded[end : end + width] = x[-width - 1 : -1].flip(0)


class _Network:
    """Compare-exchanges on blocks (m, n, C): for each of C columns, m sequences of n values in order.

    The steps are bound once to tensors that are used again for every run.
    """

    def __init__(self, scratch: torch.Tensor) -> None:
        self.steps: list[Step] = []
        self._spares = [torch.empty_like(scratch), torch.empty_like(scratch)]

    def run(self) -> None:
        for operation, a, b, out in self.steps:
            operation(a, b, out=out)

    def _spare(self, shape: torch.Size) -> torch.Tensor:
        # Two take turns: every layer reads what the layer before it wrote.
        self._spares.reverse()
        return self._spares[0].flatten()[: math.prod(shape)].view(shape)

    def _exchange(self, a: torch.Tensor, b: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> None:
        self.steps += [(torch.minimum, a, b, low), (torch.maximum, a, b, high)]

    def _sort_bitonic(self, x: torch.Tensor, rising: bool, out: torch.Tensor | None = None) -> torch.Tensor:
        """Sort sequences (..., n, C) that rise and then fall, or fall and then rise (Batcher 1968)."""
        distance = x.shape[-2] // 2
        while distance:
            target = self._spare(x.shape) if distance > 1 or out is None else out
            source, sink = (t.unflatten(-2, (-1, 2, distance)) for t in (x, target))
            first, second = sink.select(-3, 0), sink.select(-3, 1)
            low, high = (first, second) if rising else (second, first)
            self._exchange(source.select(-3, 0), source.select(-3, 1), low, high)
            x, distance = target, distance // 2
        return x

    def merge(self, blocks: torch.Tensor, rising: bool, out: torch.Tensor) -> None:
        """Merge neighbours of falling ``blocks`` (2m, n, C) into ``out`` (m, 2n, C)."""
        n = blocks.shape[1]
        left, right = blocks[0::2], blocks[1::2]
        halves = (out if n == 1 else self._spare(out.shape)).unflatten(1, (2, n))
        low, high = (halves[:, 0], halves[:, 1]) if rising else (halves[:, 1], halves[:, 0])
        for i in range(n):
            self._exchange(left[:, i], right[:, n - 1 - i], low[:, i], high[:, i])
        self._sort_bitonic(halves, rising, out.unflatten(1, (2, n)))

    def keep_middle(self, ranks: torch.Tensor, extra: torch.Tensor, out: torch.Tensor) -> None:
        """Write the n middle ranks of 2n rising ``ranks`` (m, 2n, C) and n falling values more.

        ``extra`` (m, 2, n, C) has the n values for either half of the tile; ``out`` (m, 2, n, C) rises.
        """
        n = extra.shape[2]
        low, high = ranks[:, None, :n], ranks[:, None, n:]
        lowest = self._spare(out.shape)
        self.steps.append((torch.minimum, high, extra, lowest))
        lowest = self._sort_bitonic(lowest, rising=False)
        middle = out if n == 1 else self._spare(out.shape)
        self.steps.append((torch.maximum, low, lowest, middle))
        self._sort_bitonic(middle, rising=True, out=out)


class RunningMedian:
    """Medians of ``length`` values around each row of (N, C) tensors, reflected at the ends, bit-exact.

    Args:
        length: 2n - 1 with n a power of two, at least 3.
        like: A tensor (N, C) of the shape and type of those to come, N at least n.
    """

    def __init__(self, length: int, like: torch.Tensor) -> None:
        rows, columns = like.shape
        tile = (length + 1) // 2
        tiles = -(-rows // tile)
        # Windows of tile m start at row m * tile + 1, so that the shared values are an aligned block.
        self._padded = like.new_zeros((tiles + 2) * tile, columns)
        self._tile = tile
        self._network = _Network(self._padded)
        blocks = {1: self._padded.unsqueeze(1)}
        n = 1
        while n < tile // 2:
            blocks[2 * n] = torch.empty_like(self._padded).view(-1, 2 * n, columns)
            self._network.merge(blocks[n], False, blocks[2 * n])
            n *= 2
        ranks, other = (like.new_empty(tiles, tile, columns) for _ in range(2))
        self._network.merge(blocks[n][2:-2], True, ranks)
        while n:
            # Of the blocks of n, the left half of a tile takes in the one before, the right half that after.
            apart = 2 * tile // n
            extra = blocks[n][1:].unfold(0, apart, 2)[..., :: apart - 1].movedim(-1, 1)
            out = other.view(-1, 2, n, columns)
            self._network.keep_middle(ranks, extra, out)
            ranks, other = out.flatten(0, 1), ranks
            n //= 2
        self._medians = ranks.view(-1, columns)[:rows]

    def __call__(self, x: torch.Tensor, out: torch.Tensor) -> None:
        """Write the running medians of ``x`` (N, C) to ``out`` (N, C). Neither need be contiguous."""
        _write_reflected(self._padded, x, self._tile, self._tile - 1)
        self._network.run()
        out.copy_(self._medians)


class MedianGradient:
    """The gradient of ``RunningMedian``: it goes to the first value of each window that equals the median.

    Args:
        length: As there.
        like: As there.
    """

    def __init__(self, length: int, like: torch.Tensor) -> None:
        rows, columns = like.shape
        self._half = length // 2
        self._padded = like.new_zeros(rows + length - 1, columns)
        # No row for the reflection at the end: what is reflected is in the same window, earlier.
        self._spread = like.new_zeros(rows + length // 2, columns)
        self._equal, self._offset = (like.new_empty(rows, columns) for _ in range(2))
        offsets = torch.arange(length, dtype=like.dtype, device=like.device)
        windows = self._padded.unfold(0, rows, 1).movedim(-1, 1)
        # Backwards, so that the first of equal values is the last to be seen.
        self._candidates = list(zip(windows, offsets, strict=True))[::-1]
        self._start = torch.arange(rows * columns, device=like.device).view(rows, columns)
        self._place = torch.empty_like(self._start)

    def __call__(
        self, x: torch.Tensor, medians: torch.Tensor, gradient: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Add to ``out`` the gradient of ``x``, given that of its ``medians``.

        All are (N, C), and none need be contiguous.
        """
        half = self._half
        _write_reflected(self._padded, x, half, half)
        medians = medians.contiguous()
        self._offset.zero_()
        for window, offset in self._candidates:
            torch.eq(window, medians, out=self._equal)
            torch.lerp(self._offset, offset, self._equal, out=self._offset)
        self._place.copy_(self._offset)
        torch.add(self._start, self._place, alpha=x.shape[1], out=self._place)
        spread = self._spread.zero_()
        spread.view(-1).scatter_add_(0, self._place.view(-1), gradient.reshape(-1))
        spread[half + 1 : 2 * half + 1] += spread[:half].flip(0)
        out += spread[half:]
