"""What musicians ask for, from audio files and pipes to MIDI: beats, velocities, grids, few components."""

import io
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import torch
from torch.nn import functional as F

import drummernet
from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.hits import Hit, read_json, read_midi, read_tsv
from drummernet.transcriber.checkpoint import save_weights
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcription.folders import transcribe_many
from drummernet.transcription.notation import Notation
from drummernet.transcription.streams import transcribe_stream


class Telling(Transcriber):
    """Hears kicks in positive samples and open hi-hats in negative ones, and tells velocities apart."""

    components = ("KD", "OHH")
    hop_samples = 16

    def forward(self, audio: torch.Tensor) -> Activations:
        loudness = F.max_pool1d(torch.stack((audio, -audio), 1).clamp(min=0), 16)
        return Activations((loudness > 0.01).float(), 16, velocities=loudness)


def steady(path: Path, velocity: float = 1.0) -> list[Hit]:
    """Write kicks on beats of 0.5 s and hi-hats after them, each with a velocity of its own."""
    rng = np.random.default_rng(0)
    audio = np.zeros(20 * SAMPLE_RATE, np.float32)
    hits = [
        Hit(
            0.5 + 0.25 * n + 0.001 * int(rng.integers(-6, 7)),
            "OHH" if n % 2 else "KD",
            float(rng.uniform(0.1, 1)),
        )
        for n in range(72)
    ]
    hits[10] = Hit(hits[10].onset_seconds, "KD", 1.0)
    for hit in hits:
        audio[round(hit.onset_seconds * 1000) * 16] = velocity * (
            hit.velocity if hit.component == "KD" else -hit.velocity
        )
    write_audio(path, audio, "FLOAT")
    return hits


def test_velocities_beats_and_times_reach_the_midi(tmp_path):
    hits = steady(tmp_path / "a.wav")
    assert transcribe_many(Telling(), [tmp_path / "a.wav"], tmp_path, ["midi", "json"]) == []
    found = read_midi(tmp_path / "a.mid")
    assert [hit.component for hit in found] == [hit.component for hit in hits]
    assert [round(127 * hit.velocity) for hit in found] == [max(1, round(127 * hit.velocity)) for hit in hits]
    errors = [abs(a.onset_seconds - b.onset_seconds) for a, b in zip(found, hits, strict=True)]
    assert max(errors) < 2e-3
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid"))
    assert np.median(midi.get_tempo_changes()[1]) == pytest.approx(120, rel=0.01)
    assert [(change.numerator, change.denominator) for change in midi.time_signature_changes][-1] == (4, 4)
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["tempo_bpm"] == pytest.approx(120, rel=0.01)
    assert len(content["beats"]) >= 34
    assert len(read_json(tmp_path / "a.json")) == len(hits)


def test_a_grid_and_classes_are_asked_for(tmp_path):
    steady(tmp_path / "a.wav")
    notation = Notation(division=8, components=3)
    assert (
        transcribe_many(Telling(), [tmp_path / "a.wav"], tmp_path, ["tsv", "json"], notation=notation) == []
    )
    found = read_tsv(tmp_path / "a.tsv")
    assert {hit.component for hit in found} == {"KD", "CHH"}
    beats = [beat["seconds"] for beat in json.loads((tmp_path / "a.json").read_text())["beats"]]
    grid = np.interp(np.arange(0, len(beats) - 0.75, 0.5), np.arange(len(beats)), beats)
    inside = [hit.onset_seconds for hit in found if grid[0] - 0.1 < hit.onset_seconds < grid[-1] + 0.1]
    assert len(inside) > 60
    assert np.abs(grid[:, None] - inside).min(axis=0).max() < 1e-5


def test_tables_alone_look_for_no_beats(tmp_path, monkeypatch):
    steady(tmp_path / "a.wav")
    monkeypatch.setattr("drummernet.transcription.notation.find_beats", None)
    assert transcribe_many(Telling(), [tmp_path / "a.wav"], tmp_path, ["tsv"]) == []


def test_bytes_of_a_recording_become_bytes_of_midi(tmp_path):
    steady(tmp_path / "a.wav")
    transcribe_many(Telling(), [tmp_path / "a.wav"], tmp_path, ["midi", "tsv"])
    for name, suffix in (("midi", "mid"), ("tsv", "tsv")):
        sink = io.BytesIO()
        source = io.BytesIO((tmp_path / "a.wav").read_bytes())
        assert transcribe_stream(Telling(), source, sink, [name]) == []
        assert sink.getvalue() == (tmp_path / f"a.{suffix}").read_bytes()
        source.seek(0)
        assert transcribe_stream(Telling(), source, tmp_path / "out", [name]) == []
        assert (tmp_path / "out" / f"stdin.{suffix}").read_bytes() == sink.getvalue()


def test_a_stream_that_is_no_audio_is_named_and_gives_nothing():
    sink = io.BytesIO()
    ((path, message),) = transcribe_stream(Telling(), io.BytesIO(b"text"), sink, ["midi"])
    assert message.startswith("stdin: format: not readable as audio")
    assert (str(path), sink.getvalue()) == ("stdin", b"")
    with pytest.raises(InputError, match="formats: names: standard output takes one"):
        transcribe_stream(Telling(), io.BytesIO(b""), sink, ["midi", "tsv"])


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """An untrained network that tells velocities, small."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    network = HitTranscriber(bands=16, width=2, hidden=4, layers=1)
    save_weights(network, {"threshold": 1e-6}, None, path)
    return path


def run(words: str, monkeypatch, capfdbinary, given: bytes = b"") -> tuple[int, bytes, str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    status = main(shlex.split(words))
    told = capfdbinary.readouterr()
    return status, told.out, told.err.decode()


def test_the_command_reads_standard_input_and_writes_standard_output(
    weights, tmp_path, monkeypatch, capfdbinary
):
    write_audio(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 80_000))
    given = (tmp_path / "a.flac").read_bytes()
    words = f"transcribe - --checkpoint {weights}"
    status, out, err = run(words, monkeypatch, capfdbinary, given)
    assert (status, err) == (0, "")
    assert out.startswith(b"MThd")
    (tmp_path / "piped.mid").write_bytes(out)
    assert (
        run(
            f"transcribe {tmp_path}/a.flac --out {tmp_path} --checkpoint {weights}", monkeypatch, capfdbinary
        )[0]
        == 0
    )
    assert (tmp_path / "a.mid").read_bytes() == out
    assert read_midi(tmp_path / "piped.mid")
    assert run(f"{words} --out {tmp_path}/out --formats midi,tsv", monkeypatch, capfdbinary, given)[:2] == (
        0,
        b"",
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["stdin.mid", "stdin.tsv"]
    status, out, err = run(words, monkeypatch, capfdbinary, b"no audio")
    assert (status, out) == (1, b"")
    assert err.startswith("drummernet: stdin: format: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("transcribe -", "formats: names: standard output takes one"),
        ("transcribe - a.wav --out x", "-: inputs: standard input is transcribed alone"),
        ("transcribe a.wav", "--out: folder: is not named"),
        ("transcribe a.wav --out x --quantise 5", "quantise: division: 5 is none of 8, 12, 16, 24, 32"),
        ("transcribe a.wav --out x --components 4", "components: number: 4 is none of 3, 5, 11"),
        ("transcribe a.wav --out x --beats tap", "beats: tracker: unknown 'tap'; known are librosa, madmom"),
        (
            "transcribe a.wav --out x --checkpoint best",
            "best: weights: no such file, and not one of the packaged",
        ),
    ],
)
def test_wrong_requests_are_named(words, message, weights, monkeypatch, capfdbinary):
    formats = "" if "--out" in words else " --formats midi,tsv"
    named = "" if "--checkpoint" in words else f" --checkpoint {weights}"
    status, out, err = run(words + formats + named, monkeypatch, capfdbinary)
    assert (status, out, len(err.splitlines())) == (2, b"", 1)
    assert message in err


def test_python_asks_for_the_same(weights, tmp_path):
    write_audio(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 80_000))
    heard = drummernet.transcribe(tmp_path / "a.wav", weights, components=3)
    words = f"transcribe {tmp_path}/a.wav --out {tmp_path} --checkpoint {weights}"
    assert main(shlex.split(f"{words} --components 3 --formats json")) == 0
    assert read_json(tmp_path / "a.json") == list(heard.hits)
    assert heard.hits
    assert {hit.component for hit in heard.hits} <= {"KD", "SD", "CHH"}
    packaged = Path(drummernet.__file__).parent / "weights" / "pretrained.safetensors"
    if packaged.exists():
        assert drummernet.transcribe(str(tmp_path / "a.wav")).duration_seconds == 5.0
