"""What is evaluated: a recording and where each class is hit in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drummernet.components import FIVE_CLASSES, class_of

ClassOnsets = dict[str, np.ndarray]
"""Onsets in seconds, one array (n,) per class."""

SIDE_STICK = "SST"
"""The label of side sticks, which are scored in no class."""


@dataclass(frozen=True, eq=False)
class Track:
    """One annotated recording.

    Attributes:
        name: Unique in its dataset.
        audio_path: The recording, None if it is not there.
        onsets: The annotated hits of each of the five classes, ascending; a class may have none.
        side_sticks: How many side sticks are annotated.
    """

    name: str
    audio_path: Path | None
    onsets: ClassOnsets
    side_sticks: int


def onsets_by_class(labels: Iterable[tuple[float, str]]) -> ClassOnsets:
    """Sort labelled times into the five classes; what is in none of them is dropped.

    Args:
        labels: (onset_seconds, label); a label is any component, subclass or class.

    Raises:
        InputError: if a label is unknown.
    """
    times: dict[str, list[float]] = {name: [] for name in FIVE_CLASSES}
    for onset_seconds, label in labels:
        name = class_of(label)
        if name in times:
            times[name].append(onset_seconds)
    return {name: np.sort(np.array(values, dtype=np.float64)) for name, values in times.items()}
