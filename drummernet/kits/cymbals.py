"""Voices of metal: hi-hats, cymbals, jingles.

Layers of a voice are brought to a peak of 1 before they are mixed, so a level is the peak of its layer
relative to that of the voice's main one. Decays are times to -60 dB. Ranges stand in the fields.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from drummernet.kits.fields import ranged
from drummernet.kits.sound import (
    NOISE_HZ,
    SECONDS,
    TOP_HZ,
    VOICE_SAMPLES,
    damped_sinusoids,
    decay,
    high_pass,
    low_pass,
    noise,
    unit_peak,
)


@dataclass(frozen=True, kw_only=True)
class Cymbal(ABC):
    """Hi-hats and cymbals: a wash of inharmonic partials and noise, a stick and a ping.

    Attributes:
        low_hz: The lowest partial, and the corner of the noise's high-pass.
        slope_db_per_octave: Slope of the partials' and the noise's spectrum.
        decay_seconds: Decay of the wash at 4 kHz.
        damping: How much faster high partials decay: by (f / 4 kHz)^damping.
        noise: Level of noise in the wash relative to the partials.
        surge: How much louder the wash begins than it goes on: 1 is twice as loud.
        surge_seconds: Decay of that excess.
        bloom_seconds: Time constant with which the wash rises after the stroke; 0 is at once.
        stick: Level of the stick's own short noise, from low_hz / 4 up, relative to the wash.
        stick_seconds: Decay of the stick.
        ping: Level of a few tones that stand out, relative to the wash.
        ping_hz: Where these tones lie, within half an octave to each side.
        ping_decay_seconds: Decay of the tones.
        body: Level of a few low tones, the modes in which the whole plate sways, relative to the wash.
        body_hz: Where they lie, within half an octave to each side.
        body_decay_seconds: Their decay.
    """

    low_hz: float = ranged(200, 6500)
    slope_db_per_octave: float = ranged(-12, 12, 0)
    decay_seconds: float = ranged(0.015, 8)
    damping: float = ranged(0, 2, 0.4)
    noise: float = ranged(0, 4, 0.5)
    surge: float = ranged(0, 12, 0)
    surge_seconds: float = ranged(0.03, 2, 0.3)
    bloom_seconds: float = ranged(0, 0.015, 0)
    stick: float = ranged(0, 4, 0)
    stick_seconds: float = ranged(0.004, 0.06, 0.015)
    ping: float = ranged(0, 8, 0)
    ping_hz: float = ranged(800, 5500, 3500)
    ping_decay_seconds: float = ranged(0.05, 4, 0.6)
    body: float = ranged(0, 4, 0)
    body_hz: float = ranged(100, 1500, 500)
    body_decay_seconds: float = ranged(0.02, 4, 0.3)

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Return (VOICE_SAMPLES,); ``rng`` draws partials, phases and noises."""
        frequencies, amplitudes = self._spectrum(rng)
        decays = self.decay_seconds * (frequencies / 4000) ** -self.damping
        phases = rng.uniform(0, 2 * np.pi, frequencies.size)
        tones = unit_peak(damped_sinusoids(frequencies, decays, amplitudes, phases))
        gain = high_pass(NOISE_HZ, self.low_hz) * self._slope(NOISE_HZ)
        hiss = unit_peak(noise(rng, gain) * decay(self.decay_seconds))
        wash = (tones + self.noise * hiss) * (1 + self.surge * decay(self.surge_seconds))
        if self.bloom_seconds > 0:
            wash = wash * -np.expm1(-SECONDS / self.bloom_seconds)
        wood = noise(rng, high_pass(NOISE_HZ, self.low_hz / 4)) * decay(self.stick_seconds)
        struck = unit_peak(wash) + self.stick * unit_peak(wood)
        struck += self.ping * _tones(self.ping_hz, self.ping_decay_seconds, rng)
        return struck + self.body * _tones(self.body_hz, self.body_decay_seconds, rng)

    def _slope(self, frequencies_hz: np.ndarray) -> np.ndarray:
        return 10 ** (self.slope_db_per_octave / 20 * np.log2(np.maximum(frequencies_hz, 100.0) / 4000))

    @abstractmethod
    def _spectrum(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the partials' frequencies, below 7.9 kHz, and amplitudes, each (P,)."""


@dataclass(frozen=True, kw_only=True)
class Metal(Cymbal):
    """Cymbals of bronze: the partials are spread as evenly as the modes of a plate.

    Attributes:
        partials: How many partials there are from ``low_hz`` to 7.9 kHz.
    """

    partials: int = ranged(10, 400, 120)

    def _spectrum(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        places = (np.arange(self.partials) + rng.uniform(0, 1, self.partials)) / self.partials
        frequencies = self.low_hz + (TOP_HZ - self.low_hz) * places
        return frequencies, rng.rayleigh(1, self.partials) * self._slope(frequencies)


@dataclass(frozen=True, kw_only=True)
class Squares(Cymbal):
    """Cymbals of analogue machines: six detuned square waves through a high-pass.

    Attributes:
        root_hz: The lowest square wave; the others lie within two octaves above it.
    """

    root_hz: float = ranged(100, 900)

    def _spectrum(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        roots = self.root_hz * 2 ** (2 * (np.arange(6) + rng.uniform(-0.4, 0.4, 6) * (np.arange(6) > 0)) / 6)
        odd = np.arange(1, TOP_HZ / self.root_hz, 2)
        frequencies = np.outer(roots, odd).ravel()
        amplitudes = np.tile(1 / odd, roots.size) * high_pass(frequencies, self.low_hz)
        heard = frequencies < TOP_HZ
        return frequencies[heard], (amplitudes * self._slope(frequencies))[heard]


def _tones(around_hz: float, decay_seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return five tones within half an octave of ``around_hz`` and about as long as ``decay_seconds``."""
    count = 5
    frequencies = np.minimum(around_hz * 2 ** rng.uniform(-0.5, 0.5, count), TOP_HZ)
    decays = decay_seconds * rng.uniform(0.6, 1.4, count)
    phases = rng.uniform(0, 2 * np.pi, count)
    return unit_peak(damped_sinusoids(frequencies, decays, rng.uniform(0.4, 1, count), phases))


@dataclass(frozen=True, kw_only=True)
class Jingles:
    """A tambourine: pairs of small plates that collide one after the other.

    Attributes:
        low_hz: The lowest partial; the highest is at 7.9 kHz.
        jingles: How many pairs.
        rattle_seconds: Time over which they collide, each later one more softly.
        decay_seconds: Decay of one jingle.
        stick: Level of the hand's noise relative to the jingles.
    """

    low_hz: float = ranged(2000, 7000)
    jingles: int = ranged(2, 24)
    rattle_seconds: float = ranged(0, 0.15)
    decay_seconds: float = ranged(0.03, 1)
    stick: float = ranged(0, 2, 0.2)

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Return (VOICE_SAMPLES,); ``rng`` draws collisions, partials and the hand's noise."""
        rattling = np.zeros(VOICE_SAMPLES)
        for index in range(self.jingles):
            late = index / self.jingles
            start = np.searchsorted(SECONDS, self.rattle_seconds * late * rng.uniform(0.8, 1.0))
            frequencies = rng.uniform(self.low_hz, TOP_HZ, 6)
            decays = self.decay_seconds * rng.uniform(0.5, 1.5, 6)
            amplitudes = rng.rayleigh(np.exp(-3 * late), 6)
            burst = damped_sinusoids(frequencies, decays, amplitudes, rng.uniform(0, 2 * np.pi, 6))
            rattling[start:] += burst[: VOICE_SAMPLES - start]
        hand = noise(rng, low_pass(NOISE_HZ, 4000)) * decay(0.02)
        return unit_peak(rattling) + self.stick * unit_peak(hand)
