"""The packaged weights: trains them, makes one threshold suit every class, and scores them.

`pretrained` learns from grooves that are rendered and must come back (configs/pretrained.yaml), `paper` is
the published architecture, trained by reconstruction of unlabelled stems alone (configs/paper.yaml,
paper.yaml). Neither hears a recording. Thresholds come from rendered stems, of kit families and performances
that neither was trained on. What is there is not made again; a killed run goes on.

    make kits   # the packages with the sampled kits
    python experiments/label_free/pretrain.py RUN_FOLDER --grooves GROOVE [--sets "mdb:MDB Drums" e-gmd:E-GMD]

With --without drummer1 its performances are left out of `pretrained`.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from drummernet.evaluation.calibration import also_selected_on, export_calibrated
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.protocol import write_result
from drummernet.evaluation.systems import evaluate_system
from drummernet.evaluation.tuning import tune_threshold
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.transcriber.checkpoint import load_picking, load_provenance, load_transcriber, save_weights
from drummernet.transcription.picking import picker_of

HERE = Path(__file__).resolve().parent
VALIDATION_KITS = ["bja_pacific", "bja_pacific_dry", "colombo", "black_pearl", "gm_rock", "avl_red_zeppelin"]
"""Acoustic kits of families that no weights are trained on: their licences do not allow it."""

VALIDATION_HOURS, VALIDATION_SEED = 0.8, 213
VALIDATION_AUGMENTATION = Augmentation(dynamics=0.5)
"""Half of them with flatter dynamics: how loud a soft stroke is recorded, nobody knows."""

VALIDATION_EXCERPT_SECONDS = 12.0
"""Whole performances, a few minutes each, would be too few: one kit and one drummer would decide."""

SAMPLED_KITS = ["family:fluid_r3", "exadrums", "sonic_pi_acoustic", "sonic_pi_electric", "audiophob", "rumpf"]
"""All whose licences allow it."""

STEM_KITS = ["stems", *SAMPLED_KITS]
STEM_HOURS, STEM_SEED = 3.0, 301
"""What `paper` hears."""

SEEDS = ["--seed_everything", "3", "--data.seed", "3"]
"""Of `pretrained`: the seed of the pilot that was kept, the only one of this recipe and length."""

QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


def main() -> None:
    """Train what is missing, and score it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--grooves", type=Path, required=True, help="the Groove MIDI Dataset")
    parser.add_argument("--sets", nargs="*", default=[], metavar="SET:ROOT")
    parser.add_argument("--only", choices=("pretrained", "paper"))
    parser.add_argument("--without", metavar="DRUMMER", help="whose performances pretrained never sees")
    options = parser.parse_args()
    validation = rendered(
        options.out / "validation",
        *(options.grooves, "validation", VALIDATION_KITS, VALIDATION_HOURS, VALIDATION_SEED),
        *(VALIDATION_AUGMENTATION, VALIDATION_EXCERPT_SECONDS),
    )
    weights = {}
    if options.only != "paper":
        grooves, name = options.grooves, "pretrained"
        if options.without:
            name = f"pretrained_without_{options.without}"
            grooves = left_out(options.grooves, options.without, options.out / f"grooves_{options.without}")
        weights[name] = pretrained(options.out, name, grooves, validation)
    if options.only != "pretrained" and not options.without:
        weights["paper"] = paper(options.out, options.grooves, validation)
    for name, path in weights.items():
        for place in (f"folder:{validation}", *options.sets):
            dataset, _, root = place.partition(":")
            result = evaluate_system(dataset, Path(root), checkpoint=path, name=name)
            write_result(HERE / "results" / f"{name}_{dataset}.json", result)


def rendered(
    folder: Path,
    grooves: Path,
    split: str,
    kits: list[str],
    hours: float,
    seed: int,
    augmentation: Augmentation,
    excerpt_seconds: float | None = None,
) -> Path:
    """Render augmented stems if they are not there; return their folder."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        render_hours(str(grooves), split, kits, hours, seed, part, augmentation, 2, excerpt_seconds)
        part.rename(folder)
    return folder


def left_out(grooves: Path, drummer: str, folder: Path) -> Path:
    """Make a folder of links to the performances of all other drummers, with their table."""
    with (grooves / "info.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    folder.mkdir(parents=True, exist_ok=True)
    kept = [row for row in rows if row["drummer"] != drummer]
    if len(kept) == len(rows):
        raise SystemExit(f"{grooves}: no {drummer} in info.csv")
    for name in {row["midi_filename"].partition("/")[0] for row in kept}:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to((grooves / name).resolve())
    with (folder / "info.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, kept[0].keys())
        writer.writeheader()
        writer.writerows(kept)
    return folder


def pretrained(out: Path, name: str, grooves: Path, validation: Path) -> Path:
    """Train by the cycle, or what is left of it, and calibrate; return the weights."""
    weights = out / f"{name}.safetensors"
    if not weights.is_file():
        run = out / "runs" / name
        run.mkdir(parents=True, exist_ok=True)
        rendering = {"grooves": {str(grooves): 0.7, "generator": 0.3}, "split": "train"}
        overlay = run / "grooves.yaml"
        overlay.write_text(yaml.safe_dump({"data": {"rendering": rendering}}), encoding="utf-8")
        last = trained(run, ["pretrained", str(overlay)], SEEDS)
        export_calibrated(last, validation, weights)
    return weights


def paper(out: Path, grooves: Path, validation: Path) -> Path:
    """Train the published architecture by reconstruction, and choose its threshold; return the weights."""
    weights = out / "paper.safetensors"
    if not weights.is_file():
        stems = rendered(out / "stems", grooves, "train", STEM_KITS, STEM_HOURS, STEM_SEED, Augmentation())
        run = out / "runs" / "paper"
        last = trained(run, ["paper", str(HERE / "paper.yaml")], ["--data.corpus", str(stems / "audio")])
        estimator = TranscriberEstimator(load_transcriber(last), picker_of(last))
        tuning = tune_threshold(estimator, read_dataset("folder", validation))
        picking = {**load_picking(last), "threshold": tuning.threshold}
        provenance = also_selected_on(load_provenance(last), f"folder:{validation}")
        save_weights(estimator.transcriber, picking, provenance, weights)
    return weights


def trained(run: Path, configs: list[str], more: list[str]) -> Path:
    """Train to the end of a run; return its last checkpoint."""
    last = checkpoint_folder(run) / "last.ckpt"
    words = [word for name in configs for word in ("--config", name)]
    words += [*QUIET, *more, "--trainer.default_root_dir", str(run)]
    if not (run / "done").exists():
        words += ["--ckpt_path", "last"] if last.is_file() else []
        # A process of its own: with two devices Lightning starts the command once more.
        subprocess.run([sys.executable, "-m", "drummernet", "train", *words], check=True)
        (run / "done").touch()
    return last


if __name__ == "__main__":
    main()
