"""What a result file must hold, and what the optional parts of it must look like."""

from typing import Any

from drummernet.components import FIVE_CLASSES, OTHER, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.confusion import NOTHING
from drummernet.evaluation.result_files import SCORE_COLUMNS, Result, field_name, is_number
from drummernet.evaluation.result_scores import AVERAGES, check_scores
from drummernet.evaluation.scores import RATES

_OPTIONAL: dict[str, type] = {
    **dict.fromkeys(("intervals", "left_out", "paper_convention", "at_20_ms", "five_classes"), dict),
    **dict.fromkeys(("provenance", "confusion", "example"), dict),
    **dict.fromkeys(("missing_audio", "unscored", "unusable", "development", "threshold_curve"), list),
}
_PLAYED = (*FIVE_CLASSES, OTHER)


def check_result(result: Result) -> None:
    """Refuse a result that does not hold together.

    Raises:
        InputError: naming the file and the field that is missing or wrong.
    """
    for key in ("dataset", "system"):
        if not result.text(key):
            raise InputError(result.path, key, "is missing")
    for key in ("root", "task", "split", "tuned_on"):
        result.text(key)
    for key, kind in _OPTIONAL.items():
        if not isinstance(result.content.get(key), (kind, type(None))):
            wanted = "an object" if kind is dict else "a list"
            raise InputError(result.path, key, f"{result.content[key]!r} is not {wanted}")
    for key in ("missing_audio", "unscored", "unusable", "development"):
        for number, name in enumerate(result.content.get(key) or []):
            if not isinstance(name, str):
                raise InputError(result.path, f"{key}.{number}", f"{name!r} is not a text")
    _check_names(result)
    check_scores(result)
    for key in ("threshold", "cpu_seconds_per_audio_second"):
        result.number((key,))
    for key in ("items_seen", "side_sticks"):
        result.count((key,))
    _check_intervals(result)
    _check_curve(result)
    _check_confusion(result)
    _check_example(result)


def _check_names(result: Result) -> None:
    rows = result.content.get("per_track")
    if not isinstance(rows, list) or not rows:
        raise InputError(result.path, "per_track", "is no list of tracks")
    seen: set[str] = set()
    for number, row in enumerate(rows):
        name = row.get("track") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise InputError(result.path, f"per_track.{number}.track", "is missing")
        if name in seen:
            raise InputError(result.path, f"per_track.{number}.track", f"{name!r} is there twice")
        seen.add(name)
    tracks = result.count(("tracks",))
    if tracks not in (None, len(rows)):
        raise InputError(result.path, "tracks", f"{tracks} is not the number of tracks ({len(rows)})")


def _check_intervals(result: Result) -> None:
    for average in AVERAGES:
        for name in SCORE_COLUMNS:
            pointer = ("intervals", average, name)
            ends = result.value(pointer)
            if ends is None:
                continue
            if not (isinstance(ends, list) and len(ends) == 2 and all(map(is_number, ends))):
                raise InputError(result.path, field_name(pointer), f"{ends!r} is no pair of numbers")
            if not 0 <= ends[0] <= ends[1] <= 1:
                raise InputError(result.path, field_name(pointer), f"{ends!r} is no interval within 0 and 1")


def _check_curve(result: Result) -> None:
    for step in range(len(result.content.get("threshold_curve") or [])):
        pointer = ("threshold_curve", str(step))
        result.required((*pointer, "threshold"))
        for name in THREE_CLASSES:
            for rate in RATES:
                result.required((*pointer, "pooled", name, rate))
                result.rate((*pointer, "pooled", name, rate))


def _check_confusion(result: Result) -> None:
    if result.value(("confusion",)) is None:
        return
    for played in _PLAYED:
        result.required_count(("confusion", "hits", played))
    for played in (*_PLAYED, NOTHING):
        for name in FIVE_CLASSES:
            result.required_count(("confusion", "heard", played, name))
    if result.value(("confusion", "again")) is not None:
        for name in FIVE_CLASSES:
            result.required_count(("confusion", "again", name))


def _check_example(result: Result) -> None:
    example: dict[str, Any] | None = result.content.get("example")
    if example is None:
        return
    if example.get("track") not in result.track_names:
        raise InputError(result.path, "example.track", f"{example.get('track')!r} is none of the tracks")
    if result.required(("example", "start_seconds")) < 0:
        raise InputError(result.path, "example.start_seconds", f"{example['start_seconds']} is below 0")
    heard = example.get("activations") is not None
    for key in ("duration_seconds", *(["rate_hz"] if heard else [])):
        if result.required(("example", key)) <= 0:
            raise InputError(result.path, f"example.{key}", f"{example[key]} is not above 0")
    for kind in ("picks", "reference", *(["activations"] if heard else [])):
        if not isinstance(example.get(kind), dict):
            raise InputError(result.path, f"example.{kind}", "is no object")
        for name in (name for name in FIVE_CLASSES if name in example[kind]):
            values = example[kind][name]
            if not isinstance(values, list) or not all(map(is_number, values)):
                raise InputError(result.path, f"example.{kind}.{name}", "is no list of numbers")
