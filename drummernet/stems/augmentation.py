"""Augmentation: the same hits from other drums, in another room, through other equipment.

The kit is augmented before it is played (:mod:`drummernet.kits.augmentation`), by a drummer of more or less
even strokes; equaliser, room, compressor, saturation,
noise and gain work on the mix, in this order. The ranges of equaliser and room are those of
:mod:`drummernet.kits.filters`. None of all these moves an onset.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from drummernet.errors import InputError
from drummernet.kits.augmentation import KitAugmentation, check_strength
from drummernet.kits.filters import amplitude, convolved, drawn, equalised, equaliser, low_pass, room_tail
from drummernet.stems.compression import Compressor

DRIVE = (0.5, 2.5)
"""How far the peak reaches into the tanh; at 2.5 soft sounds gain 8 dB on the peak."""

VELOCITY_POWER = 2.0
"""The amplitude of a stroke is its velocity to this power (the curve of the MIDI and DLS standards)."""

EVEN_VELOCITY_POWERS = (0.8, 2.0)
"""The powers of more even playing, or of a compressor: recordings are flatter than the standards'."""

NOISE_DB = (-70.0, -45.0)
"""RMS of the noise relative to the peak of the mix."""

NOISE_LOWPASS_HZ = (100.0, 8000.0)
"""Above it (first order) the noise falls by 6 dB per octave."""

GAIN_DB = (-12.0, 0.0)
"""Peak of the result relative to that of the mix."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often each part is applied; how strongly is drawn from the ranges of this module.

    Attributes:
        kit: Of the kit, without a room as it comes, for the mix has one.
        equaliser: The probability, from 0 (never) to 1 (always), of the equaliser.
        room: Of the room.
        saturation: Of the saturation.
        noise: Of the noise.
        gain: Of a lower level.
        dynamics: Of smaller contrasts between soft and loud strokes.
        compression: Of a compressor; see :mod:`drummernet.stems.compression`.
        strength: Factor of the equaliser's gains and of the saturation's drive.
    """

    kit: KitAugmentation = field(default_factory=lambda: KitAugmentation(room=0.0))
    equaliser: float = 0.7
    room: float = 0.5
    saturation: float = 0.3
    noise: float = 0.3
    gain: float = 1.0
    dynamics: float = 0.0
    compression: float = 0.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_strength(self.strength, "augmentation")
        for part in fields(self)[1:-1]:
            probability = getattr(self, part.name)
            if not 0 <= probability <= 1:
                raise InputError("augmentation", part.name, f"{probability} is not in [0, 1]")

    def velocity_power(self, rng: np.random.Generator) -> float:
        """Draw the power of the velocity that is a stroke's amplitude."""
        if self.dynamics and rng.random() < self.dynamics:
            return float(rng.uniform(*EVEN_VELOCITY_POWERS))
        return VELOCITY_POWER

    def __call__(self, audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the mix as other equipment hears it: a pure function of the audio and the state of rng.

        Args:
            audio: (N,) float32 at 16 kHz; silence stays as it is.
            rng: Draws which parts are applied, and how.

        Returns:
            (N,) float32, its peak at most that of ``audio``.
        """
        peak = _peak(audio)
        if peak == 0:
            return audio
        if rng.random() < self.equaliser:
            audio = equalised(audio, equaliser(rng, self.strength))
        if rng.random() < self.room:
            audio = audio + convolved(audio, room_tail(rng))
        if self.compression and rng.random() < self.compression:
            audio = Compressor.draw(rng)(audio)
        if rng.random() < self.saturation:
            audio = saturate(audio, self.strength * rng.uniform(*DRIVE))
        if rng.random() < self.noise:
            audio = audio + coloured_noise(len(audio), rng) * np.float32(_peak(audio))
        gain_db = rng.uniform(*GAIN_DB) if rng.random() < self.gain else 0.0
        return audio * np.float32(amplitude(gain_db) * peak / _peak(audio))


def saturate(audio: np.ndarray, drive: float) -> np.ndarray:
    """Return peak · tanh(drive · x / peak) / tanh(drive) of audio (N,), which keeps the peak."""
    peak = _peak(audio)
    saturated: np.ndarray = np.tanh(audio * np.float32(drive / peak))
    saturated *= np.float32(peak / np.tanh(drive))
    return saturated


def coloured_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise (samples,) float32 of a colour and a level (RMS, ``NOISE_DB``) drawn at random."""
    from scipy.signal import lfilter

    noise: np.ndarray = lfilter(
        *low_pass(drawn(NOISE_LOWPASS_HZ, rng)), rng.standard_normal(samples, np.float32)
    )
    noise *= np.float32(amplitude(rng.uniform(*NOISE_DB)) / np.sqrt(np.mean(np.square(noise))))
    return noise


def _peak(audio: np.ndarray) -> float:
    return max(float(audio.max(initial=0.0)), -float(audio.min(initial=0.0)))
