"""The stage ``check``: what the machine is, and the tests that need a CUDA device."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from gpu_common import Results

ROOT = Path(__file__).resolve().parents[2]


def run(options: Namespace) -> None:
    """Run ``pytest -m cuda`` on the files that need no more than a GPU machine has."""
    results = Results(options, "check")
    results.add("tests", lambda: _tests(options))
    results.show()


def _tests(options: Namespace) -> dict[str, Any]:
    report = options.out.absolute() / "check_tests.xml"
    files = sorted(str(path) for path in (ROOT / "tests").glob("test_cuda_*.py"))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", *files]
    words += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    can_run = options.device == "cuda" and torch.cuda.is_available()
    words += [f"--junitxml={report}"] if can_run else ["--collect-only"]
    limit = 60 * options.minutes
    # The package that this process has found, from a folder that holds no other.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        words,
        cwd=options.out,
        env=environment,
        timeout=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    tail = done.stdout[-6000:]
    if not can_run:
        collected = sum("::" in line for line in done.stdout.splitlines())
        row = {"collected": collected, "exit_status": done.returncode, "output": [tail]}
        return row | {"not_run": "no CUDA device; the tests were only collected"}
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    failed = {
        c.get("name"): c[0].get("message") for c in cases if len(c) and c[0].tag in ("failure", "error")
    }
    skipped = {c.get("name"): c[0].get("message") for c in cases if len(c) and c[0].tag == "skipped"}
    row = {"tests": len(cases), "failed": failed, "skipped": skipped, "exit_status": done.returncode}
    return row | ({"output": [tail]} if failed else {})
