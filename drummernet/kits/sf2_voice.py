"""A stroke on a zone of a SoundFont: tuning, envelopes, low-pass and level, as the format defines them.

What it leaves out: the two slow oscillators, controllers, effects. As in most synthesizers, an attenuation
that a file states counts as 0.4 of it (that of the chip for which the format was made), and the format's
own darkening of soft strokes is left to the files that ask for it.
"""

from collections import defaultdict

import numpy as np

from drummernet.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from drummernet.errors import InputError
from drummernet.kits.sf2 import SoundFont
from drummernet.kits.sf2_samples import Wave, read_wave
from drummernet.kits.sf2_zones import Gen, Modulator, Zone

RATE_HZ = 44_100
"""What strokes are computed at: the low-pass is defined there, and needs room above what is kept."""
SECONDS = 1.5
"""How long a stroke is held."""

_LOUDNESS = Modulator(0x0502, Gen.ATTENUATION, 960, 0, 0)
"""The format's own rule that the amplitude is the square of the velocity."""
_STATED_ATTENUATION = 0.4
_MOST_CENTIBELS = 1440
_NO_FILTER_CENTS = 13500
_STEP_SAMPLES = 64
"""How often the low-pass follows its envelope."""


def strike(font: SoundFont, zone: Zone, key: int, velocity: int) -> np.ndarray:
    """Return what a zone sounds like, (n,) float64 at 44.1 kHz, the two channels averaged.

    Args:
        font: The file.
        zone: One of its zones.
        key: The MIDI note.
        velocity: The MIDI velocity.

    Raises:
        InputError: if the sample cannot be read, or is tuned beyond all bounds.
    """
    wave, generators = read_wave(font, zone), zone.generators
    key = generators[Gen.KEY] if 0 <= generators[Gen.KEY] < 128 else key
    velocity = generators[Gen.VELOCITY] if 0 < generators[Gen.VELOCITY] < 128 else velocity
    added = _modulation(zone, key, velocity)
    values = {number: amount + added[number] for number, amount in generators.items()}
    centibels = _STATED_ATTENUATION * generators[Gen.ATTENUATION] + added[Gen.ATTENUATION]
    sound = _tuned(wave, values, key, font)
    seconds = np.arange(sound.size) / RATE_HZ
    angle = np.clip(values[Gen.PAN] / 1000 + 0.5, 0, 1) * np.pi / 2
    gain = (
        10 ** (-np.clip(centibels, -_MOST_CENTIBELS, _MOST_CENTIBELS) / 200)
        * (np.cos(angle) + np.sin(angle))
        / 2
    )
    return gain * _low_passed(sound, seconds, values, key) * _volume(seconds, values, key)


def _modulation(zone: Zone, key: int, velocity: int) -> defaultdict[int, float]:
    """Return what velocity and key add to each generator; wheels and pedals rest."""
    rules = {(m.source, m.target, m.by, m.curve): m for m in (_LOUDNESS, *zone.modulators)}
    added: defaultdict[int, float] = defaultdict(float)
    for rule in (*rules.values(), *zone.added):
        by = _controlled(rule.by, key, velocity) if rule.by else 1.0
        added[rule.target] += rule.amount * by * _controlled(rule.source, key, velocity)
    return added


def _controlled(code: int, key: int, velocity: int) -> float:
    """Return the value of a controller by its code: number, direction, polarity and curve."""
    values = {0: 127, 2: velocity, 3: key}
    if code & 0xFF not in values:
        return 0.0
    place = values[code & 0xFF] / 127
    place = 1 - place if code & 0x100 else place
    if code & 0x200:
        return float(np.copysign(_curve(abs(2 * place - 1), code >> 10), 2 * place - 1))
    return _curve(place, code >> 10)


def _curve(place: float, kind: int) -> float:
    """Map 0 … 1 to 0 … 1: straight, 96 dB of amplitude from either end, or a switch."""
    if kind == 1:
        return min(1.0, -40 / 96 * np.log10(max(1 - place, 1e-9)))
    if kind == 2:
        return 1 - min(1.0, -40 / 96 * np.log10(max(place, 1e-9)))
    return float(place >= 0.5) if kind == 3 else place


def _tuned(wave: Wave, values: dict[int, float], key: int, font: SoundFont) -> np.ndarray:
    """Play a sample at its pitch, (n,) float64 at 44.1 kHz."""
    import soxr

    root = values[Gen.ROOT_KEY] if 0 <= values[Gen.ROOT_KEY] < 128 else wave.key
    cents = values[Gen.SCALE_TUNING] * (key - root) + wave.correction_cents
    cents += 100 * values[Gen.COARSE_TUNE] + values[Gen.FINE_TUNE]
    bend = values[Gen.MOD_ENV_TO_PITCH]
    rate = wave.rate * 2.0 ** (np.clip(cents + max(bend, 0), -12000, 12000) / 1200)
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise InputError(font.path, "tuning", f"note {key} plays a sample of {wave.rate} Hz at {rate:.0f} Hz")
    needed = round(SECONDS * rate)
    low, high = wave.loop
    samples = wave.samples[:needed]
    if int(values[Gen.SAMPLE_MODES]) & 1 and 0 <= low < high <= wave.samples.size:
        places = np.arange(needed)
        samples = wave.samples[np.where(places < high, places, low + (places - low) % (high - low))]
    if not bend:
        return soxr.resample(samples.astype(np.float64), rate, RATE_HZ, quality="HQ")
    # Resampled at its highest pitch and four times too finely, it is read more slowly where it is lower.
    fine = soxr.resample(samples.astype(np.float64), rate, 4 * RATE_HZ, quality="HQ")
    seconds = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    speeds = 2.0 ** ((bend * _mod_envelope(seconds, values, key) - max(bend, 0)) / 1200)
    places = 4 * (np.cumsum(speeds) - speeds)
    return np.interp(places[places <= fine.size - 1], np.arange(fine.size), fine)


def _low_passed(sound: np.ndarray, seconds: np.ndarray, values: dict[int, float], key: int) -> np.ndarray:
    """Apply the zone's resonant low-pass, whose cutoff may follow the modulation envelope."""
    from scipy.signal import lfilter

    depth, resonance = values[Gen.MOD_ENV_TO_CUTOFF], max(values[Gen.FILTER_Q], 0) / 10
    step = _STEP_SAMPLES if depth else max(sound.size, 1)
    cents = values[Gen.FILTER_CUTOFF] + depth * _mod_envelope(seconds[::step], values, key)
    if not resonance and (cents >= _NO_FILTER_CENTS).all():
        return sound
    cutoffs = np.minimum(8.176 * 2.0 ** (np.clip(cents, 1500, _NO_FILTER_CENTS) / 1200), 0.45 * RATE_HZ)
    filtered, state = np.empty_like(sound), np.zeros(2)
    for index, cutoff in enumerate(cutoffs):
        part = slice(index * step, (index + 1) * step)
        filtered[part], state = lfilter(*_coefficients(cutoff, resonance), sound[part], zi=state)
    return filtered


def _coefficients(cutoff_hz: float, resonance_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a second-order low-pass whose peak is so far above its flank."""
    angle = 2 * np.pi * cutoff_hz / RATE_HZ
    alpha = np.sin(angle) / (2 * 10 ** ((resonance_db - 3.01) / 20))
    flank = (1 - np.cos(angle)) / 2 * 10 ** (-resonance_db / 40)
    return np.array([flank, 2 * flank, flank]), np.array([1 + alpha, -2 * np.cos(angle), 1 - alpha])


def _seconds(timecents: float) -> float:
    # The shortest time there is stands for none.
    return 0.0 if timecents <= -12000 else float(2.0 ** (min(timecents, 8000) / 1200))


def _volume(seconds: np.ndarray, values: dict[int, float], key: int) -> np.ndarray:
    """Return the volume envelope of a held key: it rises evenly, and falls evenly in dB, 100 in its time."""
    hold = values[Gen.VOL_HOLD] + values[Gen.KEY_TO_VOL_HOLD] * (60 - key)
    decay = values[Gen.VOL_DECAY] + values[Gen.KEY_TO_VOL_DECAY] * (60 - key)
    rising, falling = _envelope(seconds, (values[Gen.VOL_DELAY], values[Gen.VOL_ATTACK], hold, decay))
    decibels = np.minimum(100 * falling, np.clip(values[Gen.VOL_SUSTAIN], 0, 1000) / 10)
    return rising * 10 ** (-decibels / 20)


def _mod_envelope(seconds: np.ndarray, values: dict[int, float], key: int) -> np.ndarray:
    """Return the modulation envelope of a held key, 0 … 1."""
    hold = values[Gen.MOD_HOLD] + values[Gen.KEY_TO_MOD_HOLD] * (60 - key)
    decay = values[Gen.MOD_DECAY] + values[Gen.KEY_TO_MOD_DECAY] * (60 - key)
    rising, falling = _envelope(seconds, (values[Gen.MOD_DELAY], values[Gen.MOD_ATTACK], hold, decay))
    return rising - np.minimum(falling, np.clip(values[Gen.MOD_SUSTAIN], 0, 1000) / 1000)


def _envelope(
    seconds: np.ndarray, timecents: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far an envelope has risen and how far it has fallen, each 0 … 1, by its times."""
    delay, attack, hold, decay = map(_seconds, timecents)
    tiny = 1e-9
    rising = np.clip((seconds - delay) / max(attack, tiny) + (attack == 0), 0, 1) * (seconds >= delay)
    falling = np.clip((seconds - delay - attack - hold) / max(decay, tiny), 0, 1)
    return rising, falling
