"""``drummernet demo``: the whole path on data that the project makes itself, ending in one page.

Stems are rendered on one group of kits, the synthesizer plays another, and the scores are on a third.
No label is trained on: the stems' annotations are written but never read in training.
"""

import csv
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from drummernet import SAMPLE_RATE
from drummernet.audio import peak_normalise
from drummernet.components import THREE_CLASSES
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.protocol import evaluate, write_result
from drummernet.evaluation.systems import evaluate_system
from drummernet.grooves.groove import Groove
from drummernet.kits.bank import load_bank
from drummernet.kits.manifest import kit_names, load_kit
from drummernet.pages import Page, figure_png
from drummernet.stems.hours import render_hours
from drummernet.stems.render import render_groove
from drummernet.synthesizer import synthesize
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train
from drummernet.transcriber.checkpoint import load_transcriber, untrained_like
from drummernet.transcription.files import Transcription, transcribe_file
from drummernet.transcription.picking import picker_of
from drummernet.transcription.writers import FORMATS, write_transcription

CONFIG = "quickstart"
STEM_HOURS = 0.5
TEST_HOURS = 0.1


def run_demo(out: Path) -> Path:
    """Render, train, evaluate, transcribe; return the path of the page.

    Args:
        out: A folder for everything that the demonstration makes; what an earlier one left is replaced.
    """
    start = time.monotonic()
    for name in ("stems", "test", "run", "results", "transcription"):
        shutil.rmtree(out / name, ignore_errors=True)
    render_hours("generator", None, ["stems"], STEM_HOURS, 1, out / "stems")
    tests = render_hours("generator", None, ["test"], TEST_HOURS, 2, out / "test")
    run = out / "run"
    words = ["--config", CONFIG, "--data.corpus", str(out / "stems"), "--trainer.default_root_dir", str(run)]
    train([*words, "--trainer.devices", "1"])
    checkpoint = checkpoint_folder(run) / "last.ckpt"
    results = score_systems(checkpoint, out / "test", out / "results")
    example = transcribe_file(load_transcriber(checkpoint), tests[0], picker_of(checkpoint))
    write_transcription(example, out / "transcription", tests[0].stem, FORMATS)
    page = Page("DrummerNet: drums transcribed without labels")
    _add_scores(page, results)
    _add_example(page, example, (out / "transcription" / f"{tests[0].stem}.png").read_bytes())
    _add_training(page, max(run.glob("csv/version_*/metrics.csv"), key=lambda path: path.stat().st_mtime))
    page.text(f"Made in {time.monotonic() - start:.0f} seconds with {torch.get_num_threads()} threads.")
    page.write(out / "index.html")
    return out / "index.html"


def score_systems(checkpoint: Path, root: Path, out: Path) -> dict[str, dict[str, Any]]:
    """Score a trained transcriber beside what it must beat: itself untrained, and an onset detector.

    Args:
        checkpoint: The trained transcriber.
        root: Annotated stems in the ``folder`` layout.
        out: Where the results are written, a JSON file each.

    Returns:
        The results of ``"trained"``, ``"untrained"`` and ``"onsets"``.
    """
    picker = picker_of(checkpoint)
    untrained = TranscriberEstimator(untrained_like(load_transcriber(checkpoint)), picker)
    results = {
        "trained": evaluate_system("folder", root, checkpoint=checkpoint),
        "untrained": evaluate(read_dataset("folder", root), "untrained", untrained),
        "onsets": evaluate_system("folder", root, baseline="onsets"),
    }
    for name, result in results.items():
        write_result(out / f"{name}.json", result)
    return results


def _add_scores(page: Page, results: dict[str, dict[str, Any]]) -> None:
    page.text(
        "A network listened to unlabelled drum stems and learned to write down hits from which a fixed "
        "synthesizer could play them again. Stems, synthesizer and test use different drum kits. All of them "
        "are synthetic and all grooves generated, so these scores say that the method works, not how well it "
        "does on recordings."
    )
    page.heading("F1 on the test kits")
    names = {
        "trained": "trained without labels",
        "untrained": "untrained network",
        "onsets": "every class at every onset",
    }
    columns = (*THREE_CLASSES, "mean")
    rows = [
        [names[key], *(f"{result['pooled'][column]['f1']:.3f}" for column in columns)]
        for key, result in results.items()
    ]
    page.table(["pooled over onsets, tolerance 50 ms", *columns], rows)


def _add_example(page: Page, example: Transcription, png: bytes) -> None:
    page.heading("A test stem and what was heard in it")
    page.audio(example.audio, "The stem")
    kit = load_kit(kit_names("synthesizer")[0])
    one_shots = load_bank(kit.name, example.components, level="mix")[0]
    hop = round(SAMPLE_RATE / example.rate_hz)
    played = synthesize(torch.from_numpy(example.activations)[None], one_shots, hop)[0].numpy()
    page.audio(peak_normalise(played), f"Its reconstruction: the activations, played on {kit.name}")
    groove = Groove("example", example.hits, example.duration_seconds)
    page.audio(render_groove(groove, kit, np.random.default_rng(0)), f"Its hits, played on {kit.name}")
    page.picture(png, "Waveform, activations and hits")


def _add_training(page: Page, metrics: Path) -> None:
    page.heading("The training")
    with metrics.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 3), layout="constrained")
    curves = {"loss": "loss", "activation/zeros": "share of exact zeros"}
    for axes, (column, title) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        points = [(float(row["items"]), float(row[column])) for row in rows if row[column] and row["items"]]
        axes.plot(*zip(*points, strict=True))
        axes.set(title=title, xlabel="items", ylim=(0, None))
    page.picture(figure_png(figure), "Loss and sparsity against items seen")
