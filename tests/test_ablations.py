"""The ablations: each variant changes one part; which differences count; what a run keeps."""

import importlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from drummernet.similarity.spectra import MelSpectrum, StftSpectrum
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.gates import SoftmaxGates
from drummernet.transcriber.recurrent import ConvolutionHead

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "ablations"
TRANSCRIBER, SIMILARITY = "transcriber", "objective.similarity"


@pytest.fixture
def script(monkeypatch):
    """Import a module of the experiment as its script does."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def parts(name: str | None) -> dict[str, torch.nn.Module]:
    """Return the direct parts of a variant of the paper's network and similarity, by name."""
    model = build_model(read_recipe(["paper", *([f"ablations/{name}"] if name else [])]))
    owners = {owner: model.get_submodule(owner) for owner in (TRANSCRIBER, SIMILARITY)}
    found = {f"{owner}.{part}": m for owner, module in owners.items() for part, m in module.named_children()}
    return {"objective.synthesizer": model.objective.synthesizer, **found}


def settings(module: torch.nn.Module) -> list[tuple[str, dict[str, str], list[tuple[int, ...]]]]:
    """Return everything that was chosen about a part: classes, plain attributes, shapes of the weights."""
    return [
        (
            type(m).__qualname__,
            {key: repr(v) for key, v in vars(m).items() if isinstance(v, int | float | str | tuple)},
            [tuple(p.shape) for p in m.parameters(recurse=False)],
        )
        for m in module.modules()
    ]


VARIANTS = {
    "soft": (f"{TRANSCRIBER}.gates", lambda gates: isinstance(gates, SoftmaxGates)),
    "conv": (
        f"{TRANSCRIBER}.head",
        lambda head: isinstance(head, ConvolutionHead) and len([*head.layers]) == 3,
    ),
    "mel": (
        f"{SIMILARITY}.spectrum",
        lambda spectrum: isinstance(spectrum, MelSpectrum) and spectrum.filters_1024.shape == (128, 513),
    ),
    "stft": (
        f"{SIMILARITY}.spectrum",
        lambda spectrum: isinstance(spectrum, StftSpectrum) and spectrum.window.shape == (1024,),
    ),
    "noe": (f"{SIMILARITY}.enhancement", lambda enhancement: enhancement is None),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_one_part(name):
    changed, is_right = VARIANTS[name]
    default, variant = parts(None), parts(name)
    assert is_right(variant.get(changed))
    assert default.keys() - variant.keys() <= {changed}
    for part in default.keys() - {changed}:
        assert settings(variant[part]) == settings(default[part]), part


def test_a_difference_is_compared_with_what_the_seeds_leave(script):
    # Variants .1 and .5 above the first; the second seed is .2 better; a rest of ±e in the second variant.
    e = 0.012
    scores = np.array([[0.2, 0.4], [0.3 + e, 0.5 - e], [0.7, 0.9]])
    found = script("differences").differences(scores, level=0.9)
    assert found.values == pytest.approx([0.1, 0.5])
    # The rest of a 3 x 2 table by hand: row two (2e/3, -2e/3), the others (-e/3, e/3); 2 degrees of freedom.
    deviation = np.sqrt((2 * (2 * e / 3) ** 2 + 4 * (e / 3) ** 2) / 2)
    assert found.half_width == pytest.approx(student.ppf(0.975, 2) * deviation)
    assert found.real.tolist() == [True, True]
    assert not script("differences").differences(scores[:, :1]).real.any()


def test_variants_that_do_not_differ_seldom_count(script):
    rng = np.random.default_rng(1)
    tables = rng.normal(0, 0.03, (2000, 6, 2)) + rng.normal(0, 0.1, (2000, 1, 2))
    found = [script("differences").differences(scores) for scores in tables]
    assert np.mean([each.real.any() for each in found]) < 0.06
    tables[:, 5] -= 0.3
    assert np.mean([script("differences").differences(scores).real[4] for scores in tables]) > 0.9


def test_spreads(script):
    scores = np.array([[[0.1, 0.3], [0.5, 0.7]], [[0.2, 0.2], [0.2, 0.2]]])
    assert script("differences").spread_of_checkpoints(scores) == pytest.approx(np.sqrt(0.02 / 2))
    assert script("differences").spread_of_seeds(scores.mean(axis=2)) == pytest.approx(np.sqrt(0.08 / 2))


def made_up(base: float, at: dict[str, float]) -> list[dict[str, object]]:
    averages = dict.fromkeys(("KD", "SD", "HH", "mean"), base)
    row = {"pooled": averages, "track_mean": averages, "mean_by_threshold": at}
    return [{"step": step, **row} for step in range(5)]


def test_the_report_has_the_seeds_that_all_variants_have(script, tmp_path):
    report = script("report")
    runs = {}
    for number, variant in enumerate(report.VARIANTS):
        for seed in (0, 1, 2):
            base = 0.8 - 0.1 * number + 0.01 * seed + 0.0004 * (number == seed == 0)
            rendered = {"0.100": base + 0.1 * (seed == 1), "0.200": base + 0.05}
            recordings = {"0.100": 0.25, "0.200": 0.5}
            runs[f"{variant}_{seed}"] = {
                report.RENDERED: made_up(base, rendered),
                "mdb": made_up(base, recordings),
            }
    del runs["SOFT_2"]["mdb"]
    report.write_report(runs, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == runs
    text = (tmp_path / "results.md").read_text()
    assert "Seeds: 0, 1." in text
    row = next(line for line in text.splitlines() if line.startswith("| mdb, SD |"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "0.805"  # the mean of .8004 and .81
    assert cells[2:7] == ["**-0.100**", "**-0.200**", "**-0.300**", "**-0.400**", "**-0.500**"]
    assert "DFL 0.200, 0.100" in text
    assert next(line for line in text.splitlines() if line.startswith("| mdb | 0.375 |"))
    assert (tmp_path / "ablations.png").stat().st_size > 10_000


def sized(folder: Path, steps: int) -> Path:
    """Write the configs of a run of so many steps, with a checkpoint at each."""
    for path in FOLDER.glob("config*.yaml"):
        content = path.read_text(encoding="utf-8").replace("train_steps: 20", "train_steps: 1")
        (folder / path.name).write_text(content.replace("max_steps: 400", f"max_steps: {steps}"))
    assert f"max_steps: {steps}" in (folder / "config.yaml").read_text(encoding="utf-8")
    return folder / "config.yaml"


def test_the_last_checkpoints_of_a_run_that_went_on(script, tmp_path, monkeypatch):
    run = script("run")
    stems = run.rendered(tmp_path / "stems", ["rock_maple"], 1, 5 / 3600)
    small = ["--data.batch_size", "1", "--data.crop_seconds", "0.5", "--trainer.accelerator", "cpu"]
    places = run.run_words(tmp_path / "run", stems)
    monkeypatch.setattr(run, "LAST", 4)
    monkeypatch.setattr(run, "run_words", lambda *_: [*places, *small])
    for steps in (3, 5):
        run.trained(tmp_path / "run", "SOFT", 3, stems, sized(tmp_path, steps))
    checkpoints = run.last_checkpoints(tmp_path / "run")
    assert list(checkpoints) == [2, 3, 4, 5]
    for step, path in checkpoints.items():
        held = torch.load(path, weights_only=True)
        assert held["global_step"] == step
        assert held["StemDataModule"]["seed"] == 3
        assert "SoftmaxGates" in json.dumps(held["drummernet_transcriber"])


def test_every_variant_of_the_sized_run_is_built(script):
    run, report = script("run"), script("report")
    for variant in report.VARIANTS:
        words = run.words(variant, 0, FOLDER / "config.yaml")
        model = build_model(read_recipe([b for a, b in pairwise(words) if a == "--config"]))
        head = model.transcriber.head
        # The convolutions are as wide as the GRUs.
        widths = (
            [layer.out_channels for layer in head.layers]
            if variant == "CONV"
            else [2 * head.first.hidden_size, head.second.hidden_size, head.channels.hidden_size]
        )
        assert widths == [64, 16, 11], variant
