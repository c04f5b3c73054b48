"""Result files of ``drummernet evaluate``, read again."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError

Pointer = tuple[str, ...]
"""The way to a value in a result file, key by key; positions in lists are written as numbers."""

SCORE_COLUMNS = (*THREE_CLASSES, "mean")


@dataclass(frozen=True, eq=False)
class Result:
    """A result file.

    Attributes:
        path: The file.
        content: What it holds, see :func:`drummernet.evaluation.protocol.evaluate`; keys of newer versions
            may be absent or null.
        shown: What a comparison calls the file: the way to it from the folder that holds all its results.
    """

    path: Path
    content: dict[str, Any]
    shown: str

    def value(self, pointer: Pointer) -> Any:
        """Return what a pointer leads to, None if it is not there."""
        found: Any = self.content
        for key in pointer:
            if isinstance(found, dict):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                return None
        return found

    def number(self, pointer: Pointer) -> float | None:
        """Return the number that a pointer leads to, None if it is not there.

        Raises:
            InputError: if there is something else.
        """
        found = self.value(pointer)
        if found is not None and not is_number(found):
            raise InputError(self.path, field_name(pointer), f"{found!r} is not a number")
        return found

    def required(self, pointer: Pointer) -> float:
        """Return the number that a pointer leads to.

        Raises:
            InputError: if there is none.
        """
        number = self.number(pointer)
        if number is None:
            raise InputError(self.path, field_name(pointer), "is missing")
        return number

    def rate(self, pointer: Pointer) -> float | None:
        """Return the rate that a pointer leads to, None if it is not there.

        Raises:
            InputError: if there is something else.
        """
        rate = self.number(pointer)
        if rate is not None and not 0 <= rate <= 1:
            raise InputError(self.path, field_name(pointer), f"{rate} is not between 0 and 1")
        return rate

    def count(self, pointer: Pointer) -> int | None:
        """Return the whole number from 0 on that a pointer leads to, None if it is not there.

        Raises:
            InputError: if there is something else.
        """
        number = self.number(pointer)
        if number is not None and not (isinstance(number, int) and number >= 0):
            raise InputError(self.path, field_name(pointer), f"{number} is no whole number from 0 on")
        return number

    def required_count(self, pointer: Pointer) -> int:
        """Return the whole number from 0 on that a pointer leads to.

        Raises:
            InputError: if there is none.
        """
        self.required(pointer)
        return self.count(pointer) or 0

    def numbers(self, *pointers: Pointer) -> list[float] | None:
        """Return the numbers that pointers lead to, None if one of them is not there."""
        found = [number for pointer in pointers if (number := self.number(pointer)) is not None]
        return found if len(found) == len(pointers) else None

    def interval(self, average: str, name: str) -> list[float] | None:
        """Return the ends of the interval of a class's F1 in an average, None if it is not there."""
        return self.numbers(*(("intervals", average, name, end) for end in ("0", "1")))

    def text(self, key: str) -> str | None:
        """Return the text of a key, None if there is none.

        Raises:
            InputError: if there is something else.
        """
        found = self.content.get(key)
        if found is not None and not isinstance(found, str):
            raise InputError(self.path, key, f"{found!r} is not a text")
        return found

    @property
    def track_names(self) -> list[str]:
        """The scored tracks, in the file's order."""
        return [row["track"] for row in self.content["per_track"]]

    @property
    def unscored(self) -> list[str] | None:
        """The tracks that no score is made of, with the reason where one is told; None if not known."""
        missing = self.content.get("missing_audio")
        if missing is None:
            return None
        told = [*(self.content.get("unscored") or []), *(self.content.get("unusable") or [])]
        # Predictions score tracks without audio, too; and a reason may be told of a track without audio.
        scored = set(self.track_names)
        silent = [name for name in missing if name not in scored]
        return [*(name for name in silent if not any(line.startswith(f"{name}: ") for line in told)), *told]

    def hears(self, classes: Sequence[str]) -> bool:
        """Tell whether the system ever wrote down a hit of one of these classes."""
        rows = self.content["per_track"]
        return any(row[name]["tp"] + row[name]["fp"] > 0 for row in rows for name in classes if name in row)


def field_name(pointer: Pointer) -> str:
    """Write a pointer as messages name it."""
    return ".".join(pointer)


def is_number(value: Any) -> bool:
    """Tell whether a value of a file is a finite number."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )
