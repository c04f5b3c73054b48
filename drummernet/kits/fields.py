"""Checks on the entries of a manifest: keys, types and ranges, said by file, field and value."""

import dataclasses
import difflib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from drummernet.errors import InputError

Parameters = TypeVar("Parameters")


def ranged(low: float, high: float, default: float | None = None) -> Any:
    """Return a dataclass field that :func:`parse` holds to ``low`` … ``high``, both included.

    Args:
        low: The smallest value.
        high: The largest value.
        default: What a manifest may leave out; without it the entry is required.
    """
    given = dataclasses.MISSING if default is None else default
    return dataclasses.field(default=given, metadata={"low": low, "high": high})


def hint(value: object, known: Collection[str]) -> str:
    """Return ``value`` with its nearest known name, or with all known names if none is near."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    return f"{value!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}")


def check_choice(value: object, known: Collection[str], where: object, field: str) -> str:
    """Return ``value`` if it is one of ``known``.

    Raises:
        InputError: if it is not.
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(where, field, f"unknown {hint(value, known)}")
    return value


def check_mapping(value: object, where: object, field: str) -> dict[str, Any]:
    """Return ``value`` if it is a mapping with text keys.

    Raises:
        InputError: if it is not.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(where, field, f"{value!r} is not a mapping with names as keys")
    return dict(value)


def check_keys(
    value: object, required: Collection[str], optional: Collection[str], where: object, field: str
) -> dict[str, Any]:
    """Return ``value`` if it is a mapping with all ``required`` keys and none beyond ``optional``.

    Raises:
        InputError: naming the missing or the unknown key.
    """
    entries = check_mapping(value, where, field)
    for key in entries:
        if key not in required and key not in optional:
            raise InputError(where, field, f"unknown key {hint(key, [*required, *optional])}")
    for key in required:
        if key not in entries:
            raise InputError(where, field, f"lacks {key!r}")
    return entries


def check_text(value: object, where: object, field: str) -> str:
    """Return ``value`` if it is text that is not blank.

    Raises:
        InputError: if it is not.
    """
    if not isinstance(value, str) or not value.strip():
        raise InputError(where, field, f"{value!r} is not a text")
    return value


def check_number(value: object, low: float, high: float, where: object, field: str) -> float:
    """Return ``value`` if it is a number from ``low`` to ``high``.

    Raises:
        InputError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(where, field, f"{value!r} is not a number")
    if not low <= value <= high:
        raise InputError(where, field, f"{value} is not from {low:g} to {high:g}")
    return value


def parse(kind: type[Parameters], value: object, where: object, field: str) -> Parameters:
    """Build the dataclass ``kind``, all of whose fields are :func:`ranged`, from a mapping.

    Raises:
        InputError: for an unknown or missing key, a value of another type or out of range.
    """
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    required = [name for name, entry in fields.items() if entry.default is dataclasses.MISSING]
    entries = check_keys(value, required, fields.keys(), where, field)
    for name, entry in entries.items():
        limits = fields[name].metadata
        check_number(entry, limits["low"], limits["high"], where, f"{field}.{name}")
        if fields[name].type is int and not isinstance(entry, int):
            raise InputError(where, f"{field}.{name}", f"{entry} is not a whole number")
    return kind(**entries)
