"""Building what a config describes: ``class_path`` with ``init_args``, checked by the signatures."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from drummernet.errors import InputError
from drummernet.kits.fields import hint

Blame = Callable[[str, str], InputError]
"""Makes the error of a field and its problem, naming the file as well."""

_PART_KEYS = ("class_path", "init_args")


def build_from(kind: type, arguments: Mapping[str, Any], field: str, blame: Blame) -> Any:
    """Build a class of this package.

    Args:
        kind: The class.
        arguments: Its arguments by name.
        field: What messages call it.
        blame: Makes the errors.

    Raises:
        InputError: for an argument that is unknown, missing or of another type, or that the class refuses.
    """
    parameters = arguments_of(kind)
    hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    values = {}
    for name, value in arguments.items():
        if name not in parameters:
            known = hint(name, parameters)
            raise blame(f"{field}.{name}", f"no argument of {kind.__name__}: {known}; it has {value!r}")
        values[name] = build_value(value, hints.get(name, Any), f"{field}.{name}", blame)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in values:
            raise blame(field, f"{kind.__name__} lacks {name!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise blame(field, f"{kind.__name__}: {error}") from error


def arguments_of(kind: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class by name."""
    return {
        name: parameter
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def build_value(value: Any, annotation: Any, field: str, blame: Blame) -> Any:
    """Return a value as its annotation asks: a part built, a path a path, all else as it is.

    Raises:
        InputError: if it is nothing of the kind.
    """
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if isinstance(value, Mapping):
        for kind in kinds:
            if get_origin(kind) is dict:
                inner = get_args(kind)[1]
                return {key: build_value(each, inner, f"{field}.{key}", blame) for key, each in value.items()}
        return _part(value, kinds, field, blame)
    if isinstance(value, str) and Path in kinds:
        return Path(value)
    if isinstance(value, list) and any(get_origin(kind) is tuple for kind in kinds):
        return tuple(value)
    if isinstance(value, str) and float in kinds:  # YAML takes 1e-3, without a point, for text
        with suppress(ValueError):
            return float(value)
    if not any(_is_a(value, kind) for kind in kinds):
        names = " or ".join(kind.__name__ if inspect.isclass(kind) else str(kind) for kind in kinds)
        raise blame(field, f"{value!r} is not {names}")
    return value


def _is_a(value: Any, annotation: Any) -> bool:
    if annotation is Any:
        return True
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    kind = get_origin(annotation) or annotation
    if isinstance(value, bool | str):  # no number, although a bool is an int; and no list, although iterable
        return kind is type(value)
    return isinstance(value, (int, float) if kind is float else kind)


def _part(value: Mapping[str, Any], kinds: Sequence[Any], field: str, blame: Blame) -> Any:
    """Build ``{class_path, init_args}``, or the one class that is asked for from its arguments alone."""
    wanted = [kind for kind in kinds if inspect.isclass(kind) and kind is not NoneType]
    if "class_path" not in value:
        if len(wanted) != 1 or not wanted[0].__module__.startswith("drummernet."):
            raise blame(field, f"lacks 'class_path': {dict(value)!r}")
        return build_from(wanted[0], value, field, blame)
    for key in value:
        if key not in _PART_KEYS:
            raise blame(f"{field}.{key}", f"unknown {hint(key, _PART_KEYS)}; it has {value[key]!r}")
    kind = named_class(value["class_path"], f"{field}.class_path", blame)
    if not issubclass(kind, tuple(wanted)):
        names = " or ".join(each.__name__ for each in wanted)
        raise blame(f"{field}.class_path", f"{value['class_path']!r} is no {names}")
    arguments = value.get("init_args") or {}
    if not isinstance(arguments, Mapping):
        raise blame(f"{field}.init_args", f"{arguments!r} is not a mapping")
    return build_from(kind, arguments, f"{field}.init_args", blame)


def named_class(path: object, field: str, blame: Blame) -> type:
    """Import a class of this package; nothing else is looked up.

    Raises:
        InputError: if there is none of that name.
    """
    module_name, _, class_name = str(path).rpartition(".")
    if not module_name.startswith("drummernet."):
        raise blame(field, f"{path!r} is no class of drummernet")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise blame(field, f"{path!r} does not exist: {error}") from error
    if not inspect.isclass(kind) or kind.__module__ != module_name:
        raise blame(field, f"{path!r} is no class of drummernet")
    return kind
