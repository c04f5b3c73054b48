"""Counts of matched onsets, rates from them, and their averages over tracks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.tracks import ClassOnsets, Track
from drummernet.hits import merge_close

Rates = dict[str, float]
"""``{"f1", "precision", "recall"}``, each in [0, 1]; 0/0 is 0."""

RATES = ("f1", "precision", "recall")

TOLERANCE_SECONDS = 0.050
FINE_TOLERANCE_SECONDS = 0.020


@dataclass(frozen=True)
class Counts:
    """Onsets of one class that were found, invented and missed.

    Attributes:
        tp: True positives: matched pairs of reference and estimate.
        fp: False positives: estimates without a partner.
        fn: False negatives: reference onsets without a partner.
    """

    tp: int
    fp: int
    fn: int

    @property
    def has_reference(self) -> bool:
        """Whether there was anything to find."""
        return self.tp + self.fn > 0

    def rates(self) -> Rates:
        """Return F1, precision and recall, those of ``mir_eval.onset.f_measure``."""
        return {
            "f1": _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
            "precision": _ratio(self.tp, self.tp + self.fp),
            "recall": _ratio(self.tp, self.tp + self.fn),
        }


def count_matches(reference: np.ndarray, estimate: np.ndarray, tolerance_seconds: float) -> Counts:
    """Match estimates to reference onsets, one to one and as many as possible, with mir_eval.

    Args:
        reference: (n,) onsets in seconds, ascending.
        estimate: (m,) onsets in seconds, ascending.
        tolerance_seconds: The largest distance of a pair, itself included.
    """
    matched = len(matches(reference, estimate, tolerance_seconds))
    return Counts(matched, len(estimate) - matched, len(reference) - matched)


def matches(reference: np.ndarray, estimate: np.ndarray, tolerance_seconds: float) -> list[tuple[int, int]]:
    """Return the pairs (reference, estimate) of :func:`count_matches` by their places in the arrays."""
    # Imported here, since validation is a part of training but machines that train have no mir_eval.
    import mir_eval

    if not (reference.size and estimate.size):
        return []
    pairs: list[tuple[int, int]] = mir_eval.util.match_events(reference, estimate, tolerance_seconds)
    return pairs


def count_classes(track: Track, estimate: ClassOnsets, tolerance_seconds: float) -> dict[str, Counts]:
    """Count matches of each of the five classes in a track.

    Hits of one class within 10 ms are one, in reference and estimate alike.

    Args:
        track: The reference.
        estimate: Onsets per class; a class that is not there has none.
        tolerance_seconds: As in :func:`count_matches`.
    """
    return {
        name: count_matches(
            merge_close(track.onsets[name]),
            merge_close(estimate.get(name, np.zeros(0))),
            tolerance_seconds,
        )
        for name in FIVE_CLASSES
    }


def track_mean(
    tracks: Sequence[Mapping[str, Counts]], classes: Collection[str], leave_out: bool = True
) -> dict[str, Rates]:
    """Average the rates of each track over the tracks, then over the classes (the 2019 paper's way).

    Args:
        tracks: The counts of each class in each track.
        classes: What to average.
        leave_out: Leave out of each class the tracks without a reference of it. The paper's convention
            does not: there such a track counts as 0.

    Returns:
        The rates per class, and those of ``"mean"``.
    """
    by_class = {}
    for name in classes:
        counts = [track[name] for track in tracks]
        by_class[name] = _mean([c.rates() for c in counts if c.has_reference or not leave_out])
    return {**by_class, "mean": _mean(list(by_class.values()))}


def pooled(tracks: Sequence[Mapping[str, Counts]], classes: Collection[str]) -> dict[str, Rates]:
    """Sum the counts over all tracks, then take the rates per class and their mean.

    Args:
        tracks: The counts of each class in each track.
        classes: What to average.

    Returns:
        The rates per class, and those of ``"mean"``.
    """
    by_class = {}
    for name in classes:
        counts = [track[name] for track in tracks]
        total = Counts(sum(c.tp for c in counts), sum(c.fp for c in counts), sum(c.fn for c in counts))
        by_class[name] = total.rates()
    return {**by_class, "mean": _mean(list(by_class.values()))}


def left_out(tracks: Sequence[Mapping[str, Counts]], classes: Collection[str]) -> dict[str, int]:
    """Return per class how many tracks have no reference of it."""
    return {name: sum(not track[name].has_reference for track in tracks) for name in classes}


def _mean(rates: Sequence[Rates]) -> Rates:
    return {rate: _ratio(sum(r[rate] for r in rates), len(rates)) for rate in RATES}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
