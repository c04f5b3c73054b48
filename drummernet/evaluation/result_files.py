"""Result files of ``drummernet evaluate``, read again: what they must hold, and what they may."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError

Pointer = tuple[str, ...]
"""The way to a value in a result file, key by key; positions in lists are written as numbers."""

SCORE_COLUMNS = (*THREE_CLASSES, "mean")

_OPTIONAL: dict[str, type] = {
    **dict.fromkeys(("intervals", "left_out", "paper_convention", "at_20_ms", "five_classes"), dict),
    **dict.fromkeys(("provenance", "confusion", "example"), dict),
    **dict.fromkeys(("missing_audio", "unscored", "development", "threshold_curve"), list),
}


@dataclass(frozen=True, eq=False)
class Result:
    """A result file.

    Attributes:
        path: The file.
        content: What it holds, see :func:`drummernet.evaluation.protocol.evaluate`; keys of newer versions
            may be absent or null.
    """

    path: Path
    content: dict[str, Any]

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
        if found is not None and (isinstance(found, bool) or not isinstance(found, (int, float))):
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
    def unscored(self) -> list[Any] | None:
        """The tracks without readable audio and those that the system cannot hear; None if not known."""
        missing = self.content.get("missing_audio")
        return None if missing is None else [*missing, *(self.content.get("unscored") or [])]

    def hears(self, classes: Sequence[str]) -> bool:
        """Tell whether the system ever wrote down a hit of one of these classes."""
        rows = self.content["per_track"]
        return any(row[name]["tp"] + row[name]["fp"] > 0 for row in rows for name in classes if name in row)


def field_name(pointer: Pointer) -> str:
    """Write a pointer as messages name it."""
    return ".".join(pointer)


def read_results(paths: Sequence[Path]) -> list[Result]:
    """Read result files.

    Raises:
        InputError: naming the file and the field that is missing or wrong, or the file that is given twice.
    """
    results: list[Result] = []
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(path, "file", "is given twice")
        seen.add(path.resolve())
        results.append(_checked(Result(path, _read_json(path))))
    return results


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except ValueError as error:  # of decoding, of JSON and of _refuse
        raise InputError(path, "json", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(path, "json", "is no object; a result of drummernet evaluate is wanted")
    return content


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")


def _checked(result: Result) -> Result:
    for key in ("dataset", "system"):
        if not result.text(key):
            raise InputError(result.path, key, "is missing")
    for key, kind in _OPTIONAL.items():
        if not isinstance(result.content.get(key), (kind, type(None))):
            wanted = "an object" if kind is dict else "a list"
            raise InputError(result.path, key, f"{result.content[key]!r} is not {wanted}")
    for average in ("track_mean", "pooled"):
        for name in SCORE_COLUMNS:
            pointer = (average, name, "f1")
            f1 = result.required(pointer)
            if not 0 <= f1 <= 1:
                raise InputError(result.path, field_name(pointer), f"{f1} is not between 0 and 1")
    if not isinstance(result.content.get("per_track"), list) or not result.content["per_track"]:
        raise InputError(result.path, "per_track", "is no list of tracks")
    for number, row in enumerate(result.content["per_track"]):
        if not isinstance(row, dict) or not isinstance(row.get("track"), str):
            raise InputError(result.path, f"per_track.{number}.track", "is missing")
        for name in (*THREE_CLASSES, *(name for name in FIVE_CLASSES if name in row)):
            for key in ("f1", "tp", "fp", "fn"):
                result.required(("per_track", str(number), name, key))
    return result
