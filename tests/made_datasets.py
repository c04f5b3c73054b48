"""Small datasets in the exact layouts of the real ones, played by the project's own renderer.

Each function returns what was played, by the track's name: (onset_seconds, class) in order of time.
Tambourines stand for side sticks, so that every dataset has some that belong to no class.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import mido
import numpy as np
import soundfile
import soxr

from drummernet import SAMPLE_RATE
from drummernet.evaluation.datasets import Dataset
from drummernet.evaluation.tracks import Track
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit, write_midi
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import load_kit
from drummernet.stems.render import render_groove, render_stems

Played = dict[str, list[tuple[float, str]]]

SECONDS = 3.0
RATE_HZ = 44_100
CLASS = {
    **{"KD": "KD", "SD": "SD", "CHH": "HH", "OHH": "HH", "PHH": "HH", "TMB": "OT"},
    **{"HIT": "TT", "MHT": "TT", "HFT": "TT", "RDC": "CY", "CRC": "CY"},
}


def made_groove(seed: int, components: Collection[str] = tuple(CLASS)) -> Groove:
    """A short groove in which every component is struck, on times that six decimals hold."""
    groove = generate_groove(seed, SECONDS)
    added = (Hit(0.1 + 0.2 * n, component, 0.7) for n, component in enumerate(CLASS))
    hits = sorted(hit for hit in (*groove.hits, *added) if hit.component in components)
    rounded = {(round(hit.onset_seconds, 6), hit.component): hit for hit in hits}
    return replace(groove, hits=tuple(replace(hit, onset_seconds=t) for (t, _), hit in rounded.items()))


def made_smt(root: Path) -> Played:
    """SMT: mixes, one file per instrument, and training files of single strokes."""
    played = {}
    for seed, loop in enumerate(("RealDrum01_00", "WaveDrum02_03", "TechnoDrum01_11")):
        groove = made_groove(seed, ("KD", "SD", "CHH"))
        events = []
        for onset, name in _classes(groove):
            event = f"<pitch>36</pitch><onsetSec>{onset}</onsetSec><offsetSec>{onset + 0.1}</offsetSec>"
            events.append(f"  <event>{event}<instrument>{name}</instrument></event>\n")
        about = f"<globalParameter><audioFileName>{loop}#MIX.wav</audioFileName></globalParameter>"
        head = f'<?xml version="1.0" encoding="utf-8"?>\n<instrumentRecording>{about}\n<transcription>\n'
        tail = "</transcription>\n</instrumentRecording>\n"
        text(root / "annotation_xml" / f"{loop}#MIX.xml", head + "".join(events) + tail)
        sound(root / "audio" / f"{loop}#MIX.wav", groove)
        for component in ("KD", "SD", "CHH"):
            label = CLASS[component]
            alone = replace(groove, hits=tuple(hit for hit in groove.hits if hit.component == component))
            strokes = Groove("strokes", tuple(Hit(0.5 * n, component) for n in range(4)), 2.0)
            sound(root / "audio" / f"{loop}#{label}.wav", alone)
            sound(root / "audio" / f"{loop}#{label}#train.wav", strokes)
        played[loop] = _classes(groove)
    return played


def made_mdb(root: Path) -> Played:
    """MDB Drums: drums, full mixes, classes, subclasses, beats; Southall et al. 2017."""
    played = {}
    for seed, song in enumerate(("Beatles", "Swing1")):
        name, groove = f"MusicDelta_{song}", made_groove(seed)
        lines = {
            "class": [f"{onset:.6f} \t {label} " for onset, label in _classes(groove)],
            "subclass": [f"{h.onset_seconds:.6f} \t {_subclass(h)} " for h in groove.hits],
        }
        for kind, content in lines.items():
            text(root / "annotations" / kind / f"{name}_{kind}.txt", "\n".join([*content, ""]))
        beats = "".join(f"{0.5 * n:.3f}\t{n % 4 + 1}\n" for n in range(6))
        text(root / "annotations" / "beats" / f"{name}_MIX.beats", beats)
        sound(root / "audio" / "drum_only" / f"{name}_Drum.wav", groove)
        sound(root / "audio" / "full_mix" / f"{name}_MIX.wav", groove, channels=2)
        played[name] = _classes(groove)
    return played


def made_enst(root: Path) -> Played:
    """ENST-Drums: three drummers; tracks with and without accompaniment, and a solo phrase."""
    words = {
        **{"KD": ("bd",), "SD": ("sd", "sd-", "rs"), "CHH": ("chh",), "OHH": ("ohh",), "PHH": ("chh",)},
        **{"HIT": ("mt", "mtr"), "MHT": ("lmt", "lt"), "HFT": ("lft", "ltr"), "TMB": ("cs",)},
        **{"RDC": ("rc", "rc3"), "CRC": ("cr1", "ch5", "spl", "c", "c4")},
    }
    played = {}
    for number in (1, 2, 3):
        folder, groove = root / f"drummer_{number}", made_groove(number)
        for name in (f"{100 + number}_minus-one_salsa_sticks", "001_hits_snare-drum_sticks_x6"):
            turn = count()
            lines = [
                f"{hit.onset_seconds:.6f} {words[hit.component][next(turn) % len(words[hit.component])]}\n"
                for hit in groove.hits
            ]
            text(folder / "annotation" / f"{name}.txt", "".join(lines))
            for part in ("wet_mix", "dry_mix", "kick"):
                sound(folder / "audio" / part / f"{name}.wav", groove, channels=1 if part == "kick" else 2)
        accompaniment = f"{100 + number}_minus-one_salsa_sticks.wav"
        sound(folder / "audio" / "accompaniment" / accompaniment, made_groove(10 + number), channels=2)
        played[f"drummer_{number}/{100 + number}_minus-one_salsa_sticks"] = _classes(groove)
    return played


COLUMNS = "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split"


def made_e_gmd(root: Path, table: str | None = "e-gmd-v1.0.0.csv") -> Played:
    """E-GMD: MIDI with a metre, 16-bit WAV, and a table of splits; without one, files beside each other."""
    played = {}
    rows = [COLUMNS]
    parts = (("drummer1", "train"), ("drummer1", "test"), ("drummer7", "test"))
    for seed, (drummer, split) in enumerate(parts):
        name, groove = f"{drummer}/session1/{seed}_rock_120_beat_4-4_1", made_groove(seed)
        written_midi(root / f"{name}.midi", groove)
        sound(root / f"{name}.wav", groove)
        about = f"{drummer},{drummer}/session1,{drummer}/session1/{seed},rock,120,beat,4-4"
        rows.append(f"{about},{name}.midi,{name}.wav,{SECONDS},{split}")
        played[name] = _classes(groove)
    if table:
        text(root / table, "\n".join([*rows, ""]))
    return played


def made_folder(root: Path) -> Played:
    """What ``drummernet render`` writes."""
    grooves = [made_groove(seed) for seed in (0, 1)]
    paths = render_stems(grooves, [_kit()], root, seed=1)
    return {path.stem: _classes(groove) for path, groove in zip(paths, grooves, strict=True)}


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def sound(path: Path, groove: Groove, channels: int = 1) -> None:
    """Render at 44.1 kHz, as the real sets are."""
    audio = soxr.resample(render_groove(groove, _kit(), np.random.default_rng(0)), SAMPLE_RATE, RATE_HZ)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(audio[:, None], channels, axis=1), RATE_HZ, subtype="PCM_16")


def written_midi(path: Path, groove: Groove, metre: tuple[int, int] | None = (4, 4)) -> None:
    """Write a groove at 120 bpm as an electronic kit does, its side sticks as note 37, with its metre."""
    played = [replace(h, component="SST") if h.component == "TMB" else h for h in groove.hits]
    write_midi(path, played, tempo_bpm=120)
    if metre:
        midi = mido.MidiFile(path)
        midi.tracks[0].insert(0, mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]))
        midi.save(path)


@cache
def _kit() -> Kit:
    return load_kit("rock_maple")


def _classes(groove: Groove) -> list[tuple[float, str]]:
    return [(hit.onset_seconds, CLASS[hit.component]) for hit in groove.hits]


def _subclass(hit: Hit) -> str:
    """Return the label of a subclass file; soft snares are ghost notes."""
    if hit.component == "SD" and hit.velocity < 0.5:
        return "SDG"
    return "SST" if hit.component == "TMB" else hit.component


MAKERS: dict[str, Callable[[Path], Played]] = {
    **{"smt": made_smt, "mdb": made_mdb, "enst": made_enst},
    **{"e-gmd": made_e_gmd, "folder": made_folder},
}


def check_onsets(track: Track, played: list[tuple[float, str]], within_seconds: float = 1e-9) -> None:
    """Compare with what was played; the classes of it are the fixture's own."""
    for name in ("KD", "SD", "HH", "TT", "CY", "OT"):
        times = sorted({onset for onset, label in played if label == name})
        np.testing.assert_allclose(track.onsets[name], times, rtol=0, atol=within_seconds)


def only(dataset: Dataset) -> str:
    """Return the one problem that a dataset has."""
    (problem,) = dataset.problems
    assert "\n" not in problem
    return problem
