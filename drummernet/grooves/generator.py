"""A seeded generator of grooves: out of styles, or free of any; no data is needed.

A share of the grooves is free: they show every component in every company, which corpora of real
drumming never do.
"""

from functools import partial

import numpy as np

from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.grooves.drummer import play_style
from drummernet.grooves.groove import Groove
from drummernet.grooves.patterns import STEPS_PER_BEAT, STYLES
from drummernet.hits import Hit
from drummernet.score import Beat

FREE_SHARE = 0.2
"""The share of grooves that follow no style."""

MIN_GAP_SECONDS = 0.020
"""No two hits of one component are closer."""


def generate_groove(seed: int, duration_seconds: float) -> Groove:
    """Generate a groove: a pure function of its arguments.

    It begins and ends anywhere in a bar, so that short ones are like crops of long ones.

    Args:
        seed: Not negative.
        duration_seconds: How long; more than 0.

    Returns:
        A groove named ``generated/STYLE/SEED``, with its beats unless it follows no style.

    Raises:
        InputError: if an argument is out of range.
    """
    if seed < 0:
        raise InputError("generate_groove", "seed", f"{seed} is negative")
    if not 0 < duration_seconds < float("inf"):
        raise InputError("generate_groove", "duration_seconds", f"{duration_seconds} is not more than 0")
    rng = np.random.default_rng(seed)
    beats: list[Beat] = []
    if rng.random() < FREE_SHARE:
        name, hits = "free", play_free(rng, duration_seconds)
    else:
        weights = np.array([style.weight for style in STYLES])
        style = STYLES[rng.choice(len(STYLES), p=weights / weights.sum())]
        name = style.name
        hits, beats = play_style(style, rng, duration_seconds)
    inside = [hit for hit in hits if 0 <= hit.onset_seconds < duration_seconds]
    heard = tuple(beat for beat in beats if 0 <= beat.seconds < duration_seconds)
    return Groove(f"generated/{name}/{seed}", tuple(_spaced(inside)), duration_seconds, heard)


def play_free(rng: np.random.Generator, duration_seconds: float) -> list[Hit]:
    """Strike components at random, all about equally often, on a random grid or on none."""
    mean_gap_seconds = 1 / rng.uniform(1.5, 8)
    grid_seconds = 60 / rng.uniform(70, 180) / STEPS_PER_BEAT
    if rng.random() < 0.5:
        draw_gap = partial(rng.exponential, mean_gap_seconds)
    else:
        draw_gap = partial(_grid_gap, rng, grid_seconds, min(1.0, grid_seconds / mean_gap_seconds))
    together_probability = rng.uniform(0, 0.6)
    hits: list[Hit] = []
    now_seconds = draw_gap()
    while now_seconds < duration_seconds:
        count = 1 + rng.binomial(2, together_probability)
        for component in rng.choice(COMPONENTS, count, replace=False):
            onset_seconds = now_seconds + rng.normal(0, 0.004)
            hits.append(Hit(float(onset_seconds), str(component), float(rng.uniform(0.15, 1))))
        now_seconds += draw_gap()
    return hits


def _grid_gap(rng: np.random.Generator, grid_seconds: float, probability: float) -> float:
    return float(rng.geometric(probability)) * grid_seconds


def _spaced(hits: list[Hit]) -> list[Hit]:
    """Sort, and drop what follows a hit of the same component too closely."""
    kept: list[Hit] = []
    last_seconds: dict[str, float] = {}
    for hit in sorted(hits):
        if hit.onset_seconds - last_seconds.get(hit.component, -1.0) >= MIN_GAP_SECONDS:
            kept.append(hit)
            last_seconds[hit.component] = hit.onset_seconds
    return kept
