"""The vocabulary is consistent with itself and with the datasets' descriptions."""

import pytest

from drummernet.components import (
    COMPONENTS,
    FIVE_CLASSES,
    GM_COMPONENTS,
    GM_NOTES,
    MDB_SUBCLASSES,
    NOTE_MAPS,
    THREE_CLASSES,
    WIDER_COMPONENTS,
    class_of,
    members_of,
)
from drummernet.errors import InputError


def test_axis_k_has_the_eleven_components_in_the_published_order() -> None:
    assert " ".join(COMPONENTS) == "KD SD CHH OHH PHH HIT MHT HFT RDC CRC TMB"
    assert WIDER_COMPONENTS[: len(COMPONENTS)] == COMPONENTS
    assert len(set(WIDER_COMPONENTS)) == len(WIDER_COMPONENTS)


def test_what_is_written_as_general_midi_is_read_back() -> None:
    assert set(GM_NOTES) == set(WIDER_COMPONENTS)
    for component, note in GM_NOTES.items():
        assert GM_COMPONENTS[note] == component


def test_note_maps_name_known_components_only() -> None:
    for note_map in NOTE_MAPS.values():
        assert set(note_map.values()) <= set(WIDER_COMPONENTS)
        assert all(0 <= note <= 127 for note in note_map)


ROLAND = {
    "KD": (36,),
    "SD": (38, 40),
    "SST": (37,),
    "CHH": (42, 22),
    "OHH": (46, 26),
    "PHH": (44,),
    "HIT": (48, 50),
    "MHT": (45, 47),
    "HFT": (43, 58),
    "RDC": (51, 59),
    "RDB": (53,),
    "TMB": (54,),
}


@pytest.mark.parametrize(("component", "notes"), list(ROLAND.items()))
def test_roland_notes(component: str, notes: tuple[int, ...]) -> None:
    assert {NOTE_MAPS["roland"][note] for note in notes} == {component}


@pytest.mark.parametrize("note", [49, 55, 57, 52])
def test_roland_notes_of_crashes_are_cymbals(note: int) -> None:
    assert class_of(NOTE_MAPS["roland"][note]) == "CY"


@pytest.mark.parametrize("note", [39, 56])
def test_roland_notes_of_other_percussion_are_no_component(note: int) -> None:
    assert note not in NOTE_MAPS["roland"]


def test_a_component_is_in_one_class_at_most() -> None:
    members = [component for group in FIVE_CLASSES.values() for component in group]
    assert len(members) == len(set(members))
    assert THREE_CLASSES["HH"] == ("CHH", "OHH", "PHH")


CLASSES = {
    "KD": ("KD",),
    "SD": ("SD", "SDG", "SDNS", "SDF"),
    "HH": ("CHH", "OHH", "PHH", "HH"),
    "TT": ("HIT", "MHT", "HFT", "LFT", "TT"),
    "CY": ("RDC", "RDB", "CRC", "CHC", "SPC", "CY"),
    "OT": ("TMB", "SST", "OT"),
}


@pytest.mark.parametrize(("name", "labels"), list(CLASSES.items()))
def test_class_of(name: str, labels: tuple[str, ...]) -> None:
    assert {class_of(label) for label in labels} == {name}


def test_every_subclass_has_a_class() -> None:
    for label, component in MDB_SUBCLASSES.items():
        assert class_of(label) == class_of(component)


def test_unknown_labels_are_named() -> None:
    with pytest.raises(InputError, match="kick"):
        class_of("kick")
    with pytest.raises(InputError, match=r"kit\.yaml: component: unknown 'BD'"):
        members_of("BD", "kit.yaml")


def test_members_of_classes_and_components() -> None:
    assert members_of("SST", "anywhere") == ("SST",)
    assert members_of("HH", "anywhere") == ("CHH", "OHH", "PHH")
    assert members_of("KD", "anywhere") == ("KD",)
