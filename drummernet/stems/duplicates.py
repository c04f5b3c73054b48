"""Near duplicates among fingerprints: stems whose onsets and hashes agree once one of them is shifted."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from drummernet.stems.candidates import OFFSET_FRAMES, candidates
from drummernet.stems.fingerprint import BITS

LEAST_AGREEMENT = 0.85
"""Near duplicates agree at least so well. So do 97 of 100 stems with what coding, shifting and
cutting made of them, and 2 of 100 pairs of electronic loops that differ in some kicks alone."""
LEAST_TOKENS = 3
"""With fewer a stem is kept: one or two sounds are alike in too many stems."""


def near_duplicates(tokens: Sequence[np.ndarray], rank: Sequence[Any]) -> dict[int, int]:
    """Find the stems that repeat others.

    Stem after stem in order of rank is put aside if it repeats one that was kept before it.

    Args:
        tokens: Of each stem (n, 2) uint32, as :meth:`Fingerprint.finish` returns them.
        rank: Of each stem; no two are equal. The smallest comes first.

    Returns:
        The stems that are put aside, each with the kept one that it repeats. It depends on tokens and ranks
        alone, not on their order.
    """
    order = sorted(range(len(rank)), key=rank.__getitem__)
    rows = candidates([tokens[stem][: None if len(tokens[stem]) >= LEAST_TOKENS else 0] for stem in order])
    bounds = np.searchsorted(rows["stem"], np.arange(len(order) + 1))
    repeats: dict[int, tuple[int, int]] = {}
    for place, stem in enumerate(order):
        for row in rows[bounds[place] : bounds[place + 1]]:
            kept, offset_frames = order[row["partner"]], int(row["offset"]) * OFFSET_FRAMES
            if kept in repeats:  # a copy leads to what it is a copy of
                kept, further_frames = repeats[kept]
                offset_frames += further_frames
            if agreement(tokens[stem], tokens[kept], offset_frames) >= LEAST_AGREEMENT:
                repeats[stem] = kept, offset_frames
                break
    return {stem: kept for stem, (kept, _) in repeats.items()}


def agreement(one: np.ndarray, other: np.ndarray, offset_frames: int) -> float:
    """Return how well two stems agree: 1 if they are the same, about 0 if they have nothing in common.

    It is the mean over the shorter stem's tokens of 1 - 2 d, d the share of bits in which the hash differs
    from the longer stem's at the same moment, or 0 where that has no onset or half of the bits differ. The
    first and the last token do not count if there are more: the shorter stem may have been cut out there.

    Args:
        one: Tokens (n, 2) of a stem.
        other: Tokens (m, 2) of another.
        offset_frames: How much later the other has the same sounds.
    """
    if len(one) > len(other):
        one, other, offset_frames = other, one, -offset_frames
    times, other_times = one[:, 1].astype(np.int64) + offset_frames, other[:, 1].astype(np.int64)
    tolerance = OFFSET_FRAMES - 1
    place = np.minimum(np.searchsorted(other_times, times - tolerance), len(other) - 1)
    differing = np.unpackbits((one[:, 0] ^ other[place, 0])[:, None].view(np.uint8), axis=1).sum(axis=1)
    met = np.abs(other_times[place] - times) <= tolerance
    differing = np.where(met, np.minimum(differing, BITS // 2), BITS // 2)
    counted = differing[1:-1] if len(one) >= LEAST_TOKENS + 2 else differing
    return float(1 - counted.mean() / (BITS // 2))
