"""The commands as a user runs them: exit status, one-line messages, files."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_corpus import write_prepared

from drummernet.audio import write_audio
from drummernet.cli import main
from drummernet.hits import read_midi, read_tsv
from drummernet.stems.prepared import samples_path
from drummernet.transcriber.checkpoint import ENTRY
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcriber.spectral import SpectralTranscriber


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """An untrained transcriber in the form of a training checkpoint."""
    torch.manual_seed(0)
    transcriber = SpectralTranscriber(SparsemaxGates(rest=True), bands=20, channels=2, hidden=8)
    state = {f"transcriber.{name}": tensor for name, tensor in transcriber.state_dict().items()}
    path = tmp_path_factory.mktemp("checkpoint") / "last.ckpt"
    torch.save({ENTRY: transcriber.describe(), "state_dict": state}, path)
    return path


def drummernet(words: str, capsys) -> tuple[int, str, str]:
    status = main(shlex.split(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_render_evaluate_and_transcribe_form_one_path(checkpoint, tmp_path, capsys):
    status, out, _ = drummernet(f"render --kits test --hours 0.01 --seed 3 --out {tmp_path}/test", capsys)
    assert (status, out) == (0, f"2 stems in {tmp_path}/test\n")
    words = f"--dataset folder --root {tmp_path}/test"
    words_json = f"{words} --checkpoint {checkpoint} --json {tmp_path}/a.json"
    status, out, _ = drummernet(f"evaluate {words_json}", capsys)
    assert status == 0
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["tracks"] == 2
    assert result["threshold"] == 0.2
    assert re.fullmatch("[0-9a-f]{64}", result["checkpoint_sha256"])
    assert f"{result['pooled']['mean']['f1']:.3f}" in out
    assert drummernet(f"evaluate {words} --baseline onsets", capsys)[0] == 0
    words = f"transcribe {tmp_path}/test/audio --out {tmp_path}/hits --checkpoint {checkpoint}"
    assert drummernet(f"{words} --formats midi,tsv,json,png", capsys)[0] == 0
    names = {path.name for path in (tmp_path / "hits").iterdir()}
    stems = {path.stem for path in (tmp_path / "test" / "audio").iterdir()}
    assert names == {f"{stem}.{suffix}" for stem in stems for suffix in ("mid", "tsv", "json", "png")}
    predictions = f"--dataset folder --root {tmp_path}/test --predictions {tmp_path}/hits"
    assert drummernet(f"evaluate {predictions}", capsys)[0] == 0


def test_an_unreadable_recording_is_not_scored_and_named(checkpoint, tmp_path, capsys):
    drummernet(f"render --kits test --hours 0.01 --out {tmp_path}", capsys)
    first, second = sorted((tmp_path / "audio").iterdir())
    first.write_bytes(b"no audio")
    words = f"evaluate --dataset folder --root {tmp_path} --checkpoint {checkpoint} --json {tmp_path}/a.json"
    assert drummernet(words, capsys)[0] == 1
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["missing_audio"] == result["unreadable_audio"] == [first.stem]
    assert [row["track"] for row in result["per_track"]] == [second.stem]


def test_where_a_result_cannot_be_written_nothing_is_scored(tmp_path, capsys, monkeypatch):
    drummernet(f"render --kits test --hours 0.001 --out {tmp_path}", capsys)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for command in ("evaluate --baseline onsets", "validate"):
        for target in ("audio", "''", "audio/no/../../annotations"):
            status, out, err = drummernet(f"{command} --dataset folder --root . --json {target}", capsys)
            assert (status, out) == (2, "")
            assert err.endswith(": file: Is a directory\n")
    assert drummernet("evaluate --baseline onsets --dataset folder --root . --json /dev/null", capsys)[0] == 0
    assert Path("/dev/null").is_char_device()
    assert sorted(tmp_path.rglob("*")) == before


def test_an_annotation_that_cannot_be_read_is_named_by_the_exit_status(tmp_path, capsys):
    drummernet(f"render --kits test --hours 0.01 --out {tmp_path}", capsys)
    words = f"evaluate --dataset folder --root {tmp_path} --predictions {tmp_path}/annotations"
    first, _ = sorted((tmp_path / "annotations").iterdir())
    first.write_text("".join(reversed(first.read_text().splitlines(keepends=True))))
    status, out, _ = drummernet(words, capsys)
    assert (status, "comes after a later one; sorted" in out) == (0, True)
    first.write_text("0.1 XX\n")
    assert drummernet(words.replace("predictions", "baseline onsets --name"), capsys)[0] == 1


def test_perfect_predictions_score_one(tmp_path, capsys):
    drummernet(f"render --kits test --hours 0.01 --out {tmp_path}", capsys)
    words = f"--dataset folder --root {tmp_path} --predictions {tmp_path}/annotations"
    assert drummernet(f"evaluate {words} --json {tmp_path}/a.json", capsys)[0] == 0
    assert json.loads((tmp_path / "a.json").read_text())["track_mean"]["mean"]["f1"] == 1


def test_render_from_a_folder_of_midi(tmp_path, capsys):
    from drummernet.hits import Hit, write_midi

    write_midi(tmp_path / "grooves" / "beat.mid", [Hit(0.5, "KD"), Hit(1.0, "SD")])
    words = f"render --grooves {tmp_path}/grooves --kits test --hours 0.0005 --out {tmp_path}/out"
    assert drummernet(words, capsys)[0] == 0
    lines = next((tmp_path / "out" / "annotations").iterdir()).read_text().splitlines()
    assert [line.split("\t")[1] for line in lines] == ["KD", "SD"]


def test_prepare_puts_aside_what_it_cannot_use_and_succeeds(tmp_path, capsys, caplog):
    clicks = np.zeros(80_000)
    clicks[::8_000] = 0.5
    write_audio(tmp_path / "in" / "a.flac", clicks)
    (tmp_path / "in" / "b.wav").write_text("this is text")
    (tmp_path / "in" / "list.txt").write_text("a.flac\n../secret.wav\n")
    words = f"prepare {tmp_path}/in {tmp_path}/in/list.txt --out {tmp_path}/corpus --workers 1"
    status, out, _ = drummernet(f"{words} --dry-run", capsys)
    assert status == 0
    assert not (tmp_path / "corpus").exists()
    status, told, _ = drummernet(words, capsys)
    assert status == 0
    assert told == out + f"page: {tmp_path}/corpus/report.html\n"
    assert [line.split()[:-4] for line in told.splitlines()[:-1]] == [
        ["kept"],
        ["put", "aside"],
        ["not", "audio"],
        ["refused"],
    ]
    assert [line.split()[-4:-2] for line in told.splitlines()[:-1]] == [
        ["1", "files"],
        ["3", "files"],
        ["2", "files"],
        ["1", "files"],
    ]
    assert sum("../secret.wav" in message for message in caplog.messages) == 2  # named by both runs
    report = json.loads((tmp_path / "corpus" / "report.json").read_text())
    assert report["by_reason"]["not audio"] == {"files": 2, "hours": 0.0}
    assert "1 files, 0.00 hours" in (tmp_path / "corpus" / "report.html").read_text()


def test_a_shard_that_is_missing_is_named(tmp_path, capsys, caplog):
    clicks = np.zeros(80_000)
    clicks[::8_000] = 0.5
    for number in range(6):
        write_audio(tmp_path / "in" / f"{number}.flac", np.roll(clicks, 17 * number) * (1 + 0.01 * number))
    (tmp_path / "link").symlink_to("in")
    # The second machine sees the same files under another path.
    for name, shard in (("in", "1/3"), ("link", "2/3")):
        status, out, _ = drummernet(
            f"prepare {tmp_path}/{name} --out {tmp_path}/corpus --shard {shard} --workers 1", capsys
        )
        assert (status, out) == (0, f"shard {shard} is decoded; --finish writes the index when all are\n")
    assert drummernet(f"prepare --out {tmp_path}/corpus --finish", capsys)[0] == 0
    assert caplog.messages == [f"{tmp_path}/corpus: no journal of shard 3/3: its files are not in the corpus"]
    assert drummernet(f"prepare {tmp_path}/in --out {tmp_path}/corpus --shard 3/3", capsys)[0] == 0
    assert drummernet(f"prepare --out {tmp_path}/corpus --finish", capsys)[0] == 0
    assert len(caplog.messages) == 1
    lines = [(tmp_path / "corpus" / name).read_text() for name in ("index.jsonl", "put_aside.jsonl")]
    assert sum(text.count("\n") for text in lines) == 6


def test_an_error_of_a_worker_process_is_one_line_too(tmp_path, capsys):
    stem = np.zeros(60_000)
    stem[-1] = 32_767  # not silent as a whole, but wherever a crop is likely to lie
    corpus = write_prepared(tmp_path / "corpus", [("a", stem, 3e-5)])
    words = f"--data.corpus {tmp_path}/corpus --data.workers 1 --data.crop_seconds 0.1"
    words += f" --trainer.default_root_dir {tmp_path}/run --trainer.enable_progress_bar false"
    status, _, err = drummernet(f"train --config quickstart {words}", capsys)
    assert status == 2
    assert err.startswith("drummernet: item 0: crop: none of 100 draws is usable: 0 unreadable, 100 silent")
    samples_path(corpus.folder, corpus.entry(0).hash).unlink()
    status, _, err = drummernet(f"train --config quickstart {words}", capsys)
    assert status == 2
    assert "item 0: crop: none of 100 draws is usable: 100 unreadable" in err.splitlines()[-1]


def test_stems_that_cannot_be_used_leave_no_run_behind(tmp_path, capsys):
    words = f"--data.corpus {tmp_path} --trainer.default_root_dir {tmp_path}/run --trainer.devices 2"
    status, _, err = drummernet(f"train --config quickstart {words} --trainer.accelerator cpu", capsys)
    assert (status, err) == (2, f"drummernet: {tmp_path}: stems: no readable audio; 0 rejected\n")
    assert not list(tmp_path.iterdir())


def test_kits_are_packed(tmp_path, capsys):
    words = f"kits pack rock_maple,jazz_t* --out {tmp_path}/kits"
    assert drummernet(words, capsys)[:2] == (0, f"2 kits in {tmp_path}/kits\n")
    words = f"render --kits {tmp_path}/kits/*.yaml --hours 0.0005 --out {tmp_path}/out"
    assert drummernet(words, capsys)[0] == 0
    (audio,) = (tmp_path / "out" / "audio").iterdir()
    assert audio.stem.endswith(("rock_maple", "jazz_trio"))


def test_silence_has_no_hits_and_succeeds(checkpoint, tmp_path, capsys):
    write_audio(tmp_path / "silence.wav", np.zeros(40_000, np.float32))
    words = f"transcribe {tmp_path}/silence.wav --out {tmp_path} --checkpoint {checkpoint}"
    assert drummernet(f"{words} --formats midi,tsv,png", capsys)[0] == 0
    assert read_midi(tmp_path / "silence.mid") == []
    assert read_tsv(tmp_path / "silence.tsv") == []


def test_one_bad_file_leaves_the_others_transcribed(checkpoint, tmp_path, capsys):
    for name in ("a", "c"):
        write_audio(tmp_path / "in" / f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, 40_000))
    (tmp_path / "in" / "b.wav").write_text("this is text")
    words = f"transcribe {tmp_path}/in --out {tmp_path}/out --checkpoint {checkpoint}"
    status, _, err = drummernet(words, capsys)
    assert status == 1
    assert len(err.splitlines()) == 1
    assert f"{tmp_path}/in/b.wav: format: not readable as audio" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mid", "c.mid"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("render --kits no_such_kit --hours 1 --out {0}", "kits: name: unknown"),
        ("render --hours -1 --out {0}", "render: hours: -1.0 is not more than 0"),
        ("render --hours 1 --split train --out {0}", "render: split: 'train': the generator has no splits"),
        ("evaluate --dataset smurf --root {0} --baseline onsets", "dataset: smurf: unknown"),
        ("evaluate --dataset folder --root {0}/no --baseline onsets", "no: root: no such folder"),
        ("evaluate --dataset folder --root {0} --baseline nmfd --kits ''", "kits: '': one of the names"),
        ("evaluate --dataset folder --root {0} --baseline x", "baseline: x: unknown; known baselines"),
        ("transcribe {0} --out {0} --checkpoint {0}/no.ckpt", "no.ckpt: weights: no such file"),
        ("transcribe {0} --out {0} --checkpoint {1} --formats pdf", "formats: name: unknown 'pdf'"),
        ("transcribe {0} --out {0} --checkpoint {1} --threshold -1", "picker: threshold: -1.0"),
        ("export {1} {0}/weights.pt", "weights.pt: name: released weights end in .safetensors"),
        ("prepare {0} --out {1}", "last.ckpt: out: is no folder"),
        ("prepare {0}/no --out {0}/out", "no: source: No such file or directory"),
        ("prepare '' --out {0}/out", "prepare: sources: name a folder"),
        ("prepare --out {0}/out --shard 1/2", "prepare: sources: name a folder"),
        ("prepare --out {0}/out --finish", "out: out: holds nothing to finish"),
        ("prepare {0} --out {0}/out --shard 5/4", "prepare: shard: 5/4 is no part"),
        ("prepare {0} --out {0}/out --shard 1", "prepare: shard: '1' is not i/n"),
        ("prepare {0} --out {0}/out --accept silent", "prepare: accept: 'silent' is none of"),
        ("kits pack rock_mapel --out {0}", "kits: name: unknown 'rock_mapel'; did you mean 'rock_maple'"),
        ("train --config no_such_config", "no_such_config: configs: no such file"),
        (
            "train --config quickstart --data.corpus {0} --ckpt_path {0}/no.ckpt",
            "no.ckpt: checkpoint: no such file",
        ),
        ("train --config quickstart --data.corpus {0} --data.seed -1", "data: seed: -1 is less than 0"),
        ("export {1} {1}/w.safetensors", "last.ckpt: file: "),
        ("train --config quickstart --data.corpus {0}/no", "no: folder: no such folder"),
        ("train --config quickstart", "corpus"),
        (
            "train --config quickstart --data.corpus {0} --trainer.strategy dpd",
            "train: trainer: You selected an invalid strategy name: `strategy='dpd'`",
        ),
    ],
)
def test_wrong_requests_end_with_2_and_one_line(words, message, checkpoint, tmp_path, capsys):
    status, _, err = drummernet(words.format(tmp_path, checkpoint), capsys)
    lines = err.splitlines()
    assert status == 2
    assert len(lines) == 1, err
    assert message in lines[0]


def test_export_is_transcribed_alike(checkpoint, tmp_path, capsys):
    write_audio(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 40_000))
    assert drummernet(f"export {checkpoint} {tmp_path}/w.safetensors", capsys)[0] == 0
    for name, weights in (("x", checkpoint), ("y", tmp_path / "w.safetensors")):
        words = f"transcribe {tmp_path}/a.wav --out {tmp_path}/{name} --checkpoint {weights} --formats tsv"
        assert drummernet(words, capsys)[0] == 0
    assert (tmp_path / "x" / "a.tsv").read_text() == (tmp_path / "y" / "a.tsv").read_text()


def test_the_installed_command_answers(tmp_path):
    script = Path(sys.executable).with_name("drummernet")
    if not script.exists():
        pytest.skip("the package is not installed")
    answer = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", answer.stdout)
