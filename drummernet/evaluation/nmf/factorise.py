"""The factorisation: a spectrogram as a sum of templates, each started whenever its activation says so.

The model is Smaragdis' (2004) convolutive one,

    V[f, t] ≈ Λ[f, t] = ε + Σ_k Σ_p W[p, f, k] · H[k, t - p],

which with templates of one frame (P = 1) is plain NMF (Lee & Seung 2001). What is made small is the
generalised Kullback-Leibler divergence D(V | Λ) = Σ V log(V / Λ) - V + Λ, by multiplicative updates, under
which it never grows:

    H[k, t] ← H[k, t] · Σ_pf W[p, f, k] (V / Λ)[f, t + p] / Σ_pf W[p, f, k]
    W[p, f, k] ← W[p, f, k] · Σ_t H[k, t - p] (V / Λ)[f, t] / Σ_t H[k, t - p]

The sums of the first denominator go only as far as the spectrogram does. Templates and activations of all
kinds are called W and H in this package, as they are everywhere in this field.
"""

from collections.abc import Sequence

import numpy as np

FLOOR = np.float32(1e-6)
"""ε: more than 120 dB below a sine of amplitude 1. It keeps the quotients finite where nothing sounds."""

_LEAST = np.float32(1e-9)
"""Of an activation: below it, float32 would become denormal, and slow, after many updates."""


class Part:
    """Templates with their activations: one of the terms that a spectrogram is the sum of.

    Args:
        W: (P, F, K) templates, not negative.
        H: (K, T) activations, not negative.

    Attributes:
        W: The templates.
        H: The activations.
    """

    def __init__(self, W: np.ndarray, H: np.ndarray) -> None:
        self.W = W.astype(np.float32)
        self.H = H.astype(np.float32)

    def model(self) -> np.ndarray:
        """Return this part of Λ, (F, T)."""
        return _rows(self.W) @ _delayed(self.H, len(self.W))

    def update_activations(self, quotient: np.ndarray) -> None:
        """Update H by the quotient V / Λ (F, T)."""
        found = _advanced(_rows(self.W).T @ quotient, len(self.W))
        possible = _within(self.W.sum(axis=1), quotient.shape[1])
        self.H = np.maximum(self.H * found / np.maximum(possible, _LEAST), _LEAST)

    def updated_templates(self, quotient: np.ndarray) -> np.ndarray:
        """Return W updated by the quotient V / Λ (F, T); this part stays as it is."""
        P, F, K = self.W.shape
        delayed = _delayed(self.H, P)
        factors = (quotient @ delayed.T) / np.maximum(delayed.sum(axis=1), _LEAST)
        return self.W * factors.reshape(F, P, K).transpose(1, 0, 2)


def quotient(V: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
    """Return V / Λ, (F, T), for a spectrogram V and the parts that Λ is the sum of."""
    return V / model(parts)


def model(parts: Sequence[Part]) -> np.ndarray:
    """Return Λ, (F, T)."""
    total = parts[0].model()
    for part in parts[1:]:
        total += part.model()
    total += FLOOR
    return total


def divergence(V: np.ndarray, parts: Sequence[Part]) -> float:
    """Return D(V | Λ), not negative."""
    approximation = model(parts).astype(np.float64)
    logs = np.log(np.maximum(V, np.finfo(np.float32).tiny) / approximation)
    return float((np.where(V > 0, V * logs, 0) - V + approximation).sum())


def _rows(W: np.ndarray) -> np.ndarray:
    """Return templates (P, F, K) as one matrix (F, P · K)."""
    return W.transpose(1, 0, 2).reshape(W.shape[1], -1)


def _delayed(H: np.ndarray, P: int) -> np.ndarray:
    """Return activations (K, T) delayed by 0 to P - 1 steps, (P · K, T)."""
    K, T = H.shape
    if P == 1:
        return H
    delayed = np.zeros((P, K, T), np.float32)
    for p in range(min(P, T)):
        delayed[p, :, p:] = H[:, : T - p]
    return delayed.reshape(P * K, T)


def _advanced(values: np.ndarray, P: int) -> np.ndarray:
    """Return the sum (K, T) of values (P · K, T), those of the p-th frame p steps earlier."""
    T = values.shape[1]
    frames = values.reshape(P, -1, T)
    total = frames[0].copy()
    for p in range(1, min(P, T)):
        total[:, : T - p] += frames[p, :, p:]
    return total


def _within(sums: np.ndarray, T: int) -> np.ndarray:
    """Return Σ_p sums[p] (P, K) as far as frame t + p lies before T, (K, T)."""
    reach = np.cumsum(sums, axis=0)
    frames = np.minimum(np.arange(T)[::-1], len(sums) - 1)
    return reach[frames].T
