"""A snare drum's wires rattle when other skins are struck, which one-shots of the other drums lack."""

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.kits.filters import amplitude, drawn, equalised, shelf
from drummernet.kits.kit import ONE_SHOT_SECONDS, Layer

SHAKEN_BY = ("KD", "HIT", "MHT", "HFT", "LFT")
"""Drums that shake the wires."""

LEVEL_DB = (-36.0, -10.0)
"""Energy of the rattle relative to the stroke's."""

SKIPPED_SECONDS = (0.005, 0.03)
"""The start of the snare's sound, which is the stick's."""

RISE_SECONDS = (0.002, 0.02)
DELAY_SECONDS = (0.0005, 0.006)
"""Of the rattle behind the stroke."""

CORNER_HZ = (300.0, 1200.0)
"""Below it the snare's sound is its skin's, and weakened."""

_SKIN_DB = -36.0
_LONGEST_SAMPLES = round(ONE_SHOT_SECONDS * SAMPLE_RATE)


def rattle(snare: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return how the wires of a snare drum sound when other drums shake them.

    Args:
        snare: Its one-shot (L,).
        rng: Draws when the rattle begins, how it rises, its colour, and a level for each drum.

    Returns:
        For each drum (M,) float32, for a stroke of norm 1; none of a snare of nothing but its stroke.
    """
    tail = snare[round(rng.uniform(*SKIPPED_SECONDS) * SAMPLE_RATE) :].copy()
    rise = min(len(tail), round(rng.uniform(*RISE_SECONDS) * SAMPLE_RATE))
    tail[:rise] *= np.linspace(0, 1, rise, dtype=np.float32) ** 2
    if not tail.any():
        return {}
    delay = np.zeros(round(rng.uniform(*DELAY_SECONDS) * SAMPLE_RATE), np.float32)
    section = shelf(drawn(CORNER_HZ, rng), _SKIN_DB)[None].astype(np.float32)
    wires = np.concatenate((delay, equalised(tail, section)))[:_LONGEST_SAMPLES].astype(np.float32)
    levels = [amplitude(rng.uniform(*LEVEL_DB)) for _ in SHAKEN_BY]
    norm = float(np.linalg.norm(wires))
    return {drum: wires * np.float32(level / norm) for drum, level in zip(SHAKEN_BY, levels, strict=True)}


def shaken(layers: tuple[Layer, ...], wires: np.ndarray) -> tuple[Layer, ...]:
    """Return the layers of a drum with a rattle (M,), given for strokes of norm 1, under every take."""

    def sound(take: np.ndarray) -> np.ndarray:
        both = np.zeros(max(len(take), len(wires)), np.float32)
        both[: len(take)] = take
        both[: len(wires)] += np.linalg.norm(take) * wires
        return both

    return tuple(Layer(layer.velocity, tuple(map(sound, layer.takes))) for layer in layers)
