"""A snare drum's skin answers a side stick, since the stick lies on it; procedural side sticks lack that."""

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.kits.filters import amplitude, drawn, equalised, shelf
from drummernet.kits.measures import decay_rate

LEVEL_DB = (-14.0, 2.0)
"""Energy of the answer relative to the knock's."""

DECAY_SECONDS = (0.03, 0.2)
"""Time in which the answer falls by 20 dB, at most: the stick damps the skin."""

CORNER_HZ = (400.0, 3000.0)
MUFFLED_DB = (-30.0, 0.0)
"""What is above the corner, the stroke's attack and the wires, is weakened by so much."""


def skin(snare: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how a snare drum sounds when a stick that lies on its skin strikes the rim.

    Args:
        snare: Its one-shot (L,).
        rng: Draws how soon the answer dies away, its colour and its level.

    Returns:
        (L,) float32, for a knock of norm 1.
    """
    seconds = np.arange(len(snare)) / SAMPLE_RATE
    faster = max(0.0, 20 / drawn(DECAY_SECONDS, rng) - decay_rate(snare))
    damped = (snare * 10 ** (-faster * seconds / 20)).astype(np.float32)
    muffling = shelf(drawn(CORNER_HZ, rng), rng.uniform(*MUFFLED_DB), high=True)
    sound = equalised(damped, muffling[None].astype(np.float32))
    level = amplitude(rng.uniform(*LEVEL_DB)) / float(np.linalg.norm(sound))
    return (sound * level).astype(np.float32)
