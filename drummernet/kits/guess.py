"""What a sound may be, by its name: ``Kick 01``, ``snr_hard``, ``HHopen``, ``Tom_Lo-v3``."""

import re
from typing import NamedTuple

from drummernet.components import GM_COMPONENTS
from drummernet.kits.names import SENSES, plain, words_of

_PITCHES = {"high", "mid", "low", "floor"}
_TOMS = {
    ("high",): "HIT",
    ("high", "mid"): "HIT",
    ("mid",): "MHT",
    ("low", "mid"): "MHT",
    ("low",): "HFT",
    ("floor",): "HFT",
    ("floor", "high"): "HFT",
    ("floor", "low"): "LFT",
}
_ANY_TOM = ("HIT", "MHT", "HFT")
_HAT_STATES = {"closed": "CHH", "open": "OHH", "pedal": "PHH"}
_CYMBALS = {"ride": "RDC", "crash": "CRC", "splash": "SPC", "china": "CHC"}

RIM = "rim"
"""The kind of a snare that is struck with its rim."""


class Guess(NamedTuple):
    """What a sound may be.

    Attributes:
        components: The likeliest first; none if its name says nothing of a component.
        is_sure: Whether it is the only one and nothing in the name speaks against it.
        kind: Sounds of one component that differ in it are not the same drum.
    """

    components: tuple[str, ...]
    is_sure: bool = False
    kind: str = ""


def guess(name: str) -> Guess:
    """Guess the component of a sound by its name, without the suffix; its words are separated by anything."""
    senses: set[str] = set().union(*(SENSES.get(word, set()) for word in words_of(name)))
    if "phrase" in senses:
        return Guess(())
    found = tuple(dict.fromkeys(component for drum in _DRUMS for component in drum(senses)))
    kind = " ".join(sorted(senses & _PITCHES)) if "tom" in senses else ""
    if "rim" in senses and found == ("SD",):
        kind = RIM
    is_odd = senses & {"other", "choked"} or kind == RIM
    is_bare = senses in ({"stick"}, {"bell"}) or ("cymbal" in senses and not senses & {"hat", *_CYMBALS})
    if "other" in senses and senses <= {"other", "bell", *_PITCHES}:
        return Guess(())
    if not senses:
        return Guess(_numbered(name))
    return Guess(found, len(found) == 1 and not is_odd and not is_bare, kind)


def _numbered(name: str) -> tuple[str, ...]:
    """Return what a number alone may mean: a General MIDI note, or one of the toms T1, T2 and so on."""
    bare = plain(name).strip()
    if bare.isdecimal():
        return (GM_COMPONENTS[int(bare)],) if int(bare) in GM_COMPONENTS else ()
    return _ANY_TOM if re.fullmatch(r"t[ _-]?\d", bare) else ()


def _kick(senses: set[str]) -> tuple[str, ...]:
    is_drum = "drum" in senses and bool(senses & {"bass", "big", "pedal"}) and "cymbal" not in senses
    return ("KD",) if "kick" in senses or is_drum else ()


def _snare(senses: set[str]) -> tuple[str, ...]:
    if {"side", "stick"} <= senses or {"rim", "click"} <= senses:
        return ("SST",)
    if "snare" in senses or {"small", "drum"} <= senses:
        return ("SD",)
    if "rim" in senses:
        return "SST", "SD"
    return ("SST",) if "stick" in senses and senses <= {"stick"} else ()


def _hat(senses: set[str]) -> tuple[str, ...]:
    states = [name for state, name in _HAT_STATES.items() if state in senses]
    if "hat" not in senses:
        return tuple(states) if "cymbal" in senses and not senses & _CYMBALS.keys() else ()
    return ("OHH", "CHH") if "half" in senses else tuple(states) or tuple(_HAT_STATES.values())


def _tom(senses: set[str]) -> tuple[str, ...]:
    if "tom" not in senses:
        return ()
    pitch = tuple(sorted(senses & _PITCHES))
    return (_TOMS[pitch],) if pitch in _TOMS else _ANY_TOM


def _cymbal(senses: set[str]) -> tuple[str, ...]:
    if {"ride", "bell"} <= senses and "crash" not in senses:
        return ("RDB",)
    named = tuple(name for word, name in _CYMBALS.items() if word in senses)
    if "cymbal" in senses and not named and not _hat(senses):
        return "CRC", "RDC"
    if senses == {"bell"}:
        return ("RDB",)
    return named


def _tambourine(senses: set[str]) -> tuple[str, ...]:
    return ("TMB",) if "tambourine" in senses else ()


_DRUMS = (_kick, _snare, _hat, _tom, _cymbal, _tambourine)
