"""A drum kit, and what every one-shot is brought to: its onset first, at most 1 s, norm 10."""

from dataclasses import dataclass

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError

GROUPS = ("stems", "synthesizer", "test")
"""What a kit may be used for, so that no kit is heard on both sides: to render training stems, inside
the synthesizer, or to render stems for tests."""

ONE_SHOT_SECONDS = 1.0
"""The longest one-shot."""

NORM = 10.0
"""The Euclidean norm of every one-shot (reference: the release's gain 10/‖h‖₂)."""

MIX_LEVELS_DB = {
    "KD": -3.0,
    "SD": -3.0,
    "CHH": -16.0,
    "OHH": -14.0,
    "PHH": -20.0,
    "HIT": -6.0,
    "MHT": -6.0,
    "HFT": -6.0,
    "RDC": -15.0,
    "CRC": -9.0,
    "TMB": -16.0,
    "LFT": -6.0,
    "RDB": -12.0,
    "CHC": -9.0,
    "SPC": -11.0,
    "SST": -9.0,
}
"""Peak level in dBFS of a hit of velocity 1 in a mix, where the manifest does not say otherwise."""

_ONSET_DB = -30.0
_SILENCE_DB = -80.0
_FADE_SECONDS = 0.015


@dataclass(frozen=True)
class Kit:
    """One-shots that belong together.

    Attributes:
        name: The stem of its manifest.
        family: Kits that sound alike: ``"rock"``, ``"jazz"``, ``"electronic"``, ``"dry"``, ``"roomy"``, ….
        group: One of ``GROUPS``.
        licence: An SPDX identifier.
        attribution: Whom the licence asks to name, or empty.
        one_shots: Component to (L,) float32 at 16 kHz, as :func:`one_shot` leaves it.
        mix_level_db: For each of those components, the peak in dBFS of a hit of velocity 1 in a mix.
    """

    name: str
    family: str
    group: str
    licence: str
    attribution: str
    one_shots: dict[str, np.ndarray]
    mix_level_db: dict[str, float]


def one_shot(samples: np.ndarray, where: object, field: str, seconds: float = ONE_SHOT_SECONDS) -> np.ndarray:
    """Cut a sound to its one-shot.

    It begins with its onset, the first sample above −30 dB of the peak; what lasts longer than
    ``seconds`` is cut with a fade of 15 ms; its norm is 10.

    Args:
        samples: (N,) at 16 kHz, at any level above −80 dBFS.
        where: The file to blame.
        field: The entry of that file to blame.
        seconds: The longest result, longer than the fade.

    Returns:
        (L,) float32 with L ≤ ``seconds`` · 16,000.

    Raises:
        InputError: if the sound is empty, silent or not finite.
    """
    if not np.isfinite(samples).all():
        raise InputError(where, field, "has samples that are not finite")
    magnitude = np.abs(samples)
    peak = magnitude.max(initial=0.0)
    if peak < 10 ** (_SILENCE_DB / 20):
        raise InputError(where, field, f"is silent: its peak is {peak:.2g}")
    onset = int(np.argmax(magnitude > peak * 10 ** (_ONSET_DB / 20)))
    longest = round(seconds * SAMPLE_RATE)
    cut = samples[onset : onset + longest].astype(np.float64)
    if samples.size - onset > longest:
        fade = round(_FADE_SECONDS * SAMPLE_RATE)
        cut[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return (cut * (NORM / np.linalg.norm(cut))).astype(np.float32)
