"""Tables and picture of what each idea is worth, from the scores of all runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rows import IDEAS, ROWS, TEACHER
from scipy.stats import t as student

from drummernet.components import THREE_CLASSES

VALIDATION = "validation"
"""The set on which thresholds are chosen."""

LEVEL = 0.95

Runs = Mapping[str, Mapping[str, Any]]
"""By run (ROW_SEED): its threshold, its items, and by data set the F1 of each class and their mean."""

Means = dict[str, dict[str, float]]
"""Mean F1 on a data set, by row and seed."""


def write_report(runs: Runs, folder: Path) -> None:
    """Write results.json with every run, results.md with both tables, and the picture."""
    lines = [f" {json.dumps(run)}: {json.dumps(scores)}" for run, scores in runs.items()]
    (folder / "results.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    sets = list(dict.fromkeys(name for scores in runs.values() for name in scores["f1"]))
    tables = [
        "## F1, pooled: kick/snare/hi-hat, mean\n\n" + rows_table(runs, sets),
        "## What each idea is worth: difference of the means\n\n" + ideas_table(runs, sets),
    ]
    (folder / "results.md").write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    draw(runs, sets, folder / "label_free.png")


def runs_of(runs: Runs, row: str) -> dict[str, Mapping[str, Any]]:
    """Return the runs of a row by their seeds."""
    return {run.rpartition("_")[2]: scores for run, scores in runs.items() if run.rpartition("_")[0] == row}


def rows_table(runs: Runs, sets: list[str]) -> str:
    """Return a line per row: its thresholds, and on every set the means over its seeds."""
    lines = ["| row | seeds | threshold | " + " | ".join(sets) + " |", "|---" * (3 + len(sets)) + "|"]
    for name, row in ROWS.items():
        seeds = runs_of(runs, name)
        if seeds:
            thresholds = ", ".join(f"{scores['threshold']:g}" for scores in seeds.values())
            cells = [cell([scores["f1"][each] for scores in seeds.values()]) for each in sets]
            lines.append(f"| {row.about} | {', '.join(seeds)} | {thresholds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(f1s: list[Mapping[str, float]]) -> str:
    """Return the means over seeds of a set's F1, with half of what the seeds' means are apart."""
    classes = "/".join(f"{np.mean([f1[column] for f1 in f1s]):.3f}" for column in THREE_CLASSES)
    means = [f1["mean"] for f1 in f1s]
    apart = f" ± {(max(means) - min(means)) / 2:.3f}" if len(means) > 1 else ""
    return f"{classes}, **{np.mean(means):.3f}**{apart}"


def ideas_table(runs: Runs, sets: list[str]) -> str:
    """Return a line per idea: on every set how much it gains, with its interval where there are two seeds."""
    lines = ["| idea | " + " | ".join(sets) + " |", "|---" * (1 + len(sets)) + "|"]
    for idea, with_it, without in IDEAS:
        gains = [gain(means_of(runs, name), with_it, without) for name in sets]
        if all(gains):
            lines.append(f"| {idea} | " + " | ".join(gain_cell(*found) for found in gains if found) + " |")
    return "\n".join(lines)


def gain_cell(value: float, half_width: float) -> str:
    """Return a difference and half of its interval, in bold if it is beyond that."""
    if not np.isfinite(half_width):
        return f"{value:+.3f}"
    return f"{f'**{value:+.3f}**' if abs(value) > half_width else f'{value:+.3f}'} ± {half_width:.3f}"


def means_of(runs: Runs, name: str) -> Means:
    """Return the means of the classes on a data set."""
    return {row: {seed: f1["f1"][name]["mean"] for seed, f1 in runs_of(runs, row).items()} for row in ROWS}


def gain(means: Means, with_it: str, without: str) -> tuple[float, float] | None:
    """Compare two rows, seed by seed.

    Returns:
        The mean difference, and half of the interval that what another seed changes in one row and not in
        others gives it, infinite with a single seed; None if the rows have no seed in common.
    """
    seeds = [seed for seed in means[with_it] if seed in means[without]]
    if not seeds:
        return None
    value = float(np.mean([means[with_it][seed] - means[without][seed] for seed in seeds]))
    if len(seeds) < 2:
        return value, np.inf
    variances, freedoms = zip(*(rest(means, row, seeds) for row in (with_it, without)), strict=True)
    deviation = np.sqrt(sum(variances) / len(seeds))
    return value, float(student.ppf((1 + LEVEL) / 2, min(freedoms)) * deviation)


def rest(means: Means, row: str, seeds: list[str]) -> tuple[float, int]:
    """Return the variance of one run beside row and seed, and its degrees of freedom.

    It is taken over the rows of one kind, since rows that only reconstruct swing more than the others.
    """
    is_rendered = ROWS[row].grooves is not None
    kind = [
        [means[name][seed] for seed in seeds]
        for name, each in ROWS.items()
        if (each.grooves is not None) == is_rendered and all(seed in means[name] for seed in seeds)
    ]
    scores = np.array(kind)
    freedom = (len(kind) - 1) * (len(seeds) - 1)
    if not freedom:
        return np.inf, 1
    left = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    return float(np.square(left).sum() / freedom), freedom


def draw(runs: Runs, sets: list[str], path: Path) -> None:
    """Draw per set a line for every row: the mean of each run, and its classes behind it."""
    rows = [name for name in ROWS if runs_of(runs, name)]
    figure = Figure(figsize=(3.2 + 3.6 * len(sets), 1.2 + 0.36 * len(rows)), layout="constrained", dpi=100)
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(sets), sharey=True)), sets, strict=True):
        for place, row in enumerate(rows):
            for f1 in (scores["f1"][name] for scores in runs_of(runs, row).values()):
                for number, column in enumerate(THREE_CLASSES):
                    label = column if not axes.collections and len(axes.lines) < len(THREE_CLASSES) else None
                    axes.plot(f1[column], place, "|", color=f"C{number}", markersize=9, label=label)
                axes.plot(f1["mean"], place, "o", color="black", markersize=5)
            if row == TEACHER:
                base = np.mean([scores["f1"][name]["mean"] for scores in runs_of(runs, row).values()])
                axes.axvline(base, color="black", linewidth=0.7, linestyle=":")
        axes.set(title=name, xlabel="F1, pooled", xlim=(0, 1))
        axes.grid(axis="x", alpha=0.3)
    axes.set_yticks(range(len(rows)), [ROWS[row].about.replace("**", "") for row in rows], fontsize=8)
    axes.invert_yaxis()
    figure.axes[0].plot([], [], "o", color="black", markersize=5, label="mean")
    figure.axes[0].legend(fontsize=8, loc="lower left")
    figure.savefig(path)
