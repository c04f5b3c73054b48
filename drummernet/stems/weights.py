"""How often each stem of a corpus is drawn."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from drummernet.errors import InputError
from drummernet.stems.corpus import Corpus
from drummernet.stems.prepared import PreparedCorpus

Draw = Literal["tracks", "time"]
Label = Literal["source", "style"]


def stem_weights(
    corpus: Corpus,
    draw: Draw = "tracks",
    balance: Label | None = None,
    shares: Mapping[str, float] | None = None,
) -> np.ndarray | None:
    """Return the probability of each stem, (S,), or None where all are equal.

    Args:
        corpus: The stems.
        draw: ``"tracks"``, as in the paper, or ``"time"``: in proportion to their length.
        balance: Draw all sources, or all styles, equally often, however much of each there is.
        shares: With ``balance``: how often, relative to those that are not named, which have 1.

    Raises:
        InputError: if the corpus knows no such labels, or a share is unusable or of a label that it does
            not hold.
    """
    if shares and balance is None:
        raise InputError("data", "shares", "of what? balance is not set")
    weights = np.asarray(corpus.lengths, float) if draw == "time" else np.ones(len(corpus.lengths))
    if balance is not None:
        if not isinstance(corpus, PreparedCorpus):
            raise InputError("data", "balance", f"a plain folder has no {balance}; prepare a corpus of it")
        labels, codes = np.unique(corpus.labels(balance), return_inverse=True)
        wanted = _wanted(labels.tolist(), dict(shares or {}))
        weights *= (wanted / np.bincount(codes, weights))[codes]
    elif draw == "tracks":
        return None
    return weights / weights.sum()


def _wanted(labels: list[str], shares: dict[str, float]) -> np.ndarray:
    for label, share in shares.items():
        if label not in labels:
            raise InputError("data", f"shares.{label}", f"the corpus has only {', '.join(labels)}")
        if not 0 <= share < np.inf:
            raise InputError("data", f"shares.{label}", f"{share} is not a number from 0 on")
    wanted = np.array([shares.get(label, 1.0) for label in labels])
    if not wanted.any():
        raise InputError("data", "shares", "all are 0")
    return wanted
