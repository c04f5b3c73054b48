"""Voices with a skin: kick drums, toms, snare drums; and the knock of a stick on a rim.

Layers of a voice are brought to a peak of 1 before they are mixed, so a level is the peak of its layer
relative to that of the voice's main one. Decays are times to -60 dB. Ranges stand in the fields.
"""

from dataclasses import dataclass

import numpy as np

from drummernet.kits.fields import ranged
from drummernet.kits.sound import (
    NOISE_HZ,
    SECONDS,
    TOP_HZ,
    band,
    damped_sinusoids,
    decay,
    high_pass,
    noise,
    unit_peak,
)

_MEMBRANE_RATIOS = np.array([1.0, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501])
"""Modes of an ideal circular membrane, relative to the lowest: zeros of Bessel functions over 2.405."""


@dataclass(frozen=True, kw_only=True)
class Membrane:
    """Kick drums and toms: the modes of a struck skin whose pitch falls, and the beater's click.

    Attributes:
        frequency_hz: The lowest mode once the pitch has settled.
        sweep: How far above that the pitch starts, as a fraction: 1 is an octave.
        sweep_seconds: Time constant of the fall of the pitch.
        decay_seconds: Decay of the lowest mode.
        overtones: Level of the second mode relative to the lowest; higher modes are weaker.
        damping: How much faster overtones decay: mode of ratio r by 1 + damping · (r − 1).
        click: Level of the click relative to the skin.
        click_hz: Where the click's spectrum is centred; it is two octaves wide.
        click_seconds: Decay of the click.
    """

    frequency_hz: float = ranged(25, 400)
    sweep: float = ranged(0, 4, 0)
    sweep_seconds: float = ranged(0.002, 0.3, 0.03)
    decay_seconds: float = ranged(0.03, 3)
    overtones: float = ranged(0, 1.5, 0.3)
    damping: float = ranged(0, 6, 1)
    click: float = ranged(0, 2, 0)
    click_hz: float = ranged(200, 7000, 2500)
    click_seconds: float = ranged(0.003, 0.1, 0.015)

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Return (VOICE_SAMPLES,); ``rng`` scatters the overtones and draws the click."""
        click = noise(rng, band(NOISE_HZ, self.click_hz, 2)) * decay(self.click_seconds)
        return self._skin(rng) + self.click * unit_peak(click)

    def _skin(self, rng: np.random.Generator) -> np.ndarray:
        count = _MEMBRANE_RATIOS.size - 1
        ratios = _MEMBRANE_RATIOS * np.concatenate([[1.0], rng.uniform(0.96, 1.04, count)])
        weaker = self.overtones / np.arange(1, count + 1) * rng.uniform(0.5, 1.5, count)
        levels = np.concatenate([[1.0], weaker])
        settling = self.sweep * self.sweep_seconds * -np.expm1(-SECONDS / self.sweep_seconds)
        cycles = self.frequency_hz * ratios[:, None] * (SECONDS + settling)
        envelopes = decay(self.decay_seconds) ** (1 + self.damping * (ratios[:, None] - 1))
        return unit_peak(levels @ (np.sin(2 * np.pi * cycles) * envelopes))


@dataclass(frozen=True, kw_only=True)
class Snare(Membrane):
    """A membrane over wires: band-passed noise with its own decay, and the snap of the stick.

    Attributes:
        wires: Level of the wires relative to the skin.
        wires_hz: Centre of the wires' band.
        wires_octaves: Width of that band.
        wires_decay_seconds: Decay of the wires.
        snap: Level of a short burst above 2 kHz relative to the skin.
    """

    wires: float = ranged(0, 4)
    wires_hz: float = ranged(800, 7000)
    wires_octaves: float = ranged(0.5, 5)
    wires_decay_seconds: float = ranged(0.03, 2)
    snap: float = ranged(0, 3, 0.3)

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Return (VOICE_SAMPLES,); ``rng`` scatters the overtones and draws the noises."""
        struck = super().render(rng)
        wires = noise(rng, band(NOISE_HZ, self.wires_hz, self.wires_octaves))
        snap = noise(rng, high_pass(NOISE_HZ, 2000)) * decay(0.02)
        rattling = unit_peak(wires * decay(self.wires_decay_seconds))
        return struck + self.wires * rattling + self.snap * unit_peak(snap)


@dataclass(frozen=True, kw_only=True)
class Knock:
    """A side stick: a stick that lies on the skin strikes the rim, and wood, hoop and shell answer.

    Attributes:
        frequency_hz: The lowest mode.
        modes: How many modes there are.
        octaves: Over how much the others are strewn above the lowest, below 7.9 kHz.
        decay_seconds: Decay of the lowest mode.
        damping: How much faster higher modes decay: by (f / frequency_hz)^damping.
        click: Level of the sticks' click relative to the modes.
        click_hz: Where the click's spectrum is centred; it is two octaves wide.
        click_seconds: Decay of the click.
    """

    frequency_hz: float = ranged(100, 3000)
    modes: int = ranged(2, 16, 5)
    octaves: float = ranged(0.5, 5, 3)
    decay_seconds: float = ranged(0.02, 1)
    damping: float = ranged(0, 2, 0.3)
    click: float = ranged(0, 4, 0.5)
    click_hz: float = ranged(200, 7000, 3000)
    click_seconds: float = ranged(0.003, 0.1, 0.015)

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Return (VOICE_SAMPLES,); ``rng`` strews the modes and draws the click."""
        above = np.concatenate([[0.0], rng.uniform(0, self.octaves, self.modes - 1)])
        frequencies = np.minimum(self.frequency_hz * 2**above, TOP_HZ)
        decays = self.decay_seconds * (frequencies / self.frequency_hz) ** -self.damping
        phases = rng.uniform(0, 2 * np.pi, self.modes)
        modes = damped_sinusoids(frequencies, decays, rng.rayleigh(1, self.modes), phases)
        click = noise(rng, band(NOISE_HZ, self.click_hz, 2)) * decay(self.click_seconds)
        return unit_peak(modes) + self.click * unit_peak(click)
