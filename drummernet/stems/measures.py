"""What is measured of a stem while it is decoded, in bounded memory and whatever the sizes of the blocks."""

import math
from array import array
from dataclasses import dataclass

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.audio import SILENCE_PEAK
from drummernet.stems.clipping import Clipping
from drummernet.stems.loudness import CHUNKS_PER_SECOND, Loudness
from drummernet.stems.percussion import Percussion

_CHUNK_SAMPLES = SAMPLE_RATE // CHUNKS_PER_SECOND
_BLOCK_SAMPLES = _CHUNK_SAMPLES // 2


@dataclass(frozen=True, slots=True)
class Measures:
    """Of a stem at 16 kHz, except for the clipped share.

    Peak, loudness and silence are those of the stem without its constant part.

    Attributes:
        peak: The largest magnitude, full scale being 1.
        loudness_lufs: Integrated (BS.1770-4); None below the absolute gate or 0.4 s.
        silence_share: Of blocks of 50 ms, those that stay below ``SILENCE_PEAK``.
        clipped_share: Of the samples of the file, see :class:`Clipping`.
        percussive_share: Of what rises at onsets, see :class:`Percussion`; 0 without onsets.
        onsets_per_second: See :class:`Percussion`.
        duration_seconds: Its length.
        dc: The constant part: the mean.
    """

    peak: float
    loudness_lufs: float | None
    silence_share: float
    clipped_share: float
    percussive_share: float
    onsets_per_second: float
    duration_seconds: float
    dc: float


class Meter:
    """Takes a stem in pieces of any size and remembers 320 bytes per second of it.

    The mean is known at the end, so the extremes of every 50 ms are remembered, and the loudness is put
    right afterwards: all measures are exactly those of the stem without its mean.

    Args:
        rate: The file's own, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._clipping = Clipping(rate)
        self._loudness = Loudness(SAMPLE_RATE)
        self._percussion = Percussion()
        self._pending = np.zeros(0, np.float32)
        self._samples = 0
        self._sums, self._highs, self._lows = array("d"), array("f"), array("f")

    def add_native(self, block: np.ndarray) -> None:
        """Take samples (n, C) float32 as the file holds them."""
        self._clipping.add(block)

    def add(self, samples: np.ndarray) -> None:
        """Take samples (n,) float32 of the stem at 16 kHz."""
        self._samples += len(samples)
        pending = np.concatenate((self._pending, samples))
        whole = len(pending) // _CHUNK_SAMPLES * _CHUNK_SAMPLES
        self._pending = pending[whole:].copy()
        if whole:
            chunks = pending[:whole].reshape(-1, _CHUNK_SAMPLES)
            self._remember(chunks, chunks.reshape(-1, _BLOCK_SAMPLES))
            self._loudness.add(chunks)

    def add_frames(self, frames: np.ndarray) -> None:
        """Take magnitudes (n, 513) float32 of the stem, as :class:`MagnitudeFrames` gives them."""
        self._percussion.add(frames)

    def finish(self) -> Measures:
        """Return the measures of all that was added."""
        for start in range(0, len(self._pending), _BLOCK_SAMPLES):
            rest = self._pending[np.newaxis, start : start + _BLOCK_SAMPLES]
            self._remember(rest, rest)
        dc = math.fsum(self._sums) / max(1, self._samples)
        peaks = np.maximum(np.array(self._highs) - dc, dc - np.array(self._lows))
        onsets, percussive_share = self._percussion.finish()
        duration_seconds = self._samples / SAMPLE_RATE
        return Measures(
            peak=float(peaks.max(initial=0.0)),
            loudness_lufs=self._loudness.integrated(dc),
            silence_share=float((peaks < SILENCE_PEAK).mean()) if peaks.size else 1.0,
            clipped_share=self._clipping.share(),
            percussive_share=percussive_share,
            onsets_per_second=onsets / duration_seconds if onsets else 0.0,
            duration_seconds=duration_seconds,
            dc=dc,
        )

    def _remember(self, chunks: np.ndarray, blocks: np.ndarray) -> None:
        """Keep the sums of chunks (n, …) and the extremes of blocks (m, …)."""
        self._sums.frombytes(chunks.sum(axis=1, dtype=np.float64).tobytes())
        self._highs.frombytes(blocks.max(axis=1).tobytes())
        self._lows.frombytes(blocks.min(axis=1).tobytes())
