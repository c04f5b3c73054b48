"""Templates: what one stroke of each drum looks like in the spectrogram."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drummernet.components import COMPONENTS
from drummernet.evaluation.nmf.spectrogram import HOP_SAMPLES, spectrogram
from drummernet.evaluation.nmf.strokes import split_strokes
from drummernet.kits.bank import resolve_kits
from drummernet.kits.kit import MIX_LEVELS_DB, Kit
from drummernet.kits.manifest import load_kit

LEAD_FRAMES = 3
"""Frames of a template before its stroke, so that the rise is a part of it."""

FRAMES = 20
"""P, 0.2 s: what is shorter makes strokes of the tails of toms and cymbals."""

_DRUMS = tuple(component for component in COMPONENTS if component != "TMB")
"""What has templates. Toms and cymbals are there so that nobody hears them as kicks, snares and hats; a
tambourine, which few recordings have, would take hats away."""

_CLASS_COMPONENTS = {"HH": "CHH"}


class Templates(NamedTuple):
    """Templates of drums.

    Attributes:
        components: The K components or classes that they are of.
        W: (P, F, K) float32; the stroke is at the middle of frame ``LEAD_FRAMES``. An activation of 1 is
            a hit of velocity 1 in a mix.
    """

    components: tuple[str, ...]
    W: np.ndarray

    def single_frames(self, frames: int) -> np.ndarray:
        """Return the mean spectrum (1, F, K) of so many frames from the stroke on."""
        W: np.ndarray = self.W[LEAD_FRAMES : LEAD_FRAMES + frames].mean(axis=0, keepdims=True)
        return W


def kit_templates(kits: Sequence[str]) -> Templates:
    """Return the templates of kits: for each component the average over all that have it.

    The shapes are averaged with equal weight, the levels over their logarithms. The order of the kits does
    not matter.

    Args:
        kits: Groups, names, paths or patterns, see :func:`drummernet.kits.bank.resolve_kits`.

    Raises:
        InputError: if there is no such kit, or one cannot be read.
    """
    loaded = sorted((load_kit(name, _DRUMS) for name in resolve_kits(kits)), key=lambda kit: kit.name)
    strokes = {
        component: [_mixed(kit, component) for kit in loaded if component in kit.one_shots]
        for component in _DRUMS
    }
    return _templates(strokes)


def stroke_templates(one_shots: Mapping[str, np.ndarray]) -> Templates:
    """Return the templates of a dataset's own single strokes.

    Args:
        one_shots: Per class or component its strokes in a row, (n,) at 16 kHz. Their common level is
            brought to that of a mix, their levels relative to each other are kept.
    """
    strokes = {name: split_strokes(audio) for name, audio in one_shots.items()}
    peaks_db = {
        name: float(np.mean([20 * np.log10(np.abs(sound).max()) for sound in sounds]))
        for name, sounds in strokes.items()
        if sounds
    }
    usual_db = [MIX_LEVELS_DB[_CLASS_COMPONENTS.get(name, name)] - peak for name, peak in peaks_db.items()]
    gain = np.float32(10 ** (np.mean(usual_db or [0.0]) / 20))
    return _templates({name: [gain * sound for sound in strokes[name]] for name in sorted(peaks_db)})


def _mixed(kit: Kit, component: str) -> np.ndarray:
    """Return a kit's one-shot (L,) at the peak of a hit of velocity 1 in a mix."""
    sound = kit.one_shots[component]
    gain = 10 ** (kit.mix_level_db[component] / 20) / np.abs(sound).max()
    return np.float32(gain) * sound


def _templates(strokes: Mapping[str, Sequence[np.ndarray]]) -> Templates:
    """Return the average template of each drum's strokes, which begin with their onset."""
    named = {
        name: np.array([_shape(sound) for sound in sounds]) for name, sounds in strokes.items() if sounds
    }
    averages = []
    for shapes in named.values():
        sums = shapes.sum(axis=(1, 2), keepdims=True)
        averages.append((shapes / sums).mean(axis=0) * np.exp(np.log(sums).mean()))
    return Templates(tuple(named), np.stack(averages, axis=2).astype(np.float32))


def _shape(sound: np.ndarray) -> np.ndarray:
    """Return the first frames (P, F) of a stroke (L,)."""
    padded = np.zeros((FRAMES + LEAD_FRAMES) * HOP_SAMPLES, np.float32)
    room = len(padded) - LEAD_FRAMES * HOP_SAMPLES
    padded[LEAD_FRAMES * HOP_SAMPLES :][: len(sound)] = sound[:room]
    return spectrogram(padded)[:, :FRAMES].T
