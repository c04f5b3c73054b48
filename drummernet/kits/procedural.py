"""Kits that are parameters: each voice in the kit's room, through its equaliser and saturation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.cymbals import Jingles, Metal, Squares
from drummernet.kits.drums import Knock, Membrane, Snare
from drummernet.kits.fields import check_choice, check_keys, check_mapping, parse, ranged
from drummernet.kits.kit import Sounds, single
from drummernet.kits.sound import LN_60_DB, SECONDS, VOICE_SAMPLES, bins_hz, low_pass, saturate, tilt

VOICES: dict[str, type[Membrane | Knock | Metal | Squares | Jingles]] = {
    "membrane": Membrane,
    "snare": Snare,
    "knock": Knock,
    "metal": Metal,
    "squares": Squares,
    "jingles": Jingles,
}
"""The voices by the ``type`` that a manifest names."""

_FFT_SAMPLES = 36_000
"""At least 2 · VOICE_SAMPLES, so that the room does not wrap around."""

_EARLY_SECONDS = 0.03
_ROOM_STREAM = len(WIDER_COMPONENTS)
"""The room's random numbers come after those of the components."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """A room: a few early reflections, then noise that decays.

    Attributes:
        wet: Norm of the room's response relative to the direct sound; 0 is none.
        decay_seconds: Time to −60 dB.
        lowpass_hz: Corner above which the room swallows sound.
        predelay_seconds: When the first reflection arrives.
    """

    wet: float = ranged(0, 2)
    decay_seconds: float = ranged(0.05, 3)
    lowpass_hz: float = ranged(500, 8000, 4000)
    predelay_seconds: float = ranged(0, 0.03, 0.004)

    def response(self, rng: np.random.Generator) -> np.ndarray:
        """Return the spectrum of the room with the direct sound, (_FFT_SAMPLES // 2 + 1,)."""
        tail = rng.standard_normal(VOICE_SAMPLES) * np.exp(-LN_60_DB / self.decay_seconds * SECONDS)
        early = rng.integers(0, round(_EARLY_SECONDS * SAMPLE_RATE), 8)
        tail[early] += 6 * rng.choice([-1.0, 1.0], 8) * np.exp(-early / early.max())
        delay = round(self.predelay_seconds * SAMPLE_RATE)
        late = np.concatenate([np.zeros(delay), tail[: VOICE_SAMPLES - delay]])
        late *= self.wet / np.linalg.norm(late)
        return 1 + np.fft.rfft(late, _FFT_SAMPLES) * low_pass(bins_hz(_FFT_SAMPLES), self.lowpass_hz)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What all voices of a kit go through.

    Attributes:
        seed: Of the kit's random numbers; no two packaged kits share one.
        drive: Saturation, see :func:`drummernet.kits.sound.saturate`.
        tilt_db_per_octave: Slope of the equaliser.
    """

    seed: int = ranged(0, 2**31)
    drive: float = ranged(0, 4, 0)
    tilt_db_per_octave: float = ranged(-6, 6, 0)


def procedural_sounds(source: Mapping[str, Any], where: Path) -> Sounds:
    """Synthesise the sounds of a ``procedural`` source; equal sources give equal sounds.

    Args:
        source: ``seed``, ``voices`` (component to ``{type: …}`` and the fields of that voice) and
            optionally ``room``, ``drive`` and ``tilt_db_per_octave``.
        where: The manifest, for messages.

    Returns:
        For each component one sound, (VOICE_SAMPLES,) float64 at 16 kHz.

    Raises:
        InputError: for an unknown or missing key, a value of another type or out of range.
    """
    settings = dict(source)
    voices = check_mapping(settings.pop("voices", None), where, "source.voices")
    room = parse(Room, settings.pop("room", {"wet": 0, "decay_seconds": 1}), where, "source.room")
    desk = parse(Desk, settings, where, "source")
    response = room.response(np.random.default_rng([desk.seed, _ROOM_STREAM]))
    response = response * tilt(bins_hz(_FFT_SAMPLES), desk.tilt_db_per_octave)
    sounds = {}
    for component, entry in voices.items():
        field = f"source.voices.{component}"
        check_choice(component, WIDER_COMPONENTS, where, "source.voices")
        parameters = check_keys(entry, ["type"], entry, where, field)
        kind = VOICES[check_choice(parameters.pop("type"), VOICES, where, f"{field}.type")]
        rng = np.random.default_rng([desk.seed, WIDER_COMPONENTS.index(component)])
        dry = parse(kind, parameters, where, field).render(rng)
        heard = np.fft.irfft(np.fft.rfft(dry, _FFT_SAMPLES) * response, _FFT_SAMPLES)[:VOICE_SAMPLES]
        sounds[component] = saturate(heard, desk.drive)
    if not sounds:
        raise InputError(where, "source.voices", "is empty")
    return single(sounds)
