"""What a kit lacks and can be made of what it has.

- A pedal hi-hat is an open one, else a closed one, choked in 0.25 s; a closed hi-hat is an open one choked in
  0.28 s. So they fall by 20 dB as fast as the median of real ones in 8 and 32 sampled kits.
- A tom is the nearest other tom, resampled by 4 semitones per step (LFT, HFT, MHT, HIT), by 8 at most.
- A crash is a china or a splash; a splash is a crash, 7 semitones higher and choked to 0.4 s.

Kicks, snares, rides, bells, chinas, tambourines and side sticks are left out: nothing else sounds like them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import COMPONENTS
from drummernet.kits.kit import Layer, Sounds, normalised

TOMS = ("LFT", "HFT", "MHT", "HIT")
TOM_SEMITONES = 4.0
MOST_TOM_STEPS = 2

_HATS = {"PHH": (("OHH", "CHH"), 0.25), "CHH": (("OHH",), 0.28)}
"""Hats, with what they can be made of and the time in which they fall by 60 dB once choked."""
_CLOSING_SECONDS = 0.01


def completed(sounds: Sounds, wanted: Sequence[str] = COMPONENTS) -> tuple[Sounds, dict[str, str]]:
    """Add what is wanted, lacking, and can be derived.

    Args:
        sounds: As :func:`drummernet.kits.kit.normalised` leaves them.
        wanted: Components.

    Returns:
        The sounds with what was derived, and what each of those was made of.
    """
    filled: dict[str, str] = {}
    result = dict(sounds)
    for component in wanted:
        if component not in sounds:
            source, change = _recipe(component, sounds)
            if source:
                layers = tuple(
                    Layer(layer.velocity, tuple(map(change, layer.takes))) for layer in sounds[source]
                )
                result[component] = normalised(layers, source, component)
                filled[component] = source
    return result, filled


def _recipe(component: str, sounds: Sounds) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what a component can be made of, and how; "" if of nothing."""
    if component in _HATS:
        sources, seconds = _HATS[component]
        source = next((name for name in sources if name in sounds), "")
        return source, lambda take: _choked(take, seconds)
    if component in TOMS:
        place = TOMS.index(component)
        near = sorted((abs(TOMS.index(name) - place), name) for name in TOMS if name in sounds)
        if not near or near[0][0] > MOST_TOM_STEPS:
            return "", _itself
        source = near[0][1]
        return source, lambda take: resampled(take, TOM_SEMITONES * (place - TOMS.index(source)))
    if component == "CRC":
        return next((name for name in ("CHC", "SPC") if name in sounds), ""), _itself
    if component == "SPC" and "CRC" in sounds:
        return "CRC", lambda take: _choked(resampled(take, 7.0), 0.4)
    return "", _itself


def _itself(take: np.ndarray) -> np.ndarray:
    return take


def _choked(take: np.ndarray, seconds: float) -> np.ndarray:
    """Let a sound (L,) fall by 60 dB in so many seconds, from 10 ms on."""
    after = np.maximum(np.arange(len(take)) / SAMPLE_RATE - _CLOSING_SECONDS, 0)
    return np.asarray(take * 10 ** (-3 * after / seconds))[
        : round(1.5 * (seconds + _CLOSING_SECONDS) * SAMPLE_RATE)
    ]


def resampled(take: np.ndarray, semitones: float) -> np.ndarray:
    """Return a sound (L,) played faster, so that it sounds ``semitones`` higher and is shorter."""
    import soxr

    result: np.ndarray = soxr.resample(take, SAMPLE_RATE * 2 ** (semitones / 12), SAMPLE_RATE, "HQ")
    return result
