"""What each idea for learning without labels is worth: a row each, all with 3,200 items of 2 s.

Renders the stems, trains every row of rows.py, chooses its threshold on validation stems, and scores it
there and on recordings that nothing is chosen on. What is there already is neither rendered, trained nor
scored again; a killed run goes on when started again.

    make kits   # the packages with the sampled kits
    python experiments/label_free/run.py RUN_FOLDER --grooves GROOVE [--recordings DATASET:ROOT …]
"""

import argparse
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from report import VALIDATION, write_report
from rows import ROWS, TEACHER, Row

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.systems import evaluate_system
from drummernet.evaluation.tuning import tune_threshold
from drummernet.hits import write_midi
from drummernet.resources import replaced_file
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train
from drummernet.training.recipe import read_recipe
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.picking import picker_of

HERE = Path(__file__).resolve().parent

STEMS = ("train", ("family:black_pearl", "tr808_emulation"), 1.0, 101)
VALIDATION_STEMS = ("validation", ("sampled_validation",), 0.25, 103)
"""Split of the grooves, kits, hours and seed of what is rendered beforehand; labels of stems are not used."""

CONFIDENT = 1.5
"""A teacher's hits count from so many times the threshold on that is best for it."""


def main() -> None:
    """Run what is missing; write results, table and picture after every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--grooves", type=Path, required=True, help="the Groove MIDI Dataset")
    parser.add_argument("--recordings", nargs="*", default=[], metavar="DATASET:ROOT")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="of weights, crops and kits")
    options = parser.parse_args()
    out, grooves = options.out, options.grooves
    rendered(out / "stems", grooves, *STEMS)
    sets = {VALIDATION: ("folder", rendered(out / "validation", grooves, *VALIDATION_STEMS))}
    for recording in options.recordings:
        dataset, _, root = recording.partition(":")
        sets[dataset] = (dataset, Path(root))
    for seed in options.seeds:
        for name in options.only:
            run_and_score(name, seed, out, grooves, sets)
            write_report(gathered(out), HERE)


def rendered(folder: Path, grooves: Path, split: str, kits: tuple[str, ...], hours: float, seed: int) -> Path:
    """Render augmented stems if they are not there, half of them never being; return their folder."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        render_hours(str(grooves), split, kits, hours, seed, part, Augmentation(), os.cpu_count() or 1)
        part.rename(folder)
    return folder


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Return where a run lives."""
    return out / "runs" / f"{name}_{seed}"


def run_and_score(
    name: str, seed: int, out: Path, grooves: Path, sets: Mapping[str, tuple[str, Path]]
) -> None:
    """Train a row, or what is left of it, choose its threshold and score it on the sets that it lacks."""
    own = None
    if ROWS[name].grooves == "own":
        run_and_score(TEACHER, seed, out, grooves, {VALIDATION: sets[VALIDATION]})
        own = transcribed(run_folder(out, TEACHER, seed), out / "stems" / "audio")
    run = run_folder(out, name, seed)
    checkpoint = trained(run, configs(ROWS[name]), places(ROWS[name], seed, out, grooves, own))
    score(run / "scores.json", checkpoint, sets)


def configs(row: Row) -> list[str]:
    """Return the configs of a row, packaged ones by name."""
    return [str(HERE / name) if name.endswith(".yaml") else name for name in row.configs]


def places(row: Row, seed: int, out: Path, grooves: Path, own: Path | None) -> dict[str, Any]:
    """Return what a run hears, by dotted field."""
    fields: dict[str, Any] = {"data.seed": seed}
    if row.stems:
        fields["data.corpus"] = str(out / "stems" / "audio")
    if row.grooves == "generator":
        fields["data.rendering.grooves"] = "generator"
    elif row.grooves is not None:
        sources = [grooves] if own is None else [grooves, own]
        fields["data.rendering.grooves"] = {str(source): 1 / len(sources) for source in sources}
        fields["data.rendering.split"] = "train"
    return fields


def trained(run: Path, names: list[str], fields: Mapping[str, Any]) -> Path:
    """Train until the configs' last step, unless a run has got there; return its last checkpoint."""
    last = checkpoint_folder(run) / "last.ckpt"
    steps = read_recipe(names).content["trainer"]["max_steps"]
    if last.is_file() and torch.load(last, weights_only=True)["global_step"] == steps:
        return last
    run.mkdir(parents=True, exist_ok=True)
    words = [word for name in names for word in ("--config", name)]
    for field, value in fields.items():
        words += [f"--{field}", json.dumps(value) if isinstance(value, dict) else str(value)]
    words += ["--seed_everything", str(fields["data.seed"]), "--trainer.default_root_dir", str(run)]
    train([*words, "--trainer.devices", "1", *(["--ckpt_path", "last"] if last.is_file() else [])])
    return last


def transcribed(teacher: Path, audio: Path) -> Path:
    """Write MIDI of what a teacher surely hears in the stems, if it is not there; return the folder."""
    folder = teacher / "transcriptions"
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        checkpoint = checkpoint_folder(teacher) / "last.ckpt"
        threshold = json.loads((teacher / "scores.json").read_text(encoding="utf-8"))["threshold"]
        transcriber, picker = load_transcriber(checkpoint), picker_of(checkpoint, CONFIDENT * threshold)
        for path in sorted(audio.iterdir()):
            write_midi(part / f"{path.stem}.mid", transcribe_file(transcriber, path, picker).hits)
        part.rename(folder)
    return folder


def score(path: Path, checkpoint: Path, sets: Mapping[str, tuple[str, Path]]) -> None:
    """Write threshold, items and F1 per class; what a file of scores has already stays."""
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
    else:
        estimator = TranscriberEstimator(load_transcriber(checkpoint), picker_of(checkpoint))
        dataset, root = sets[VALIDATION]
        tuning = tune_threshold(estimator, read_dataset(dataset, root))
        items = torch.load(checkpoint, weights_only=True)["StemDataModule"]["items_seen"]
        held = {"threshold": tuning.threshold, "items": items, "f1": {}}
    for name, (dataset, root) in sets.items():
        if name in held["f1"]:
            continue
        pooled = evaluate_system(dataset, root, checkpoint=checkpoint, threshold=held["threshold"])["pooled"]
        held["f1"][name] = {column: round(pooled[column]["f1"], 4) for column in (*THREE_CLASSES, "mean")}
        with replaced_file(path) as temporary:
            temporary.write_text(json.dumps(held) + "\n", encoding="utf-8")


def gathered(out: Path) -> dict[str, Any]:
    """Return the scores of all runs that are there, by run, in the order of the rows."""
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for name in ROWS
        for path in sorted((out / "runs").glob(f"{name}_[0-9]*/scores.json"))
    }


if __name__ == "__main__":
    main()
