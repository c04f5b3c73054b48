"""The vocabulary: drum components, classes of components, note maps, label maps.

Component names follow MDB Drums (Southall et al. 2017). K counts ``COMPONENTS``.
"""

import re
from collections.abc import Sequence

from drummernet.errors import InputError

COMPONENTS = ("KD", "SD", "CHH", "OHH", "PHH", "HIT", "MHT", "HFT", "RDC", "CRC", "TMB")
"""The 11 components that are transcribed, in the order of the axis K: kick drum; snare drum; closed, open and
pedal hi-hat; high, mid and high floor tom; ride and crash cymbal; tambourine."""

WIDER_COMPONENTS = (*COMPONENTS, "LFT", "RDB", "CHC", "SPC", "SST")
"""Every component that annotations and note maps may name: also low floor tom, ride bell, china and splash
cymbal, side stick."""

OTHER = "OT"
"""What is scored in no class: side sticks, tambourines, other percussion."""

THREE_CLASSES: dict[str, tuple[str, ...]] = {
    "KD": ("KD",),
    "SD": ("SD",),
    "HH": ("CHH", "OHH", "PHH"),
}
FIVE_CLASSES: dict[str, tuple[str, ...]] = {
    **THREE_CLASSES,
    "TT": ("HIT", "MHT", "HFT", "LFT"),
    "CY": ("RDC", "CRC", "RDB", "CHC", "SPC"),
}

GM_NOTES: dict[str, int] = {
    "KD": 36,
    "SD": 38,
    "CHH": 42,
    "OHH": 46,
    "PHH": 44,
    "HIT": 50,
    "MHT": 47,
    "HFT": 43,
    "RDC": 51,
    "CRC": 49,
    "TMB": 54,
    "LFT": 41,
    "RDB": 53,
    "CHC": 52,
    "SPC": 55,
    "SST": 37,
}
"""The General MIDI percussion note that each component is written as."""

GM_COMPONENTS: dict[int, str] = {
    **{note: component for component, note in GM_NOTES.items()},
    **{35: "KD", 40: "SD", 48: "HIT", 45: "MHT", 57: "CRC", 59: "RDC"},
}
"""General MIDI percussion notes to components, the alternatives included."""

ROLAND_COMPONENTS: dict[int, str] = {
    36: "KD",
    38: "SD",
    40: "SD",
    37: "SST",
    42: "CHH",
    22: "CHH",
    46: "OHH",
    26: "OHH",
    44: "PHH",
    48: "HIT",
    50: "HIT",
    45: "MHT",
    47: "MHT",
    43: "HFT",
    58: "HFT",
    49: "CRC",
    57: "CRC",
    55: "SPC",
    52: "CHC",
    51: "RDC",
    59: "RDC",
    53: "RDB",
    54: "TMB",
}
"""The note map of Groove and E-GMD (Gillick et al. 2019), an electronic module's."""

NOTE_MAPS: dict[str, dict[int, str]] = {"gm": GM_COMPONENTS, "roland": ROLAND_COMPONENTS}

MDB_SUBCLASSES: dict[str, str] = {
    **dict.fromkeys(("SD", "SDB", "SDD", "SDF", "SDG", "SDNS"), "SD"),
    **{label: label for label in WIDER_COMPONENTS if label != "SD"},
}
"""MDB Drums subclass labels to components."""

ROLAND_OTHER_NOTES = (39, 56)
"""Notes of that module, a clap and a cowbell, that are no component: ``OT``."""

ENST_LABELS: dict[str, str] = {
    "bd": "KD",
    **dict.fromkeys(("sd", "sd-", "rs"), "SD"),
    **{"chh": "CHH", "ohh": "OHH"},
    **dict.fromkeys(("mt", "lmt", "lt", "ltr", "mtr", "lft"), "TT"),
    **dict.fromkeys(("c", "c1", "c4"), "CY"),
    "cs": "SST",
    **dict.fromkeys(("sticks", "cb", "sweep"), OTHER),
}
"""ENST-Drums labels (Gillet & Richard 2006) to components and classes; its cymbals may be numbered beside."""

_ENST_CYMBALS = re.compile("(rc|cr|ch|spl)[0-9]*")
_ENST_CYMBAL_COMPONENTS = {"rc": "RDC", "cr": "CRC", "ch": "CHC", "spl": "SPC"}

_CLASS_OF = {component: name for name, members in FIVE_CLASSES.items() for component in members}


def class_of(label: str) -> str:
    """Return the five-class name of a component, subclass or class label, or ``"OT"``.

    Raises:
        InputError: if the label is in no vocabulary.
    """
    component = MDB_SUBCLASSES.get(label, label)
    if component in _CLASS_OF:
        return _CLASS_OF[component]
    if label in FIVE_CLASSES:
        return label
    if label == OTHER or component in WIDER_COMPONENTS:
        return OTHER
    known = sorted({*MDB_SUBCLASSES, *FIVE_CLASSES, OTHER})
    raise InputError("label", label, f"unknown; known labels are {', '.join(known)}")


def enst_label(label: str) -> str:
    """Return the component or class of an ENST-Drums label.

    Raises:
        InputError: if the label is unknown.
    """
    if label in ENST_LABELS:
        return ENST_LABELS[label]
    cymbal = _ENST_CYMBALS.fullmatch(label)
    if not cymbal:
        raise InputError("label", label, "is none of ENST-Drums")
    return _ENST_CYMBAL_COMPONENTS[cymbal[1]]


def members_of(name: str, where: object) -> tuple[str, ...]:
    """Return the components of a class, the usual one first, or the component itself.

    Raises:
        InputError: naming ``where`` if it is neither.
    """
    if name in WIDER_COMPONENTS:
        return (name,)
    if name not in FIVE_CLASSES:
        known = ", ".join(dict.fromkeys((*WIDER_COMPONENTS, *FIVE_CLASSES)))
        raise InputError(where, "component", f"unknown {name!r}; known are {known}")
    return FIVE_CLASSES[name]


def check_rows(names: Sequence[str], where: object) -> tuple[str, ...]:
    """Return components or classes of them as a tuple, each there once.

    Raises:
        InputError: naming ``where`` and the one that is unknown or named twice.
    """
    for name in names:
        members_of(name, where)
        if list(names).count(name) > 1:
            raise InputError(where, "component", f"{name!r} is named twice")
    return tuple(names)
