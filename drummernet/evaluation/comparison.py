"""Results side by side: which belong together, what each is called, and what to beware of."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drummernet.evaluation.origin import FOLDER_DATASET, is_development
from drummernet.evaluation.result_files import Result
from drummernet.evaluation.statistics import FEW_TRACKS

DEVELOPMENT_LEGEND = "* development: something of the system was chosen on this set."
_MOST_NAMES = 10

_SetKey = tuple[str, str | None, str | None, str | None]
"""Dataset, root, task, split; the root only of plain folders, which have no other name."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A result and what it is called among those of its set.

    Attributes:
        label: The system's name, made unique.
        result: The result.
        development: Whether something of the system was chosen on this set.
    """

    label: str
    result: Result
    development: bool

    @property
    def marked_label(self) -> str:
        """The label, with the mark of development results."""
        return f"{self.label}\u00a0*" if self.development else self.label


@dataclass(frozen=True, eq=False)
class ResultSet:
    """Results of one dataset, task and split.

    Attributes:
        dataset: Its name.
        task: DTD, DTP or DTM (Wu et al. 2018), or None.
        split: Of the dataset, or None.
        title: What headings call it.
        slug: What files are called after it.
        results: In the order in which they were given.
        notes: What to beware of, a sentence each.
    """

    dataset: str
    task: str | None
    split: str | None
    title: str
    slug: str
    results: list[Labelled]
    notes: list[str]

    @property
    def legend(self) -> str:
        """What marks at labels mean, or ""."""
        return DEVELOPMENT_LEGEND if any(row.development for row in self.results) else ""


def result_sets(results: Sequence[Result]) -> list[ResultSet]:
    """Put together what was scored on the same dataset, task and split.

    A result that does not say its task, as older ones, joins those of its dataset if they have one only.

    Args:
        results: From :func:`drummernet.evaluation.result_reading.read_results`.
    """
    keys = [_key(result) for result in results]
    notes: dict[_SetKey, list[str]] = {}
    groups: dict[_SetKey, list[Result]] = {}
    for result, key in zip(results, keys, strict=True):
        joined = key
        others = {other for other in keys if other[:2] == key[:2] and other[2] is not None}
        if key[2] is None and len(others) == 1:
            (joined,) = others
            notes.setdefault(joined, []).append(f"{result.path.name} does not say its task.")
        groups.setdefault(joined, []).append(result)
    sets: list[ResultSet] = []
    for key, members in groups.items():
        dataset, root, task, split = key
        parts = [dataset, Path(root).name if root else None, task, split]
        words = [part for part in parts if part]
        slug = _unique(re.sub(r"[^a-z0-9-]+", "_", "_".join(words).lower()), [s.slug for s in sets])
        labelled, twice = _labelled(members)
        set_notes = [*notes.get(key, []), *twice, *_track_notes(labelled)]
        sets.append(ResultSet(dataset, task, split, " · ".join(words), slug, labelled, set_notes))
    return sets


def same_tracks(a: Result, b: Result) -> bool:
    """Tell whether two results are scores of the same tracks."""
    return set(a.track_names) == set(b.track_names)


def _key(result: Result) -> _SetKey:
    dataset = result.text("dataset") or ""
    root = result.text("root") if dataset == FOLDER_DATASET else None
    return dataset, root, result.text("task"), result.text("split")


def _labelled(results: Sequence[Result]) -> tuple[list[Labelled], list[str]]:
    """Name results by system, where that is not enough also by items seen, by file name, or by path."""
    systems = [str(result.text("system")) for result in results]
    seen = [result.number(("items_seen",)) for result in results]
    by_items = [
        system if items is None else f"{system}, {items:,.0f} items"
        for system, items in zip(systems, seen, strict=True)
    ]
    by_file = [f"{system} ({result.path.stem})" for system, result in zip(systems, results, strict=True)]
    by_path = [f"{system} ({result.shown})" for system, result in zip(systems, results, strict=True)]
    labels = systems
    for finer in (by_items, by_file, by_path):
        counts = Counter(labels)
        labels = [new if counts[label] > 1 else label for label, new in zip(labels, finer, strict=True)]
    twice = [system for system, count in Counter(by_items).items() if count > 1]
    notes = [f"{system}: several results, told apart by their files." for system in twice]
    chosen = [is_development(result.content) for result in results]
    return [Labelled(*row) for row in zip(labels, results, chosen, strict=True)], notes


def _track_notes(results: Sequence[Labelled]) -> list[str]:
    first, *others = results
    notes = []
    own = set(first.result.track_names)
    for other in others:
        tracks = set(other.result.track_names)
        if tracks != own:
            notes.append(
                f"{other.label} was scored on other tracks ({len(tracks)}) than {first.label} ({len(own)}), "
                f"with {len(tracks & own)} in common: their means do not compare."
            )
    fewest = min(len(set(row.result.track_names)) for row in results)
    if fewest < FEW_TRACKS:
        notes.append(f"With {fewest} tracks only, intervals are unsure and tests tell little.")
    for row in results:
        unscored = row.result.unscored
        if unscored:
            named = "; ".join(unscored[:_MOST_NAMES])
            more = f" and {len(unscored) - _MOST_NAMES} more" if len(unscored) > _MOST_NAMES else ""
            notes.append(f"{row.label} was not scored on {len(unscored)} tracks: {named}{more}.")
    return notes


def _unique(name: str, taken: Sequence[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
