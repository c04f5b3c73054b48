"""The pages of kits: what they show, what they play, what they say is missing."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from test_demo import checked

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.errors import InputError
from drummernet.kit_pages import GROOVE_SECONDS, listen_to_kit, write_kits_page
from drummernet.kits.manifest import load_kit
from drummernet.resources import named_resource


def players(page: Path) -> list[np.ndarray]:
    found = re.findall(r'src="data:audio/wav;base64,([^"]+)"', page.read_text(encoding="utf-8"))
    return [soundfile.read(io.BytesIO(base64.b64decode(text)))[0] for text in found]


def missing_kit(folder: Path) -> Path:
    path = folder / "absent.yaml"
    source = {"type": "folder", "path": "nowhere", "components": {"KD": "kick.wav"}}
    content = {"name": "absent", "family": "a", "group": "test", "licence": "MIT", "package": "absent-drums"}
    path.write_text(yaml.safe_dump(content | {"source": source}))
    return path


def test_one_page_of_several_kits(tmp_path: Path) -> None:
    page = tmp_path / "kits.html"
    write_kits_page(["rock_birch", str(missing_kit(tmp_path)), "jazz_trio"], page)
    checked(page)
    text = page.read_text(encoding="utf-8")
    assert re.findall("<h2>([^<]*)</h2>", text) == ["rock_birch", "jazz_trio", "Not on this machine"]
    assert text.count("data:image/png;base64,") == 2
    assert "<td>absent</td><td>absent-drums</td>" in text
    rows = re.findall("<tr><td>([A-Z]{2,3})</td>.*?</tr>", text)
    kit = load_kit("rock_birch")
    assert rows == 2 * list(kit.sounds)
    # The strokes stand at equal distances, each at its level in the mix.
    played, _ = players(page)
    strokes = played.reshape(len(kit.sounds), -1)
    peaks = np.abs(strokes).max(axis=1)
    wanted = np.array([10 ** (kit.mix_level_db[component] / 20) for component in kit.sounds])
    assert peaks / peaks.max() == pytest.approx(wanted / wanted.max(), rel=0.01)


def test_numbers_of_a_known_sound(tmp_path: Path) -> None:
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    tone = np.cos(2 * np.pi * 500 * time) * 1000 ** (-time / 0.3)
    for name, gain in (("soft", 0.1), ("loud", 1.0)):
        soundfile.write(tmp_path / f"{name}.wav", gain * tone, SAMPLE_RATE, subtype="FLOAT")
    layers = [{"velocity": 0.5, "takes": ["soft.wav"]}, {"velocity": 1, "takes": ["loud.wav", "loud.wav"]}]
    source = {"type": "folder", "path": ".", "components": {"HIT": layers}}
    content = {"name": "one", "family": "a", "group": "test", "licence": "MIT", "source": source}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(content))
    page = tmp_path / "kits.html"
    write_kits_page([str(tmp_path / "one.yaml")], page)
    peak = 10 / np.linalg.norm(tone)
    text = page.read_text(encoding="utf-8")
    cells = re.findall("<td>([^<]*)</td>", text[text.index("<td>HIT</td>") :])[:8]
    assert cells[:6] == ["HIT", "2", "3", f"{peak:.2f}", "0.10 s", "0.30 s"]
    assert int(cells[6].removesuffix(" Hz")) == pytest.approx(500, abs=15)
    assert cells[7] == ""
    assert "<td>MHT</td>" in text
    assert re.search("<tr><td>MHT</td>.*?<td>HIT</td></tr>", text)


def test_listen(tmp_path: Path) -> None:
    page = listen_to_kit("electronic_square", tmp_path)
    assert page == tmp_path / "electronic_square.html"
    checked(page)
    groove = read_audio(tmp_path / "electronic_square.wav")
    assert groove.size == GROOVE_SECONDS * SAMPLE_RATE
    assert 0.1 < np.abs(groove).max() <= 0.9
    first, in_turn, *components = players(page)
    assert first == pytest.approx(groove, abs=1e-4)
    assert len(components) == 11
    assert all(np.abs(sound).max() == pytest.approx(0.9, abs=0.001) for sound in (in_turn, *components))
    before = page.read_bytes(), (tmp_path / "electronic_square.wav").read_bytes()
    listen_to_kit("electronic_square", tmp_path)
    assert (page.read_bytes(), (tmp_path / "electronic_square.wav").read_bytes()) == before


def test_bad_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kits: name: 'rock_\*' means \d+ kits; one is played"):
        listen_to_kit("rock_*", tmp_path)
    path = tmp_path / "rock_birch.yaml"
    path.write_text(named_resource("drum_kits", "rock_birch").read_text())
    with pytest.raises(InputError, match=r"kits: name: 'rock_birch' is that of"):
        write_kits_page(["rock_birch", str(path)], tmp_path / "kits.html")
    assert not (tmp_path / "kits.html").exists()
