"""Grooves played on kits, to arrays and to labelled stems."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.linalg
import soundfile
from kit_groups import procedural_kits

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.groove import Groove
from drummernet.grooves.midi import read_grooves
from drummernet.hits import Hit, write_midi
from drummernet.kits.kit import NORM, Kit, single
from drummernet.kits.manifest import kit_names, load_kit
from drummernet.score import Beat
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.hours import render_hours
from drummernet.stems.render import render_groove, render_stems, rendered_hits

LOUDEST_NOISE_RMS = 10 ** (-50 / 20)


def _kit(name: str = "plain", **sounds: np.ndarray) -> Kit:
    one_shots = {
        component: (NORM / np.linalg.norm(sound) * sound).astype(np.float32)
        for component, sound in sounds.items()
    }
    return Kit(name, "dry", "test", "CC0-1.0", "", single(one_shots), dict.fromkeys(sounds, -6.0))


def _groove(*hits: Hit, seconds: float = 1.0) -> Groove:
    return Groove("made by hand", hits, seconds)


def _decay(samples: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(samples)
    return noise * np.exp(-np.arange(samples) / 700)


def test_hits_lie_on_their_exact_samples() -> None:
    onsets = np.array([0.0, 0.10003, 0.2000312, 0.55555, 0.99999])
    hits = [Hit(float(onset), "SD", 0.9) for onset in onsets]
    audio = render_groove(_groove(*hits, seconds=1.0001), _kit(SD=np.ones(1)), np.random.default_rng(0))
    assert audio.dtype == np.float32
    assert audio.shape == (16_002,)
    np.testing.assert_array_equal(np.flatnonzero(np.abs(audio) > 0.05), np.round(onsets * SAMPLE_RATE))


def test_mix_is_the_sum_of_scaled_one_shots_and_a_noise_floor() -> None:
    kit = _kit(KD=_decay(4_000, 1), SD=_decay(3_001, 2))
    kit = replace(kit, mix_level_db={"KD": -20.0, "SD": -26.0})
    hits = (Hit(0.1, "KD", 1.0), Hit(0.15, "SD", 0.5), Hit(0.2, "KD", 0.7), Hit(0.95, "SD", 1.0))
    N = SAMPLE_RATE
    shifted = np.zeros((N, len(hits)))
    for column, hit in zip(shifted.T, hits, strict=True):
        start = round(hit.onset_seconds * SAMPLE_RATE)
        sound = kit.one_shots[hit.component][: N - start]
        peak = np.abs(kit.one_shots[hit.component]).max()
        column[start : start + len(sound)] = sound / peak
    gains_db = []
    for seed in range(100):
        audio = render_groove(_groove(*hits), kit, np.random.default_rng(seed))
        gains = scipy.linalg.lstsq(shifted, audio)[0]
        floor_db = 20 * np.log10(np.std(audio - shifted @ gains))
        assert -70.1 < floor_db < -49.9
        gains_db.append(20 * np.log10(gains))
    levels_db = [-20.0, -26.0 - 12.04, -20.0 - 6.2, -26.0]
    np.testing.assert_allclose(
        np.mean(gains_db, axis=0), levels_db, atol=1.3
    )  # 3.6 dB / sqrt(100), 3.5 sigma
    same_component = np.array(gains_db)[:, 0] - np.array(gains_db)[:, 2]
    assert np.abs(same_component - 6.2).max() <= 2.01  # only the two hits' own ±1 dB are between them
    assert np.std(same_component) > 0.5
    across = np.array(gains_db)[:, 0] - np.array(gains_db)[:, 3]
    assert 2.0 < np.std(across) < 4.0  # two components, 2 dB each


def test_what_the_kit_lacks_and_what_lies_outside_does_not_sound() -> None:
    groove = _groove(Hit(0.5, "KD"), Hit(0.25, "TMB"), Hit(1.0, "KD"), Hit(7.0, "KD"))
    kit = _kit(KD=np.ones(1))
    assert rendered_hits(groove, kit) == [Hit(0.5, "KD")]
    audio = render_groove(groove, kit, np.random.default_rng(0))
    assert np.flatnonzero(np.abs(audio) > 0.05).tolist() == [8_000]
    assert 0 < np.std(render_groove(_groove(), kit, np.random.default_rng(0))) < LOUDEST_NOISE_RMS * 1.1
    assert render_groove(_groove(seconds=0.0), kit, np.random.default_rng(0)).shape == (0,)


@pytest.mark.parametrize("closing", ["CHH", "PHH"])
def test_closing_the_hat_silences_it_within_15_ms(closing: str) -> None:
    kit = _kit(OHH=np.ones(12_000), CHH=np.ones(1), PHH=np.ones(1))
    groove = _groove(Hit(0.1, "OHH"), Hit(0.3, closing, 0.8))
    audio = render_groove(groove, kit, np.random.default_rng(1))
    ringing, fading, after = audio[1_600:4_800], audio[4_801:5_040], audio[5_040:]
    level = ringing.mean()
    assert level > 0.2
    np.testing.assert_allclose(ringing, level, atol=6 * LOUDEST_NOISE_RMS)
    np.testing.assert_allclose(
        fading, level * np.linspace(1, 0, 240)[1:], atol=0.01 * level + 6 * LOUDEST_NOISE_RMS
    )
    assert np.abs(after).max() < 6 * LOUDEST_NOISE_RMS


def test_nothing_else_silences_the_hat() -> None:
    kit = _kit(OHH=np.ones(9_000), CHH=np.ones(1), SD=np.ones(1))
    groove = _groove(Hit(0.05, "CHH"), Hit(0.1, "OHH"), Hit(0.1, "CHH"), Hit(0.3, "SD"), Hit(0.8, "CHH"))
    audio = render_groove(groove, kit, np.random.default_rng(1))
    ringing = np.delete(audio[1_601 : 1_600 + 9_000], 4_800 - 1_601)
    assert ringing.min() > 0.2
    assert np.ptp(ringing) < 12 * LOUDEST_NOISE_RMS


def test_one_shots_of_the_kit_are_left_as_they_are() -> None:
    kit = _kit(OHH=np.ones(8_000), CHH=np.ones(1))
    before = kit.one_shots["OHH"].copy()
    render_groove(_groove(Hit(0.1, "OHH"), Hit(0.2, "CHH")), kit, np.random.default_rng(0))
    np.testing.assert_array_equal(kit.one_shots["OHH"], before)


def test_peak_is_at_most_nine_tenths() -> None:
    kit = _kit(KD=np.ones(500), SD=np.ones(500))
    groove = _groove(*(Hit(0.1 + 0.001 * i, "KD" if i % 2 else "SD") for i in range(40)))
    for seed in range(5):
        peak = np.abs(render_groove(groove, kit, np.random.default_rng(seed))).max()
        assert 0.88 < peak <= 0.9 + 1e-6


def _grooves() -> list[Groove]:
    return [
        _groove(Hit(0.5, "SD", 0.4), Hit(0.125, "KD"), Hit(0.3, "RDC"), seconds=0.9),
        _groove(Hit(0.0625, "KD"), seconds=0.7),
        _groove(Hit(0.2, "SD"), Hit(0.2, "KD", 0.6), seconds=0.8),
    ]


def _kits() -> list[Kit]:
    return [_kit("rock one", KD=_decay(900, 1), SD=_decay(800, 2)), _kit("../ü", KD=_decay(700, 3))]


def test_stems_and_their_annotations(tmp_path: Path) -> None:
    groove = _grooves()[0]
    paths = render_stems([groove] * 12, _kits(), tmp_path, seed=4)
    assert paths == sorted((tmp_path / "audio").iterdir())
    assert len({path.name for path in paths}) == 12
    kits_drawn = set()
    for n, path in enumerate(paths):
        number, _, kit_name = path.stem.partition("_")
        assert int(number) == n
        kits_drawn.add(kit_name)
        annotation = (tmp_path / "annotations" / f"{path.stem}.txt").read_text()
        with_snare = "0.125000\tKD\n0.500000\tSD\n"
        assert annotation == (with_snare if kit_name == "rock_one" else "0.125000\tKD\n")
        assert len(read_audio(path)) == round(0.9 * SAMPLE_RATE)
    assert len(kits_drawn) == 2
    assert len(list((tmp_path / "annotations").iterdir())) == 12


def test_stem_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    one, two, three = _grooves()
    first = render_stems(iter([one, two, three]), _kits(), tmp_path / "first", seed=4)
    again = render_stems([three, two], _kits(), tmp_path / "again", seed=4)
    assert first[1].name == again[1].name
    assert first[1].read_bytes() == again[1].read_bytes()
    same_groove = render_stems([two, two], _kits()[:1], tmp_path / "same", seed=4)
    other_seed = render_stems([two], _kits()[:1], tmp_path / "other", seed=5)
    assert len({path.read_bytes() for path in (*same_groove, *other_seed)}) == 3


def test_no_kit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kits: names: none"):
        render_stems(_grooves(), [], tmp_path, seed=0)


def test_packaged_kits_start_within_a_millisecond_of_their_label() -> None:
    for name in kit_names("stems"):
        kit = load_kit(name)
        for component in kit.one_shots:
            groove = _groove(Hit(0.25, component), seconds=1.0)
            magnitude = np.abs(render_groove(groove, kit, np.random.default_rng(0)))
            begin = np.argmax(magnitude > magnitude.max() * 10 ** (-20 / 20))
            assert 4_000 <= begin < 4_016, f"{name} {component}"


def test_generated_groove_on_a_packaged_kit(tmp_path: Path) -> None:
    groove = generate_groove(3, 5.0)
    kit = load_kit(kit_names("stems")[0])
    (path,) = render_stems([groove], [kit], tmp_path, seed=0)
    audio = read_audio(path)
    assert len(audio) == 5 * SAMPLE_RATE
    assert 0.1 < np.abs(audio).max() <= 0.9 + 1e-3
    annotation = next((tmp_path / "annotations").iterdir()).read_text().splitlines()
    assert len(annotation) == len(rendered_hits(groove, kit)) > 5


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_beats_lie_beside_the_labels_where_they_are_known(tmp_path: Path) -> None:
    groove = replace(_grooves()[0], beats=(Beat(0.1, 4), Beat(0.6, 1)))
    with_beats, without = render_stems([groove, _grooves()[0]], _kits(), tmp_path, seed=0)
    assert (tmp_path / "beats" / f"{with_beats.stem}.txt").read_text() == "0.100000\t4\n0.600000\t1\n"
    assert not (tmp_path / "beats" / f"{without.stem}.txt").exists()


def test_augmentation_changes_the_audio_and_nothing_else(tmp_path: Path) -> None:
    render_stems(_grooves(), _kits(), tmp_path / "plain", seed=4)
    render_stems(_grooves(), _kits(), tmp_path / "augmented", seed=4, augmentation=Augmentation())
    plain, augmented = _contents(tmp_path / "plain"), _contents(tmp_path / "augmented")
    assert plain.keys() == augmented.keys()
    changed = {name for name in plain if plain[name] != augmented[name]}
    assert changed == {name for name in plain if name.startswith("audio/")}


def test_files_are_the_same_for_any_number_of_processes(tmp_path: Path) -> None:
    for workers in (1, 3):
        paths = render_hours(
            "generator", None, ["rock_*"], 0.05, 7, tmp_path / str(workers), Augmentation(), workers
        )
        assert paths == sorted((tmp_path / str(workers) / "audio").iterdir())
    alone, together = _contents(tmp_path / "1"), _contents(tmp_path / "3")
    assert len(alone) > 20
    assert alone == together


def test_excerpts_come_from_anywhere_in_a_performance(tmp_path: Path) -> None:
    hits = [Hit(float(second), "KD") for second in range(100)]
    write_midi(tmp_path / "grooves" / "long.mid", [*hits, Hit(100.0, "SD")])
    out = tmp_path / "out"
    paths = render_hours(str(tmp_path / "grooves"), None, ["test"], 0.05, 3, out, excerpt_seconds=4.0)
    assert {soundfile.info(path).duration for path in paths} == {4.0}
    assert len(paths) == 45  # 0.05 hours of 4 s
    labels = [(out / "annotations" / f"{path.stem}.txt").read_text().split("\n")[:-1] for path in paths]
    assert {len(lines) for lines in labels} <= {4, 5}
    first_onsets = [float(lines[0].split("\t")[0]) for lines in labels]
    assert len(set(first_onsets)) > 40
    again = render_hours(
        *(str(tmp_path / "grooves"), None, ["test"], 0.05, 3, tmp_path / "again"), excerpt_seconds=4.0
    )
    assert _contents(tmp_path / "again") == _contents(out)
    assert [path.name for path in again] == [path.name for path in paths]
    with pytest.raises(InputError, match="render: excerpt_seconds: 0\\.0 is not more than 0"):
        render_hours(str(tmp_path / "grooves"), None, ["test"], 0.05, 3, tmp_path / "no", excerpt_seconds=0.0)
    with pytest.raises(InputError, match=r"render: excerpt_seconds: 4\.0: the generator has no performances"):
        render_hours("generator", None, ["test"], 0.05, 3, tmp_path / "no", excerpt_seconds=4.0)
    assert not (tmp_path / "no").exists()


def test_an_error_of_a_process_is_raised_here(tmp_path: Path) -> None:
    faulty = replace(_kits()[0], name="faulty", mix_level_db={})
    with pytest.raises(KeyError, match="KD"):
        render_stems(_grooves(), [faulty], tmp_path, seed=0, workers=2)
    assert not list(tmp_path.rglob("*.flac"))


def test_no_process_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="render: workers: 0 is less than 1"):
        render_hours("generator", None, ["test"], 0.01, 0, tmp_path, workers=0)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_leaves_whole_files_only(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(
        "from pathlib import Path\n"
        "from drummernet.stems.hours import render_hours\n"
        "if __name__ == '__main__':\n"
        f"    out = Path({str(tmp_path / 'out')!r})\n"
        "    render_hours('generator', None, ['rock_maple'], 1e3, 0, out, workers=2)\n"
    )
    run = subprocess.Popen(
        [sys.executable, str(script)],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    audio = tmp_path / "out" / "audio"
    deadline = time.monotonic() + 120
    while len(list(audio.glob("[!.]*.flac"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=120)
    assert b"KeyboardInterrupt" in stderr
    paths = list(audio.iterdir())
    assert len(paths) >= 5
    for path in paths:
        assert len(read_audio(path)) == 20 * SAMPLE_RATE
        assert (tmp_path / "out" / "annotations" / f"{path.stem}.txt").is_file()


@pytest.mark.parametrize("augment", [None, Augmentation()])
def test_an_onset_detector_finds_the_labels(shared_data: Path, augment: Augmentation | None) -> None:
    """At least 95 % of the hits that stand 100 ms from all others, and nearly all that stand out in level.

    The detector is at its most sensitive (frames of 10 ms, delta 0.001). As it comes it finds two thirds of
    these hits, more than in recordings of such performances: drummers play many strokes softly, beneath
    what still rings.
    """
    kits = [load_kit(name) for name in procedural_kits()]
    lags, rises_db = [], []
    for n, performance in enumerate(read_grooves(shared_data / "groove", "validation")[::4]):
        groove = performance.part(0.0, min(20.0, performance.duration_seconds))
        kit = kits[n % len(kits)]
        audio = render_groove(groove, kit, np.random.default_rng(n), augment)
        detected = librosa.onset.onset_detect(
            y=audio, sr=SAMPLE_RATE, hop_length=160, units="time", delta=0.001
        )
        onsets = np.array([-1.0, *(hit.onset_seconds for hit in rendered_hits(groove, kit)), np.inf])
        for (a, b), (_, c) in pairwise(pairwise(onsets)):
            if min(b - a, c - b) >= 0.1:
                lags.append(min(detected - b, key=abs))
                rises_db.append(_rise_db(audio, round(b * SAMPLE_RATE)))
    heard = np.abs(lags) <= 0.05
    assert len(lags) > 500
    assert heard.mean() >= 0.95
    assert heard[np.array(rises_db) > 10].mean() >= 0.99
    assert 0.005 < np.median(lags) < 0.02  # the middle of the detector's window, not chance


def _rise_db(audio: np.ndarray, onset: int) -> float:
    """Return the peak of the 30 ms from an onset on relative to that of the 30 ms before.

    At the start of a file it is 0: there the detector has nothing to compare with.
    """
    if onset < 960:
        return 0.0
    before, after = audio[onset - 480 : onset], audio[onset : onset + 480]
    return float(20 * np.log10(np.abs(after).max() / np.abs(before).max()))
