"""A drum kit, and what every one-shot is brought to: its onset first, at most 1 s, norm 10."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError

GROUPS = (
    *("stems", "synthesizer", "test"),
    *("sampled_train", "sampled_validation", "sampled_test"),
    "side_sticks",
)
"""What a kit may be used for, so that no kit is heard on both sides. Procedural ones: to render training
stems, inside the synthesizer, to render stems for tests. Sampled ones, which need their packages: to train
with, to choose by, to test on; and side sticks alone, to train with kits that lack one."""

ONE_SHOT_SECONDS = 1.0
"""The longest one-shot."""

LONGEST_SOUND_SECONDS = 30.0
"""What is longer is no recording of a single stroke."""

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
_CLICK_DB = -40.0


@dataclass(frozen=True, eq=False)
class Layer:
    """The sounds of a component that is struck about equally hard.

    Attributes:
        velocity: The hardest stroke that they are meant for, in (0, 1].
        takes: Sounds that take turns, each (N,) float32 at 16 kHz; at least one.
    """

    velocity: float
    takes: tuple[np.ndarray, ...]


Sounds = dict[str, tuple[Layer, ...]]
"""Components with their layers from soft to loud: velocities rise, and the last is 1."""


@dataclass(frozen=True)
class Kit:
    """One-shots that belong together.

    Attributes:
        name: The stem of its manifest.
        family: One recording session or machine, or, of procedural kits, those that sound alike.
        group: One of ``GROUPS``.
        licence: An SPDX identifier.
        attribution: Whom the licence asks to name, or empty.
        sounds: As :func:`normalised` leaves them.
        mix_level_db: For each component, the peak in dBFS of a hit of velocity 1 in a mix.
        filled: Components that were derived, each with what it was made of.
    """

    name: str
    family: str
    group: str
    licence: str
    attribution: str
    sounds: Sounds
    mix_level_db: dict[str, float]
    filled: dict[str, str] = field(default_factory=dict)

    @cached_property
    def one_shots(self) -> dict[str, np.ndarray]:
        """The first take of the loudest layer of each component, (L,) of norm 10."""
        return {component: layers[-1].takes[0] for component, layers in self.sounds.items()}

    @property
    def is_varied(self) -> bool:
        """Whether any component has more than one sound."""
        return any(len(layers) > 1 or len(layers[0].takes) > 1 for layers in self.sounds.values())

    def one_shot(self, component: str, velocity: float, take: int) -> np.ndarray:
        """Return what a stroke sounds like, (L,): soft ones at their own level, as the layers have it.

        Args:
            component: One of the kit's.
            velocity: In (0, 1].
            take: Any number; takes go round.
        """
        layers = self.sounds[component]
        layer = next((layer for layer in layers if velocity <= layer.velocity), layers[-1])
        return layer.takes[take % len(layer.takes)]


def normalised(
    layers: tuple[Layer, ...], where: object, component: str, seconds: float = ONE_SHOT_SECONDS
) -> tuple[Layer, ...]:
    """Cut every take of a component to its one-shot, and bring the loudest layer's first to norm 10.

    The other takes keep their ratio to it.

    Raises:
        InputError: as :func:`one_shot`.
    """
    cut = [[_cut(take, where, component, seconds) for take in layer.takes] for layer in layers]
    gain = NORM / np.linalg.norm(cut[-1][0])
    return tuple(
        Layer(layer.velocity, tuple((gain * take).astype(np.float32) for take in takes))
        for layer, takes in zip(layers, cut, strict=True)
    )


def single(sounds: Mapping[str, np.ndarray]) -> Sounds:
    """Return sounds of one layer with one take each."""
    return {component: (Layer(1.0, (sound,)),) for component, sound in sounds.items()}


def one_shot(
    samples: np.ndarray, where: object, component: str, seconds: float = ONE_SHOT_SECONDS
) -> np.ndarray:
    """Cut a sound to its one-shot.

    It begins with its onset, the first sample above −30 dB of the peak; what lasts longer than
    ``seconds``, or breaks off above −40 dB, is faded out in 15 ms; its norm is 10.

    Args:
        samples: (N,) at 16 kHz, at any level above −80 dBFS.
        where: The file to blame.
        component: The entry of that file to blame.
        seconds: The longest result, longer than the fade.

    Returns:
        (L,) float32 with L ≤ ``seconds`` · 16,000.

    Raises:
        InputError: if the sound is empty, silent, not finite or longer than 30 s.
    """
    cut = _cut(samples, where, component, seconds)
    return (cut * (NORM / np.linalg.norm(cut))).astype(np.float32)


def _cut(samples: np.ndarray, where: object, component: str, seconds: float) -> np.ndarray:
    """Return a sound from its onset on, at most so long, (L,) float64 at its own level."""
    if samples.size > LONGEST_SOUND_SECONDS * SAMPLE_RATE:
        problem = (
            f"lasts {samples.size / SAMPLE_RATE:.0f} s: no one-shot, which has {LONGEST_SOUND_SECONDS:.0f}"
        )
        raise InputError(where, component, problem)
    if not np.isfinite(samples).all():
        raise InputError(where, component, "has samples that are not finite")
    magnitude = np.abs(samples)
    peak = magnitude.max(initial=0.0)
    if peak < 10 ** (_SILENCE_DB / 20):
        raise InputError(where, component, f"is silent: its peak is {peak:.2g}")
    onset = int(np.argmax(magnitude > peak * 10 ** (_ONSET_DB / 20)))
    longest = round(seconds * SAMPLE_RATE)
    cut = samples[onset : onset + longest].astype(np.float64)
    fade = min(round(_FADE_SECONDS * SAMPLE_RATE), cut.size)
    if samples.size - onset > longest or abs(cut[-1]) > peak * 10 ** (_CLICK_DB / 20):
        cut[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return cut
