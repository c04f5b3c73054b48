"""Reading result files: every file is whole, checked and given once."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drummernet.errors import InputError
from drummernet.evaluation.result_checks import check_result
from drummernet.evaluation.result_files import Result


def read_results(paths: Sequence[Path]) -> list[Result]:
    """Read result files.

    Raises:
        InputError: naming the file and the field that is missing or wrong, or the file that is given twice.
    """
    results: list[Result] = []
    seen: set[Path] = set()
    for path, shown in zip(paths, _shown(paths), strict=True):
        if path.resolve() in seen:
            raise InputError(path, "file", "is given twice")
        seen.add(path.resolve())
        result = Result(path, _read_json(path), shown)
        check_result(result)
        results.append(result)
    return results


def _shown(paths: Sequence[Path]) -> list[str]:
    """Return the ways to files from the folder that holds them all: pages are read on other machines."""
    absolute = [Path(os.path.normpath(path.absolute())) for path in paths]
    folder = os.path.commonpath([path.parent for path in absolute])
    return [path.relative_to(folder).as_posix() for path in absolute]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        # Editors of some systems put a mark before the text ("-sig").
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except ValueError as error:  # of decoding, of JSON and of _refuse
        raise InputError(path, "json", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(path, "json", "is no object; a result of drummernet evaluate is wanted")
    return content


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
