"""The clipped share of a stream at its own rate: samples in flat tops at the file's extremes."""

import math

import numpy as np

SHORTEST_TOP = 3
"""Consecutive equal samples of one channel that are a flat top; fewer happen by chance."""

LONGEST_TOP_SECONDS = 0.05
"""A constant that lasts longer (half a period of 10 Hz) is an offset or a gap, not a top."""

STEEP = 0.01
"""A flat top is entered by a step of more than this share of the extreme: soft saturation and quantisation
to 8 bits (steps of 1/127) creep up to theirs."""

FEWEST_STEPS = 100
"""An extreme that is fewer steps of quantisation from zero has flat tops by those alone."""

_SMALLER_EXTREME = 0.5
"""Of the two extremes of a file, one that is smaller than this share of the other is where it rests."""


class Clipping:
    """Counts samples in flat tops: steeply entered runs of three or more at the largest or smallest sample.

    The extremes of a file are known at its end, so each is the largest so far, and counting begins anew
    when it is exceeded: what is counted last is what one pass over the whole file would count. Equal means
    equal, so that round tops, a normalised peak and whatever was encoded with loss after it had been clipped
    do not count.

    Args:
        rate: In Hz.
    """

    def __init__(self, rate: int) -> None:
        longest = int(LONGEST_TOP_SECONDS * rate)
        self._upper, self._lower = _Tops(longest), _Tops(longest)
        self._step = math.inf
        self._samples = 0

    def add(self, block: np.ndarray) -> None:
        """Take samples (n, C)."""
        if not block.size:
            return
        self._samples += block.size
        self._upper.add(block)
        self._lower.add(-block)
        # The largest only grows and the step only shrinks: what is fine enough once stays so.
        if self._peak < FEWEST_STEPS * self._step:
            magnitudes = np.abs(block)
            self._step = min(self._step, float(magnitudes.min(where=magnitudes > 0, initial=math.inf)))

    def share(self) -> float:
        """Return the share of all samples that lie in flat tops."""
        if not self._samples or self._peak < FEWEST_STEPS * self._step:
            return 0.0
        tops = [top for top in (self._upper, self._lower) if top.extreme >= _SMALLER_EXTREME * self._peak]
        return sum(top.finish() for top in tops) / self._samples

    @property
    def _peak(self) -> float:
        return max(self._upper.extreme, self._lower.extreme, 0.0)


class _Tops:
    """Counts the samples in flat tops at the largest sample."""

    def __init__(self, longest: int) -> None:
        self.extreme = -math.inf
        self._longest = longest
        self._count = 0
        self._open: np.ndarray | int = 0  # (C,) lengths of the flat tops that the next block may continue
        self._last: np.ndarray | float = 0.0  # (C,) the samples before the next block

    def add(self, block: np.ndarray) -> None:
        """Take samples (n, C), n > 0."""
        channels = block.shape[1]
        previous, self._last = np.broadcast_to(self._last, channels), block[-1].copy()
        largest = float(block.max())
        if largest > self.extreme:
            self.extreme = largest
            self._count = 0
            self._open = 0
        unfinished = np.broadcast_to(self._open, channels)
        self._open = np.zeros(channels, np.int64)
        if largest < self.extreme:
            self._close(unfinished)
            return
        for channel, samples in enumerate(block.T):
            edges = np.flatnonzero(np.diff(samples == self.extreme, prepend=False, append=False))
            starts, lengths = edges[::2], np.diff(edges)[::2]
            before = np.where(starts > 0, samples[starts - 1], previous[channel])
            lengths = np.where(before < (1 - STEEP) * self.extreme, lengths, 0)
            if samples[0] < self.extreme:
                self._close(unfinished[channel])
            elif unfinished[channel]:
                lengths[0] = edges[1] + unfinished[channel]
            if samples[-1] == self.extreme:
                self._open[channel] = lengths[-1]
                lengths = lengths[:-1]
            self._close(lengths)

    def finish(self) -> int:
        """Return the count of the whole file."""
        self._close(self._open)
        self._open = 0
        return self._count

    def _close(self, lengths: np.ndarray | int) -> None:
        """Count flat tops (n,) that have ended."""
        lengths = np.asarray(lengths)
        self._count += int(lengths[(lengths >= SHORTEST_TOP) & (lengths <= self._longest)].sum())
