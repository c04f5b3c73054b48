"""Numbers that others published, with what is needed to read them beside one's own.

They lie in ``published.json``. Every entry says how its numbers were read, how they were averaged and where
its protocol differs from the one here; what is not known is null or "not stated".
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from drummernet.errors import InputError

PUBLISHED_PATH = Path(__file__).with_name("published.json")

PAPER_AVERAGE = "track mean; tracks without a class count as 0"
"""How Choi and Cho 2019 average; the key ``paper_convention`` of a result is the same."""


@dataclass(frozen=True)
class Entry:
    """What one system scored on one dataset.

    Attributes:
        system: Its name and year.
        group: ``"eval-cross"`` (the 2019 paper and what it compares with), ``"beats"`` (Vogl et al. 2017)
            or ``"elsewhere"``.
        dataset: The name that results use, where the reader knows the set; else its own.
        task: DTD, DTP or DTM (Wu et al. 2018); None if not known.
        trained_on: In words.
        classes: How many classes are told apart; None if not known.
        tolerance_seconds: Of a match.
        average: How the numbers were averaged over tracks.
        tracks: How many; None if not known.
        f1: In [0, 1] per class, ``"mean"`` over the classes, ``"all"`` for a single number over all classes
            that is no such mean or may be none.
        precision: As ``f1``, or None.
        recall: As ``f1``, or None.
        spread: Per class min, q25, median, q75, max and sd of F1 over the tracks, or None.
        source: A key of ``sources``.
        place: Where in the source, or "".
        read: A key of ``marks``: how the numbers were read.
        reading_error: Largest error of reading a figure; None where nothing was read off.
        differences: Where its protocol differs from ours.
    """

    system: str
    group: str
    dataset: str
    task: str | None
    trained_on: str
    classes: int | None
    tolerance_seconds: float
    average: str
    tracks: int | None
    f1: dict[str, float]
    precision: dict[str, float] | None
    recall: dict[str, float] | None
    spread: dict[str, dict[str, float]] | None
    source: str
    place: str
    read: str
    reading_error: float | None
    differences: list[str]


@dataclass(frozen=True)
class Published:
    """Everything that is packaged.

    Attributes:
        sources: Citations by key.
        marks: What the ways of reading mean.
        corrections: Known errors of the sources, one sentence or two each, that are mended here.
        entries: Scores of systems on datasets.
        ablation: The 2019 paper's, its columns corrected: ``variants`` with F1 per dataset and their mean.
        trend: The 2019 paper's F1 over items seen: ``points`` with F1 per dataset and their mean; ``tasks``
            per dataset.
    """

    sources: dict[str, str]
    marks: dict[str, str]
    corrections: list[str]
    entries: tuple[Entry, ...]
    ablation: dict[str, Any]
    trend: dict[str, Any]

    def on(self, dataset: str) -> list[Entry]:
        """Return the entries of a dataset."""
        return [entry for entry in self.entries if entry.dataset == dataset]


def load_published(path: Path = PUBLISHED_PATH) -> Published:
    """Read the published numbers.

    Raises:
        InputError: naming the entry and the key that is missing, unknown or refers to nothing.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    _check_keys(path, "", content, Published)
    entries = []
    for number, row in enumerate(content["entries"]):
        where = f"entries[{number}]"
        _check_keys(path, where, row, Entry)
        entry = Entry(**row)
        for key, known in (("source", content["sources"]), ("read", content["marks"])):
            if row[key] not in known:
                raise InputError(path, f"{where}.{key}", f"unknown {row[key]!r}")
        entries.append(entry)
    return Published(**{**content, "entries": tuple(entries)})


def _check_keys(path: Path, where: str, row: dict[str, Any], kind: type) -> None:
    wrong = {field.name for field in fields(kind)} ^ row.keys()
    if wrong:
        raise InputError(path, where or "keys", f"missing or unknown: {', '.join(sorted(wrong))}")
