"""Every command of the README is run: on small data, shortened by overrides where it would take long."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np

from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.hits import Hit, write_midi, write_tsv

README = Path(__file__).resolve().parents[1] / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def shortened(words: list[str]) -> list[str]:
    """Ask for less: of stems some seconds, of training a step, in one process, of measurements one."""
    if words[0] == "render":
        return ["0.003" if before == "--hours" else word for before, word in pairwise(["", *words])]
    if words[0] == "bench":
        batch = [] if words[1] == "transcribe" else ["--batch", "1"]
        return [*words, "--repeats", "1", "--seconds", "1", *batch]
    if words[0] != "train":
        return words
    steps = "2" if "last" in words else "1"
    alone = {"2": "1", "ddp": "auto"}
    words = [alone.get(word, word) for word in words]
    return [*words, "--data.batch_size", "2", "--trainer.max_steps", steps, "--trainer.accelerator", "cpu"]


def prepare(folder: Path) -> None:
    """Make what the README takes for granted: stems, a song, grooves and annotated datasets."""
    noise = np.random.default_rng(0).normal(0, 0.1, 40_000)
    for name in ("STEMS/a.wav", "song.wav", "folder/b.wav", "test/audio/x.wav", "e-gmd/x.wav"):
        write_audio(folder / name, noise)
    for name in ("Kick 01.wav", "snare.wav", "hat closed.wav"):
        write_audio(folder / "samples" / name, noise[:4_000] * np.exp(-np.arange(4_000) / 400))
    # Another recording than that of the test set: thresholds are not tuned on copies of what is scored.
    write_audio(folder / "MDB Drums/audio/drum_only/MusicDelta_Rock_Drum.wav", noise[::-1])
    hits = [Hit(0.5, "KD"), Hit(1.0, "SD")]
    for name in ("groove/a.mid", "e-gmd/x.mid"):
        write_midi(folder / name, hits)
    write_tsv(folder / "hits" / "x.tsv", hits)
    rock = "MDB Drums/annotations/{0}/MusicDelta_Rock_{0}.txt"
    for name in ("test/annotations/x.txt", rock.format("class"), rock.format("subclass")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("0.5\tKD\n1.0\tSD\n", encoding="utf-8")
    table = "midi_filename,audio_filename,duration,split\na.mid,,2.5,train\n"
    (folder / "groove" / "info.csv").write_text(table, encoding="utf-8")


def test_what_the_readme_runs_is_known():
    programs = {shlex.split(command)[0] for command in commands()}
    assert programs == {"make", "pip", "drummernet"}


def test_every_drummernet_command_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    for command in commands():
        program, *words = shlex.split(command)
        if program == "drummernet":
            assert main(shortened(words)) == 0, command
