"""The family as systems that are evaluated."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.estimators import ActivationEstimator, Baseline, ClassActivations, Estimator
from drummernet.evaluation.nmf.spectrogram import RATE_HZ, spectrogram
from drummernet.evaluation.nmf.templates import LEAD_FRAMES, Templates, kit_templates, stroke_templates
from drummernet.evaluation.nmf.variants import am1, am2, nmfd, pfnmf, sanmf
from drummernet.evaluation.tracks import Recording
from drummernet.kits.bank import resolve_kits
from drummernet.resources import named_resource
from drummernet.transcription.files import SILENCE_PEAK
from drummernet.transcription.picking import Picker, class_activations, normalise

DEFAULT_KITS = ("synthesizer",)
"""The packaged kits that F_s plays. They need nothing installed; but with their templates many hats of real
recordings are taken for snares, with those of sampled kits (``sampled_train``) far fewer."""

_GUARD = 0.2
"""Of the square root of an activation: the bar is lowered no further than for hits of velocity 0.2."""


class Variant(NamedTuple):
    """A member of the family.

    Attributes:
        factorise: From a spectrogram (F, T) and templates to activations (K, T).
        rises: Whether an activation lasts as long as the sound does, so that its rise is the stroke.
        threshold: δ of the picking, chosen on rendered stems.
    """

    factorise: Callable[[np.ndarray, Templates], np.ndarray]
    rises: bool
    threshold: float


class NmfEstimator(ActivationEstimator):
    """A factorisation with templates of drum kits, or of the recording's own strokes where it has them.

    An activation is an amplitude, and a hit of velocity v has amplitude v²: what is picked is its square
    root. The thresholds, as all that there was to choose, were chosen on stems rendered from the kits of
    ``stems`` and ``sampled_validation``, generated grooves and Groove MIDI's validation split; that
    of ``nmfd`` with rooms and equipment varied. No value was chosen by its score on a recording.

    Args:
        variant: The factorisation.
        kits: What kits the templates are of, see :func:`drummernet.kits.bank.resolve_kits`; None for the
            recording's own strokes, and those of ``DEFAULT_KITS`` where it has none.

    Raises:
        InputError: if there is no such kit.
    """

    rate_hz = RATE_HZ

    def __init__(self, variant: Variant, kits: Sequence[str] | None = None) -> None:
        names = kits or DEFAULT_KITS
        self._variant = variant
        self._templates = kit_templates(names)
        self._uses_strokes = kits is None
        self.picker = Picker(threshold=variant.threshold, guard=_GUARD)
        paths = (named_resource("drum_kits", kit) for kit in resolve_kits(names))
        self.provenance = {"kits": sorted(path.stem for path in paths)}

    def activations(self, recording: Recording) -> ClassActivations:
        """Return the normalised activations of the classes that there are templates of."""
        templates = self._templates
        if self._uses_strokes and recording.one_shots:
            templates = stroke_templates(recording.one_shots)
        V = spectrogram(_levelled(recording.audio))
        # A stroke at the very start has its template begin before the recording does.
        padded = np.pad(V, ((0, 0), (LEAD_FRAMES, 0)))
        values = self._variant.factorise(padded, templates)
        values = values[:, LEAD_FRAMES:] if self._variant.rises else values[:, : V.shape[1]]
        sums = class_activations(values, templates.components, FIVE_CLASSES)
        if self._variant.rises:
            sums = {name: np.maximum(0, np.diff(total, prepend=0)) for name, total in sums.items()}
        return {name: normalise(np.sqrt(total), self.picker.guard) for name, total in sums.items()}


def _levelled(audio: np.ndarray) -> np.ndarray:
    """Return a recording (N,) at peak 1, or zeros if it is silent."""
    peak = np.abs(audio).max(initial=0.0)
    return audio / peak if peak > SILENCE_PEAK else np.zeros_like(audio)


def _baseline(variant: Variant, paper: str, about: str) -> Baseline:
    def make(kits: Sequence[str] | None) -> Estimator:
        return NmfEstimator(variant, kits)

    return Baseline(make, paper, about)


_WU_LERCH = "Wu & Lerch, ISMIR 2015"

NMF_BASELINES: dict[str, Baseline] = {
    "nmfd": _baseline(
        Variant(nmfd, rises=False, threshold=0.2),
        "Lindsay-Smith, McDonald & Sandler 2012; Smaragdis 2004",
        "deconvolution with fixed templates of 0.2 s",
    ),
    "sanmf": _baseline(
        Variant(sanmf, rises=True, threshold=0.25),
        "Dittmar & Gärtner, DAFx 2014",
        "templates of one frame that follow the recording more and more",
    ),
    "pfnmf": _baseline(
        Variant(pfnmf, rises=True, threshold=0.25),
        _WU_LERCH,
        "fixed templates of one frame, and free ones for all that is not drums",
    ),
    "am1": _baseline(
        Variant(am1, rises=True, threshold=0.2),
        _WU_LERCH,
        "pfnmf whose templates take over what sounds with them",
    ),
    "am2": _baseline(
        Variant(am2, rises=True, threshold=0.2),
        _WU_LERCH,
        "pfnmf whose templates and activations are adapted in turns",
    ),
}
"""The baselines of this family by name."""
