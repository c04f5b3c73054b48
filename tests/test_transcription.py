"""Whole files: sample-exact windows, any batch, bounded memory; writers, pictures, many files."""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.hits import Hit, read_json, read_midi, read_tsv
from drummernet.transcriber.contract import Activations, Transcriber, Windows
from drummernet.transcription.files import (
    Transcription,
    activations_of_audio,
    transcribe_file,
)
from drummernet.transcription.folders import plan_jobs, transcribe_many
from drummernet.transcription.picking import Picker
from drummernet.transcription.writers import write_transcription

WINDOW_SAMPLES, CONTEXT, _ = Windows()
KEPT_SAMPLES = WINDOW_SAMPLES - 2 * CONTEXT


class Loudness(Transcriber):
    """Component 0 hears positive samples, component 1 negative ones: the largest of each hop.

    Args:
        hop_samples: Samples per step.
        crop_samples: What a valid convolution would lose at each end of the audio.
    """

    components = ("KD", "SD")

    def __init__(self, hop_samples: int, crop_samples: int = 0) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.crop_samples = crop_samples
        self.batches: list[int] = []

    def forward(self, audio: torch.Tensor) -> Activations:
        assert not self.training
        assert not torch.is_grad_enabled()
        assert audio.shape[1] == WINDOW_SAMPLES
        self.batches.append(len(audio))
        heard = audio[:, self.crop_samples : audio.shape[1] - self.crop_samples]
        both = torch.stack((heard, -heard), 1).clamp(min=0)
        return Activations(F.max_pool1d(both, self.hop_samples), self.hop_samples, self.crop_samples)


def moving_mean(audio: torch.Tensor) -> torch.Tensor:
    """Return the mean magnitude (…, N) over 1.024 s to either side, zeros beyond the ends."""
    sums = F.pad(audio.double().abs(), (CONTEXT + 1, CONTEXT)).cumsum(-1)
    return (sums[..., 2 * CONTEXT + 1 :] - sums[..., : -2 * CONTEXT - 1]).float() / (2 * CONTEXT + 1)


class MovingMean(Loudness):
    """Hears at every sample all the context that is promised."""

    def forward(self, audio: torch.Tensor) -> Activations:
        return Activations(moving_mean(audio)[:, None].repeat(1, 2, 1), 1)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, samples).astype(np.float32)


def loudness_of(audio: np.ndarray, hop: int) -> np.ndarray:
    """What :class:`Loudness` hears in a whole recording at once."""
    padded = np.pad(audio / np.abs(audio).max(), (0, -len(audio) % hop)).reshape(-1, hop)
    return np.stack((padded.max(1).clip(0), (-padded).max(1).clip(0)))


@pytest.mark.parametrize("window_batch", [1, 2, 5])
@pytest.mark.parametrize(("hop", "crop"), [(16, 0), (16, 4080), (128, 1024), (1024, 0), (8, 16384), (160, 0)])
def test_every_step_is_at_its_sample_whatever_the_batch(hop, crop, window_batch):
    # Noise: a step that is missing, doubled or moved at any border has a wrong value.
    audio = noise(5 * KEPT_SAMPLES + 12_345)
    transcriber = Loudness(hop, crop)
    values = activations_of_audio(transcriber, audio, window_batch).values
    assert transcriber.batches == {1: [1] * 6, 2: [2] * 3, 5: [5, 1]}[window_batch]
    np.testing.assert_allclose(values, loudness_of(audio, hop), atol=1e-6)


class Telling(Loudness):
    """Tells velocities and offsets, too: half of the loudness, and half of it below 0."""

    def forward(self, audio: torch.Tensor) -> Activations:
        heard = super().forward(audio)
        return heard._replace(velocities=heard.values / 2, offsets=-heard.values / 2)


def test_what_else_is_told_is_kept_at_the_same_steps():
    audio = noise(2 * KEPT_SAMPLES + 99)
    values, velocities, offsets = activations_of_audio(Telling(16), audio, 2)
    np.testing.assert_allclose(velocities, values / 2, atol=1e-6)
    np.testing.assert_array_equal(offsets, -velocities)
    assert activations_of_audio(Loudness(16), audio)[1:] == (None, None)


@pytest.mark.parametrize(
    "samples", [1, 15, 17, 3_001, KEPT_SAMPLES - 1, KEPT_SAMPLES, KEPT_SAMPLES + 1, 114_689]
)
def test_any_length_gives_one_step_per_hop(samples):
    audio = noise(samples)
    values = activations_of_audio(Loudness(16), audio).values
    assert values.shape == (2, -(-samples // 16))
    np.testing.assert_allclose(values, loudness_of(audio, 16), atol=1e-6)


def test_every_step_has_its_context():
    audio = noise(2 * KEPT_SAMPLES + 777)
    whole = moving_mean(torch.from_numpy(audio / np.abs(audio).max()))
    np.testing.assert_allclose(activations_of_audio(MovingMean(1), audio).values[1], whole, atol=1e-6)


class Within(Transcriber):
    """Like :class:`Loudness`, in windows that lie within the recording."""

    components = ("KD", "SD")
    windows = Windows(4_096, 512, beyond=False)

    def __init__(self, hop_samples: int) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.heard: list[torch.Tensor] = []

    def forward(self, audio: torch.Tensor) -> Activations:
        self.heard.extend(audio)
        both = torch.stack((audio, -audio), 1).clamp(min=0)
        return Activations(F.max_pool1d(both, self.hop_samples), self.hop_samples)


@pytest.mark.parametrize("window_batch", [1, 3, 50])
@pytest.mark.parametrize("samples", [1, 100, 4_095, 4_096, 4_097, 7_168, 30_000])
def test_windows_within_a_recording_hear_all_of_it_and_nothing_else(samples, window_batch):
    audio = noise(samples)
    transcriber = Within(16)
    values = activations_of_audio(transcriber, audio, window_batch).values
    np.testing.assert_allclose(values, loudness_of(audio, 16), atol=1e-6)
    assert {len(window) for window in transcriber.heard} == {min(4_096, -(-samples // 16) * 16)}
    invented = [np.count_nonzero(window.numpy() == 0) for window in transcriber.heard]
    assert not any(invented[:-1])
    assert invented[-1] == -samples % 16


class WithinMean(Within):
    """Hears at every sample the mean magnitude of its context, as long as that is in the recording."""

    def forward(self, audio: torch.Tensor) -> Activations:
        sums = F.pad(audio.double().abs(), (513, 512)).cumsum(-1)
        counts = F.pad(torch.ones(audio.shape[1]).double(), (513, 512)).cumsum(-1)
        means = [values[..., 1_025:] - values[..., :-1_025] for values in (sums, counts)]
        return Activations((means[0] / means[1]).float()[:, None].repeat(1, 2, 1), 1)


def test_every_step_within_a_recording_has_the_context_that_there_is():
    audio = noise(20_000)
    whole = WithinMean(1)(torch.from_numpy(audio / np.abs(audio).max())[None]).values[0]
    np.testing.assert_allclose(activations_of_audio(WithinMean(1), audio).values, whole, atol=1e-6)


def test_hits_at_the_borders_of_windows_are_found_once_and_in_place(tmp_path):
    borders = [0, KEPT_SAMPLES - 1, 2 * KEPT_SAMPLES, 3 * KEPT_SAMPLES + 1, 350_000]
    audio = np.zeros(350_001, np.float32)
    audio[borders] = 0.4
    write_audio(tmp_path / "clicks.wav", audio)
    hits = transcribe_file(Loudness(16, 4080), tmp_path / "clicks.wav").hits
    assert [hit.onset_seconds for hit in hits] == [sample // 16 * 16 / SAMPLE_RATE for sample in borders]


def test_level_is_that_of_the_whole_file():
    audio = noise(150_000)
    audio[140_000] = -0.9  # the first window must know of it
    values = activations_of_audio(Loudness(16), audio).values
    np.testing.assert_allclose(values.max(), 1, atol=1e-6)
    np.testing.assert_allclose(activations_of_audio(Loudness(16), 0.01 * audio).values, values, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 2.0**-15, 1e-42])
def test_silence_has_no_hits(tmp_path, level):
    audio = np.float32(level) * np.sign(noise(20_000))
    assert not activations_of_audio(Loudness(16), audio).values.any()
    write_audio(tmp_path / "silence.wav", audio)
    assert transcribe_file(Loudness(16), tmp_path / "silence.wav").hits == ()


def test_the_transcriber_is_left_in_its_mode():
    transcriber = Loudness(16).train()
    activations_of_audio(transcriber, noise(100))
    assert transcriber.training
    activations_of_audio(transcriber.eval(), noise(100))
    assert not transcriber.training


class Broken(Loudness):
    def forward(self, audio: torch.Tensor) -> Activations:
        return Activations(super().forward(audio).values * torch.nan, self.hop_samples)


@pytest.mark.parametrize(
    ("transcriber", "message"),
    [
        (Loudness(64, 4080), "Loudness: start_sample: 4080 is no multiple of the hop, 64"),
        (Loudness(16, 16_400), "Loudness: activations: cover samples 16400 to 114672 of 131072"),
        (Broken(16), "Broken: activations: not finite"),
    ],
)
def test_transcribers_that_do_not_fit_are_refused(transcriber, message):
    with pytest.raises(InputError, match=message):
        activations_of_audio(transcriber, noise(100))


def rendered(hits: list[Hit], samples: int) -> np.ndarray:
    """Clicks of amplitude velocity² at the nearest step of 1 ms, which is what :class:`Loudness` hears."""
    audio = np.zeros(samples, np.float32)
    for hit in hits:
        sign = {"KD": 1, "SD": -1}[hit.component]
        audio[16 * round(hit.onset_seconds * 1000)] = sign * hit.velocity**2
    return audio


def test_hits_come_back_from_audio_and_files_within_a_millisecond(tmp_path):
    rng = np.random.default_rng(5)
    onsets = np.cumsum(rng.uniform(0.06, 0.3, 150))
    hits = [Hit(float(onset), str(rng.choice(["KD", "SD"])), rng.uniform(0.55, 1.0)) for onset in onsets]
    hits += [Hit(0.0, "KD", 1.0), Hit(0.001, "SD", 1.0)]
    write_audio(tmp_path / "song.wav", rendered(hits, 30 * SAMPLE_RATE), subtype="FLOAT")
    transcription = transcribe_file(Loudness(16), tmp_path / "song.wav")
    written = write_transcription(transcription, tmp_path / "out", "song", ("midi", "tsv", "json"))
    assert [path.name for path in written] == ["song.mid", "song.tsv", "song.json"]
    for path, read in zip(written, (read_midi, read_tsv, read_json), strict=True):
        back = read(path)
        assert len(back) == len(hits)
        for component in ("KD", "SD"):
            truth = sorted((h.onset_seconds, h.velocity) for h in hits if h.component == component)
            heard = [(h.onset_seconds, h.velocity) for h in back if h.component == component]
            onset_error, velocity_error = np.abs(np.subtract(heard, truth)).max(axis=0)
            assert onset_error < 1e-3
            assert velocity_error < 0.5 / 127 + 1e-4


@pytest.mark.parametrize("seconds", [0.004, 5.0, 150.0])
def test_picture_shows_a_recording_of_any_length(tmp_path, seconds):
    audio = noise(round(seconds * SAMPLE_RATE))
    values = loudness_of(audio, 16).astype(np.float32)
    hits = (Hit(0.0, "KD", 0.5), Hit(seconds / 2, "SD", 1.0))
    transcription = Transcription(audio, ("KD", "SD"), values, 1000.0, Picker(), hits)
    (path,) = write_transcription(transcription, tmp_path, "of.any.length", ["png"])
    assert path.name == "of.any.length.png"
    height, width, _ = matplotlib.image.imread(path).shape
    assert width == min(max(100 * seconds / 2, 1200), 6000)
    assert height > 200
    without = Transcription(audio, ("KD", "SD"), values, 1000.0, Picker(), ())
    write_transcription(without, tmp_path, "without", ["png"])
    lanes = slice(height // 2, height)
    pictures = [
        matplotlib.image.imread(tmp_path / f"{stem}.png")[lanes] for stem in ("of.any.length", "without")
    ]
    assert (pictures[0] != pictures[1]).any()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["of.any.length.png", "without.png"]


def test_unknown_formats_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(InputError, match="formats: name: unknown 'xml'"):
        transcribe_many(Loudness(16), [tmp_path], tmp_path / "out", ("midi", "xml"))
    assert not (tmp_path / "out").exists()


def clicks(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.zeros(8000, np.float32)
    audio[1600 * (seed + 1)] = 0.5
    write_audio(path, audio)


def test_a_folder_with_bad_files_is_transcribed_except_for_them(tmp_path):
    folder = tmp_path / "in"
    for seed, name in enumerate(("a.wav", "deep/a.wav", "deep/er/b.flac")):
        clicks(folder / name, seed)
    (folder / "deep" / "text.wav").write_text("no audio\n")
    (folder / "notes.txt").write_text("not even tried\n")
    (folder / "._a.wav").write_text("nor this\n")
    cut = folder / "cut.flac"
    write_audio(cut, noise(40_000))
    cut.write_bytes(cut.read_bytes()[:20_000])
    out = tmp_path / "out"
    missing = tmp_path / "missing.wav"
    failures = transcribe_many(Loudness(16), [folder, missing], out, ("tsv", "json"))
    assert [path for path, _ in failures] == [cut, folder / "deep" / "text.wav", missing]
    assert all(message.startswith(f"{path}: ") and "\n" not in message for path, message in failures)
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == ["a.json", "a.tsv", "deep/a.json", "deep/a.tsv", "deep/er/b.json", "deep/er/b.tsv"]
    onsets = [read_tsv(out / f"{stem}.tsv")[0].onset_seconds for stem in ("a", "deep/a", "deep/er/b")]
    assert onsets == [0.1, 0.2, 0.3]
    assert json.loads((out / "a.json").read_text())["hits"][0]["component"] == "KD"


def test_outputs_of_one_name_keep_the_suffixes(tmp_path):
    for seed, name in enumerate(("a.wav", "a.flac", "b.wav")):
        clicks(tmp_path / "in" / name, seed)
    assert transcribe_many(Loudness(16), [tmp_path / "in"], tmp_path / "out", ["midi"]) == []
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["a.flac.mid", "a.wav.mid", "b.mid"]
    assert read_midi(tmp_path / "out" / "a.flac.mid")[0].onset_seconds == pytest.approx(0.2, abs=1e-3)


def test_outputs_that_would_overwrite_each_other_are_refused(tmp_path):
    for name in ("x/a.wav", "y/a.wav"):
        clicks(tmp_path / name)
    with pytest.raises(InputError, match=r"y/a\.wav: output: a\.wav is also that of .*x/a\.wav"):
        plan_jobs([tmp_path / "x", tmp_path / "y"])
    assert len(plan_jobs([tmp_path])) == 2


def test_a_file_named_twice_is_transcribed_once(tmp_path):
    clicks(tmp_path / "a.wav")
    assert [job.stem for job in plan_jobs([tmp_path / "a.wav", tmp_path])] == ["a"]


def test_nothing_to_do_is_an_error(tmp_path):
    (tmp_path / "readme.txt").write_text("no audio here\n")
    with pytest.raises(InputError, match=f"{tmp_path}: files: no audio"):
        transcribe_many(Loudness(16), [tmp_path], tmp_path / "out", ["midi"])


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    clicks(tmp_path / "a.wav")
    with pytest.raises(InputError, match="a file, not a folder"):
        transcribe_many(Loudness(16), [tmp_path / "a.wav"], tmp_path / "a.wav", ["midi"])


TEN_MINUTES = """
import sys
from pathlib import Path
import numpy as np, soundfile, torch
from torch.nn import functional as F
from drummernet.components import COMPONENTS
from drummernet.transcriber.contract import Activations, Transcriber, Windows
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.writers import write_transcription

class Light(Transcriber):
    components, hop_samples = COMPONENTS, 16
    def forward(self, audio):
        step = F.max_pool1d(audio.abs()[:, None], 16)
        return Activations(step.repeat(1, len(COMPONENTS), 1), 16)

folder = Path(sys.argv[1])
audio = np.zeros(9_600_000, np.int16)
audio[::4000] = 20_000
soundfile.write(folder / "long.wav", audio, 16_000)
transcription = transcribe_file(Light(), folder / "long.wav")
write_transcription(transcription, folder, "long", ("midi", "png"))
status = Path("/proc/self/status").read_text()
print(len(transcription.hits), status.partition("VmHWM:")[2].split()[0])
"""


# The kernel's own mark of the process: getrusage's would begin with what the parent had.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_ten_minutes_take_less_than_a_gigabyte(tmp_path):
    command = [sys.executable, "-c", TEN_MINUTES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    hits, peak_kib = map(int, done.stdout.split())
    assert hits == 9 * 2400  # the hi-hat is struck in one of its three ways
    assert peak_kib * 1024 < 1e9
