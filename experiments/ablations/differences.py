"""Which differences between variants are real: every variant trained once per seed, the seeds in common.

A run's score is its mean over the last checkpoints. Scores are taken as variant effect + seed effect + rest;
the rest is what another seed changes in one variant and not in the other, and what the swing of the
checkpoints leaves in a mean of five. A difference counts if it exceeds the confidence interval that the
rest gives it, all variants of a column being compared with the first one at a time (Bonferroni).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


class Differences(NamedTuple):
    """Differences to the first variant.

    Attributes:
        values: (V - 1,), means over the seeds.
        half_width: Of their common interval; infinite with a single seed, which shows nothing.
    """

    values: np.ndarray
    half_width: float

    @property
    def real(self) -> np.ndarray:
        """Return (V - 1,) bool."""
        return np.abs(self.values) > self.half_width


def differences(scores: np.ndarray, level: float = LEVEL) -> Differences:
    """Compare all variants with the first one, paired by seed.

    Args:
        scores: (V, S), a row per variant, a column per seed.
        level: The confidence that all V - 1 intervals together have at least.
    """
    V, S = scores.shape
    values = (scores[1:] - scores[0]).mean(axis=1)
    if S < 2:
        return Differences(values, np.inf)
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    freedom = (V - 1) * (S - 1)
    deviation = np.sqrt(np.square(rest).sum() / freedom)
    quantile = student.ppf(1 - (1 - level) / (2 * (V - 1)), freedom)
    return Differences(values, float(quantile * deviation * np.sqrt(2 / S)))


def spread_of_checkpoints(scores: np.ndarray) -> float:
    """Return the standard deviation over the checkpoints of one run, of scores (V, S, C), all runs alike."""
    return float(np.sqrt(scores.var(axis=2, ddof=1).mean()))


def spread_of_seeds(scores: np.ndarray) -> float:
    """Return the standard deviation over the seeds of one variant, of scores (V, S), all variants alike."""
    return float(np.sqrt(scores.var(axis=1, ddof=1).mean())) if scores.shape[1] > 1 else float("nan")
