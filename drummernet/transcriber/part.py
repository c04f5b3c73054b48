"""Modules that remember how they were built, so that a checkpoint can describe its own model."""

import functools
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from drummernet.errors import InputError

_PACKAGE = "drummernet.transcriber"


class Part(nn.Module):
    """A part of a transcriber: every subclass records the arguments of its construction."""

    _built_with: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        original = cls.__init__
        if "__init__" not in cls.__dict__:
            return

        @functools.wraps(original)
        def recording(self: "Part", *args: Any, **kwargs: Any) -> None:
            bound = inspect.signature(original).bind(self, *args, **kwargs)
            bound.apply_defaults()
            original(self, *args, **kwargs)
            if type(self) is cls:
                self._built_with = dict(list(bound.arguments.items())[1:])

        cls.__init__ = recording  # type: ignore[assignment,method-assign]

    def describe(self) -> dict[str, Any]:
        """Return ``{"class_path", "init_args"}`` in plain values, parts within parts included."""
        kind = type(self)
        arguments = {name: _plain(value) for name, value in getattr(self, "_built_with", {}).items()}
        return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.describe()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def build(description: Mapping[str, Any], where: object) -> Part:
    """Build what :meth:`Part.describe` described.

    Args:
        description: ``{"class_path", "init_args"}``.
        where: The file that it came from, for messages.

    Raises:
        InputError: if the class is not a part of this package's transcribers, or does not take the arguments.
    """
    path = description.get("class_path") if isinstance(description, Mapping) else None
    if not isinstance(path, str) or not path.startswith(f"{_PACKAGE}."):
        raise InputError(where, "class_path", f"{path!r} is no part of {_PACKAGE}")
    module_name, _, class_name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise InputError(where, "class_path", f"{path!r} does not exist in this version") from error
    if not (inspect.isclass(kind) and issubclass(kind, Part)):
        raise InputError(where, "class_path", f"{path!r} is not a part of a transcriber")
    if not isinstance(description.get("init_args"), Mapping):
        raise InputError(where, "init_args", f"{class_name} has none")
    arguments = {
        name: build(value, where) if isinstance(value, Mapping) and "class_path" in value else value
        for name, value in description["init_args"].items()
    }
    try:
        part: Part = kind(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(where, "init_args", f"{class_name}: {error}") from error
    return part
