"""The table of ideas: rows differ in what they are about and nothing else; the report; a run that goes on."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import t as student
from training_runs import render_three_stems

from drummernet import SAMPLE_RATE
from drummernet.hits import read_midi
from drummernet.kits.kit import Kit, single
from drummernet.training.composition import Composed, Consistency
from drummernet.training.objectives import Cycle, Reconstruction
from drummernet.training.recipe import build_callbacks, build_data, build_model, read_recipe
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.mel import LearnableBands
from drummernet.transcriber.spectral import SpectralTranscriber
from drummernet.transcriber.wave import WaveTranscriber
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.picking import picker_of

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "label_free"

TINY = """
model:
  transcriber:
    class_path: drummernet.transcriber.hit_network.HitTranscriber
    init_args: {bands: 24, width: 2, hidden: 7, layers: 1, components: [KD, SD, CHH]}
  objective: {class_path: drummernet.training.objectives.Cycle}
data:
  rendering: {kits: rock_maple}
  batch_size: 2
  crop_seconds: 0.6
trainer:
  max_steps: 4
  accelerator: cpu
  enable_progress_bar: false
  enable_model_summary: false
  check_val_every_n_epoch: null
  callbacks:
    - {class_path: drummernet.training.callbacks.RunCheckpoint, init_args: {every_n_train_steps: 2}}
"""


@pytest.fixture
def script(monkeypatch):
    """Import a module of the experiment as its script does, not that of another one."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("run", "report", "rows", "pretrain", "one_shots"):
        monkeypatch.delitem(importlib.sys.modules, name, raising=False)
    return importlib.import_module


def recipe_of(script, name):
    """Return the recipe of a row, and all of its settings by dotted field."""
    run, row = script("run"), script("rows").ROWS[name]
    own = Path("own") if row.grooves == "own" else None
    recipe = read_recipe(run.configs(row), run.places(row, 3, Path("out"), Path("groove"), own))
    return recipe, dict(flat(recipe.content))


def flat(content, field=""):
    if not isinstance(content, dict) or not content:
        yield field, repr(content)
        return
    for key, value in content.items():
        yield from flat(value, f"{field}.{key}".lstrip("."))


TRANSCRIBERS = {
    "wave_published": WaveTranscriber,
    "wave_rest": WaveTranscriber,
    "spectral_published": SpectralTranscriber,
    "spectral_rest": SpectralTranscriber,
}
PARTS = {
    "reconstruction": [Cycle, Reconstruction],
    "consistency": [Cycle, Consistency],
    "all": [Cycle, Consistency, Reconstruction],
}


def test_every_row_is_built_with_equal_items(script):
    rows = script("rows").ROWS
    for name, row in rows.items():
        recipe, _ = recipe_of(script, name)
        model, data = build_model(recipe), build_data(recipe)
        trainer = recipe.content["trainer"]
        assert data.batch_size * trainer["max_steps"] * data.crop_seconds == 6400, name
        assert (model.warmup_steps, model.anneal, data.seed, data.rendered_share) == (50, True, 3, 0.5), name
        assert data.validation_folder is None, name
        assert type(model.transcriber) is TRANSCRIBERS.get(name, HitTranscriber), name
        parts = [*model.objective.parts] if isinstance(model.objective, Composed) else [model.objective]
        expected = PARTS.get(name, [Reconstruction if row.grooves is None else Cycle])
        assert [type(part) for part in parts] == expected, name
        assert (data.corpus_folder == Path("out/stems/audio")) == row.stems, name
        assert (data.views is None) == (Consistency not in expected), name
        blends = [type(callback).__name__ for callback in build_callbacks(recipe)].count("GateBlend")
        gates = getattr(model.transcriber, "gates", None)
        assert blends == bool(gates is not None and gates.blended), name
        assert blends == name.endswith("rest"), name
        assert model.picker.guard == (0.05 if row.grooves is None or name == "amplitude" else 1.0), name
        learnable = [m for m in model.modules() if isinstance(m, LearnableBands)]
        assert bool(learnable) == (name == "learnable"), name
    for name in ("own", "all"):
        rendering = build_data(recipe_of(script, name)[0]).rendering
        assert rendering.grooves == {"groove": 0.5, "own": 0.5}
        assert rendering.split == "train"


MAY_DIFFER = {
    ("spectral_published", "wave_published"): ["model.transcriber"],
    ("wave_rest", "wave_published"): ["model.transcriber.init_args.gates", "trainer.callbacks"],
    ("spectral_rest", "spectral_published"): ["model.transcriber.init_args.gates", "trainer.callbacks"],
    ("hits_rest", "spectral_rest"): ["model.transcriber"],
    ("generated", "amplitude"): ["model.objective.init_args.amplitudes", "model.picker.guard"],
    ("played", "generated"): ["data.rendering.grooves", "data.rendering.split"],
    ("sampled", "played"): ["data.rendering.kits"],
    ("learnable", "sampled"): ["model.transcriber.init_args.learnable_bands"],
    ("reconstruction", "sampled"): ["model.objective", "data.corpus", "data.rendered_share"],
    ("consistency", "sampled"): ["model.objective", "data.corpus", "data.rendered_share", "data.views"],
    ("own", "sampled"): ["data.rendering.grooves"],
}


@pytest.mark.parametrize(("with_it", "without"), MAY_DIFFER)
def test_an_idea_changes_what_it_is_about(script, with_it, without):
    (_, a), (_, b) = recipe_of(script, with_it), recipe_of(script, without)
    differing = [field for field in a.keys() | b.keys() if a.get(field) != b.get(field)]
    assert differing
    allowed = MAY_DIFFER[with_it, without]
    assert [f for f in differing if not any((f + ".").startswith(each + ".") for each in allowed)] == []


def made_up(mean: float, recordings: float) -> dict[str, object]:
    def f1(value):
        return {"KD": value + 0.1, "SD": value, "HH": value - 0.1, "mean": value}

    return {"threshold": 0.14, "items": 3200, "f1": {"validation": f1(mean), "mdb": f1(recordings)}}


def test_the_report(script, tmp_path):
    rows, report = script("rows").ROWS, script("report")
    # Cycle rows rise by .1 each; the second seed is .02 better, and in one row e more, in another e less.
    e, names = 0.009, [name for name, row in rows.items() if row.grooves is not None]
    runs = {}
    for number, name in enumerate(names):
        for seed in (0, 1):
            extra = seed * (0.02 + e * ((name == "played") - (name == "sampled")))
            runs[f"{name}_{seed}"] = made_up(0.05 * number + extra + 0.3, 0.5)
    runs["spectral_rest_0"] = made_up(0.4, 0.3)
    runs["wave_rest_0"] = made_up(0.35, 0.3)
    report.write_report(runs, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == runs
    lines = (tmp_path / "results.md").read_text().splitlines()

    def cells(start):
        found = next(line for line in lines if line.startswith(f"| {start}"))
        return [text.strip() for text in found.split("|")[2:-1]]

    assert cells(rows["generated"].about) == [
        "0, 1",
        "0.14, 0.14",
        "0.460/0.360/0.260, **0.360** ± 0.010",
        "0.600/0.500/0.400, **0.500** ± 0.000",
    ]
    assert cells(rows["wave_rest"].about)[0] == "0"
    # By hand: each row's rest is (its extra - the mean extra of all rows) / 2, with both signs; the extras
    # are e and -e and otherwise 0, so their mean is 0; 8 degrees of freedom.
    variance = 2 * 2 * (e / 2) ** 2 / (len(names) - 1)
    half_width = student.ppf(0.975, len(names) - 1) * np.sqrt(2 * variance / 2)
    assert cells("sampled kits beside") == [f"**+0.041** ± {half_width:.3f}", "+0.000 ± 0.000"]
    assert cells("spectral for wave, rest") == ["+0.050", "+0.000"]
    assert not any(line.startswith("| spectral for wave, published") for line in lines)
    assert (tmp_path / "label_free.png").stat().st_size > 10_000


def test_a_run_goes_on_and_its_scores_stay(script, tmp_path, monkeypatch):
    run = script("run")
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text(TINY.replace("max_steps: 4", "max_steps: 2"), encoding="utf-8")
    fields = {"data.seed": 5, "data.rendering.grooves": {"generator": 1.0}}
    last = run.trained(tmp_path / "run", [str(tiny)], fields)
    tiny.write_text(TINY, encoding="utf-8")
    run.trained(tmp_path / "run", [str(tiny)], fields)
    held = torch.load(last, weights_only=True)
    assert (held["global_step"], held["StemDataModule"]["items_seen"]) == (4, 8)
    assert held["StemDataModule"]["seed"] == 5
    monkeypatch.setattr(run, "train", None)  # what is trained is not trained again
    assert run.trained(tmp_path / "run", [str(tiny)], fields) == last

    stems = render_three_stems(tmp_path / "validation")
    scores = tmp_path / "run" / "scores.json"
    run.score(scores, last, {run.VALIDATION: ("folder", stems)})
    first = json.loads(scores.read_text())
    assert first["items"] == 8
    assert first["f1"].keys() == {run.VALIDATION}
    monkeypatch.setattr(run, "tune_threshold", None)
    first["threshold"], first["f1"][run.VALIDATION] = 0.9, {"mean": 0.123}
    scores.write_text(json.dumps(first))
    run.score(scores, last, {run.VALIDATION: ("folder", stems), "mdb": ("folder", stems)})
    later = json.loads(scores.read_text())
    assert later["f1"][run.VALIDATION] == {"mean": 0.123}
    assert later["f1"]["mdb"] == {"KD": 0.0, "SD": 0.0, "HH": 0.0, "mean": 0.0}  # at 0.9
    for name, number in (("own", 1), ("own", 0), ("sampled", 0), ("sampled", 10)):
        run.run_folder(tmp_path, name, number).mkdir(parents=True)
        (run.run_folder(tmp_path, name, number) / "scores.json").write_text("{}")
    run.run_folder(tmp_path, "all", 0).mkdir()  # not scored yet
    assert list(run.gathered(tmp_path)) == ["sampled_0", "sampled_10", "own_0", "own_1"]


def test_a_teacher_transcribes_once_what_it_is_sure_of(script, tmp_path):
    run = script("run")
    stems = render_three_stems(tmp_path / "stems") / "audio"
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text(TINY.replace("max_steps: 4", "max_steps: 2"), encoding="utf-8")
    checkpoint = run.trained(tmp_path / "run", [str(tiny)], {"data.seed": 1})
    # Peaks of an untrained network are hardly above what surrounds them.
    (tmp_path / "run" / "scores.json").write_text(json.dumps({"threshold": 1e-4}))
    (tmp_path / "run" / "transcriptions.part").mkdir()
    (tmp_path / "run" / "transcriptions.part" / "half.mid").write_bytes(b"half")
    folder = run.transcribed(tmp_path / "run", stems)
    written = sorted(folder.iterdir())
    assert [path.stem for path in written] == [path.stem for path in sorted(stems.iterdir())]
    transcriber = load_transcriber(checkpoint)
    found = 0
    for path, audio in zip(written, sorted(stems.iterdir()), strict=True):
        sure = transcribe_file(transcriber, audio, picker_of(checkpoint, 1.5e-4)).hits
        assert len(read_midi(path)) == len(sure)
        found += len(sure)
    assert found
    written[0].unlink()
    assert run.transcribed(tmp_path / "run", stems) == folder
    assert not written[0].exists()


def test_one_shots_are_measured(script):
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE

    def hat(tone_hz, decay_seconds):
        sound = np.sin(2 * np.pi * tone_hz * seconds) * 1000 ** (-seconds / decay_seconds)
        return Kit("kit", "family", "test", "MIT", "", single({"CHH": sound}), {"CHH": -16.0})

    measured = script("one_shots").measured
    assert measured([hat(500.0, 0.3)], "CHH") == "100 to 100 ms, 100 to 100 %"
    assert measured([hat(500.0, 0.3), hat(5000.0, 0.9)], "CHH") == "150 to 250 ms, 25 to 75 %"
    assert measured([], "CHH") == "none"
