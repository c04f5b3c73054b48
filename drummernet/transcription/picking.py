"""Peak picking: from activations to onsets.

The rule is Böck et al. 2012's, with the paper's values. Step n of an activation y is an onset if

    y[n] = max(y[n - w_m … n + w_m])  and  y[n] ≥ mean(y[n - w_a … n + w_a]) + δ  and  n > n_last + w_w.

The windows end where y ends. Of equal neighbours the first is taken: in a run of equal values only the
first step can be an onset, however long the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d

from drummernet.components import members_of
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.transcriber.checkpoint import load_picking

ONE_INSTRUMENT = (("CHH", "OHH", "PHH"), ("RDC", "RDB"), ("SD", "SST"))
"""Components that are one pair of cymbals, one cymbal, one drum."""

AT_ONCE_SECONDS = 0.03
"""Two strokes of one instrument are further apart than that."""


@dataclass(frozen=True)
class Picker:
    """The values of the picking rule; spans are rounded to whole steps.

    Attributes:
        threshold: δ, in parts of the largest value of the recording; positive, so that silence has no onset.
        max_half_width_seconds: w_m.
        mean_half_width_seconds: w_a.
        wait_seconds: w_w.
        guard: The least value that counts as a recording's largest, see :func:`normalise`.

    Raises:
        InputError: if a value is not finite, a span negative, or the threshold or the guard not positive.
    """

    threshold: float = 0.2
    max_half_width_seconds: float = 0.05
    mean_half_width_seconds: float = 0.1
    wait_seconds: float = 0.05
    guard: float = 0.05

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0.0 if field.name.endswith("_seconds") else np.finfo(np.float32).tiny
            if not (np.isfinite(value) and value >= least):
                kind = "not negative" if least == 0 else "positive"
                raise InputError("picker", field.name, f"{value} is not a finite number that is {kind}")


DEFAULT_PICKER = Picker()
"""The paper's values."""


def picker_of(checkpoint: str | Path, threshold: float | None = None) -> Picker:
    """Return the picking rule that a checkpoint names, with another threshold if one is given.

    Raises:
        InputError: if the checkpoint cannot be read or names values that are none.
    """
    values = load_picking(checkpoint)
    if threshold is not None:
        values = {**values, "threshold": threshold}
    try:
        return Picker(**values)
    except TypeError as error:
        raise InputError(checkpoint, "picking", str(error)) from error


def normalise(activation: np.ndarray, guard: float) -> np.ndarray:
    """Return an activation (T,) divided by its largest value, or by ``guard`` if that is larger.

    Without the guard a component that never sounds would be blown up until its noise fires; silence stays 0.
    """
    return activation / max(float(activation.max(initial=0.0)), guard)


def pick(activation: np.ndarray, rate_hz: float, picker: Picker) -> np.ndarray:
    """Return the steps that are onsets, ascending.

    Args:
        activation: (T,), not negative.
        rate_hz: Steps per second.
        picker: The values of the rule.
    """
    y = np.asarray(activation, np.float64)
    largest = maximum_filter1d(y, 2 * round(picker.max_half_width_seconds * rate_hz) + 1, mode="constant")
    mean = _windowed_mean(y, round(picker.mean_half_width_seconds * rate_hz))
    peaks = (y == largest) & (y >= mean + picker.threshold)
    peaks[1:] &= y[1:] != y[:-1]
    wait_steps = round(picker.wait_seconds * rate_hz)
    onsets: list[int] = []
    for step in np.flatnonzero(peaks).tolist():
        if not onsets or step > onsets[-1] + wait_steps:
            onsets.append(step)
    return np.array(onsets, np.int64)


def class_activations(
    values: np.ndarray, components: Sequence[str], classes: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    """Return the summed activation (T,) of each class's components, or of the class itself.

    Args:
        values: (K, T).
        components: The K component names.
        classes: Class names and their components; those that the transcriber lacks count as silent.
    """
    return {
        name: values[[k for k, row in enumerate(components) if row == name or row in members]].sum(axis=0)
        for name, members in classes.items()
    }


def component_hits(
    values: np.ndarray,
    velocities: np.ndarray | None,
    offsets: np.ndarray | None,
    components: Sequence[str],
    rate_hz: float,
    picker: Picker,
) -> list[Hit]:
    """Pick every component on its own: the hits that are written.

    Components that are one instrument struck in several ways, such as the hi-hat, never sound at once:
    of such hits within 30 ms the one with the largest activation stays.

    Where the transcriber does not tell velocities, an activation is the amplitude of a one-shot, and a hit of
    velocity v is rendered with amplitude v²: so a hit's velocity is the square root of its normalised
    activation, 1 for the loudest of its component.

    Args:
        values: (K, T).
        velocities: (K, T), or None if the transcriber does not tell them.
        offsets: (K, T), where between the steps hits begin, in steps; None likewise.
        components: The K component names.
        rate_hz: Steps per second; step 0 is at 0 s.
        picker: The values of the rule.

    Returns:
        The hits in order of time; those of a class are of its usual component.
    """
    hits: list[tuple[Hit, float]] = []
    for k, row in enumerate(components):
        normalised = normalise(values[k], picker.guard)
        component = members_of(row, "transcriber")[0]
        for step in pick(normalised, rate_hz, picker).tolist():
            onset = step if offsets is None else max(0.0, step + float(offsets[k, step]))
            velocity = np.sqrt(normalised[step]) if velocities is None else velocities[k, step]
            hit = Hit(onset / rate_hz, component, float(np.clip(velocity, 1 / 127, 1)))
            hits.append((hit, float(normalised[step])))
    return _possible(hits)


def _possible(hits: Sequence[tuple[Hit, float]]) -> list[Hit]:
    """Return hits, each with its activation, without those that a stronger one of the instrument forbids."""
    kept: list[Hit] = []
    last: dict[tuple[str, ...], tuple[int, float]] = {}
    for hit, activation in sorted(hits):
        instrument = next((group for group in ONE_INSTRUMENT if hit.component in group), (hit.component,))
        at, strength = last.get(instrument, (-1, 0.0))
        rival = kept[at] if at >= 0 else None
        if (
            rival is not None
            and rival.component != hit.component
            and hit.onset_seconds - rival.onset_seconds < AT_ONCE_SECONDS
        ):
            if activation > strength:
                kept[at] = hit
                last[instrument] = at, activation
            continue
        kept.append(hit)
        last[instrument] = len(kept) - 1, activation
    return sorted(kept)


def _windowed_mean(y: np.ndarray, half_width: int) -> np.ndarray:
    """Return the mean of y (T,) over ``half_width`` steps to either side, as far as y goes."""
    sums = np.concatenate(([0.0], np.cumsum(y)))
    steps = np.arange(len(y))
    first = np.maximum(steps - half_width, 0)
    end = np.minimum(steps + half_width + 1, len(y))
    return (sums[end] - sums[first]) / (end - first)
