"""What each choice of configs/quickstart.yaml is good for: the same 300 steps with one of them taken back.

Scores are on development stems: other grooves on the kits of the training stems. The choices were made on
such stems, so these scores say nothing about other kits; run.py's do. Writes variants.csv beside this script.

    python experiments/learning_curve/variants.py [RUN_FOLDER]
"""

import csv
import sys
from pathlib import Path

from run import HERE, STEM_HOURS, read_logs, render_missing

from drummernet.components import COMPONENTS, THREE_CLASSES
from drummernet.evaluation.systems import evaluate_system
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train

DEVELOPMENT_HOURS = 0.1
DEAD_SHARE = 0.001


def main(out: Path) -> None:
    """Train and score every variant that has not been trained yet."""
    render_missing(out / "stems", "stems", STEM_HOURS, 11)
    render_missing(out / "development", "stems", DEVELOPMENT_HOURS, 13)
    rows = []
    for overlay in [None, *sorted((HERE / "variants").glob("*.yaml"))]:
        name = "quickstart" if overlay is None else overlay.stem
        run = out / "variants" / name
        checkpoint = checkpoint_folder(run) / "last.ckpt"
        words = ["--config", "quickstart"] + (["--config", str(overlay)] if overlay else [])
        words += ["--data.corpus", str(out / "stems"), "--trainer.default_root_dir", str(run)]
        words += ["--trainer.devices", "1"] + (["--ckpt_path", "last"] if checkpoint.is_file() else [])
        train(words)
        rows.append({"variant": name, **scores(checkpoint, out / "development"), **statistics(run)})
    with (HERE / "variants.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def scores(checkpoint: Path, root: Path) -> dict[str, str]:
    """Return the pooled F1 of each class and their mean."""
    result = evaluate_system("folder", root, checkpoint=checkpoint)
    return {f"f1_{name}": f"{result['pooled'][name]['f1']:.3f}" for name in (*THREE_CLASSES, "mean")}


def statistics(run: Path) -> dict[str, str]:
    """Return the sparsity at the end of a run, and which components hardly sound any more."""
    last = [row for row in read_logs(run) if "activation/zeros" in row][-1]
    dead = [name for name in COMPONENTS if float(last[f"share/{name}"]) < DEAD_SHARE]
    return {"exact_zeros": f"{float(last['activation/zeros']):.3f}", "dead_components": " ".join(dead)}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/learning_curve"))
