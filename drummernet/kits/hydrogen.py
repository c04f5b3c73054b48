"""Kits of the drum machine Hydrogen: a folder with sounds and a ``drumkit.xml``."""

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.drumkit_xml import by_id, channel_volumes, entries_of, number_of, parsed, text_of
from drummernet.kits.fields import check_choice, check_keys, check_mapping, check_text
from drummernet.kits.folder import member_name
from drummernet.kits.kit import LONGEST_SOUND_SECONDS, Layer, Sounds
from drummernet.kits.layers import bands, layer_at


class About(NamedTuple):
    """What a kit says of itself, as it says it; empty where it says nothing."""

    name: str
    author: str
    licence: str
    info: str


class Instrument(NamedTuple):
    """An instrument of a kit.

    Attributes:
        id: Its number, by which a manifest names it.
        name: Its name.
        note: The MIDI note that it sends, if the kit has set notes at all.
        layers: How many sounds it has.
    """

    id: int
    name: str
    note: int | None
    layers: int


def hydrogen_sounds(source: Mapping[str, Any], where: Path) -> Sounds:
    """Read the sounds of a ``hydrogen`` source.

    As in Hydrogen, a layer's level is the product of its own gain, its instrument's gain and volume and those
    of the kit's mixer channels (which it calls components, and which sound together), times the velocity;
    of layers whose velocities overlap the first is played, or each in its turn if the instrument says so.
    Envelopes shape the sound. Left out are what a song sets, panning, muting and the low-pass.

    Args:
        source: ``path``, the kit's folder, relative to the manifest or absolute; ``components``, component to
            the number of an instrument or a list of them, which take turns.
        where: The manifest.

    Returns:
        The sounds, at 16 kHz.

    Raises:
        InputError: for an unknown or missing key or number, an unsafe or broken ``drumkit.xml``, a path that
            leaves the folder, an unreadable file.
    """
    entries = check_keys(source, ["path", "components"], [], where, "source")
    folder = where.parent / Path(check_text(entries["path"], where, "source.path")).expanduser()
    path = folder / "drumkit.xml"
    if not path.is_file():
        raise InputError(where, "source.path", f"{str(path)!r} is no file")
    members = check_mapping(entries["components"], where, "source.components")
    if not members:
        raise InputError(where, "source.components", "is empty")
    kit = parsed(path)
    instruments = by_id(kit, path)
    channels = channel_volumes(kit, path)
    sounds: Sounds = {}
    for component, value in members.items():
        check_choice(component, WIDER_COMPONENTS, where, "source.components")
        field = f"source.components.{component}"
        numbers = _numbers(value, instruments, where, field)
        struck = [_layers(instruments[number], channels, path) for number in numbers]
        for number, layers in zip(numbers, struck, strict=True):
            if not layers:
                raise InputError(where, field, f"instrument {number} of {str(path)!r} has no sound")
        sounds[component] = tuple(
            Layer(layer.velocity, tuple(np.float32(layer.velocity) * take for take in layer.takes))
            for layer in _together(struck, in_turn=True)
        )
    return sounds


def hydrogen_instruments(folder: Path) -> list[Instrument]:
    """Return the instruments of a kit's folder, in its order.

    Raises:
        InputError: if its ``drumkit.xml`` is missing, unsafe or broken.
    """
    path = folder / "drumkit.xml"
    found = by_id(parsed(path), path)
    notes = {number: text_of(element, "midiOutNote") for number, element in found.items()}
    # Where nobody has set them, all are the same.
    is_set = len(set(notes.values())) > 1
    return [
        Instrument(
            number,
            text_of(element, "name"),
            int(notes[number]) if is_set and notes[number].isdecimal() else None,
            sum(bool(file.text) for file in element.iter("filename")),
        )
        for number, element in found.items()
    ]


def hydrogen_about(folder: Path) -> About:
    """Return what a kit says of itself.

    Raises:
        InputError: as :func:`hydrogen_instruments`.
    """
    kit = parsed(folder / "drumkit.xml")
    licence = text_of(kit, "license") or text_of(kit, "licence")
    return About(text_of(kit, "name"), text_of(kit, "author"), licence, _plain(text_of(kit, "info")))


def _plain(text: str) -> str:
    """Return the text of what may be a page of HTML."""
    from html.parser import HTMLParser

    class Page(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

    parts: list[str] = []
    page = Page()
    page.feed(text.partition("</head>")[2] or text)
    page.close()
    return " ".join("".join(parts).split())


def _numbers(value: object, known: Mapping[int, Element], where: Path, field: str) -> list[int]:
    numbers: list[Any] = value if isinstance(value, list) else [value]
    if not numbers:
        raise InputError(where, field, "is empty")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise InputError(where, field, f"{number!r} is not a whole number")
        if number not in known:
            names = ", ".join(f"{n} {text_of(element, 'name')}" for n, element in known.items())
            raise InputError(where, field, f"unknown instrument {number}; known are {names}")
    return numbers


def _layers(instrument: Element, channels: Mapping[str, float], path: Path) -> tuple[Layer, ...]:
    """Read the layers of an instrument, the velocity not yet in their level; none if it has no sound."""
    field = f"instrument {text_of(instrument, 'id')}"
    level = number_of(instrument, "gain", 1, path, field) * number_of(instrument, "volume", 1, path, field)
    semitones = number_of(instrument, "pitchOffset", 0, path, field)
    in_turn = text_of(instrument, "sampleSelectionAlgo") in ("ROUND_ROBIN", "RANDOM")
    parts = []
    # Up to version 0.9.6 an instrument holds its layers itself, up to 0.9.3 just one file.
    for element in instrument.findall("instrumentComponent") or [instrument]:
        gain = level
        if element is not instrument:
            gain *= channels.get(text_of(element, "component_id"), 1.0)
            gain *= number_of(element, "gain", 1, path, field)
        entries = entries_of(element, path, field)
        sounds = {}
        for entry in entries:
            file = path.parent / member_name(entry.file, path, field)
            sound = _shaped(_sound(file, semitones + entry.semitones), instrument, path)
            sounds[entry] = np.float32(gain * entry.gain) * sound
        part = [
            Layer(velocity, tuple(sounds[entries[member]] for member in members))
            for velocity, members in bands([entry.velocities for entry in entries], only_first=not in_turn)
        ]
        if part:
            parts.append((*part[:-1], Layer(1.0, part[-1].takes)))
    return _together(parts, in_turn=False)


def _sound(path: Path, semitones: float) -> np.ndarray:
    """Read a sound (N,) float32 at 16 kHz at another pitch, not more of it than a one-shot may have."""
    from drummernet.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, mono, open_audio, resampled

    with open_audio(path) as decoder:
        longest = round(LONGEST_SOUND_SECONDS * decoder.rate)
        samples = np.concatenate([np.zeros(0, np.float32), *mono(decoder.blocks(0, longest + 1))])
        rate = round(decoder.rate * 2.0 ** (np.clip(semitones, -120, 120) / 12))
    if samples.size > longest:
        raise InputError(path, "duration", f"more than {LONGEST_SOUND_SECONDS:g} s: no one-shot")
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise InputError(path, "pitch", f"{semitones:g} semitones leave nothing of it")
    return np.concatenate(list(resampled([samples], rate)))


def _shaped(sound: np.ndarray, instrument: Element, path: Path) -> np.ndarray:
    """Apply the envelope of a held note: rise, fall, stay. Times are in samples, of 44.1 kHz as a rule."""
    times = [number_of(instrument, tag, 0, path, "instrument") for tag in ("Attack", "Decay")]
    attack, decay = (max(time, 0) / 44_100 * SAMPLE_RATE for time in times)
    places = [0, attack, attack + decay]
    level = number_of(instrument, "Sustain", 1, path, "instrument")
    if level == 1 and not attack:
        return sound
    levels = [float(not attack), 1.0 if decay else level, level]
    return sound * np.interp(np.arange(sound.size), places, levels).astype(np.float32)


def _together(members: Sequence[tuple[Layer, ...]], in_turn: bool) -> tuple[Layer, ...]:
    """Return layers of which several sound at once, or one after the other as takes."""
    together = []
    for velocity in sorted({layer.velocity for layers in members for layer in layers}):
        takes = [layer_at(layers, velocity).takes for layers in members]
        if in_turn:
            together.append(Layer(velocity, tuple(take for group in takes for take in group)))
        else:
            longest = max(map(len, takes))
            mixed = [[group[n % len(group)] for group in takes] for n in range(longest)]
            together.append(Layer(velocity, tuple(reduce(_sum, sounds) for sounds in mixed)))
    return tuple(together)


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    total = np.zeros(max(one.size, other.size), np.float32)
    total[: one.size] += one
    total[: other.size] += other
    return total
