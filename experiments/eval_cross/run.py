"""Eval-cross: every system trained on none of the sets that it is scored on, by one protocol.

Renders stems, trains what is not trained yet, chooses every threshold on rendered validation stems (kit
families and performances that no system was trained on), scores all systems on all sets and compares them.
Stems and weights that are there are not made again, and a killed run goes on when started again: another
run wants another folder.

    make kits   # the packages with the sampled kits
    python experiments/eval_cross/run.py RUN_FOLDER --grooves GROOVE --sets "mdb:MDB Drums" e-gmd:E-GMD
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import yaml

from drummernet.comparison_page import write_comparison
from drummernet.evaluation.protocol import write_result
from drummernet.evaluation.systems import evaluate_system
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train
from drummernet.transcriber.checkpoint import (
    export_weights,
    load_picking,
    load_transcriber,
    save_weights,
    untrained_like,
)

HERE = Path(__file__).resolve().parent
KITS = ["synthesizer", "family:fluid_r3", "audiophob", "rumpf", "sonic_pi_acoustic", "sonic_pi_electric"]
"""What F_s plays and supervised baselines learn from: training families with free licences."""

NMF_KITS = ["sampled_train"]
"""What templates are made of; of four lists of training kits the one that scored best on the validation stems
(nmfd .728; procedural kits alone .706, KITS .714)."""

STEM_KITS = ["stems", "family:black_pearl", "tr808_emulation"]
"""What the unlabelled stems are rendered with."""

NMF = ["nmfd", "pfnmf", "sanmf", "am1", "am2"]
SUPERVISED = {
    "gruts": (["gruts"], {"max_steps": 5000}),
    "crnn_small_dt": (["crnn_small"], {"max_steps": 2000, "batch_size": 8}),
    "crnn_small_mt": (["crnn_small", "mt"], {"max_steps": 2000, "batch_size": 8}),
}
"""Networks that are trained with labels, with what their runs change in configs/supervised.yaml."""

QUIET = ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"]


def main() -> None:
    """Train what is missing, score everything, write the table and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--grooves", default="generator", help="the Groove MIDI Dataset")
    parser.add_argument("--sets", nargs="+", required=True, metavar="SET:ROOT")
    parser.add_argument("--only", nargs="+", help="systems; else all")
    options = parser.parse_args()
    split = {"train": None, "validation": None}
    if options.grooves != "generator":
        split = {"train": "train", "validation": "validation"}
    validation = rendered(
        options.out / "validation", options.grooves, split["validation"], ["sampled_validation"], 0.25, 103
    )
    stems = rendered(options.out / "stems", options.grooves, split["train"], STEM_KITS, 3.0, 101)
    systems: dict[str, Any] = {"onsets": {"baseline": "onsets"}}
    systems |= {name: {"baseline": name, "kits": NMF_KITS} for name in NMF}
    wanted = options.only or [*systems, *SUPERVISED, "untrained", "label_free"]
    for name in SUPERVISED:
        if name in wanted:
            systems[name] = {"checkpoint": supervised(options.out, name, options.grooves, split["train"])}
    if "label_free" in wanted or "untrained" in wanted:
        learned = label_free(options.out, stems)
        systems["label_free"] = {"checkpoint": learned}
        systems["untrained"] = {"checkpoint": untrained(learned, options.out / "untrained.safetensors")}
    for name in wanted:
        for place in options.sets:
            score(name, systems[name], place, validation)
    compared(options.out / "comparison", [place.partition(":")[0] for place in options.sets])


def compared(folder: Path, sets: list[str]) -> None:
    """Compare all results that there are, the label-free system first; keep the table and the pictures."""
    order = ["label_free", "untrained", *SUPERVISED, *NMF, "onsets"]
    paths = [HERE / "results" / f"{name}_{dataset}.json" for dataset in sets for name in order]
    write_comparison([path for path in paths if path.is_file()], folder)
    for path in (folder / "table.md", *folder.glob("*_bars.png")):
        shutil.copy(path, HERE / path.name)


def rendered(folder: Path, grooves: str, split: str | None, kits: list[str], hours: float, seed: int) -> Path:
    """Render augmented stems if they are not there; return their folder."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        render_hours(grooves, split, kits, hours, seed, part, Augmentation(), workers=2)
        part.rename(folder)
    return folder


def supervised(out: Path, name: str, grooves: str, split: str | None) -> Path:
    """Train a network with labels, or what is left of it; return its weights."""
    configs, changes = SUPERVISED[name]
    run = out / "runs" / name
    run.mkdir(parents=True, exist_ok=True)
    rendering = {"grooves": grooves, "split": split, "kits": KITS}
    overlay = {"data": {"rendering": rendering, "batch_size": changes.get("batch_size", 16)}}
    (run / "rendering.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    names = ["supervised", *(f"baselines/{config}" for config in configs), str(run / "rendering.yaml")]
    return trained(
        run, names, ["--trainer.max_steps", str(changes["max_steps"])], out / f"{name}.safetensors"
    )


def label_free(out: Path, stems: Path) -> Path:
    """Train the transcriber without labels, on the stems alone; return its weights."""
    names = ["quickstart", str(HERE / "label_free.yaml")]
    return trained(
        out / "runs" / "label_free", names, ["--data.corpus", str(stems)], out / "label_free.safetensors"
    )


def trained(run: Path, configs: list[str], more: list[str], weights: Path) -> Path:
    """Train to the end of a run, unless its weights are there; return them."""
    if not weights.is_file():
        last = checkpoint_folder(run) / "last.ckpt"
        words = [word for name in configs for word in ("--config", name)]
        words += [*QUIET, *more, "--trainer.default_root_dir", str(run)]
        train(words + (["--ckpt_path", "last"] if last.is_file() else []))
        export_weights(last, weights)
    return weights


def untrained(weights: Path, out: Path) -> Path:
    """Save the same network as it was before training."""
    save_weights(untrained_like(load_transcriber(weights)), load_picking(weights), None, out)
    return out


def score(name: str, system: dict[str, Any], place: str, validation: Path) -> None:
    """Score a system on a set."""
    dataset, _, root = place.partition(":")
    path = HERE / "results" / f"{name}_{dataset}.json"
    tune = None if name == "onsets" else f"folder:{validation}"
    result = evaluate_system(dataset, Path(root), name=name, tune_on=tune, **system)
    # Where things lay on the machine that measured is nobody's business.
    tuned_on = "rendered validation stems" if tune else None
    write_result(path, {**result, "root": Path(root).name, "tuned_on": tuned_on})


if __name__ == "__main__":
    main()
