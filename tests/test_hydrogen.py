"""Kits of the drum machine Hydrogen: levels, layers, takes, unsafe and broken kits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.hydrogen import hydrogen_about, hydrogen_instruments, hydrogen_sounds
from drummernet.kits.kit import Layer
from drummernet.kits.layers import bands

RATE_HZ = 44_100
INSTALLED = Path("/usr/share/hydrogen/data/drumkits")


def tone(path: Path, hertz: float, amplitude: float = 0.5, seconds: float = 0.5) -> None:
    wave = amplitude * np.cos(2 * np.pi * hertz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    soundfile.write(path, wave, RATE_HZ, subtype="FLOAT")


def tags(**values: object) -> str:
    return "".join(f"<{tag}>{value}</{tag}>" for tag, value in values.items())


def layer(file: str, low: float = 0, high: float = 1, **values: object) -> str:
    return f"<layer>{tags(filename=file, min=low, max=high, **values)}</layer>"


def instrument(number: int, content: str, **values: object) -> str:
    return f"<instrument>{tags(id=number, name=f'Drum {number}', **values)}{content}</instrument>"


def kit(folder: Path, *instruments: str, head: str = "", space: str = "") -> Path:
    """Write a drumkit.xml, and the sounds low, mid and high, tones of 300, 500 and 700 Hz."""
    for name, hertz in (("low", 300), ("mid", 500), ("high", 700)):
        tone(folder / f"{name}.wav", hertz)
    body = f"{head}<instrumentList>{''.join(instruments)}</instrumentList>"
    (folder / "drumkit.xml").write_text(f"<drumkit_info{space}>{body}</drumkit_info>")
    return folder


def layers(folder: Path, members: Any = 0) -> tuple[Layer, ...]:
    source = {"path": folder.name, "components": {"SD": members}}
    return hydrogen_sounds(source, folder.parent / "kit.yaml")["SD"]


def sound(folder: Path, members: Any = 0) -> np.ndarray:
    (only,) = layers(folder, members)
    assert only.velocity == 1
    (take,) = only.takes
    assert take.dtype == np.float32
    return take


def hertz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(wave.size), 1 << 18))
    return float(spectrum.argmax() * SAMPLE_RATE / (1 << 18))


def amplitude(wave: np.ndarray, start: float = 0.1, seconds: float = 0.1) -> float:
    part = wave[round(start * SAMPLE_RATE) :][: round(seconds * SAMPLE_RATE)].astype(float)
    return float(np.sqrt(2 * np.mean(part**2)))


def test_bands() -> None:
    assert bands([(0.5, 1), (0, 0.5)]) == [(0.5, (1,)), (1, (0,))]
    assert bands([(0, 0.6), (0.4, 1)], only_first=True) == [(0.6, (0,)), (1, (1,))]
    assert bands([(0, 0.6), (0.4, 1)]) == [(0.4, (0,)), (0.6, (0, 1)), (1, (1,))]
    assert bands([(0, 0.3), (0.5, 0.9)]) == [(0.3, (0,)), (0.9, (1,))]
    assert bands([(0.2, 0.2)]) == []


def test_one_file_per_instrument(tmp_path: Path) -> None:
    folder = kit(tmp_path, instrument(0, "", filename="low.wav", volume=0.8))
    played = sound(folder)
    assert played.size == 0.5 * SAMPLE_RATE
    assert hertz(played) == pytest.approx(300, abs=0.5)
    assert amplitude(played) == pytest.approx(0.4, rel=0.002)
    assert np.argmax(np.abs(played) > 10**-1.5 * np.abs(played).max()) < 0.001 * SAMPLE_RATE


def test_layers_from_soft_to_loud_with_their_levels(tmp_path: Path) -> None:
    # As Hydrogen writes them, from loud to soft; there is a gap, and the loudest ends early.
    content = layer("high.wav", 0.6, 0.9, gain=0.5) + layer("low.wav", 0, 0.25, gain=2)
    content += layer("mid.wav", 0.25, 0.5)
    soft, middle, hard = layers(kit(tmp_path, instrument(0, content, volume=0.5, gain=1.5)))
    assert (soft.velocity, middle.velocity, hard.velocity) == (0.25, 0.5, 1)
    for found, pitch, level in ((soft, 300, 2 * 0.25), (middle, 500, 0.5), (hard, 700, 0.5)):
        assert hertz(found.takes[0]) == pytest.approx(pitch, abs=0.5)
        assert amplitude(found.takes[0]) == pytest.approx(0.5 * 0.5 * 1.5 * level, rel=0.002)


def test_first_of_overlapping_layers_is_played_or_all_in_turn(tmp_path: Path) -> None:
    content = layer("low.wav", 0, 0.6) + layer("high.wav", 0.4, 1)
    soft, hard = layers(kit(tmp_path, instrument(0, content)))
    assert (soft.velocity, hard.velocity) == (0.6, 1)
    both = layers(kit(tmp_path, instrument(0, content, sampleSelectionAlgo="ROUND_ROBIN")))
    assert [found.velocity for found in both] == [0.4, 0.6, 1]
    assert [round(hertz(take), -1) for take in both[1].takes] == [300, 700]


def test_several_instruments_take_turns(tmp_path: Path) -> None:
    split = layer("low.wav", 0, 0.5) + layer("mid.wav", 0.5, 1)
    folder = kit(tmp_path, instrument(4, split), instrument(7, layer("high.wav")))
    soft, hard = layers(folder, [4, 7])
    assert [round(hertz(take), -1) for take in soft.takes] == [300, 700]
    assert [round(hertz(take), -1) for take in hard.takes] == [500, 700]
    assert amplitude(soft.takes[1]) == pytest.approx(0.25, rel=0.002)


def test_channels_sound_together(tmp_path: Path) -> None:
    channels = "".join(
        f"<drumkitComponent>{tags(id=number, volume=volume)}</drumkitComponent>"
        for number, volume in ((0, 0.5), (1, 2))
    )
    content = "".join(
        f"<instrumentComponent>{tags(component_id=number, gain=0.5)}{layer(file)}</instrumentComponent>"
        for number, file in ((0, "low.wav"), (1, "high.wav"))
    )
    space = ' xmlns="http://www.hydrogen-music.org/drumkit"'
    folder = kit(
        tmp_path, instrument(0, content), head=f"<componentList>{channels}</componentList>", space=space
    )
    played = sound(folder)[:4800].astype(float)
    times = np.arange(4800) / SAMPLE_RATE
    for pitch, level in ((300, 0.5 * 0.5 * 0.5), (700, 0.5 * 0.5 * 2)):
        found = 2 * abs(np.mean(played * np.exp(-2j * np.pi * pitch * times)))
        assert found == pytest.approx(level, rel=0.02)


def test_pitch_of_layer_and_instrument(tmp_path: Path) -> None:
    folder = kit(tmp_path, instrument(0, layer("mid.wav", pitch=-3), pitchOffset=-2))
    played = sound(folder)
    assert hertz(played) == pytest.approx(500 * 2 ** (-5 / 12), rel=1e-3)
    assert played.size == pytest.approx(0.5 * SAMPLE_RATE * 2 ** (5 / 12), abs=2)


def test_envelope_shapes_the_sound(tmp_path: Path) -> None:
    # A tenth of a second of decay to a quarter.
    folder = kit(tmp_path, instrument(0, layer("mid.wav"), Attack=0, Decay=4410, Sustain=0.25))
    played = sound(folder)
    assert amplitude(played, 0.2) == pytest.approx(0.125, rel=0.01)
    assert amplitude(played, 0.04, 0.02) == pytest.approx(0.5 * 0.625, rel=0.02)
    assert np.abs(played[:16]).max() > 0.45
    folder = kit(tmp_path, instrument(0, layer("mid.wav"), Attack=0, Decay=0, Sustain=0.5))
    assert amplitude(sound(folder)) == pytest.approx(0.25, rel=0.002)


def test_instruments_and_what_the_kit_says_of_itself(tmp_path: Path) -> None:
    page = (
        "&lt;html>&lt;head>&lt;style>p {}&lt;/style>&lt;/head>&lt;body>&lt;p>A &lt;b>loud&lt;/b> kit&lt;/p>"
    )
    head = tags(name="Kit", author="Ann &amp; Bo", licence="GPL", info=page)
    folder = kit(
        tmp_path,
        instrument(0, layer("low.wav"), midiOutNote=36),
        instrument(5, "", midiOutNote=38),
        head=head,
    )
    assert hydrogen_instruments(folder) == [(0, "Drum 0", 36, 1), (5, "Drum 5", 38, 0)]
    assert hydrogen_about(folder) == ("Kit", "Ann & Bo", "GPL", "A loud kit")
    # Where all notes are the same, nobody has set them.
    notes = [instrument(number, "", midiOutNote=60) for number in range(2)]
    assert [found.note for found in hydrogen_instruments(kit(tmp_path, *notes))] == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "nowhere"}, r"source\.path.*nowhere.*no file"),
        ({"path": 1}, r"source\.path"),
        ({"components": {}}, r"source\.components.*empty"),
        ({"components": "SD"}, r"source\.components.*'SD'"),
        ({"components": {"XX": 0}}, r"source\.components.*'XX'"),
        ({"components": {"SD": 9}}, r"source\.components\.SD.*unknown instrument 9.*0 Drum 0"),
        ({"components": {"SD": "Drum 0"}}, r"source\.components\.SD.*'Drum 0'"),
        ({"components": {"SD": True}}, r"source\.components\.SD.*True"),
        ({"components": {"SD": []}}, r"source\.components\.SD.*empty"),
        ({"components": {"SD": [0, 1]}}, r"source\.components\.SD.*instrument 1 .*no sound"),
        ({"bank": 1}, r"source.*'bank'"),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = kit(tmp_path, instrument(0, layer("low.wav")), instrument(1, ""))
    source = {"path": folder.name, "components": {"SD": 0}} | change
    with pytest.raises(InputError, match=message):
        hydrogen_sounds(source, folder.parent / "kit.yaml")


@pytest.mark.parametrize(
    ("instruments", "message"),
    [
        ([instrument(0, layer("gone.wav"))], r"gone\.wav: file"),
        ([instrument(0, layer("../other/low.wav"))], r"instrument 0.*'\.\./other/low\.wav' leaves"),
        ([instrument(0, layer("/etc/passwd"))], r"instrument 0.*'/etc/passwd' leaves"),
        ([instrument(0, layer(r"C:\low.wav"))], r"instrument 0.*leaves"),
        ([instrument(0, layer("drumkit.xml"))], r"drumkit\.xml: format"),
        ([instrument(0, layer("low.wav", gain="loud"))], r"instrument 0\.gain.*'loud' is not a number"),
        ([instrument(0, layer("low.wav", gain="nan"))], r"instrument 0\.gain.*'nan' is out of range"),
        ([instrument(0, layer("low.wav", pitch=90))], r"low\.wav: pitch.*90 semitones"),
        ([instrument(0, layer("low.wav", 0.7, 0.2))], r"instrument 0.*\(0\.7, 0\.2\) do not rise"),
        ([instrument(0, layer("low.wav"))] * 2, r"instrument 1.*id 0 .*earlier"),
        (["<instrument><id>x</id></instrument>"], r"instrument 0.*'x' is not a number"),
        ([], r"instrumentList.*no instruments"),
    ],
)
def test_broken_kits_are_named(tmp_path: Path, instruments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        layers(kit(tmp_path, *instruments))


BOMB = """<?xml version="1.0"?><!DOCTYPE drumkit_info [<!ENTITY a "boom">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<drumkit_info><name>&c;</name></drumkit_info>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE drumkit_info [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<drumkit_info><name>&a;</name></drumkit_info>"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "XML.*refused.*entities"),
        (OUTSIDE, "XML.*refused.*entities"),
        ("", "XML.*cannot be parsed"),
        ("<drumkit_info><name>", "XML.*cannot be parsed"),
        ('<?xml version="1.0" encoding="klingon"?><drumkit_info/>', "XML.*cannot be parsed"),
        ("<song/>", "XML.*'song'"),
        ("<a>" * 200_000 + "</a>" * 200_000, "XML.*'a'"),
        (" " * (1 << 24) + "<drumkit_info/>", "XML.*16777216 bytes"),
    ],
    ids=["bomb", "outside", "empty", "cut", "encoding", "other", "deep", "large"],
)
def test_unsafe_xml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "drumkit.xml").write_text(text)
    with pytest.raises(InputError, match=message):
        hydrogen_instruments(tmp_path)
    with pytest.raises(InputError, match=message):
        layers(tmp_path)


def test_ten_minutes_are_no_one_shot(tmp_path: Path) -> None:
    folder = kit(tmp_path, instrument(0, layer("long.wav")))
    soundfile.write(folder / "long.wav", np.zeros(600 * 8000, np.int16), 8000)
    with pytest.raises(InputError, match=r"long\.wav.*more than 30 s"):
        layers(folder)


@pytest.mark.skipif(not INSTALLED.is_dir(), reason="no Hydrogen kits are installed")
def test_every_installed_kit_has_sounds(tmp_path: Path) -> None:
    folders = sorted(path.parent for path in INSTALLED.glob("*/drumkit.xml"))
    assert folders
    for folder in folders:
        assert hydrogen_about(folder).name
        sounding = [found.id for found in hydrogen_instruments(folder) if found.layers]
        components = dict(zip(("KD", "SD", "CHH"), sounding, strict=False))
        sounds = hydrogen_sounds({"path": str(folder), "components": components}, tmp_path / "kit.yaml")
        for component, found in sounds.items():
            assert found[-1].velocity == 1
            for one in found:
                peak = np.abs(one.takes[0]).max()
                assert 1e-3 < peak < 8, f"{folder.name} {component}"
