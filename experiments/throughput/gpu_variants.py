"""The stage ``variants``: every part of the step in the ways it could run, to switch on what pays.

Each group of rows runs in a process of its own, so that a fault of the device or a compilation without end
costs that group alone.
"""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from gpu_common import NO_TIME, Results
from gpu_parts import PARTS, measure_part
from gpu_steps import measure_steps

MOST_SECONDS = 150
"""Of a group; the step has twice as long."""


def run(options: Namespace) -> None:
    """Start a process for each group; in such a process, with ``--inside``, measure the groups."""
    if options.inside:
        for group in options.rows:
            results = Results(options, f"variants_{group}", filtered=False)
            if group == "step":
                measure_steps(options, results)
            else:
                measure_part(group, options, results)
        return
    results = Results(options, "variants")
    for group in ("step", *PARTS):
        results.add(group, lambda g=group: _in_a_process(g, options, results.seconds_left))
    results.show()


def _in_a_process(group: str, options: Namespace, seconds_left: float) -> dict[str, object]:
    limit = min(seconds_left + 30, 2 * MOST_SECONDS if group == "step" else MOST_SECONDS)
    words = [sys.executable, str(Path(__file__).with_name("gpu.py")), "variants", "--inside", "--rows", group]
    words += ["--out", str(options.out), "--device", options.device, "--batch", str(options.batch)]
    words += ["--minutes", str(0.8 * limit / 60)] + (["--tiny"] if options.tiny else [])
    for name in ("data", "resume"):
        if getattr(options, name) is not None:
            words += [f"--{name}", str(getattr(options, name))]
    try:
        done = subprocess.run(words, timeout=limit, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return {"not_run": f"stopped after {limit:.0f} s; variants_{group}.json has what was done"}
    if done.returncode:
        return {"not_run": f"exit status {done.returncode}", "output": [done.stderr[-3000:]]}
    print(done.stdout, end="", flush=True)
    rows = json.loads((options.out / f"variants_{group}.json").read_text(encoding="utf-8"))["rows"]
    late = [name for name, row in rows.items() if row.get("not_run") == NO_TIME]
    if late:
        return {"not_run": f"{len(late)} of {len(rows)} rows of variants_{group}.json, for want of time"}
    return {"done_in": f"variants_{group}.json", "failed": sum("failed" in row for row in rows.values())}
