"""A compressor: what is loud is turned down, and comes back slowly. Few drum recordings are without one.

It follows the peaks of blocks of 4 ms, forward; its gain is smoothed in dB (a feed-forward design with a
smooth branching detector: Giannoulis, Massberg and Reiss, JAES 2012), so nothing moves.
"""

from dataclasses import dataclass

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.kits.filters import drawn

THRESHOLD_DB = (-30.0, -6.0)
"""Relative to the peak of the mix."""

RATIO = (2.0, 8.0)
"""By how much less the output rises above the threshold than the input, in dB."""

ATTACK_SECONDS = (0.001, 0.03)
RELEASE_SECONDS = (0.05, 0.4)
"""Time constants; drawn over their logarithm."""

_BLOCK = 64


@dataclass(frozen=True)
class Compressor:
    """One setting; see the ranges of this module."""

    threshold_db: float
    ratio: float
    attack_seconds: float
    release_seconds: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Compressor":
        """Draw a setting."""
        return cls(
            rng.uniform(*THRESHOLD_DB),
            rng.uniform(*RATIO),
            drawn(ATTACK_SECONDS, rng),
            drawn(RELEASE_SECONDS, rng),
        )

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Return audio (N,) compressed, at its former peak."""
        peak = float(np.abs(audio).max(initial=0.0))
        if peak == 0:
            return audio
        blocks = -(-len(audio) // _BLOCK)
        padded = np.zeros(blocks * _BLOCK, np.float32)
        padded[: len(audio)] = audio
        levels = np.abs(padded).reshape(blocks, _BLOCK).max(axis=1)
        over_db = np.maximum(20 * np.log10(np.maximum(levels / peak, 1e-9)) - self.threshold_db, 0.0)
        gains_db = -(1 - 1 / self.ratio) * self._followed(over_db)
        places = (np.arange(blocks) + 0.5) * _BLOCK
        compressed = audio * 10 ** (np.interp(np.arange(len(audio)), places, gains_db) / 20)
        compressed *= peak / np.abs(compressed).max()
        return compressed.astype(np.float32)

    def _followed(self, levels_db: np.ndarray) -> np.ndarray:
        """Return levels (M,) smoothed: rising by the attack, falling by the release."""
        rising, falling = (
            float(np.exp(-_BLOCK / SAMPLE_RATE / seconds))
            for seconds in (self.attack_seconds, self.release_seconds)
        )
        followed, state = [], 0.0
        for level_db in levels_db.tolist():
            keep = rising if level_db > state else falling
            state = keep * state + (1 - keep) * level_db
            followed.append(state)
        return np.array(followed)
