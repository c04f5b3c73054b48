"""Kit augmentation: the same kit with other heads, other sticks, another microphone, in another room.

Each component gets a change of its own, the same for all its layers and takes; the room is one for the kit.
The parts are applied in this order: rattle, decay and balance (one envelope), tuning, equaliser, room.
Onsets stay the first samples and the loudest sound's norm stays 10, as of every kit; so the gain is one of
the component's level in the mix, which the renderer and a synthesizer of the level ``"mix"`` heed.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.completeness import resampled
from drummernet.kits.filters import convolved, drawn, equalised, equaliser, room_tail
from drummernet.kits.kit import ONE_SHOT_SECONDS, Kit, Layer, normalised
from drummernet.kits.rattle import rattle, shaken

GAIN_DB = (-4.0, 4.0)
"""Of the level in the mix."""

DECAY_FACTOR = (0.6, 1.5)
"""Of the time in which a sound dies away; drawn over the logarithm."""

TUNING_SEMITONES = (-2.0, 2.0)
"""A sound is resampled, so it becomes longer or shorter with it."""

BALANCE_DB = (-6.0, 6.0)
"""Level of the transient, the first 30 ms, relative to the tail. The ranges of equaliser and room are those
of :mod:`drummernet.kits.filters`."""

TRANSIENT_SECONDS = 0.03

_MOST_STRENGTH = 3
_CROSSFADE_SECONDS = 0.01
_FRAME_SAMPLES = 160
_AUDIBLE_DB = 40.0
_SECONDS = np.arange(round(ONE_SHOT_SECONDS * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
_TAIL = np.clip((_SECONDS - TRANSIENT_SECONDS) / _CROSSFADE_SECONDS + 0.5, 0, 1).astype(np.float32)
"""0 in the transient, 1 in the tail."""


@dataclass(frozen=True, eq=False)
class Change:
    """What is done to the sounds of one component.

    Attributes:
        gain_db: Of its level in the mix.
        decay: Factor of its decay time.
        balance_db: Level of the transient relative to the tail.
        semitones: By which it is tuned.
        sections: Equaliser, (S, 6) float32, or None.
        room: The room's answer to an impulse, (T,) float32, or None.
    """

    gain_db: float = 0.0
    decay: float = 1.0
    balance_db: float = 0.0
    semitones: float = 0.0
    sections: np.ndarray | None = None
    room: np.ndarray | None = None

    def envelope(self, sound: np.ndarray) -> np.ndarray:
        """Return factors (16000,) float32 for decay and balance of a component with this loudest sound."""
        level_db = -self.balance_db * _TAIL
        if self.decay != 1:
            share = 1 - 1 / self.decay
            # What has fallen beneath hearing is made no longer: noise of a recording would grow without end.
            level_db = level_db + np.minimum(
                share * decay_rate(sound) * _SECONDS, max(share, 0) * _AUDIBLE_DB
            )
        factors: np.ndarray = 10 ** (level_db / 20)
        return factors.astype(np.float32)

    def sound(self, take: np.ndarray, envelope: np.ndarray) -> np.ndarray:
        """Return a take (L,) changed, neither cut nor at its level; the room may lengthen it."""
        take = take * envelope[: len(take)]
        if self.semitones:
            take = resampled(take, self.semitones)
        if self.sections is not None:
            take = equalised(take, self.sections)
        if self.room is not None:
            take = np.concatenate((take, np.zeros_like(self.room)))
            take = take + convolved(take, self.room)
        return take


@dataclass(frozen=True, kw_only=True)
class KitAugmentation:
    """How often each part is applied; how strongly is drawn from the ranges of this module.

    Attributes:
        gain: The probability, from 0 (never) to 1 (always), that a component stands at another level.
        decay: That it dies away sooner or later.
        tuning: That it is tuned.
        equaliser: That it is equalised.
        balance: That its transient is louder or softer.
        room: That the kit stands in a room.
        rattle: That kick drum and toms shake the snare's wires; see :mod:`drummernet.kits.rattle`.
        strength: Factor of the ranges of all parts but room and rattle: of dB, of semitones, of the
            logarithm of the decay.
    """

    gain: float = 0.5
    decay: float = 0.5
    tuning: float = 0.5
    equaliser: float = 0.5
    balance: float = 0.5
    room: float = 0.5
    rattle: float = 0.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self)[:-1]:
            probability = getattr(self, field.name)
            if not 0 <= probability <= 1:
                raise InputError("kit augmentation", field.name, f"{probability} is not in [0, 1]")
        check_strength(self.strength, "kit augmentation")

    def __call__(
        self, kit: Kit, rng: np.random.Generator, played: Collection[np.ndarray] | None = None
    ) -> Kit:
        """Return the kit changed: a pure function of the kit and the state of rng.

        Args:
            kit: Its own sounds stay as they are.
            rng: Draws the change of every component.
            played: Those of its takes that will be asked for; the others may be left as they are. Else all.
        """
        sounds, levels_db = dict(kit.sounds), dict(kit.mix_level_db)
        wanted = None if played is None else {id(take) for take in played}
        wires: dict[str, np.ndarray] = {}
        if self.rattle and "SD" in kit.sounds and rng.random() < self.rattle:
            wires = rattle(kit.one_shots["SD"], rng)
        for component, change in self.draw(sorted(kit.sounds), rng).items():
            layers = kit.sounds[component]
            if wanted is None or any(id(take) in wanted for layer in layers for take in layer.takes):
                among = wanted
                if component in wires:
                    layers, among = shaken(layers, wires[component]), None
                sounds[component] = changed(layers, change, kit.name, component, wanted=among)
                levels_db[component] += change.gain_db
        return replace(kit, sounds=sounds, mix_level_db=levels_db)

    def draw(self, components: Collection[str], rng: np.random.Generator) -> dict[str, Change]:
        """Draw a change of each component."""
        room = room_tail(rng) if rng.random() < self.room else None
        return {component: self._change(rng, room) for component in components}

    def _change(self, rng: np.random.Generator, room: np.ndarray | None) -> Change:
        return Change(
            self.strength * rng.uniform(*GAIN_DB) if rng.random() < self.gain else 0.0,
            drawn(DECAY_FACTOR, rng) ** self.strength if rng.random() < self.decay else 1.0,
            self.strength * rng.uniform(*BALANCE_DB) if rng.random() < self.balance else 0.0,
            self.strength * rng.uniform(*TUNING_SEMITONES) if rng.random() < self.tuning else 0.0,
            equaliser(rng, self.strength) if rng.random() < self.equaliser else None,
            room,
        )


def check_strength(strength: float, where: str) -> None:
    """Check the factor of an augmentation's ranges.

    Raises:
        InputError: if it is not in (0, 3]: beyond, drums are none any more.
    """
    if not 0 < strength <= _MOST_STRENGTH:
        raise InputError(where, "strength", f"{strength} is not in (0, {_MOST_STRENGTH}]")


def changed(
    layers: tuple[Layer, ...],
    change: Change,
    where: object,
    component: str,
    seconds: float = ONE_SHOT_SECONDS,
    wanted: Collection[int] | None = None,
) -> tuple[Layer, ...]:
    """Return the layers of a component changed, cut and at their level as a kit's are.

    Args:
        layers: As :func:`drummernet.kits.kit.normalised` leaves them.
        change: What is done.
        where: The kit, if there is anything to blame.
        component: Its entry.
        seconds: The longest result.
        wanted: Identities of the takes that are changed beside the loudest layer's first; else all are.
    """
    loudest = layers[-1].takes[0]
    envelope = change.envelope(loudest)

    def result(take: np.ndarray) -> np.ndarray:
        is_left = wanted is not None and take is not loudest and id(take) not in wanted
        return take if is_left else change.sound(take, envelope)

    changed = tuple(Layer(layer.velocity, tuple(map(result, layer.takes))) for layer in layers)
    return normalised(changed, where, component, seconds)


def decay_rate(sound: np.ndarray) -> float:
    """Return by how many dB per second, at least 0, a sound (L,) falls from its loudest 10 ms to −40 dB."""
    frames = sound[: len(sound) // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
    level_db = 10 * np.log10(np.square(frames, dtype=np.float64).mean(axis=1) + 1e-20)
    if not level_db.size:
        return 0.0
    falling = level_db[np.argmax(level_db) :]
    beneath = falling < falling[0] - _AUDIBLE_DB
    heard = falling[: int(np.argmax(beneath)) if beneath.any() else len(falling)]
    if len(heard) < 2:
        return 0.0
    frames_per_second = SAMPLE_RATE / _FRAME_SAMPLES
    return max(0.0, -float(np.polyfit(np.arange(len(heard)), heard, 1)[0]) * frames_per_second)
