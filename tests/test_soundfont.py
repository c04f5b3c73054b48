"""Kits from SoundFonts: what their zones sound like, their layers, damaged files."""

import io
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
import soxr

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.kits.kit import Layer
from drummernet.kits.sf2_zones import Gen
from drummernet.kits.soundfont import soundfont_presets, soundfont_sounds

RATE_HZ = 32_000
Generators = dict[int, int]

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General.sf3")
AVL = [Path(f"/usr/share/sounds/sf2/{name}_4_LV2.sf2") for name in ("Black_Pearl", "Red_Zeppelin")]


def both(low: int, high: int) -> int:
    """A range as a generator's amount."""
    return low | high << 8


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def written(
    waves: Sequence[np.ndarray],
    zones: Sequence[Generators],
    *,
    modulators: Sequence[tuple[int, int, int, int, int]] = (),
    in_preset: Generators | None = None,
    loop: tuple[int, int] = (0, 0),
    vorbis: bool = False,
    rate: int = RATE_HZ,
) -> bytes:
    """A SoundFont with one preset, 128:5, that has one instrument; the modulators are its first zone's."""
    data, headers = b"", b""
    for number, wave in enumerate(waves):
        if vorbis:
            stream = io.BytesIO()
            soundfile.write(stream, wave, rate, format="OGG", subtype="VORBIS")
            start, content = len(data), stream.getvalue()
            places = (start, start + len(content), *loop)
        else:
            start, content = len(data) // 2, np.round(wave * 32767).astype("<i2").tobytes()
            places = (start, start + wave.size, start + loop[0], start + loop[1])
            content += bytes(92)
        data += content
        name = f"wave {number}".encode()
        headers += struct.pack("<20s5IBbHH", name, *places, rate, 60, 0, 0, 0x11 if vorbis else 1)
    headers += struct.pack("<20s5IBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    igen, ibag = b"", b""
    for number, zone in enumerate(zones):
        ibag += struct.pack("<HH", len(igen) // 4, 0 if number == 0 else len(modulators))
        igen += b"".join(struct.pack("<Hh", *entry) for entry in zone.items())
    ibag += struct.pack("<HH", len(igen) // 4, len(modulators))
    general = b"".join(struct.pack("<Hh", *entry) for entry in (in_preset or {}).items())
    presets = struct.pack("<20sHHHIII", b"Test kit\0rest", 5, 128, 0, 0, 0, 0)
    tables = {
        b"phdr": presets + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0),
        b"pbag": struct.pack("<HHHH", 0, 0, len(general) // 4 + 1, 0),
        b"pmod": bytes(10),
        b"pgen": general + struct.pack("<HH", 41, 0) + bytes(4),
        b"inst": struct.pack("<20sH20sH", b"kit", 0, b"EOI", len(zones)),
        b"ibag": ibag,
        b"imod": b"".join(struct.pack("<HHhHH", *rule) for rule in modulators) + bytes(10),
        b"igen": igen + bytes(4),
        b"shdr": headers,
    }
    info = chunk(b"LIST", b"INFO" + chunk(b"ifil", struct.pack("<HH", 3 if vorbis else 2, 1)))
    samples = chunk(b"LIST", b"sdta" + chunk(b"smpl", data))
    pdta = chunk(b"LIST", b"pdta" + b"".join(chunk(name, table) for name, table in tables.items()))
    return chunk(b"RIFF", b"sfbk" + info + samples + pdta)


def tone(hertz: float, seconds: float = 1.2, amplitude: float = 0.5, rate: int = RATE_HZ) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def hiss(seconds: float = 1.2) -> np.ndarray:
    return 0.1 * np.random.default_rng(4).standard_normal(round(seconds * RATE_HZ))


def layers(folder: Path, content: bytes, note: int = 60) -> tuple[Layer, ...]:
    path = folder / "kit.sf2"
    path.write_bytes(content)
    source = {"path": "kit.sf2", "bank": 128, "preset": 5, "components": {"KD": note}}
    return soundfont_sounds(source, folder / "kit.yaml")["KD"]


def sound(folder: Path, content: bytes, note: int = 60) -> np.ndarray:
    (layer,) = layers(folder, content, note)
    assert layer.velocity == 1
    (take,) = layer.takes
    assert take.dtype == np.float32
    return take


def hertz(wave: np.ndarray, start: float = 0.1, seconds: float = 0.5) -> float:
    """The frequency of the strongest tone, from the peak of its padded spectrum."""
    part = wave[round(start * SAMPLE_RATE) :][: round(seconds * SAMPLE_RATE)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(part.size), 1 << 18))
    return float(spectrum.argmax() * SAMPLE_RATE / (1 << 18))


def level_db(wave: np.ndarray, start: float = 0.1, seconds: float = 0.1) -> float:
    part = wave[round(start * SAMPLE_RATE) :][: round(seconds * SAMPLE_RATE)].astype(float)
    return float(10 * np.log10(np.mean(part**2)))


TONE = {Gen.SAMPLE: 0}


@pytest.mark.parametrize(
    ("generators", "note", "cents"),
    [
        ({}, 60, 0),
        ({}, 67, 700),
        ({Gen.ROOT_KEY: 64}, 67, 300),
        ({Gen.COARSE_TUNE: -2, Gen.FINE_TUNE: 30}, 60, -170),
        ({Gen.SCALE_TUNING: 50}, 66, 300),
        ({Gen.KEY: 62}, 36, 200),
    ],
)
def test_pitch(tmp_path: Path, generators: Generators, note: int, cents: float) -> None:
    played = sound(tmp_path, written([tone(440)], [generators | TONE]), note)
    assert 1200 * np.log2(hertz(played) / 440) == pytest.approx(cents, abs=2)


def test_preset_generators_are_added(tmp_path: Path) -> None:
    content = written([tone(440)], [{Gen.FINE_TUNE: 40} | TONE], in_preset={Gen.FINE_TUNE: 30})
    assert 1200 * np.log2(hertz(sound(tmp_path, content)) / 440) == pytest.approx(70, abs=2)


def test_first_zone_without_a_sample_speaks_for_all(tmp_path: Path) -> None:
    content = written([tone(440)], [{Gen.FINE_TUNE: 40, Gen.ATTENUATION: 50}, {Gen.FINE_TUNE: -40} | TONE])
    played = sound(tmp_path, content)
    assert 1200 * np.log2(hertz(played) / 440) == pytest.approx(-40, abs=2)
    plain = sound(tmp_path, written([tone(440)], [TONE]))
    assert level_db(played) - level_db(plain) == pytest.approx(-0.4 * 5, abs=0.05)


def test_nothing_folds_below_8_khz(tmp_path: Path) -> None:
    played = sound(tmp_path, written([tone(10_000, rate=44_100)], [TONE], rate=44_100))
    assert level_db(played) < -80


def test_layers_by_velocity_and_their_levels(tmp_path: Path) -> None:
    zones = [
        {Gen.VELOCITY_RANGE: both(64, 127), Gen.SAMPLE: 1},
        {Gen.VELOCITY_RANGE: both(0, 63), Gen.SAMPLE: 0},
    ]
    soft, hard = layers(tmp_path, written([tone(300, amplitude=0.25), tone(500)], zones))
    assert (soft.velocity, hard.velocity) == (63 / 127, 1)
    assert hertz(soft.takes[0]) == pytest.approx(300, abs=0.5)
    assert hertz(hard.takes[0]) == pytest.approx(500, abs=0.5)
    ratio = level_db(soft.takes[0]) - level_db(hard.takes[0])
    assert ratio == pytest.approx(20 * np.log10(0.5) + 40 * np.log10(63 / 127), abs=0.1)


def test_layers_that_differ_in_level_alone_are_one(tmp_path: Path) -> None:
    zones = [
        {Gen.VELOCITY_RANGE: both(0, 63), Gen.ATTENUATION: 60} | TONE,
        {Gen.VELOCITY_RANGE: both(64, 127)} | TONE,
    ]
    assert len(layers(tmp_path, written([hiss()], zones))) == 1
    zones[0][Gen.FILTER_CUTOFF] = 8000
    zones = [{entry: zone[entry] for entry in sorted(zone)} for zone in zones]
    assert len(layers(tmp_path, written([hiss()], zones))) == 2


def test_the_loudest_layer_serves_what_is_harder(tmp_path: Path) -> None:
    content = written([tone(300)], [{Gen.VELOCITY_RANGE: both(1, 90)} | TONE])
    (layer,) = layers(tmp_path, content)
    assert layer.velocity == 1
    assert level_db(layer.takes[0]) - 20 * np.log10(0.5) == pytest.approx(
        40 * np.log10(90 / 127) - 20 * np.log10(2), abs=0.1
    )


def test_own_rule_for_velocity_replaces_the_formats(tmp_path: Path) -> None:
    zones = [{Gen.VELOCITY_RANGE: both(0, 40)} | TONE, {Gen.VELOCITY_RANGE: both(41, 127), Gen.SAMPLE: 1}]
    rule = (0x0502, int(Gen.ATTENUATION), 480, 0, 0)
    soft, hard = layers(tmp_path, written([tone(300), tone(500)], zones, modulators=[rule]))
    assert level_db(soft.takes[0]) - level_db(hard.takes[0]) == pytest.approx(
        20 * np.log10(40 / 127), abs=0.1
    )


def test_stereo_pair_is_averaged(tmp_path: Path) -> None:
    zones = [{Gen.PAN: -500, Gen.SAMPLE: 0}, {Gen.PAN: 500, Gen.SAMPLE: 1}]
    played = sound(tmp_path, written([tone(400, amplitude=0.8), tone(400, amplitude=0.2)], zones))
    assert np.abs(played[1600:9600]).max() == pytest.approx(0.5, rel=0.01)


def test_onset_is_at_the_start(tmp_path: Path) -> None:
    burst = hiss() * 0.99 ** np.arange(round(1.2 * RATE_HZ))
    for generators in ({}, {Gen.FILTER_CUTOFF: 9000}, {Gen.VOL_HOLD: -2000, Gen.VOL_DECAY: -2000}):
        played = np.abs(sound(tmp_path, written([burst], [generators | TONE])))
        assert np.argmax(played > 10**-1.5 * played.max()) < 0.001 * SAMPLE_RATE


def test_volume_envelope(tmp_path: Path) -> None:
    # Half a second held, then 100 dB in one second, down to 30 dB.
    envelope = {Gen.VOL_HOLD: -1200, Gen.VOL_DECAY: 0, Gen.VOL_SUSTAIN: 300}
    played = sound(tmp_path, written([tone(400, 1.5)], [envelope | TONE]))
    levels = np.array([level_db(played, start, 0.02) for start in (0.2, 0.44, 0.59, 0.69, 1.0, 1.3)])
    assert levels - levels[0] == pytest.approx([0, 0, -10, -20, -30, -30], abs=0.3)
    # Half a second of even rise.
    risen = sound(tmp_path, written([tone(400, 1.5)], [{Gen.VOL_ATTACK: -1200} | TONE]))
    levels = np.array([level_db(risen, start, 0.02) for start in (1.0, 0.24, 0.115)])
    assert levels - levels[0] == pytest.approx([0, -6.02, -12.04], abs=0.1)


@pytest.mark.parametrize("vorbis", [False, True])
def test_loop_goes_on(tmp_path: Path, vorbis: bool) -> None:
    short = tone(400, 0.2)
    looped = sound(
        tmp_path, written([short], [{Gen.SAMPLE_MODES: 1} | TONE], loop=(3200, 4800), vorbis=vorbis)
    )
    assert looped.size == 1.5 * SAMPLE_RATE
    assert level_db(looped, 1.3) == pytest.approx(level_db(looped, 0.05, 0.05), abs=0.2)
    assert hertz(looped, 0.3, 1.0) == pytest.approx(400, abs=0.2)
    plain = sound(tmp_path, written([short], [TONE], loop=(3200, 4800), vorbis=vorbis))
    assert np.abs(plain[round(0.25 * SAMPLE_RATE) :]).max(initial=0) < 0.01


def test_sf3_sounds_as_sf2(tmp_path: Path) -> None:
    waves = [tone(300), tone(500)]
    plain = sound(tmp_path, written(waves, [{Gen.SAMPLE: 1}]))
    compressed = sound(tmp_path, written(waves, [{Gen.SAMPLE: 1}], vorbis=True))
    assert compressed.size == plain.size
    error = compressed - plain
    assert 10 * np.log10(np.sum(error**2) / np.sum(plain**2)) < -25


def test_low_pass(tmp_path: Path) -> None:
    def response(generators: Generators) -> np.ndarray:
        played = sound(tmp_path, written([noise], [generators | TONE])).astype(float)
        spectrum = np.abs(np.fft.rfft(played[:SAMPLE_RATE])) ** 2
        return 10 * np.log10([spectrum[hz - 40 : hz + 40].mean() for hz in (200, 1000, 4000)])

    noise = hiss()
    # 8.176 Hz times 2 to the 8322 / 1200 is 1 kHz: -3 dB there, and 12 dB per octave beyond.
    change = response({Gen.FILTER_CUTOFF: 8322}) - response({})
    assert change == pytest.approx([0, -3, -24.4], abs=0.6)
    # A resonance of 20 dB rises by so much above the flank, half of which the flank goes down.
    change = response({Gen.FILTER_CUTOFF: 8322, Gen.FILTER_Q: 200}) - response({})
    assert change[:2] == pytest.approx([-10, 7], abs=1.5)


def test_modulation_envelope_moves_cutoff_and_pitch(tmp_path: Path) -> None:
    # The envelope holds half a second, then falls to nothing within 10 ms.
    envelope = {Gen.MOD_HOLD: -1200, Gen.MOD_DECAY: -8000, Gen.MOD_SUSTAIN: 1000}
    closing = {Gen.FILTER_CUTOFF: 6000, Gen.MOD_ENV_TO_CUTOFF: 7500} | envelope
    played = sound(tmp_path, written([tone(3000)], [closing | TONE]))
    # What stands in the middle is 3 dB down in either channel, as is the tone's mean square.
    assert level_db(played, 0.2) == pytest.approx(20 * np.log10(0.5) - 3 - 3, abs=0.2)
    assert level_db(played, 0.8) < level_db(played, 0.2) - 40
    for cents in (1200, -1200):
        bent = sound(tmp_path, written([tone(400, 2)], [{Gen.MOD_ENV_TO_PITCH: cents} | envelope | TONE]))
        assert hertz(bent, 0.1, 0.3) == pytest.approx(400 * 2 ** (cents / 1200), abs=0.5)
        assert hertz(bent, 0.6, 0.3) == pytest.approx(400, abs=0.5)
        assert level_db(bent, 0.6) == pytest.approx(level_db(bent, 0.2), abs=0.1)


def test_same_file_same_sounds(tmp_path: Path) -> None:
    content = written([hiss()], [{Gen.FILTER_CUTOFF: 9000} | TONE])
    assert np.array_equal(sound(tmp_path, content), sound(tmp_path, content))


def test_zone_that_no_stroke_reaches_is_silent(tmp_path: Path) -> None:
    zones = [{Gen.VELOCITY_RANGE: both(0, 0)} | TONE, {Gen.VELOCITY_RANGE: both(90, 80)} | TONE]
    with pytest.raises(InputError, match=r"source\.components\.KD.*no sound"):
        layers(tmp_path, written([tone(300, 0.1)], zones))


def test_presets_with_their_notes(tmp_path: Path) -> None:
    zones = [{Gen.KEY_RANGE: both(36, 37)} | TONE, {Gen.KEY_RANGE: both(40, 40)} | TONE]
    path = tmp_path / "kit.sf2"
    path.write_bytes(written([tone(300)], zones))
    assert soundfont_presets(path) == [(128, 5, "Test kit", (36, 37, 40))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "other.sf2"}, r"source\.path.*other\.sf2"),
        ({"path": 3}, r"source\.path"),
        ({"bank": 127}, r"source\.preset.*no 127:5.*128:5 Test kit"),
        ({"bank": "drums"}, r"source\.bank.*'drums'"),
        ({"preset": 6}, r"source\.preset.*no 128:6"),
        ({"preset": 5.5}, r"source\.preset.*5\.5"),
        ({"preset": -1}, r"source\.preset.*-1"),
        ({"components": {}}, r"source\.components.*empty"),
        ({"components": [36]}, r"source\.components.*\[36\]"),
        ({"components": {"BD": 36}}, r"source\.components.*'BD'"),
        ({"components": {"KD": 128}}, r"source\.components\.KD.*128"),
        ({"components": {"KD": True}}, r"source\.components\.KD.*True"),
        ({"components": {"KD": 50}}, r"source\.components\.KD.*note 50 has no sound.*36"),
        ({"gain": 1}, r"source.*'gain'"),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    zones = [{Gen.KEY_RANGE: both(36, 36)} | TONE]
    (tmp_path / "kit.sf2").write_bytes(written([tone(300, 0.2)], zones))
    source = {"path": "kit.sf2", "bank": 128, "preset": 5, "components": {"KD": 36}} | change
    with pytest.raises(InputError, match=message):
        soundfont_sounds(source, tmp_path / "kit.yaml")
    del source["preset"]
    with pytest.raises(InputError, match=r"source: (lacks 'preset'|unknown key 'gain')"):
        soundfont_sounds(source, tmp_path / "kit.yaml")


def _replaced(content: bytes, name: bytes, offset: int, kind: str, value: int) -> bytes:
    """Overwrite a number so many bytes behind the head of a chunk."""
    damaged = bytearray(content)
    struct.pack_into(kind, damaged, content.index(name) + 8 + offset, value)
    return bytes(damaged)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: b"", "format"),
        (lambda c: b"RIFX" + c[4:], "format"),
        (lambda c: c[:8] + b"WAVE" + c[12:], "format"),
        (lambda c: c.replace(b"igen", b"nege"), "igen.*missing"),
        (lambda c: c.replace(b"smpl", b"lpms"), "smpl.*missing"),
        (lambda c: _replaced(c, b"shdr", -4, "<I", 1 << 30), "pdta.*shdr"),
        (lambda c: _replaced(c, b"ibag", -4, "<I", 7), "ibag.*7 bytes"),
        (lambda c: _replaced(c, b"pbag", 0, "<H", 9), "pbag.*rise"),
        (lambda c: _replaced(c, b"inst", 42, "<H", 999), "inst.*999"),
        (lambda c: _replaced(c, b"pgen", 2, "<H", 77), "inst.*77"),
        (lambda c: _replaced(c, b"igen", 2, "<H", 77), "shdr.*77"),
        (lambda c: _replaced(c, b"shdr", 24, "<I", 1 << 31), "wave 0.*outside"),
        (lambda c: _replaced(c, b"shdr", 36, "<I", 7), "wave 0.*7 Hz"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        layers(tmp_path, damage(written([tone(300, 0.1)], [TONE])))


@pytest.mark.parametrize("vorbis", [False, True])
def test_ten_minutes_are_no_one_shot(tmp_path: Path, vorbis: bool) -> None:
    # At 1 kHz ten minutes are as small as a kick drum.
    with pytest.raises(InputError, match=r"wave 0.*600000 samples are more than 30 s"):
        layers(tmp_path, written([np.zeros(600_000)], [TONE], rate=1000, vorbis=vorbis))


@pytest.mark.parametrize("vorbis", [False, True])
def test_truncation_is_always_an_error(tmp_path: Path, vorbis: bool) -> None:
    content = written([tone(300, 0.05)], [TONE], vorbis=vorbis)
    for size in np.random.default_rng(1).integers(0, len(content), 150):
        with pytest.raises(InputError):
            layers(tmp_path, content[:size])


@pytest.mark.parametrize("vorbis", [False, True])
def test_damaged_bytes_are_an_error_or_finite(tmp_path: Path, vorbis: bool) -> None:
    zones = [{Gen.PAN: 10, Gen.FILTER_CUTOFF: 9000, Gen.SAMPLE_MODES: 1} | TONE, TONE]
    content = written([tone(300, 0.05)], zones, loop=(100, 900), vorbis=vorbis)
    rng, outcomes = np.random.default_rng(2), set()
    for _ in range(200):
        damaged = np.frombuffer(content, np.uint8).copy()
        # Half of the damage is done to the tables, which stand at the end.
        first = int(rng.choice([0, content.index(b"pdta")]))
        places = rng.integers(first, len(content), rng.integers(1, 8))
        damaged[places] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))], places.size)
        try:
            struck = layers(tmp_path, damaged.tobytes())
        except InputError:
            outcomes.add("refused")
        else:
            assert all(np.isfinite(layer.takes[0]).all() for layer in struck)
            outcomes.add("played")
    assert outcomes == {"refused", "played"}


def test_multiplied_zones_are_refused(tmp_path: Path) -> None:
    content = written([tone(300, 0.05)], [TONE] * 400, in_preset={})
    # 300 zones of the preset, each of 400 in its instrument.
    bags = b"".join(struct.pack("<HH", 0 if n == 0 else 1, 0) for n in range(2))
    many = b"".join(struct.pack("<HH", n, 0) for n in range(301))
    content = content.replace(chunk(b"pbag", bags), chunk(b"pbag", many))
    generators = struct.pack("<HH", 41, 0)
    content = content.replace(chunk(b"pgen", generators + bytes(4)), chunk(b"pgen", generators * 301))
    head = content.index(b"phdr") + 8
    content = content[: head + 38 + 24] + struct.pack("<H", 300) + content[head + 38 + 26 :]
    pdta = content.index(b"LIST", content.index(b"smpl"))
    content = content[: pdta + 4] + struct.pack("<I", len(content) - pdta - 8) + content[pdta + 8 :]
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
    with pytest.raises(InputError, match="more than 100000 zones"):
        layers(tmp_path, content)


def _fluidsynth(
    font: Path, folder: Path, bank: int, preset: int, strokes: list[tuple[int, int]]
) -> np.ndarray:
    """Strokes every two seconds as FluidSynth plays them, (n,) at 16 kHz."""
    song, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    song.tracks.append(track)
    channel = 9 if bank == 128 else 0
    track.append(mido.Message("program_change", channel=channel, program=preset))
    for note, velocity in strokes:
        track.append(mido.Message("note_on", channel=channel, note=note, velocity=velocity))
        track.append(mido.Message("control_change", channel=channel, control=120, value=0, time=1900))
        track.append(mido.Message("note_off", channel=channel, note=note, time=20))
    song.save(folder / "strokes.mid")
    effects_off = ["-R", "0", "-C", "0", "-g", "0.2"]
    command = ["fluidsynth", "-ni", *effects_off, "-r", "48000", "-T", "wav", "-O", "float"]
    command += ["-F", str(folder / "strokes.wav"), str(font), str(folder / "strokes.mid")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    samples, rate = soundfile.read(folder / "strokes.wav")
    return soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="FluidSynth is not installed")
@pytest.mark.parametrize(
    ("font", "bank", "preset"),
    [(FLUID, 128, 0), (FLUID, 128, 25), (FLUID, 128, 48), (AVL[1], 0, 0)],
)
def test_sounds_as_fluidsynth_plays_it(tmp_path: Path, font: Path, bank: int, preset: int) -> None:
    if not font.is_file():
        pytest.skip(f"{font.name} is not installed")
    notes = {"KD": 36, "SD": 38, "CHH": 42, "OHH": 46, "CRC": 49, "MHT": 45}
    source = {"path": str(font), "bank": bank, "preset": preset, "components": notes}
    sounds = soundfont_sounds(source, tmp_path / "kit.yaml")
    strokes = [
        (name, layer, round(layer.velocity * 127))
        for name, layers in sounds.items()
        for layer in (layers[0], layers[-1])
    ]
    played = _fluidsynth(font, tmp_path, bank, preset, [(notes[name], v) for name, _, v in strokes])
    differences = []
    for number, (_, layer, _) in enumerate(strokes):
        own = layer.takes[0][:SAMPLE_RATE].astype(float)
        part = played[2 * number * SAMPLE_RATE :][:SAMPLE_RATE]
        windows = [(start, start + 0.05) for start in (0, 0.05, 0.1, 0.2, 0.4)]
        levels = np.array(
            [[level_db(x, a, b - a) for a, b in windows if b * SAMPLE_RATE < own.size] for x in (own, part)]
        )
        heard = levels[0] > levels[0].max() - 25
        differences.append(levels[0][heard] - levels[1][heard])
    usual = np.median(np.concatenate(differences))
    for (name, layer, _), difference in zip(strokes, differences, strict=True):
        assert difference == pytest.approx(usual, abs=1.5), f"{name} at {layer.velocity:.2f}"


@pytest.mark.parametrize("font", [FLUID, MUSESCORE, *AVL], ids=lambda path: path.stem)
def test_every_drum_preset_of_installed_packages(tmp_path: Path, font: Path) -> None:
    if not font.is_file():
        pytest.skip(f"{font.name} is not installed")
    presets = [preset for preset in soundfont_presets(font) if preset.bank == 128 or font in AVL]
    assert len(presets) == (1 if font in AVL else {FLUID: 31, MUSESCORE: 38}[font])
    for preset in presets:
        components = dict(zip(("KD", "SD", "CHH"), (preset.notes * 3)[:3], strict=True))
        if {36, 38, 42} <= set(preset.notes):
            components = {"KD": 36, "SD": 38, "CHH": 42}
        source = {"path": str(font), "bank": preset.bank, "preset": preset.number, "components": components}
        for name, layers in soundfont_sounds(source, tmp_path / "kit.yaml").items():
            assert [layer.velocity for layer in layers] == sorted({layer.velocity for layer in layers})
            assert layers[-1].velocity == 1
            for layer in layers:
                peak = np.abs(layer.takes[0]).max()
                assert 0 < peak < 8, f"{preset.name} {name}"
