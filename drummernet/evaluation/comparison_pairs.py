"""Differences between systems on the same tracks, and whether they are more than chance."""

from dataclasses import dataclass
from typing import Any

from drummernet.errors import InputError
from drummernet.evaluation.comparison import Labelled, ResultSet, same_tracks
from drummernet.evaluation.comparison_tables import Table
from drummernet.evaluation.statistics import compare_pair

_AVERAGES = {"track_mean": "track mean", "pooled": "pooled"}


@dataclass(frozen=True, eq=False)
class Pair:
    """A system compared with the first of its set.

    Attributes:
        row: The system.
        first: The first one.
        compared: What :func:`drummernet.evaluation.statistics.compare_pair` says; differences are the
            system minus the first.
    """

    row: Labelled
    first: Labelled
    compared: dict[str, Any]


def compare_with_first(results: ResultSet) -> tuple[list[Pair], list[str]]:
    """Compare each result of a set with the first one, if they were scored on the same tracks.

    Returns:
        The pairs, and a sentence for each result whose annotations are not those of the first.
    """
    first, *others = results.results
    pairs, notes = [], []
    for row in others:
        if not same_tracks(row.result, first.result):
            continue  # the set's own notes say so
        try:
            compared = compare_pair(row.result.content, first.result.content)
        except InputError as error:
            notes.append(f"{row.label} was not tested against {first.label}: {error}.")
            continue
        pairs.append(Pair(row, first, compared))
    return pairs, notes


def pair_table(pairs: list[Pair]) -> Table:
    """Return the differences of the mean F1 with their intervals and p values."""
    header = ["system"]
    for title in _AVERAGES.values():
        header += [f"{title}, difference", "95 % interval", "p"]
    rows = []
    for pair in pairs:
        cells = [pair.row.label]
        for average in _AVERAGES:
            mean = pair.compared[average]["mean"]
            low, high = mean["interval"]
            cells += [f"{mean['difference']:+.3f}", f"{low:+.3f} to {high:+.3f}", _p(mean["p"])]
        rows.append(tuple(cells))
    exact = all(pair.compared["exact"] for pair in pairs)
    swaps = "all swaps" if exact else "random swaps"
    kind = "exact permutation test" if exact else "approximate randomisation"
    note = (
        f"Mean F1 at 50 ms minus that of the first system, on the same tracks; p by {swaps} of tracks "
        f"between the two ({kind}), not corrected for the number of tests ({2 * len(pairs)})."
    )
    return Table(f"Differences to {pairs[0].first.label}", tuple(header), rows, note)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
