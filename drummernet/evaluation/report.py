"""A result of the evaluation as text."""

from typing import Any

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.origin import is_development
from drummernet.evaluation.scores import RATES
from drummernet.evaluation.statistics import FEW_TRACKS

_AVERAGES = {"track_mean": "track mean", "pooled": "pooled", "paper_convention": "paper convention"}
_WITH_INTERVALS = ("track_mean", "pooled")
_LISTED = 5
_NAMED = 20


def format_table(result: dict[str, Any]) -> str:
    """Lay out a result of :func:`drummernet.evaluation.protocol.evaluate` for reading.

    Args:
        result: The content of the JSON file.

    Returns:
        Lines of text: the three classes with F1, precision and recall in each average, the intervals of
        their means, then what the scores leave out.
    """
    width = 3 * 7
    lines = [
        _headline(result),
        " " * 6 + "".join(f"{title:>{width}}" for title in _AVERAGES.values()) + "   no reference",
        " " * 6 + "".join(f"{title:>7}" for title in ("F1", "P", "R")) * len(_AVERAGES),
    ]
    for name in (*THREE_CLASSES, "mean"):
        rates = (result[average][name][rate] for average in _AVERAGES for rate in RATES)
        row = f"{name:6}" + "".join(f"{rate:7.3f}" for rate in rates)
        if name in THREE_CLASSES:
            row += f"   {result['left_out'][name]} tracks"
        lines.append(row)
    ends = (f"{_AVERAGES[a]} {_interval(result['intervals'][a]['mean'])}" for a in _WITH_INTERVALS)
    lines.append(f"mean F1, {result['intervals']['level']:.0%} interval over tracks: {', '.join(ends)}")
    if result["tracks"] < FEW_TRACKS:
        lines.append(f"warning: fewer than {FEW_TRACKS} tracks, the intervals are unsure")
    for key, title in (("at_20_ms", "at 20 ms"), ("five_classes", "five classes")):
        means = (f"{_AVERAGES[a]} {result[key][a]['mean']['f1']:.3f}" for a in _WITH_INTERVALS)
        lines.append(f"mean F1 {title}: {', '.join(means)}")
    return "\n".join([*lines, *_velocities(result), *_circumstances(result)])


def _velocities(result: dict[str, Any]) -> list[str]:
    """Say how the velocities agree, class by class."""
    agreements = (result["velocities"] or {}).items()
    told = [
        f"{name} {'-' if each['correlation'] is None else format(each['correlation'], '.2f')} "
        f"({each['mean_absolute_error']:.2f})"
        for name, each in agreements
        if each["pairs"]
    ]
    return [f"velocities, correlation (mean error): {', '.join(told)}"] if told else []


def _headline(result: dict[str, Any]) -> str:
    part = f" {result['split']}" if result["split"] else ""
    mark = " (development)" if is_development(result) else ""
    return (
        f"{result['system']} on {result['dataset']}{part}, {result['task']}{mark}: "
        f"{result['tracks']} tracks, tolerance {1000 * result['tolerance_seconds']:.0f} ms"
    )


def _circumstances(result: dict[str, Any]) -> list[str]:
    """Say how the system was set, and what was not scored."""
    lines = [f"side sticks (scored in no class): {result['side_sticks']}"]
    if result["threshold"] is not None:
        found = f" (F1 {result['tuning']['f1']:.3f} there)" if result["tuning"] else ""
        lines.append(f"threshold {result['threshold']:g}, tuned on {result['tuned_on'] or 'nothing'}{found}")
    if result["development"]:
        lines.append(f"development: chosen on {', '.join(result['development'])}")
    if result["missing_audio"]:
        names, more = result["missing_audio"][:_NAMED], len(result["missing_audio"]) - _NAMED
        lines.append(f"missing audio: {', '.join(names)}" + (f" and {more} more" if more > 0 else ""))
    for key, title in (("unscored", "not scored"), ("problems", "problems of the set")):
        listed = [f"  {line}" for line in result[key][:_LISTED]]
        more = len(result[key]) - len(listed)
        if listed:
            lines += [f"{title}: {len(result[key])}", *listed, *([f"  and {more} more"] if more else [])]
    if result["cpu_seconds_per_audio_second"] is not None:
        lines.append(f"CPU seconds per second of audio: {result['cpu_seconds_per_audio_second']:.3f}")
    return lines


def _interval(ends: list[float]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"
