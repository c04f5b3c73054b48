"""Tables and picture of the ablations, from the scores of all runs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from differences import differences, spread_of_checkpoints, spread_of_seeds
from matplotlib.figure import Figure

from drummernet.components import THREE_CLASSES

VARIANTS = ("DFL", "CONV", "NOE", "STFT", "MEL", "SOFT")
"""The default and the paper's variants, in the order of their published means."""

COLUMNS = (*THREE_CLASSES, "mean")
RENDERED = "sampled test kits"
"""The set on which thresholds are chosen for the other ones."""

Runs = Mapping[str, Mapping[str, list[dict[str, Any]]]]
"""By run (VARIANT_SEED) and data set: the scores of the last checkpoints."""


def write_report(runs: Runs, folder: Path) -> None:
    """Write results.json with everything; table and picture of the seeds that all variants have."""
    rows = json.dumps(runs).replace('[{"step"', '[\n {"step"').replace('}, {"step"', '},\n {"step"')
    (folder / "results.json").write_text(rows + "\n", encoding="utf-8")  # a checkpoint on each line
    sets = max(([*scores] for scores in runs.values()), key=len, default=[])
    complete = {run for run, scores in runs.items() if all(name in scores for name in sets)}
    seeds = [s for s in seeds_of(runs) if all(f"{variant}_{s}" in complete for variant in VARIANTS)]
    if not seeds:
        return
    tables = [
        f"Seeds: {', '.join(seeds)}.",
        "## F1, pooled\n\n" + table(runs, seeds, sets, fixed("pooled")),
        "## F1, mean over tracks\n\n" + table(runs, seeds, sets, fixed("track_mean")),
    ]
    if others := [name for name in sets if name != RENDERED]:
        title = f"## Mean of the classes, pooled, threshold of each run chosen on {RENDERED}"
        tables.append(f"{title}\n\n{tuned_table(runs, seeds, others)}")
    (folder / "results.md").write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    draw(runs, seeds, sets, folder / "ablations.png")


def seeds_of(runs: Runs) -> list[str]:
    """Return the seeds of any run, in order."""
    return sorted({run.rpartition("_")[2] for run in runs}, key=int)


def fixed(average: str) -> Callable[[str], Callable[[dict[str, Any]], float]]:
    """Return what reads a column of an average from the scores of a checkpoint."""
    return lambda column: lambda row: float(row[average][column])


def scores_of(
    runs: Runs, seeds: list[str], name: str, value: Callable[[dict[str, Any]], float]
) -> np.ndarray:
    """Return the scores (V, S, C) on a data set, C checkpoints."""
    return np.array(
        [[[value(row) for row in runs[f"{variant}_{seed}"][name]] for seed in seeds] for variant in VARIANTS]
    )


def table(
    runs: Runs,
    seeds: list[str],
    sets: list[str],
    column_value: Callable[[str], Callable[[dict[str, Any]], float]],
) -> str:
    """Return per data set and class the default's score and the differences to it."""
    lines = header()
    for name in sets:
        for column in COLUMNS:
            lines.append(line(f"{name}, {column}", scores_of(runs, seeds, name, column_value(column))))
    return "\n".join(lines)


def header() -> list[str]:
    """Return the head of a table whose rows are of :func:`line`."""
    titles = ["", VARIANTS[0], *VARIANTS[1:], "real beyond", "sd checkpoints", "sd seeds"]
    return ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]


def line(title: str, scores: np.ndarray) -> str:
    """Return a row of scores (V, S, C): the default, differences (bold if real), what is real, spreads."""
    means = scores.mean(axis=2)
    found = differences(means)
    cells = [
        f"**{value:+.3f}**" if real else f"{value:+.3f}"
        for value, real in zip(found.values, found.real, strict=True)
    ]
    spreads = (found.half_width, spread_of_checkpoints(scores), spread_of_seeds(means))
    cells = [title, f"{means[0].mean():.3f}", *cells, *(f"{value:.3f}" for value in spreads)]
    return "| " + " | ".join(cells) + " |"


def tuned_table(runs: Runs, seeds: list[str], sets: list[str]) -> str:
    """Return the mean of the classes with the threshold that is best on the rendered stems, per run."""
    lines = header()
    for name in sets:
        scores = [
            [
                [row["mean_by_threshold"][best_threshold(scores)] for row in scores[name]]
                for scores in (runs[f"{variant}_{seed}"] for seed in seeds)
            ]
            for variant in VARIANTS
        ]
        lines.append(line(name, np.array(scores)))
    chosen = [
        f"{variant} " + ", ".join(best_threshold(runs[f"{variant}_{seed}"]) for seed in seeds)
        for variant in VARIANTS
    ]
    return "\n".join(lines) + f"\n\nThresholds by seed: {'; '.join(chosen)}."


def best_threshold(scores: Mapping[str, list[dict[str, Any]]]) -> str:
    """Return the threshold of a run with the best mean over its checkpoints on the rendered stems."""
    curves = [row["mean_by_threshold"] for row in scores[RENDERED]]
    return max(curves[0], key=lambda threshold: sum(curve[threshold] for curve in curves))


def draw(runs: Runs, seeds: list[str], sets: list[str], path: Path) -> None:
    """Draw per data set and class a dot for every run, with a line over its checkpoints."""
    figure = Figure(figsize=(12, 3.2 * len(sets)), layout="constrained", dpi=100)
    for axes, name in zip(np.atleast_1d(figure.subplots(len(sets), sharex=True)), sets, strict=True):
        for place, column in enumerate(COLUMNS):
            scores = scores_of(runs, seeds, name, fixed("pooled")(column))
            for number, variant in enumerate(VARIANTS):
                for shift, values in enumerate(scores[number]):
                    x = place + (number + (shift + 1) / (len(seeds) + 1)) / (len(VARIANTS) + 1)
                    axes.plot([x, x], [values.min(), values.max()], f"C{number}", alpha=0.5)
                    label = variant if (place, shift) == (0, 0) else None
                    axes.plot(x, values.mean(), "o", color=f"C{number}", label=label, markersize=4)
        axes.set(title=name, ylabel="F1, pooled", ylim=(0, 1))
        axes.set_xticks([place + 0.43 for place in range(len(COLUMNS))], COLUMNS)
        axes.grid(axis="y", alpha=0.3)
    figure.axes[0].legend(ncols=len(VARIANTS), fontsize=8)
    figure.savefig(path)
