"""What the synthesizer's kits are good for: the same stems, other kits inside the synthesizer.

Renders stems on the procedural `stems` kits, trains configs/quickstart.yaml on them once per variant with
equal items, and scores each on kits of a held-out family and on development recordings. Variants that are
there already are not trained again; a killed run goes on when started again.

    make kits   # the packages with the sampled kits
    python experiments/kit_swap/run.py RUN_FOLDER [--recordings DATASET:ROOT …] [--only VARIANT …] [--seed N]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml
from matplotlib.figure import Figure

from drummernet.components import THREE_CLASSES
from drummernet.evaluation.systems import evaluate_system
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train

HERE = Path(__file__).resolve().parent
STEM_HOURS, TEST_HOURS = 1.5, 0.15
ELECTRONIC = ["electronic_digital", "electronic_analogue", "fluid_electronic", "fluid_tr808"]
ELECTRONIC += ["tr808_emulation", "sonic_pi_electric"]
KITS: dict[str, dict[str, Any]] = {
    "one kit": {"kits": "rock_maple"},
    "procedural": {"kits": "synthesizer"},
    "sampled": {"kits": "sampled_train", "takes": "batch"},
    "electronic": {"kits": ELECTRONIC, "takes": "batch"},
    "augmented": {"kits": "synthesizer", "augmentation": {}, "augmented": 7},
}
"""What the synthesizer of each variant plays."""

HELD_OUT = {"sampled test kits": ("sampled_test", 62), "procedural test kits": ("test", 63)}
"""Rendered stems to score on: their kits and the seed; no variant has heard them."""


def main() -> None:
    """Train what is missing, score everything, write table and picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--recordings", nargs="*", default=[], metavar="DATASET:ROOT")
    parser.add_argument("--only", nargs="+", choices=KITS, default=list(KITS))
    parser.add_argument("--seed", type=int, default=0, help="of weights, crops and kits")
    options = parser.parse_args()
    rendered(options.out / "stems", "stems", STEM_HOURS, 61)
    sets = {
        name: ("folder", rendered(options.out / kits, kits, TEST_HOURS, seed))
        for name, (kits, seed) in HELD_OUT.items()
    }
    for recording in options.recordings:
        dataset, _, root = recording.partition(":")
        sets[f"{dataset} (development)"] = (dataset, Path(root))
    path = HERE / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for variant in options.only:
        checkpoint = trained(options.out, variant, options.seed)
        results[row_of(variant, options.seed)] = {
            name: evaluate_system(dataset, root, checkpoint=checkpoint)["pooled"]
            for name, (dataset, root) in sets.items()
        }
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    ordered = sorted(results, key=lambda row: list(KITS).index(row.partition(",")[0]))
    write_table({row: results[row] for row in ordered}, HERE / "results.md")
    draw({variant: results[variant] for variant in KITS if variant in results}, HERE / "kit_swap.png")


def row_of(variant: str, seed: int) -> str:
    """Return what the table calls a run."""
    return f"{variant}, seed {seed}" if seed else variant


def rendered(folder: Path, kits: str, hours: float, seed: int) -> Path:
    """Render stems if they are not there; return their folder."""
    if not (folder / "audio").is_dir():
        render_hours("generator", None, [kits], hours, seed, folder)
    return folder


def trained(out: Path, variant: str, seed: int) -> Path:
    """Train a variant, or what is left of it; return its last checkpoint."""
    run = out / row_of(variant, seed).replace(",", "").replace(" ", "_")
    run.mkdir(parents=True, exist_ok=True)
    arguments = {"draw": "item", "level": "mix", **KITS[variant]}
    synthesizer = {"class_path": "drummernet.synthesizer.Synthesizer", "init_args": arguments}
    overlay = {"model": {"objective": {"init_args": {"synthesizer": synthesizer}}}}
    (run / "kits.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    last = checkpoint_folder(run) / "last.ckpt"
    words = [
        word
        for name in ("quickstart", HERE / "config.yaml", run / "kits.yaml")
        for word in ("--config", str(name))
    ]
    words += ["--data.corpus", str(out / "stems"), "--trainer.default_root_dir", str(run)]
    words += ["--seed_everything", str(seed), "--data.seed", str(seed)]
    train([*words, "--trainer.devices", "1", *(["--ckpt_path", "last"] if last.is_file() else [])])
    return last


def write_table(results: dict[str, Any], path: Path) -> None:
    """Write pooled F1 of each class and their mean, by variant and set."""
    sets = list(next(iter(results.values())))
    columns = (*THREE_CLASSES, "mean")
    lines = [
        "| kits in the synthesizer | " + " | ".join(f"{name}: {'/'.join(columns)}" for name in sets) + " |"
    ]
    lines.append("|---" * (len(sets) + 1) + "|")
    for variant, scores in results.items():
        cells = ["/".join(f"{scores[name][column]['f1']:.3f}"[1:] for column in columns) for name in sets]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the mean F1 of every variant on every set."""
    figure = Figure(figsize=(10, 4), layout="constrained", dpi=110)
    axes = figure.subplots()
    sets = list(next(iter(results.values())))
    for number, (variant, scores) in enumerate(results.items()):
        places = [place + number / (len(results) + 1) for place in range(len(sets))]
        axes.bar(places, [scores[name]["mean"]["f1"] for name in sets], 1 / (len(results) + 1), label=variant)
    axes.set_xticks([place + 0.4 for place in range(len(sets))], sets)
    axes.set(ylabel="F1, mean of the classes, pooled", ylim=(0, 1))
    axes.legend(title="kits in the synthesizer", ncols=len(results), fontsize=8)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
