"""The scores of a result file beside the counts that they come from."""

from collections.abc import Mapping

from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.result_files import SCORE_COLUMNS, Pointer, Result, field_name
from drummernet.evaluation.scores import RATES, Counts, Rates, left_out, pooled, track_mean

AVERAGES = ("track_mean", "pooled")

_ROUNDING = 1e-9


def check_scores(result: Result) -> None:
    """Compute every rate again from the tracks' counts.

    A file that was changed by hand, or cut, says one thing in its tables and another one in its tests.

    Raises:
        InputError: naming the file and the rate that is missing or another one.
    """
    counts = _track_counts(result)
    for average in AVERAGES:
        for name in SCORE_COLUMNS:
            result.required((average, name, "f1"))
            for rate in RATES:
                result.rate(("at_20_ms", average, name, rate))
    _check_average(result, ("track_mean",), track_mean(counts, THREE_CLASSES))
    _check_average(result, ("pooled",), pooled(counts, THREE_CLASSES))
    _check_average(result, ("paper_convention",), track_mean(counts, THREE_CLASSES, leave_out=False))
    known = [name for name in FIVE_CLASSES if all(name in track for track in counts)]
    if len(known) == len(FIVE_CLASSES):
        _check_average(result, ("five_classes", "track_mean"), track_mean(counts, FIVE_CLASSES))
        _check_average(result, ("five_classes", "pooled"), pooled(counts, FIVE_CLASSES))
    for name, tracks in left_out(counts, known).items():
        found = result.count(("left_out", name))
        if found not in (None, tracks):
            raise InputError(result.path, f"left_out.{name}", f"{found} is not {tracks}, as in per_track")


def _track_counts(result: Result) -> list[dict[str, Counts]]:
    """Return the counts of each track, after checking its rates against them."""
    tracks = []
    for number, row in enumerate(result.content["per_track"]):
        counts = {}
        for name in (name for name in FIVE_CLASSES if name in row or name in THREE_CLASSES):
            pointer = ("per_track", str(number), name)
            counts[name] = Counts(*(result.required_count((*pointer, key)) for key in ("tp", "fp", "fn")))
            result.required((*pointer, "f1"))
            _check_rates(result, pointer, counts[name].rates())
        tracks.append(counts)
    return tracks


def _check_average(result: Result, pointer: Pointer, expected: Mapping[str, Rates]) -> None:
    for name, rates in expected.items():
        _check_rates(result, (*pointer, name), rates)


def _check_rates(result: Result, pointer: Pointer, expected: Rates) -> None:
    for name, value in expected.items():
        found = result.rate((*pointer, name))
        if found is not None and abs(found - value) > _ROUNDING:
            problem = f"{found} is not {value:.9f}, which the counts in per_track give"
            raise InputError(result.path, field_name((*pointer, name)), problem)
