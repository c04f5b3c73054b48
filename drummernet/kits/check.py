"""``drummernet kits check``: what is wrong with the sounds of a kit, as far as numbers can tell.

The bounds leave room for every kind of drum that deserves its name; what is beyond them is a mistake, or so
unusual that somebody should listen.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.completeness import TOMS
from drummernet.kits.kit import ONE_SHOT_SECONDS, Layer, Sounds, normalised
from drummernet.kits.manifest import SOURCES, Manifest
from drummernet.kits.measures import decay_seconds, pitch_hz, share_below

SHARES_BELOW: dict[str, tuple[tuple[float, float, float], ...]] = {
    "KD": ((300, 0.7, 1),),
    "SD": ((150, 0, 0.6), (1000, 0.05, 1)),
    **dict.fromkeys(TOMS, ((1000, 0.6, 1),)),
    **dict.fromkeys(("CHH", "OHH"), ((1000, 0, 0.5),)),
    "PHH": ((1000, 0, 0.75),),
    **dict.fromkeys(("RDC", "CRC", "RDB", "CHC", "SPC"), ((1000, 0, 0.6),)),
    "TMB": ((1000, 0, 0.3),),
    "SST": ((300, 0, 0.5),),
}
"""For each component frequencies in Hz, and the least and the greatest share of its energy below each."""

_LATE_SECONDS = 0.01
_LATE_CYMBAL_SECONDS = 0.025
_SWELLING = ("PHH", "CRC", "CHC", "SPC")
_LATE_DB = -12.0
_RINGING = ("OHH", "RDC", "CRC", "RDB", "CHC", "SPC")
_SHORTEST_SECONDS = 0.005
_CUT_DB = -18.0
_END_SAMPLES = 800
"""50 ms: a low note has turned by then, and what is cut has not faded out yet."""
_FLAT_SAMPLES = 20
_FLAT = 0.005
"""A sine of 40 Hz stays 13 samples so close to its peak."""
_OFFSET = 0.01
_LOUDER_DB = 2.0
_SAME = 0.999
_SAME_PITCH = 0.97


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes:
        kit: Its name.
        component: The component, or several, or empty.
        problem: What, with the value.
    """

    kit: str
    component: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


def check_kit(manifest: Manifest) -> list[Finding]:
    """Examine the sounds of a kit, the derived ones aside.

    A kit or a component that cannot be loaded is a finding, too.
    """
    try:
        raw = SOURCES[manifest.source_type](manifest.source, manifest.path)
    except InputError as error:
        return [Finding(manifest.name, "", str(error))]
    findings = []
    sounds: Sounds = {}
    for component in sorted(raw, key=WIDER_COMPONENTS.index):
        try:
            sounds[component] = normalised(raw[component], manifest.name, component)
            problems = [*_recorded(raw[component]), *_heard(component, sounds[component])]
        except InputError as error:
            problems = [error.args[2]]
        findings += [Finding(manifest.name, component, problem) for problem in problems]
    return findings + [Finding(manifest.name, *pair) for pair in (*_compared(sounds), *_duplicates(sounds))]


def _recorded(layers: Sequence[Layer]) -> Iterator[str]:
    """Examine sounds before they are cut."""
    for place, take in _takes(layers):
        magnitude = np.abs(take)
        flat = int(np.count_nonzero(magnitude > (1 - _FLAT) * magnitude.max()))
        if flat >= _FLAT_SAMPLES:
            yield f"{place}clipped: {flat} samples within {100 * _FLAT:g} % of the peak"
        tail = take[-max(1, take.size // 4) :].astype(np.float64)
        offset = abs(tail.mean()) / magnitude.max()
        if offset > max(_OFFSET, np.sqrt(np.mean(tail**2)) / magnitude.max() / 2):
            yield f"{place}offset: it dies away to {100 * offset:.1f} % of its peak, not to 0"


def _heard(component: str, layers: Sequence[Layer]) -> Iterator[str]:
    """Examine one-shots by themselves."""
    for place, take in _takes(layers):
        seconds = take.size / SAMPLE_RATE
        if seconds < _SHORTEST_SECONDS:
            yield f"{place}short: {1000 * seconds:.1f} ms"
            continue
        magnitude = np.abs(take)
        late = float(np.argmax(magnitude > magnitude.max() * 10 ** (_LATE_DB / 20))) / SAMPLE_RATE
        if late > (_LATE_CYMBAL_SECONDS if component in _SWELLING else _LATE_SECONDS):
            yield f"{place}late: {1000 * late:.0f} ms until it is within {-_LATE_DB:g} dB of its peak"
        end = magnitude[-min(_END_SAMPLES, take.size // 4) :]
        end_db = 20 * np.log10(max(end.max() / magnitude.max(), 1e-9))
        if end_db > _CUT_DB and not (component in _RINGING and seconds >= ONE_SHOT_SECONDS):
            yield f"{place}cut: {end_db:.0f} dB at its end after {seconds:.2f} s"
    loudest = layers[-1].takes[0]
    for hertz, least, most in SHARES_BELOW[component]:
        share = share_below(loudest, hertz)
        if not least <= share <= most:
            wanted = f"at least {100 * least:g}" if share < least else f"at most {100 * most:g}"
            yield f"spectrum: {100 * share:.0f} % of its energy is below {hertz:g} Hz, not {wanted} %"
    for soft, hard in pairwise(layers):
        louder_db = _energy_db(soft) - _energy_db(hard)
        if louder_db > _LOUDER_DB:
            strokes = f"{soft.velocity:.2f} is {louder_db:.1f} dB louder than that of {hard.velocity:.2f}"
            yield f"layers: that of velocity {strokes}"


def _compared(sounds: Sounds) -> Iterator[tuple[str, str]]:
    """Compare components of a kit with each other."""
    loudest = {component: layers[-1].takes[0] for component, layers in sounds.items()}
    for closed in ("CHH", "PHH"):
        if closed in loudest and "OHH" in loudest:
            short, long = (decay_seconds(loudest[name], 20) for name in (closed, "OHH"))
            if short > long:
                yield f"{closed}, OHH", f"decay: {short:.2f} s to -20 dB, the open one {long:.2f} s"
    toms = [name for name in reversed(TOMS) if name in loudest]
    for high, low in pairwise(toms):
        upper, lower = pitch_hz(loudest[high]), pitch_hz(loudest[low])
        if upper < _SAME_PITCH * lower:
            yield f"{high}, {low}", f"order: {upper:.0f} Hz, the lower one {lower:.0f} Hz"


def _duplicates(sounds: Sounds) -> Iterator[tuple[str, str]]:
    """Find sounds that two components share, at whatever level."""
    takes = {name: np.stack([_unit(take) for _, take in _takes(sounds[name])]) for name in sounds}
    for one, other in combinations(takes, 2):
        same = np.count_nonzero(np.abs(takes[one] @ takes[other].T) > _SAME)
        if same:
            yield f"{one}, {other}", f"duplicates: {same} of their sounds are the same"


def _takes(layers: Sequence[Layer]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every take with its place, which is empty if there is only one."""
    for layer in layers:
        for number, take in enumerate(layer.takes, 1):
            is_only = len(layers) == len(layer.takes) == 1
            yield "" if is_only else f"layer {layer.velocity:.2f} take {number} ", take


def _unit(take: np.ndarray) -> np.ndarray:
    padded = np.zeros(round(ONE_SHOT_SECONDS * SAMPLE_RATE), np.float32)
    padded[: take.size] = take / np.linalg.norm(take)
    return padded


def _energy_db(layer: Layer) -> float:
    return float(10 * np.log10(np.mean([np.sum(take.astype(np.float64) ** 2) for take in layer.takes])))
