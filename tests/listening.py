"""A recording and hits whose page is known: clicks that are no hits, and hits that are in no recording."""

from pathlib import Path

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.manifest import load_kit
from drummernet.listen_page import write_listen_page
from drummernet.stems.render import render_groove
from drummernet.transcription.files import Transcription
from drummernet.transcription.picking import DEFAULT_PICKER

SECONDS = 4.0
KIT = "rock_maple"
HITS = (
    Hit(0.25, "KD", 1.0),
    Hit(0.375, "OHH", 0.9),
    Hit(0.4375, "CHH", 0.3),
    Hit(0.5, "SD", 0.75),
    Hit(0.75, "KD", 0.5),
    Hit(0.875, "OHH", 0.5),
    Hit(1.0, "SD", 1.0),
    Hit(3.0, "KD", 0.25),
)


class Plain(np.random.Generator):
    """Draws nothing: every level is the one asked for, the noise is silent, the take the first."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def normal(self, mean, deviation):
        return mean

    def uniform(self, low, high, size=None):
        return -np.inf if size is None else np.zeros(size)

    def integers(self, high, size=None):
        return np.zeros(size, int)

    def standard_normal(self, size, dtype):
        return np.zeros(size, dtype)


def recording() -> np.ndarray:
    """Return clicks (N,) of another kind than a drum, each 20 ms of noise."""
    audio = np.zeros(round(SECONDS * SAMPLE_RATE), np.float32)
    for at in (0.1, 0.6, 1.1, 2.0):
        start = round(at * SAMPLE_RATE)
        audio[start : start + 320] = np.random.default_rng(1).uniform(-0.3, 0.3, 320)
    return audio


def rendered(hits: tuple[Hit, ...] = HITS, kit: str = KIT) -> np.ndarray:
    """Return what the renderer makes of hits (N,), at a level that is not reduced."""
    quiet = tuple(Hit(hit.onset_seconds, hit.component, hit.velocity * 0.1) for hit in hits)
    return render_groove(Groove("known", quiet, SECONDS), load_kit(kit), Plain()) / 0.1**2


def transcription(hits: tuple[Hit, ...] = HITS) -> Transcription:
    activations = np.zeros((0, 1), np.float32)
    return Transcription(recording(), (), activations, 62.5, DEFAULT_PICKER, hits)


def written(path: Path, hits: tuple[Hit, ...] = HITS) -> Path:
    write_listen_page(transcription(hits), KIT, "known.wav", path)
    return path
