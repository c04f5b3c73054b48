"""Measures training on one GPU, in stages of a few minutes each; GPU.md tells how and in which order.

    python experiments/throughput/gpu.py STAGE --out DIR [--data DIR]

Runs from a checkout with torch, pytorch-lightning, numpy, scipy and pytest; ``prepare`` and ``score`` need
the whole package. A stage writes OUT/STAGE.json after every row and prints it last. Rows that an earlier
output (``--resume``) holds are not measured again. What cannot run here is recorded with its reason.
"""

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("check", "bench", "variants", "train", "prepare", "score")


def main() -> None:
    """Run the stage that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--out", type=Path, required=True, help="results")
    parser.add_argument("--data", type=Path, help="what `prepare` made; for score, labelled stems")
    parser.add_argument("--resume", type=Path, help="the OUT of an earlier run, or a checkpoint")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: small batches, one repeat")
    parser.add_argument("--minutes", type=float, default=8.0, help="no row starts, no step is made after it")
    parser.add_argument("--rows", nargs="*", help="bench: only rows that begin so; variants: groups")
    parser.add_argument("--inside", action="store_true", help="variants: this is the process of a group")
    parser.add_argument("--batch", type=int, default=128, help="train, variants")
    parser.add_argument("--numerics", default="bf16+tf32", help="train: float32, tf32, bf16 or bf16+tf32")
    parser.add_argument("--workers", type=int, default=2, help="train: processes that draw crops")
    parser.add_argument("--stems", type=Path, help="prepare: audio files in place of rendered stems")
    parser.add_argument("--hours", type=float, default=0.4, help="prepare: how much to render")
    parsed = parser.parse_args()
    # The package, where none is installed, and the oracles of the tests.
    sys.path += [str(ROOT), str(ROOT / "tests")]
    importlib.import_module(f"gpu_{parsed.stage}").run(parsed)


if __name__ == "__main__":
    main()
