"""The paper's ablations per class and per data set: what each part of DrummerNet is worth.

Renders stems, trains configs/paper.yaml and its five variants on them, every variant with the same items and
kits per seed, and scores the last five checkpoints of every run. What is there already is neither rendered,
trained nor scored again; a killed run goes on when started again.

    make kits   # the packages with the sampled kits
    python experiments/ablations/run.py RUN_FOLDER [--grooves FOLDER] [--recordings DATASET:ROOT …]

With --full the paper's budget in place of the one for a few hours of CPU, results below full/.
"""

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml
from report import RENDERED, VARIANTS, write_report

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.systems import evaluate_system
from drummernet.resources import replaced_file
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train

HERE = Path(__file__).resolve().parent
LAST = 5
STEM_HOURS, FULL_STEM_HOURS, HELD_OUT_HOURS = 3.0, 250.0, 0.06

STEMS = (("stems", "sampled_train"), 71)
HELD_OUT = (("sampled_test",), 73)
"""The kits that stems are rendered on, and the seed."""


def main() -> None:
    """Run what is missing; write results, table and picture after every run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--grooves", default="generator", help="Groove MIDI; else grooves are generated")
    parser.add_argument("--corpus", type=Path, help="your own stems, in place of rendered ones")
    parser.add_argument("--recordings", nargs="*", default=[], metavar="DATASET:ROOT")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of weights, crops and kits")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs side by side")
    parser.add_argument("--full", action="store_true", help="the paper's six million items per run")
    options = parser.parse_args()
    hours = FULL_STEM_HOURS if options.full else STEM_HOURS
    corpus = options.corpus or rendered(options.out / "stems", *STEMS, hours, options.grooves, Augmentation())
    sets = {RENDERED: ("folder", rendered(options.out / "held_out", *HELD_OUT, HELD_OUT_HOURS))}
    for recording in options.recordings:
        dataset, _, root = recording.partition(":")
        sets[f"{dataset} (development)"] = (dataset, Path(root))
    config, results = (HERE / "full.yaml", HERE / "full") if options.full else (HERE / "config.yaml", HERE)
    runs = [(variant, seed) for seed in options.seeds for variant in options.only]
    threads = max(1, torch.get_num_threads() // options.jobs)
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), torch.set_num_threads, (threads,)) as pool:
        arguments = [(run_folder(options.out, *run), *run, corpus, config, sets) for run in runs]
        for future in as_completed([pool.submit(run_and_score, *each) for each in arguments]):
            future.result()
            write_results(options.out, results)


def rendered(
    folder: Path,
    kits: Sequence[str],
    seed: int,
    hours: float,
    grooves: str = "generator",
    augmentation: Augmentation | None = None,
) -> Path:
    """Render stems if they are not there, half of them never being; return their folder."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        split = None if grooves == "generator" else "train"
        render_hours(grooves, split, kits, hours, seed, part, augmentation, os.cpu_count() or 1)
        part.rename(folder)
    return folder


def run_folder(out: Path, variant: str, seed: int) -> Path:
    """Return where a run lives."""
    return out / "runs" / f"{variant}_{seed}"


def run_and_score(
    run: Path, variant: str, seed: int, corpus: Path, config: Path, sets: dict[str, tuple[str, Path]]
) -> None:
    """Train a variant, or what is left of it, and score its last checkpoints on what they lack."""
    trained(run, variant, seed, corpus, config)
    checkpoints = last_checkpoints(run)
    path = run / "scores.json"
    scores = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, (dataset, root) in sets.items():
        if [row["step"] for row in scores.get(name, [])] == list(checkpoints):
            continue
        scores[name] = [
            {"step": step, **summary(evaluate_system(dataset, root, checkpoint=checkpoint))}
            for step, checkpoint in checkpoints.items()
        ]
        with replaced_file(path) as temporary:
            temporary.write_text(json.dumps(scores) + "\n", encoding="utf-8")


def trained(run: Path, variant: str, seed: int, corpus: Path, config: Path) -> None:
    """Train a variant until its config's last step, unless it has got there."""
    steps = yaml.safe_load(config.read_text(encoding="utf-8"))["trainer"]["max_steps"]
    if steps in last_checkpoints(run):
        return
    run.mkdir(parents=True, exist_ok=True)
    resume = ["--ckpt_path", "last"] if (checkpoint_folder(run) / "last.ckpt").is_file() else []
    train([*words(variant, seed, config), *run_words(run, corpus), *resume])


def words(variant: str, seed: int, config: Path) -> list[str]:
    """Return the arguments of ``drummernet train`` that say what a run is."""
    overlays = [] if variant == "DFL" else [f"ablations/{variant.lower()}"]
    sized = config.with_stem(f"{config.stem}_{variant.lower()}")
    names = ["paper", str(config), *overlays, *([str(sized)] if sized.exists() else [])]
    named = [word for name in names for word in ("--config", name)]
    return [*named, "--seed_everything", str(seed), "--data.seed", str(seed)]


def run_words(run: Path, corpus: Path) -> list[str]:
    """Return those that say where it takes place."""
    folders = ["--data.corpus", str(corpus), "--trainer.default_root_dir", str(run)]
    return [*folders, "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"]


def last_checkpoints(run: Path) -> dict[int, Path]:
    """Return the last checkpoints by step; a run that was resumed has them in several folders."""
    found = {int(path.stem.partition("=")[2]): path for path in run.glob("csv/version_*/checkpoints/*.ckpt")}
    return {step: found[step] for step in sorted(found)[-LAST:]}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of an evaluation: F1 of each class, and of their mean at every threshold."""
    averages = {
        average: {name: round(result[average][name]["f1"], 4) for name in (*THREE_CLASSES, "mean")}
        for average in ("pooled", "track_mean")
    }
    curve = {
        f"{point['threshold']:.3f}": round(point["pooled"]["mean"]["f1"], 4)
        for point in result["threshold_curve"]
    }
    return {**averages, "mean_by_threshold": curve}


def write_results(out: Path, results: Path) -> None:
    """Gather the scores of all runs that are there and write the report."""
    runs: dict[str, Any] = {}
    for variant in VARIANTS:
        for path in sorted((out / "runs").glob(f"{variant}_*/scores.json")):
            runs[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
    results.mkdir(exist_ok=True)
    write_report(runs, results)


if __name__ == "__main__":
    main()
