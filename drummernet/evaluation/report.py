"""A result of the evaluation as text."""

from typing import Any

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.scores import RATES

_AVERAGES = {"track_mean": "track mean", "pooled": "pooled", "paper_convention": "paper convention"}


def format_table(result: dict[str, Any]) -> str:
    """Lay out a result of :func:`drummernet.evaluation.protocol.evaluate` for reading.

    Args:
        result: The content of the JSON file.

    Returns:
        Lines of text: the three classes with F1, precision and recall in each average, then what the
        scores leave out.
    """
    width = 3 * 7
    lines = [
        f"{result['system']} on {result['dataset']}: {result['tracks']} tracks, "
        f"tolerance {1000 * result['tolerance_seconds']:.0f} ms",
        " " * 6 + "".join(f"{title:>{width}}" for title in _AVERAGES.values()) + "   no reference",
        " " * 6 + "".join(f"{title:>7}" for title in ("F1", "P", "R")) * len(_AVERAGES),
    ]
    for name in (*THREE_CLASSES, "mean"):
        rates = (result[average][name][rate] for average in _AVERAGES for rate in RATES)
        row = f"{name:6}" + "".join(f"{rate:7.3f}" for rate in rates)
        if name in THREE_CLASSES:
            row += f"   {result['left_out'][name]} tracks"
        lines.append(row)
    for key, title in (("at_20_ms", "at 20 ms"), ("five_classes", "five classes")):
        means = (f"{_AVERAGES[a]} {result[key][a]['mean']['f1']:.3f}" for a in ("track_mean", "pooled"))
        lines.append(f"mean F1 {title}: {', '.join(means)}")
    lines.append(f"side sticks (scored in no class): {result['side_sticks']}")
    if result["threshold"] is not None:
        lines.append(f"threshold {result['threshold']:g}, tuned on {result['tuned_on'] or 'nothing'}")
    if result["missing_audio"]:
        lines.append(f"missing audio: {', '.join(result['missing_audio'])}")
    if result["cpu_seconds_per_audio_second"] is not None:
        lines.append(f"CPU seconds per second of audio: {result['cpu_seconds_per_audio_second']:.3f}")
    return "\n".join(lines)
