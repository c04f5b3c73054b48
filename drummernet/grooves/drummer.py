"""A drummer who plays one style: sections, phrases, fills and human timing."""

from dataclasses import dataclass

import numpy as np

from drummernet.components import COMPONENTS
from drummernet.grooves.patterns import FILL_LETTERS, FILLS, LEVELS, STEPS_PER_BEAT, Layers, Style
from drummernet.hits import Hit
from drummernet.score import Beat

_SECTION_BARS = 8
_FLAM_SECONDS = (0.022, 0.035)
_SPARSE = ({"KD"}, {"SD"}, {"CHH", "OHH", "RDC", "PHH"}, {"KD", "SD"})


@dataclass(frozen=True)
class Stroke:
    """A note of a bar before it is played.

    Attributes:
        step: When, in sixteenths from the bar line; any fraction.
        component: On what.
        level: How hard it is meant, as a velocity.
    """

    step: float
    component: str
    level: float


@dataclass(frozen=True)
class Feel:
    """How one drummer plays one piece.

    Attributes:
        step_seconds: The length of a sixteenth.
        swing: The share by which the second of a swung pair is late.
        swung_steps: Sixteenths in one note of a pair.
        jitter_seconds: Standard deviation of single strokes.
        push_seconds: Per component, how late it is played always.
        velocity_spread: Relative standard deviation of velocities.
        flam_probability: Of an accented snare stroke to be a flam.
    """

    step_seconds: float
    swing: float
    swung_steps: int
    jitter_seconds: float
    push_seconds: dict[str, float]
    velocity_spread: float
    flam_probability: float


def play_style(
    style: Style, rng: np.random.Generator, duration_seconds: float
) -> tuple[list[Hit], list[Beat]]:
    """Play in ``style`` from a random place of a random bar until ``duration_seconds``.

    Returns:
        Hits, and the beats of the bars; whole bars, so some of them lie before 0 or after the end.
    """
    feel = _draw_feel(style, rng)
    steps = len(style.kicks[0])
    bar_index = int(rng.integers(_SECTION_BARS))
    phrase_bars = int(rng.choice((2, 4, 4, 8)))
    layers, loudness = _draw_section(style, rng)
    drift = 1.0
    bar_seconds = -rng.uniform(0, steps * feel.step_seconds)
    hits: list[Hit] = []
    beats: list[Beat] = []
    while bar_seconds < duration_seconds + steps * feel.step_seconds:
        if bar_index % _SECTION_BARS == 0:
            layers, loudness = _draw_section(style, rng)
        strokes = _draw_bar(layers, rng)
        if bar_index % phrase_bars == 0 and rng.random() < 0.6:
            strokes = _with_crash(strokes)
        if bar_index % phrase_bars == phrase_bars - 1 and rng.random() < 0.75:
            strokes = _with_fill(strokes, steps, rng)
        drift = 1 + 0.9 * (drift - 1) + rng.normal(0, 0.003)
        hits += _performed(strokes, feel, bar_seconds, drift, loudness, rng)
        for number, step in enumerate(range(0, steps, style.beat_steps), start=1):
            beats.append(Beat(bar_seconds + step * feel.step_seconds * drift, number))
        bar_seconds += steps * feel.step_seconds * drift
        bar_index += 1
    return hits, beats


def swung_step(step: float, swing: float, swung_steps: int) -> float:
    """Return where ``step`` is played: the first note of each pair is longer by ``swing``.

    Time is stretched within the first note and shortened within the second, so that what lies between
    keeps its order and pairs keep their length.
    """
    pair, within = divmod(step, 2 * swung_steps)
    if within < swung_steps:
        within *= 1 + swing
    else:
        within = swung_steps * (1 + swing) + (within - swung_steps) * (1 - swing)
    return pair * 2 * swung_steps + within


def _draw_feel(style: Style, rng: np.random.Generator) -> Feel:
    return Feel(
        step_seconds=60 / rng.uniform(*style.tempo_bpm) / STEPS_PER_BEAT,
        swing=rng.uniform(*style.swing),
        swung_steps=style.swung_steps,
        jitter_seconds=rng.uniform(0.002, 0.012),
        push_seconds={component: rng.normal(0, 0.005) for component in COMPONENTS},
        velocity_spread=rng.uniform(0.05, 0.2),
        flam_probability=rng.choice((0, 0.05, 0.2)),
    )


def _draw_section(style: Style, rng: np.random.Generator) -> tuple[Layers, float]:
    """Choose what is played for the next bars, decorate it, and choose how loud it is."""
    layers = {"KD": style.kicks[rng.integers(len(style.kicks))]}
    layers["SD"] = style.snares[rng.integers(len(style.snares))]
    layers |= style.keepers[rng.integers(len(style.keepers))]
    if rng.random() < 0.3:
        layers["SD"] = _sprinkled(layers["SD"], "o", 0.12, rng)
    if "TMB" not in layers and rng.random() < 0.08:
        layers["TMB"] = layers["SD"].replace("o", ".")
    return layers, rng.uniform(0.6, 1.0)


def _sprinkled(pattern: str, mark: str, probability: float, rng: np.random.Generator) -> str:
    """Fill each rest of a pattern with ``mark`` at the given probability."""
    return "".join(mark if old == "." and rng.random() < probability else old for old in pattern)


def _draw_bar(layers: Layers, rng: np.random.Generator) -> list[Stroke]:
    """Vary the section's layers for one bar; some bars are thinned out or stop after the first beat."""
    varied = dict(layers)
    if rng.random() < 0.3:
        varied["KD"] = _sprinkled(layers["KD"], "x", 0.1, rng)
    if rng.random() < 0.08:
        kept = _SPARSE[rng.integers(len(_SPARSE))]
        varied = {component: pattern for component, pattern in varied.items() if component in kept}
    strokes = [
        Stroke(step, component, LEVELS[mark])
        for component, pattern in varied.items()
        for step, mark in enumerate(pattern)
        if mark != "."
    ]
    if rng.random() < 0.02:
        strokes = [stroke for stroke in strokes if stroke.step < STEPS_PER_BEAT]
    return strokes


def _with_crash(strokes: list[Stroke]) -> list[Stroke]:
    """Begin the bar with crash and kick, in place of everything else on its first step."""
    later = [stroke for stroke in strokes if stroke.step > 0]
    return [Stroke(0, "CRC", 0.95), Stroke(0, "KD", LEVELS["X"]), *later]


def _with_fill(strokes: list[Stroke], steps: int, rng: np.random.Generator) -> list[Stroke]:
    """End the bar with a fill; the kick may go on beneath it."""
    beats, letters = FILLS[rng.integers(len(FILLS))]
    start = steps - beats * STEPS_PER_BEAT
    if start < 0:
        return strokes
    under = {"KD", "PHH"} if "K" not in letters and rng.random() < 0.5 else set()
    kept = [stroke for stroke in strokes if stroke.step < start or stroke.component in under]
    spacing = (steps - start) / len(letters)
    filled = [
        Stroke(start + n * spacing, FILL_LETTERS[letter.upper()], 0.8 if letter.isupper() else 0.4)
        for n, letter in enumerate(letters)
        if letter != "."
    ]
    return kept + filled


def _performed(
    strokes: list[Stroke],
    feel: Feel,
    bar_seconds: float,
    drift: float,
    loudness: float,
    rng: np.random.Generator,
) -> list[Hit]:
    """Play a bar that begins at ``bar_seconds``: swing, push, jitter, dynamics and flams."""
    hits = []
    for stroke in strokes:
        step = swung_step(stroke.step, feel.swing, feel.swung_steps)
        jitter_seconds = rng.normal(0, feel.jitter_seconds) + feel.push_seconds[stroke.component]
        onset_seconds = bar_seconds + step * feel.step_seconds * drift + jitter_seconds
        velocity = stroke.level * loudness * rng.normal(1, feel.velocity_spread)
        hit = Hit(float(onset_seconds), stroke.component, float(np.clip(velocity, 0.02, 1)))
        hits.append(hit)
        if hit.component == "SD" and stroke.level > 0.7 and rng.random() < feel.flam_probability:
            grace_seconds = onset_seconds - rng.uniform(*_FLAM_SECONDS)
            hits.append(Hit(float(grace_seconds), "SD", 0.5 * hit.velocity))
    return hits
