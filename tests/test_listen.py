"""The page of ``listen`` without a browser: what it holds is what the renderer would play."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from listening import SECONDS, recording, rendered, transcription, written
from test_demo import checked

from drummernet import SAMPLE_RATE, listen_page
from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.listen_page import listen, write_listen_page
from drummernet.pages import Page


def held(page: Path) -> dict:
    (text,) = re.findall('id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(text)


def decoded(flac: str) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(flac)))
    assert rate == SAMPLE_RATE
    return samples


def played(data: dict) -> np.ndarray:
    """Play what the page holds, as its script is told to."""
    audio = np.zeros(round(data["seconds"] * SAMPLE_RATE))
    for drum in data["drums"]:
        for at, velocity, stroke, ring in drum["hits"]:
            sound = decoded(drum["strokes"][stroke]["flac"])
            if ring:
                end, fade = round(ring * SAMPLE_RATE), round(data["choke_seconds"] * SAMPLE_RATE)
                envelope = np.interp(np.arange(len(sound)), [end, end + fade - 1], [1, 0])
                sound = sound * envelope
            start = round(at * SAMPLE_RATE)
            sound = sound[: len(audio) - start]
            audio[start : start + len(sound)] += velocity**2 * drum["strokes"][stroke]["level"] * sound
    return audio


def test_the_hits_sound_as_the_renderer_plays_them(tmp_path):
    page = written(tmp_path / "page.html")
    links = checked(page)
    assert links.sources == []
    data = held(page)
    assert data["seconds"] == SECONDS
    names = ["Open hi-hat", "Closed hi-hat", "Snare drum", "Kick drum"]
    assert [drum["name"] for drum in data["drums"]] == names
    wanted = recording()
    assert decoded(data["recording"]) == pytest.approx(0.9 * wanted / np.abs(wanted).max(), abs=1e-4)
    mix = rendered()
    assert played(data) == pytest.approx(0.9 * mix / np.abs(mix).max(), abs=2e-3)


def test_layers_are_kept_and_each_is_held_once(tmp_path):
    time = np.arange(4000) / SAMPLE_RATE
    for name, hz, gain in (("soft", 300, 0.1), ("loud", 700, 0.8)):
        tone = gain * np.cos(2 * np.pi * hz * time) * np.exp(-time / 0.05)
        soundfile.write(tmp_path / f"{name}.wav", tone, SAMPLE_RATE, subtype="FLOAT")
    layers = [{"velocity": 0.5, "takes": ["soft.wav"]}, {"velocity": 1, "takes": ["loud.wav"]}]
    source = {"type": "folder", "path": ".", "components": {"RDC": layers}}
    content = {"name": "one", "family": "a", "group": "test", "licence": "MIT", "source": source}
    kit = tmp_path / "one.yaml"
    kit.write_text(yaml.safe_dump(content))
    hits = (Hit(0.5, "RDC", 0.4), Hit(1.5, "RDC", 0.9), Hit(2.0, "RDC", 0.3), Hit(3.0, "RDB"), Hit(3.5, "KD"))
    write_listen_page(transcription(hits), str(kit), "layers", tmp_path / "page.html")
    ride, bell, kick = held(tmp_path / "page.html")["drums"]
    assert [hit[2] for hit in ride["hits"]] == [0, 1, 0]
    peaks_hz = [
        np.argmax(np.abs(np.fft.rfft(decoded(stroke["flac"]), SAMPLE_RATE))) for stroke in ride["strokes"]
    ]
    assert peaks_hz == pytest.approx([300, 700], abs=5)
    # Strokes are equally strong; a velocity alone decides the level.
    norms = [stroke["level"] * np.linalg.norm(decoded(stroke["flac"])) for stroke in ride["strokes"]]
    assert norms[0] == pytest.approx(norms[1], rel=0.001)
    assert (bell["note"], len(bell["strokes"])) == ("on the ride cymbal", 1)
    assert (kick["note"], kick["strokes"]) == ("not in the kit", [])


def test_every_component_has_a_name_and_a_sound(tmp_path):
    hits = tuple(Hit(0.1 * n, component) for n, component in enumerate(WIDER_COMPONENTS))
    drums = held(written(tmp_path / "page.html", hits))["drums"]
    assert len(drums) == len({drum["name"] for drum in drums}) == len(hits)
    assert all(len(drum["strokes"]) == 1 for drum in drums)


def test_data_cannot_end_its_element(tmp_path):
    page = Page("page")
    page.application("<p></p>", "", "", {"text": "</script><b>"})
    page.write(tmp_path / "page.html")
    checked(tmp_path / "page.html")
    assert held(tmp_path / "page.html") == {"text": "</script><b>"}


def test_the_command_writes_the_page_where_it_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_audio(Path("my song.wav"), recording())
    assert main(["listen", "my song.wav", "--kit", "jazz_trio", "--threshold", "0.3"]) == 0
    assert capsys.readouterr().out == "page: my song.html\n"
    text = Path("my song.html").read_text(encoding="utf-8")
    assert "<h1>my song.wav</h1>" in text
    assert "played on the kit jazz_trio." in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"recording": Path("absent.wav")}, r"absent\.wav: file: No such file"),
        ({"checkpoint": "absent"}, r"absent: weights: no such file, and not one of .*pretrained"),
        ({"kit": "absent"}, r"absent: drum_kits: no such file"),
        ({"out": Path("song.wav")}, r"song\.wav: file: is the recording itself"),
        ({"out": Path("song.wav/page.html")}, r"song\.wav/page\.html: file: .* is no folder"),
        ({"recording": Path("long.wav")}, r"long\.wav: length: lasts more than 0 minutes.*: cut it"),
    ],
)
def test_bad_requests_are_named_before_the_work(tmp_path, monkeypatch, options, problem):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(listen_page, "LONGEST_SECONDS", 5)
    monkeypatch.setattr(listen_page, "transcribe_file", None)
    write_audio(Path("song.wav"), recording())
    write_audio(Path("long.wav"), np.tile(recording(), 2))
    with pytest.raises(InputError, match=problem):
        listen(**{"recording": Path("song.wav"), **options})
    assert not list(tmp_path.glob("*.html"))
