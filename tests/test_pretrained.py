"""The weights that `drummernet transcribe` uses: small, of free licences, and of use."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import drummernet
from drummernet.audio import write_audio
from drummernet.components import THREE_CLASSES
from drummernet.evaluation.systems import evaluate_system
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.midi import read_grooves
from drummernet.hits import Hit, write_midi
from drummernet.kits.bank import resolve_kits
from drummernet.kits.manifest import load_kit, read_manifest
from drummernet.resources import named_resource, resource_folder
from drummernet.stems.render import render_groove, render_stems
from drummernet.transcriber.checkpoint import load_provenance, load_transcriber

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "label_free"
FREE = {"MIT", "CC0-1.0", "CC-BY-3.0", "BSD-3-Clause"}
NAMES = sorted(path.stem for path in resource_folder("weights").glob("*.safetensors"))
WEIGHTS = named_resource("weights", "pretrained", ".safetensors")


def test_they_are_small_and_tell_what_they_learned_from():
    assert sum(named_resource("weights", name, ".safetensors").stat().st_size for name in NAMES) <= 3e6
    provenance = load_provenance(WEIGHTS)
    assert provenance["objective"] == "Cycle"
    assert provenance["selected_on"] == ["folder:runs/pretrained/validation"]  # rendered stems
    recipe = yaml.safe_load(named_resource("configs", "pretrained", ".yaml").read_text(encoding="utf-8"))
    rendering = recipe["data"]["rendering"]
    for field in ("varied", "mixed", "layered", "side_sticks", "lent"):
        assert provenance[field] == rendering[field], field
    assert provenance["stem_kits"] == ",".join(rendering["kits"]).split(",")
    kits = resolve_kits(provenance["stem_kits"])
    assert {read_manifest(kit).licence for kit in kits} <= FREE
    card = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    for words in provenance["stem_kits"]:
        assert f"`{words.removeprefix('family:')}`" in card
    assert f"{provenance['items']:,} items" in card
    parameters = sum(p.numel() for p in load_transcriber(WEIGHTS).parameters())
    assert f"{parameters:,} parameters" in card


def test_the_card_names_all_weights():
    card = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in card] == []


def test_they_hear_kits_that_they_never_heard(tmp_path):
    grooves = [generate_groove(seed, 12.0) for seed in range(40, 44)]
    kits = [load_kit(name) for name in resolve_kits("test")]
    render_stems(grooves, kits, tmp_path, seed=5)
    result = evaluate_system("folder", tmp_path, checkpoint=WEIGHTS)
    scores = {name: result["pooled"][name]["f1"] for name in THREE_CLASSES}
    assert min(scores.values()) > 0.6, scores
    assert np.mean(list(scores.values())) > 0.8, scores


def test_one_call_transcribes(tmp_path):
    groove = generate_groove(3, 8.0)
    path = tmp_path / "song.wav"
    write_audio(path, render_groove(groove, load_kit("rock_stadium"), np.random.default_rng(0)))
    heard = drummernet.transcribe(path, components=3)
    assert all(isinstance(hit, Hit) for hit in heard.hits)
    assert {hit.component for hit in heard.hits} <= {"KD", "SD", "CHH"}
    kicks = [hit.onset_seconds for hit in groove.hits if hit.component == "KD"]
    found = [hit.onset_seconds for hit in heard.hits if hit.component == "KD"]
    near = [min((abs(a - b) for b in found), default=1.0) for a in kicks]
    assert np.mean(np.array(near) < 0.03) > 0.8
    assert len(heard.beats) >= 4


@pytest.fixture
def pretrain(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENT))
    if not (EXPERIMENT / "pretrain.py").exists():
        pytest.skip("the experiments come with the checkout alone")
    import pretrain

    yield pretrain
    sys.modules.pop("pretrain")


def test_a_drummer_is_left_out_with_all_performances(pretrain, tmp_path):
    corpus = tmp_path / "grooves"
    rows = ["drummer,midi_filename,duration,split"]
    for drummer in ("drummer1", "drummer2"):
        for split in ("train", "validation"):
            path = corpus / drummer / f"{split}.mid"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_midi(path, [Hit(0.1 * n, "KD", 0.5) for n in range(4)])
            rows.append(f"{drummer},{drummer}/{split}.mid,1.0,{split}")
    (corpus / "info.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    folder = pretrain.left_out(corpus, "drummer1", tmp_path / "rest")
    assert [groove.name for groove in read_grooves(folder)] == ["drummer2/train", "drummer2/validation"]
    assert [groove.name for groove in read_grooves(folder, "train")] == ["drummer2/train"]
    with pytest.raises(SystemExit, match="no drummer9"):
        pretrain.left_out(corpus, "drummer9", tmp_path / "none")


def test_no_validation_kit_is_of_a_family_that_is_trained_on(pretrain):
    families = {read_manifest(kit).family for kit in pretrain.VALIDATION_KITS}
    trained = {read_manifest(kit).family for kit in resolve_kits(load_provenance(WEIGHTS)["stem_kits"])}
    heard = {read_manifest(kit).family for kit in resolve_kits(pretrain.STEM_KITS)}
    assert not families & (trained | heard)


def test_a_run_that_is_done_is_not_trained_again(pretrain, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(pretrain.subprocess, "run", lambda words, check: commands.append(words))
    (tmp_path / "checkpoints").mkdir()
    assert pretrain.trained(tmp_path, ["pretrained"], []) == tmp_path / "checkpoints" / "last.ckpt"
    pretrain.trained(tmp_path, ["pretrained"], [])
    assert len(commands) == 1
    assert "--ckpt_path" not in commands[0]
    (tmp_path / "done").unlink()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    pretrain.trained(tmp_path, ["pretrained"], [])
    assert commands[1][-2:] == ["--ckpt_path", "last"]
