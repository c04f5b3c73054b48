"""The zones of a SoundFont: which sample sounds for which stroke, and how."""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from drummernet.errors import InputError
from drummernet.kits.sf2 import INDICES, ROM, SoundFont, entry_name, sample_header


class Gen(IntEnum):
    """The generators, the parameters of a zone, that are used here."""

    START, END, LOOP_START, LOOP_END, START_COARSE = 0, 1, 2, 3, 4
    MOD_ENV_TO_PITCH = 7
    FILTER_CUTOFF, FILTER_Q = 8, 9
    MOD_ENV_TO_CUTOFF, END_COARSE = 11, 12
    PAN = 17
    MOD_DELAY, MOD_ATTACK, MOD_HOLD, MOD_DECAY, MOD_SUSTAIN = 25, 26, 27, 28, 29
    KEY_TO_MOD_HOLD, KEY_TO_MOD_DECAY = 31, 32
    VOL_DELAY, VOL_ATTACK, VOL_HOLD, VOL_DECAY, VOL_SUSTAIN = 33, 34, 35, 36, 37
    KEY_TO_VOL_HOLD, KEY_TO_VOL_DECAY = 39, 40
    INSTRUMENT = 41
    KEY_RANGE, VELOCITY_RANGE = 43, 44
    LOOP_START_COARSE = 45
    KEY, VELOCITY = 46, 47
    ATTENUATION = 48
    LOOP_END_COARSE, COARSE_TUNE, FINE_TUNE, SAMPLE, SAMPLE_MODES = 50, 51, 52, 53, 54
    SCALE_TUNING, EXCLUSIVE_CLASS, ROOT_KEY = 56, 57, 58


_MOD_TIMES = (Gen.MOD_DELAY, Gen.MOD_ATTACK, Gen.MOD_HOLD, Gen.MOD_DECAY)
_VOL_TIMES = (Gen.VOL_DELAY, Gen.VOL_ATTACK, Gen.VOL_HOLD, Gen.VOL_DECAY)
_UNSET = (Gen.KEY, Gen.VELOCITY, Gen.ROOT_KEY)
_DEFAULTS = dict.fromkeys(range(61), 0) | dict.fromkeys(_UNSET, -1)
_DEFAULTS |= dict.fromkeys((*_MOD_TIMES, *_VOL_TIMES), -12000)
_DEFAULTS |= {Gen.FILTER_CUTOFF: 13500, Gen.SCALE_TUNING: 100}
_OF_INSTRUMENTS_ONLY = {0, 1, 2, 3, 4, 12, 45, 46, 47, 50, 54, 57, 58}
"""Generators that say something of the sample, and mean nothing in a preset."""
_MOST_ZONES = 100_000
"""Every key at every velocity has less than seven; a damaged file may multiply them without bounds."""
_NO_SUM = {Gen.INSTRUMENT, Gen.KEY_RANGE, Gen.VELOCITY_RANGE, Gen.SAMPLE}


class Modulator(NamedTuple):
    """What a stroke adds to a generator, in the format's own codes."""

    source: int
    target: int
    amount: int
    by: int
    curve: int


class Zone(NamedTuple):
    """A sample with the strokes that it sounds for.

    Attributes:
        keys: The lowest and the highest MIDI note.
        velocities: The lowest and the highest MIDI velocity.
        generators: Every generator's amount.
        modulators: In the instrument's zone; they take the place of the format's own ones.
        added: In the preset's zone; they are added to the others.
        sample: Its number.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    generators: dict[int, int]
    modulators: tuple[Modulator, ...]
    added: tuple[Modulator, ...]
    sample: int


class Preset(NamedTuple):
    """One of the instruments that a file offers; percussion has bank 128.

    Attributes:
        bank: Its bank.
        number: Its number in the bank.
        name: Its name.
        notes: The MIDI notes that have sounds.
    """

    bank: int
    number: int
    name: str
    notes: tuple[int, ...]


def presets(font: SoundFont) -> list[Preset]:
    """Return all presets of a file, by bank and number."""
    found = []
    for index, header in enumerate(font.tables["phdr"][:-1]):
        notes = {note for zone in zones(font, index) for note in range(zone.keys[0], zone.keys[1] + 1)}
        place = int(header["bank"]), int(header["preset"])
        found.append(Preset(*place, entry_name(header), tuple(sorted(notes))))
    return sorted(found)


def zones(font: SoundFont, preset: int) -> list[Zone]:
    """Return the zones of the preset at a place of the table whose samples the file holds.

    Raises:
        InputError: if one of them names an instrument or a sample that is not there.
    """
    found = []
    visited = 0
    for general, added in _members(font, "phdr", preset, Gen.INSTRUMENT):
        for special, modulators in _members(font, "inst", general[Gen.INSTRUMENT], Gen.SAMPLE):
            keys = _common(general, special, Gen.KEY_RANGE)
            velocities = _common(general, special, Gen.VELOCITY_RANGE)
            sample = special[Gen.SAMPLE]
            visited += 1
            if visited > _MOST_ZONES:
                raise InputError(font.path, "phdr", f"preset {preset} has more than {_MOST_ZONES} zones")
            is_struck = keys[0] <= keys[1] and max(velocities[0], 1) <= velocities[1]
            if not is_struck or sample_header(font, sample)["kind"] & ROM:
                continue
            generators = _DEFAULTS | special
            for number, amount in general.items():
                if number not in _OF_INSTRUMENTS_ONLY and number not in _NO_SUM:
                    generators[number] += amount
            found.append(Zone(keys, velocities, generators, modulators, added, sample))
    return found


def _members(
    font: SoundFont, table: str, index: int, target: Gen
) -> Iterator[tuple[dict[int, int], tuple[Modulator, ...]]]:
    """Yield the zones of a preset or an instrument, what the first says for all put into each."""
    headers = font.tables[table]
    if index >= len(headers) - 1:
        problem = f"has {len(headers) - 1} entries; a zone asks for number {index}"
        raise InputError(font.path, table, problem)
    bags, generators_of, modulators_of = (font.tables[name] for name in INDICES[table])
    shared: dict[int, int] = {}
    shared_modulators: dict[tuple[int, int, int, int], Modulator] = {}
    first, last = int(headers[index]["bag"]), int(headers[index + 1]["bag"])
    for place in range(first, last):
        start, end = bags[place], bags[place + 1]
        entries = generators_of[start["gen"] : end["gen"]].tolist()
        generators = {number: amount for number, amount in entries if number in _DEFAULTS}
        found = [Modulator(*entry) for entry in modulators_of[start["mod"] : end["mod"]].tolist()]
        modulators = {(m.source, m.target, m.by, m.curve): m for m in found}
        if target in generators:
            generators[target] &= 0xFFFF
            yield shared | generators, tuple((shared_modulators | modulators).values())
        elif place == first:
            shared, shared_modulators = generators, modulators


def _common(preset: dict[int, int], instrument: dict[int, int], number: Gen) -> tuple[int, int]:
    """Return the range that two zones share."""
    full = 127 << 8
    ranges = [zone.get(number, full) for zone in (preset, instrument)]
    return max(entry & 0xFF for entry in ranges), min(127, *(entry >> 8 & 0xFF for entry in ranges))
