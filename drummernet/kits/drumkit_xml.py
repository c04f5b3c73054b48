"""The ``drumkit.xml`` of the drum machine Hydrogen, read with distrust."""

from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from drummernet.errors import InputError
from drummernet.xmlfile import read_xml


class Entry(NamedTuple):
    """A layer as written: its velocities, its file, a gain and a pitch in semitones."""

    velocities: tuple[float, float]
    file: str
    gain: float
    semitones: float


def parsed(path: Path) -> Element:
    """Return the root of a ``drumkit.xml``, its tags without name spaces.

    Raises:
        InputError: if it cannot be read, declares entities, is no XML or no drum kit.
    """
    root = read_xml(path)
    if root.tag != "drumkit_info":
        raise InputError(path, "XML", f"its root is {root.tag!r}, not 'drumkit_info'")
    return root


def text_of(element: Element, tag: str) -> str:
    """Return the text of an entry, empty if it is missing."""
    return (element.findtext(tag) or "").strip()


def number_of(element: Element, tag: str, default: float, path: Path, field: str) -> float:
    """Return the number of an entry.

    Raises:
        InputError: if it is none, or beyond a million.
    """
    text = text_of(element, tag)
    try:
        value = float(text) if text else default
    except ValueError as error:
        raise InputError(path, f"{field}.{tag}", f"{text!r} is not a number") from error
    if not abs(value) < 1e6:
        raise InputError(path, f"{field}.{tag}", f"{text!r} is out of range")
    return value


def by_id(kit: Element, path: Path) -> dict[int, Element]:
    """Return the instruments of a kit by their numbers.

    Raises:
        InputError: if there are none, or one has no number, or that of another.
    """
    found: dict[int, Element] = {}
    for place, element in enumerate(kit.findall("instrumentList/instrument")):
        text = text_of(element, "id")
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise InputError(path, f"instrument {place}", f"its id {text!r} is not a number")
        if int(text) in found:
            raise InputError(path, f"instrument {place}", f"its id {text} is that of an earlier one")
        found[int(text)] = element
    if not found:
        raise InputError(path, "instrumentList", "has no instruments")
    return found


def channel_volumes(kit: Element, path: Path) -> dict[str, float]:
    """Return the volume of each of the kit's mixer channels, by its id."""
    channels = kit.findall("componentList/drumkitComponent")
    field = "drumkitComponent"
    return {text_of(channel, "id"): number_of(channel, "volume", 1, path, field) for channel in channels}


def entries_of(element: Element, path: Path, field: str) -> list[Entry]:
    """Return the layers of an instrument or of one of its channels, those without a file left out."""
    entries = [
        Entry(
            (number_of(layer, "min", 0, path, field), number_of(layer, "max", 1, path, field)),
            text_of(layer, "filename"),
            number_of(layer, "gain", 1, path, field),
            number_of(layer, "pitch", 0, path, field),
        )
        for layer in element.findall("layer")
    ]
    if not entries:
        entries = [Entry((0.0, 1.0), text_of(element, "filename"), 1.0, 0.0)]
    for entry in entries:
        if not 0 <= entry.velocities[0] <= entry.velocities[1] <= 1:
            problem = f"a layer's velocities {entry.velocities} do not rise within 0 and 1"
            raise InputError(path, field, problem)
    return [entry for entry in entries if entry.file and entry.velocities[0] < entry.velocities[1]]
