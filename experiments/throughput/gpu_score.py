"""The stage ``score``: F1 against items, of what ``train`` kept, where there are audio packages.

``--resume`` names the OUT of ``train``, or several of them in one folder; ``--data`` labelled stems.
"""

import re
from argparse import Namespace
from pathlib import Path
from typing import Any

from gpu_common import Results

from drummernet.evaluation.systems import evaluate_system


def run(options: Namespace) -> None:
    """Score every ``batch_B/items_N.ckpt`` on the stems, in order of items."""
    results = Results(options, "score")
    if options.data is None or options.resume is None:
        results.put("request", {"not_run": "--data names no labelled stems, or --resume no checkpoints"})
        return
    for path in sorted(options.resume.glob("**/batch_*/items_*.ckpt"), key=lambda p: (p.parent, p.name)):
        results.add(path.relative_to(options.resume).as_posix(), lambda p=path: _row(p, options.data))
    results.show()


def _row(checkpoint: Path, stems: Path) -> dict[str, Any]:
    result = evaluate_system("folder", stems, checkpoint=checkpoint)
    row = {
        name: value["f1"] if isinstance(value, dict) else value for name, value in result["pooled"].items()
    }
    batch, items = (int(re.sub(r"\D", "", name)) for name in (checkpoint.parent.name, checkpoint.stem))
    return {"batch": batch, "items": items, "threshold": result["threshold"], **row}
