"""Which pairs of stems are worth a comparison: those with hashes in common, however many share them."""

from collections.abc import Sequence

import numpy as np

OFFSET_FRAMES = 3
"""Offsets are counted in steps of this."""
_PARTNERS = 2
_OFFSETS_PER_STEM = 8
"""So many pairs of partner and offset are looked at for each stem, those with the most hashes in common."""
_PART_TOKENS = 1 << 22
"""Tokens that are sorted at a time."""
_STEMS_AT_ONCE = 1 << 12
_PLACE = np.uint64(0xFFFFFFFF)
_SCATTER = np.uint32(2_654_435_761)
PAIR = np.dtype([("stem", np.uint32), ("partner", np.uint32), ("offset", np.int32), ("votes", np.uint32)])
"""Two stems by their places in order of rank, the offset in steps, and how many hashes speak for it."""


def candidates(tokens: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of type PAIR that are worth a look, for each stem the most promising first.

    Args:
        tokens: Of each stem (n, 2), by rank; a row's stem and partner are places in this order.
    """
    parts = -(-sum(map(len, tokens)) // _PART_TOKENS)
    found = [np.zeros(0, PAIR)]
    rows = 0
    for part in range(parts):
        found.append(_summed(_pairs(*_part(tokens, part, parts))))
        rows += len(found[-1])
        # As many again as are kept: the more there are, the more rarely they are sorted.
        if rows > _PART_TOKENS + 2 * _OFFSETS_PER_STEM * len(tokens):
            found = [_most_promising(_summed(np.concatenate(found)))]
            rows = len(found[0])
    return _most_promising(_summed(np.concatenate(found)))


def _part(tokens: Sequence[np.ndarray], part: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys (n,), hash · 2³² + place, and the times (n,) of those hashes that belong to a part."""
    keys, times = [], []
    for start in range(0, len(tokens), _STEMS_AT_ONCE):
        some = tokens[start : start + _STEMS_AT_ONCE]
        joined = np.concatenate(some)
        places = np.repeat(np.arange(start, start + len(some), dtype=np.uint64), [len(stem) for stem in some])
        # Similar sounds have similar hashes: scattered first, so that the parts are about equal.
        mine = (joined[:, 0] * _SCATTER >> np.uint32(16)) % np.uint32(parts) == part
        keys.append(joined[mine, 0].astype(np.uint64) << np.uint64(32) | places[mine])
        times.append(joined[mine, 1].astype(np.int32))
    return np.concatenate(keys), np.concatenate(times)


def _pairs(keys: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pair each stem with few of those of better rank that have the same hash; return rows of type PAIR.

    The best by rank, and those next to it, which a copy of the same length is: rows grow with tokens only,
    however many stems have a hash. Of a hash that a stem has many times, the first time counts.
    """
    order = np.argsort(keys, kind="stable")
    order = order[np.diff(keys[order], prepend=~keys[order[:1]]) != 0]
    keys, times = keys[order], times[order]
    index = np.arange(len(keys))
    opens = np.diff(keys >> np.uint64(32), prepend=~keys[:1] >> np.uint64(32)) != 0
    best = np.maximum.accumulate(np.where(opens, index, 0))
    rows = []
    for step in range(_PARTNERS):
        for partner, usable in (
            (best + step, best + step < index),
            (index - 1 - step, index - 1 - step >= best + _PARTNERS),
        ):
            row = np.ones(np.count_nonzero(usable), PAIR)
            row["stem"] = keys[usable] & _PLACE
            row["partner"] = keys[partner[usable]] & _PLACE
            row["offset"] = (times[partner[usable]] - times[usable] + OFFSET_FRAMES // 2) // OFFSET_FRAMES
            rows.append(row)
    return np.concatenate(rows)


def _summed(rows: np.ndarray) -> np.ndarray:
    """Return rows sorted by stem, partner and offset, equal ones put together with the sum of their votes."""
    rows = rows[np.lexsort((rows["offset"], rows["partner"], rows["stem"]))]
    same = np.ones(max(0, len(rows) - 1), bool)
    for field in ("stem", "partner", "offset"):
        same &= rows[field][1:] == rows[field][:-1]
    starts = np.flatnonzero(np.concatenate(([True], ~same))[: len(rows)])
    summed = rows[starts]
    if len(starts):
        summed["votes"] = np.add.reduceat(rows["votes"], starts)
    return summed


def _most_promising(rows: np.ndarray) -> np.ndarray:
    """Return of each stem the rows with most votes, sorted by stem and votes."""
    rows = rows[np.lexsort((rows["offset"], rows["partner"], ~rows["votes"], rows["stem"]))]
    first = np.searchsorted(rows["stem"], rows["stem"])
    return rows[np.arange(len(rows)) - first < _OFFSETS_PER_STEM]
