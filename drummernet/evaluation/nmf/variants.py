"""The five members of the family: how templates and activations are found.

Each takes a spectrogram V (F, T) and the templates of K drums, and returns the drums' activations (K, T).
The first has templates of many frames. The others, as published, have one frame per template, the mean of
the first frames of a stroke; their activations last as long as the sounds do, and what is an onset is their
rise. Activations start from the same value everywhere: nothing is drawn at random but the free templates of
the partially fixed ones, with a fixed seed.
"""

from collections.abc import Sequence

import numpy as np

from drummernet.evaluation.nmf.factorise import Part, divergence, quotient
from drummernet.evaluation.nmf.templates import Templates

ITERATIONS = 60
"""Updates of a factorisation. On rendered stems 20 are too few."""

STROKE_FRAMES = 5
"""Frames of a stroke of which the one-frame templates are the mean."""

FREE_TEMPLATES = 2
"""Of the partially fixed ones, for all that is not drums: few, since rendered stems hold nothing else and
more of them take strokes away; full mixes may want more."""

BLENDING_POWER = 4.0
"""β of the semi-adaptive ones."""

ROUNDS = 5
"""Adaptations of the templates of the last two, each followed by a factorisation of its own."""

_LEAST_CORRELATION = 0.5
_LEAST_CHANGE = 1e-3
_LEAST_SUM = 1e-20
_START = 0.1


def nmfd(V: np.ndarray, templates: Templates) -> np.ndarray:
    """Deconvolve with fixed time-frequency templates (Smaragdis 2004; Lindsay-Smith et al. 2012).

    Lindsay-Smith et al. learn the templates from the recordings themselves; here they are given.
    """
    drums = _part(V, templates.W)
    _fit(V, [drums])
    return drums.H


def sanmf(V: np.ndarray, templates: Templates) -> np.ndarray:
    """Factorise with semi-adaptive templates (Dittmar & Gärtner 2014).

    The templates follow the recording more and more: in iteration i of I they are
    α W₀ + (1 - α) W, α = (1 - i / I)^β, W being those of the last iteration after a multiplicative update,
    each with as large a sum as at first.
    """
    initial = templates.single_frames(STROKE_FRAMES)
    drums = _part(V, initial)
    for iteration in range(ITERATIONS):
        drums.update_activations(quotient(V, [drums]))
        updated = _like(initial, drums.updated_templates(quotient(V, [drums])))
        alpha = (1 - (iteration + 1) / ITERATIONS) ** BLENDING_POWER
        drums.W = (alpha * initial + (1 - alpha) * updated).astype(np.float32)
    return drums.H


def pfnmf(V: np.ndarray, templates: Templates) -> np.ndarray:
    """Factorise with fixed drum templates and free ones for all else (Wu & Lerch, ISMIR 2015)."""
    drums, _ = _partially_fixed(V, templates.single_frames(STROKE_FRAMES))
    return drums.H


def am1(V: np.ndarray, templates: Templates) -> np.ndarray:
    """Adapt the drum templates to the free ones that sound with them (Wu & Lerch 2015, method 1).

    After a partially fixed factorisation, a free template j whose activation correlates with that of drum i,
    ρ_ij ≥ 0.5 (the cosine of the two), is taken for a missing part of it:
    W_i ← (1 - α) W_i + α · mean_j ρ_ij W_j with α = 2^-n in round n, free templates brought to the sum of the
    drum's. Rounds end when the divergence changes by less than 0.1 %.
    """
    initial = templates.single_frames(STROKE_FRAMES)
    drums, rest = _partially_fixed(V, initial)
    before = divergence(V, [drums, rest])
    for number in range(1, ROUNDS + 1):
        correlation = _unit(drums.H) @ _unit(rest.H).T
        correlation[correlation < _LEAST_CORRELATION] = 0
        counts = (correlation > 0).sum(axis=1)
        alpha = np.where(counts > 0, 2.0**-number, 0.0).astype(np.float32)
        free = rest.W[0] / np.maximum(rest.W[0].sum(axis=0), np.finfo(np.float32).tiny)
        heard = (free @ correlation.T) / np.maximum(counts, 1)
        adapted = (1 - alpha) * drums.W + alpha * heard * initial.sum(axis=1, keepdims=True)
        drums, rest = _partially_fixed(V, _like(initial, adapted))
        after = divergence(V, [drums, rest])
        if abs(before - after) < _LEAST_CHANGE * before:
            break
        before = after
    return drums.H


def am2(V: np.ndarray, templates: Templates) -> np.ndarray:
    """Adapt the drum templates and their activations in turns (Wu & Lerch 2015, method 2).

    After a partially fixed factorisation each round holds the drums' activations and updates their
    templates, then holds the templates and updates the activations; the free part is updated all the time.
    Rounds end when the divergence changes by less than 0.1 %.
    """
    initial = templates.single_frames(STROKE_FRAMES)
    drums, rest = _partially_fixed(V, initial)
    before = divergence(V, [drums, rest])
    for _ in range(ROUNDS):
        _fit(V, moving=[rest], still=[drums], learning=[drums, rest])
        _fit(V, moving=[drums, rest], learning=[rest])
        after = divergence(V, [drums, rest])
        if abs(before - after) < _LEAST_CHANGE * before:
            break
        before = after
    return drums.H * (drums.W.sum(axis=1) / initial.sum(axis=1)).T


def _partially_fixed(V: np.ndarray, W: np.ndarray) -> tuple[Part, Part]:
    """Return the drums, whose templates W (1, F, K) stay, and the rest, whose templates do not."""
    free = np.random.default_rng(0).uniform(0.5, 1.5, (1, len(V), FREE_TEMPLATES))
    drums, rest = _part(V, W), _part(V, free * W.sum(axis=1).mean() / len(V))
    _fit(V, moving=[drums, rest], learning=[rest])
    return drums, rest


def _part(V: np.ndarray, W: np.ndarray) -> Part:
    return Part(W, np.full((W.shape[2], V.shape[1]), _START, np.float32))


def _fit(
    V: np.ndarray, moving: Sequence[Part], *, still: Sequence[Part] = (), learning: Sequence[Part] = ()
) -> None:
    """Factorise V: update the activations of some parts and the templates of some."""
    parts = [*moving, *still]
    for _ in range(ITERATIONS):
        ratio = quotient(V, parts)
        for part in moving:
            part.update_activations(ratio)
        if learning:
            ratio = quotient(V, parts)
            for part in learning:
                part.W = part.updated_templates(ratio)


def _like(initial: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return templates (P, F, K), each brought to the sum of the initial one, which replaces an empty one."""
    sums = W.sum(axis=(0, 1))
    heard = sums > _LEAST_SUM
    return np.where(heard, W * (initial.sum(axis=(0, 1)) / np.where(heard, sums, 1)), initial)


def _unit(H: np.ndarray) -> np.ndarray:
    """Return activations (K, T), each divided by its norm."""
    norms = np.linalg.norm(H, axis=1, keepdims=True)
    unit: np.ndarray = H / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit
