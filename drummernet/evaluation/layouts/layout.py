"""What a dataset's layout is: how it is told from others, and what reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from drummernet.evaluation.tracks import Track


class Problems(list[str]):
    """Where a reader writes, one line each, what it cannot use and what it had to mend.

    Attributes:
        unusable: Those of the lines that cost a track.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unusable: list[str] = []

    def lose(self, line: object) -> None:
        """Add a line about a track that cannot be scored."""
        self.append(str(line))
        self.unusable.append(str(line))


class Layout(NamedTuple):
    """The layout of a dataset.

    Attributes:
        read: From the root, the task, the split and the list of problems to the tracks that can be used, in
            any order. It raises no more than InputError, and that only for what the user asked.
        fits: Tells at a glance, without a search, whether a folder looks like the dataset's root.
        expects: What the root holds, in words.
        tasks: What the set can be used for, in the words of Wu et al. 2018: DTD (only kick, snare and hi-hat
            sound), DTP (other percussion, too), DTM (other instruments, too). The first is the usual one.
        has_splits: Whether a table divides it into splits.
        published: How many tracks the whole set has, in words; empty where there is no such number.
    """

    read: Callable[[Path, str, str | None, Problems], list[Track]]
    fits: Callable[[Path], bool]
    expects: str
    tasks: tuple[str, ...]
    has_splits: bool = False
    published: str = ""
