"""F1, loss and sparsity against items seen, learning from the reconstruction loss alone.

Renders stems on one group of kits, trains configs/quickstart.yaml with a synthesizer that plays another,
scores on a third, and writes table and picture beside this script. A killed run goes on when started again.

    python experiments/learning_curve/run.py [RUN_FOLDER]
"""

import csv
import shutil
import sys
from pathlib import Path

from matplotlib.figure import Figure
from scipy.ndimage import uniform_filter1d

from drummernet.components import COMPONENTS, THREE_CLASSES
from drummernet.demo import score_systems
from drummernet.stems.hours import render_hours
from drummernet.training.callbacks import checkpoint_folder
from drummernet.training.cli import train

HERE = Path(__file__).parent
STEM_HOURS, TEST_HOURS = 3.0, 0.15
SMOOTHED_ROWS = 9
F1S = [f"validation/f1_{name}" for name in THREE_CLASSES] + ["validation/f1"]
RATIOS = [f"validation/hits_ratio_{name}" for name in THREE_CLASSES]
SHARES = [f"share/{name}" for name in COMPONENTS]
HITS = [f"hits_per_second/{name}" for name in COMPONENTS]


def main(out: Path) -> None:
    """Run what is not there yet, then write the table, the picture and the scores."""
    for name, kits, hours, seed in (("stems", "stems", STEM_HOURS, 11), ("test", "test", TEST_HOURS, 12)):
        render_missing(out / name, kits, hours, seed)
    run = out / "run"
    last = checkpoint_folder(run) / "last.ckpt"
    words = ["--config", "quickstart", "--config", str(HERE / "config.yaml")]
    words += ["--data.corpus", str(out / "stems"), "--data.validation", str(out / "test")]
    words += ["--trainer.default_root_dir", str(run), "--trainer.devices", "1"]
    train(words + (["--ckpt_path", "last"] if last.is_file() else []))
    score_systems(last, out / "test", HERE)
    rows = read_logs(run)
    write_table(rows, HERE / "learning_curve.csv")
    draw(rows, HERE / "learning_curve.png")


def render_missing(folder: Path, kits: str, hours: float, seed: int) -> None:
    """Render stems if they are not there; half of them never are."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        render_hours("generator", None, [kits], hours, seed, part)
        part.rename(folder)


def read_logs(run: Path) -> list[dict[str, str]]:
    """Return the logged rows of all parts of the run, one per step, in order of steps."""
    merged: dict[int, dict[str, str]] = {}
    for path in sorted(run.glob("csv/version_*/metrics.csv"), key=lambda p: p.stat().st_mtime):
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                merged.setdefault(int(row["step"]), {}).update({k: v for k, v in row.items() if v})
    return [merged[step] for step in sorted(merged)]


def write_table(rows: list[dict[str, str]], path: Path) -> None:
    """Write every logged number."""
    columns = sorted({column for row in rows for column in row} - {"epoch"})
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def draw(rows: list[dict[str, str]], path: Path) -> None:
    """Draw F1, hits per annotated hit, loss, sparsity and the components' shares against items."""
    figure = Figure(figsize=(13, 7.5), layout="constrained", dpi=110)
    panels = {
        "F1 on the test kits": F1S,
        "hits found per hit annotated": RATIOS,
        "loss": ["loss"],
        "share of exact zeros": ["activation/zeros"],
        "share of all activation": SHARES,
        "hits per second": HITS,
    }
    for axes, (title, columns) in zip(figure.subplots(2, 3).flat, panels.items(), strict=True):
        for number, column in enumerate(columns):
            seen, values = zip(
                *((items(row), float(row[column])) for row in rows if row.get(column)), strict=True
            )
            if "/" in column and not column.startswith("validation/"):  # of one batch each
                values = uniform_filter1d(values, SMOOTHED_ROWS, mode="nearest")
            axes.plot(seen, values, "--" if number >= 10 else "-", label=column.rpartition("/")[2])
        axes.set(title=title, xlabel="items seen", ylim=(0, None))
        if len(columns) > 1:
            axes.legend(fontsize=7, ncols=2)
    figure.savefig(path)


def items(row: dict[str, str]) -> float:
    """Return the items seen when a row was logged; validation rows carry the step alone."""
    return (int(row["step"]) + 1) * 16.0


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/learning_curve"))
