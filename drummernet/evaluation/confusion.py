"""Which drum is heard when which is played."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drummernet.components import FIVE_CLASSES, OTHER
from drummernet.evaluation.scores import TOLERANCE_SECONDS, matches
from drummernet.evaluation.tracks import ClassOnsets, Track
from drummernet.hits import merge_close

NOTHING = "nothing"

_PLAYED = (*FIVE_CLASSES, OTHER)


def confusion(tracks: Sequence[Track], estimates: Mapping[str, ClassOnsets]) -> dict[str, Any]:
    """Count what is heard at the hits of each class, within 50 ms.

    Args:
        tracks: The reference.
        estimates: Onsets per class by the track's name; a class that is not there has none.

    Returns:
        ``{"hits": {played: number}, "heard": {played: {heard: number}}, "again": {heard: number}}``. Played
        are the five classes and ``OT``, and in ``"heard"`` also ``"nothing"``. On the diagonal stand the
        true positives; beside it the false hits of a class that lie at hits of another one, one to one, so
        that a false hit near two drums counts twice; at ``"nothing"`` those near no annotated hit of any
        class. What is left are false hits ``"again"``: others were taken for the hits that they lie at.
    """
    hits = dict.fromkeys(_PLAYED, 0)
    again = dict.fromkeys(FIVE_CLASSES, 0)
    heard = {played: dict.fromkeys(FIVE_CLASSES, 0) for played in (*_PLAYED, NOTHING)}
    for track in tracks:
        played_onsets = {name: merge_close(track.onsets.get(name, np.zeros(0))) for name in _PLAYED}
        anything = np.sort(np.concatenate(list(played_onsets.values())))
        for played, onsets in played_onsets.items():
            hits[played] += len(onsets)
        for name in FIVE_CLASSES:
            estimate = merge_close(estimates[track.name].get(name, np.zeros(0)))
            matched = [pair[1] for pair in matches(played_onsets[name], estimate, TOLERANCE_SECONDS)]
            heard[name][name] += len(matched)
            false = np.delete(estimate, matched)
            alone = _distance(false, anything) > TOLERANCE_SECONDS
            heard[NOTHING][name] += int(np.count_nonzero(alone))
            unexplained = ~alone
            for played in (played for played in _PLAYED if played != name):
                beside = [pair[1] for pair in matches(played_onsets[played], false, TOLERANCE_SECONDS)]
                heard[played][name] += len(beside)
                unexplained[beside] = False
            again[name] += int(np.count_nonzero(unexplained))
    return {"hits": hits, "heard": heard, "again": again}


def _distance(onsets: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how far each onset (n,) is from the nearest of others (m,), ascending; infinite if m is 0."""
    fence = np.concatenate(([-np.inf], others, [np.inf]))
    place = np.searchsorted(fence, onsets)
    return np.minimum(onsets - fence[place - 1], fence[place] - onsets)
