"""How fast a training step and a transcription are, and what memory they take, on one CPU thread.

    python experiments/throughput/run.py [--corpus STEMS] [--only CASE …]  # writes results.*, scaling.png
    python experiments/throughput/run.py --again   # the main cases, as ratios to the committed results

Each case is a process of its own, so that its peak memory is its own. Steps are compared in yardsticks, a
fixed work that alternates with them; the 2019 release takes 9.6 of them for a batch of 16 with enhancement.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
ORIGINAL_YARDSTICKS = 9.6
BATCHES = (1, 2, 4, 8, 16, 32)
LENGTHS_SECONDS = (2, 4, 8, 16)
LENGTH_BATCH = 4
FILES_SECONDS = (60, 180, 600)
TUNED_MALLOC = "glibc.malloc.hugetlb=1:" + ":".join(
    f"glibc.malloc.{name}=100000000000" for name in ("trim_threshold", "mmap_threshold")
)
"""Huge pages, and no memory given back: the setting in which the original was measured."""
MAIN = ("step release_enhanced", "step paper", "step quickstart", "transcribe paper", "transcribe quickstart")


def cases() -> dict[str, list[str]]:
    """Return the arguments of ``drummernet bench`` by the name of the case."""
    named: dict[str, list[str]] = {}
    for config in ("release_enhanced", "release", "paper", "quickstart"):
        named[f"step {config}"] = ["step", "--config", config]
    for config in ("release_enhanced", "paper"):
        named[f"step {config} tuned malloc"] = ["step", "--config", config]
        named[f"step {config} bf16"] = ["step", "--config", config, "--precision", "bf16-mixed"]
        named[f"step {config} two threads"] = ["step", "--config", config, "--threads", "2"]
        for batch in BATCHES:
            named[f"step {config} batch {batch}"] = ["step", "--config", config, "--batch", str(batch)]
        for seconds in LENGTHS_SECONDS:
            lengths = ["--batch", str(LENGTH_BATCH), "--seconds", str(seconds)]
            named[f"step {config} length {seconds}"] = ["step", "--config", config, *lengths]
    for ablation in ("soft", "conv", "noe", "mel", "stft"):
        configs = ["--config", "paper", "--config", f"ablations/{ablation}"]
        named[f"step {ablation}"] = ["step", *configs]
    for config in ("release_enhanced", "quickstart"):
        named[f"similarity {config}"] = ["similarity", "--config", config]
    for config in ("paper", "release", "quickstart"):
        named[f"transcribe {config}"] = ["transcribe", "--config", config]
    for seconds in FILES_SECONDS:
        named[f"transcribe paper {seconds} s"] = [
            "transcribe",
            "--config",
            "paper",
            "--seconds",
            str(seconds),
        ]
    return named


def measure(name: str, corpus: Path | None) -> dict[str, Any]:
    """Run one case in a process of its own and return its JSON."""
    arguments = cases()[name]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    if name.endswith("tuned malloc"):
        environment["GLIBC_TUNABLES"] = TUNED_MALLOC
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        words = [sys.executable, "-m", "drummernet", "bench", *arguments]
        words += ["--repeats", "3", "--json", str(out)]
        if corpus is not None and arguments[0] != "transcribe":
            words += ["--corpus", str(corpus)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)
        result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return result


def row(name: str, result: dict[str, Any]) -> str:
    """Return a line of the table."""
    memory = f"{result['peak_memory_bytes'] / 1e9:.2f}"
    if "real_time_factor" in result:
        factor = f"{result['real_time_factor']:.4f}"
        return f"| {name} | {result['audio_seconds']:.0f} s | | | | {factor} | {memory} |"
    per_item = 1e3 * result.get("cpu_seconds_per_step", sum(result["parts"].values())) / result["batch"]
    yardsticks = f"{result['yardsticks_per_step']:.2f}" if "yardsticks_per_step" in result else ""
    size = f"{result['batch']} of {result['seconds']:g} s"
    return (
        f"| {name} | {size} | {result['items_per_second']:.1f} | {per_item:.1f} | {yardsticks} | | {memory} |"
    )


def parts_table(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the time of each part of the main steps, forward and backward, in ms per item."""
    named = {name: results[name] for name in MAIN[:2]}
    parts = dict.fromkeys(p for r in named.values() for p in r["parts"] if not p.endswith(" backward"))
    lines = [
        "| ms per item, forward + backward | " + " | ".join(named) + " |",
        "|---" * (len(named) + 1) + "|",
    ]
    for part in parts:
        cells = []
        for result in named.values():
            times = [result["parts"].get(key) for key in (part, f"{part} backward")]
            cells.append(" + ".join(f"{1e3 * t / result['batch']:.2f}" for t in times if t is not None))
        lines.append(f"| {part} | " + " | ".join(cells) + " |")
    return lines


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw time and memory against batch size and length."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2)
    for config in ("release_enhanced", "paper"):
        for column, (kind, values) in enumerate((("batch", BATCHES), ("length", LENGTHS_SECONDS))):
            found = [results[f"step {config} {kind} {value}"] for value in values]
            axes[0, column].plot(values, [r["cpu_seconds_per_step"] for r in found], "o-", label=config)
            axes[1, column].plot(values, [r["peak_memory_bytes"] / 1e9 for r in found], "o-", label=config)
    titles = ("batch size, items of 2 s", f"length of the {LENGTH_BATCH} items, seconds")
    for column, title in enumerate(titles):
        for line, label in enumerate(("CPU seconds per step", "peak resident set, GB")):
            axes[line, column].set(xlabel=title, ylabel=label, xlim=(0, None), ylim=(0, None))
            axes[line, column].grid(alpha=0.3)
            axes[line, column].legend()
    figure.savefig(path, dpi=110)


def measure_all(corpus: Path | None, only: list[str]) -> None:
    """Measure every case, or some and keep the committed rest, and write the results."""
    committed = HERE / "results.json"
    results = json.loads(committed.read_text(encoding="utf-8")) if only else {}
    for name in only or cases():
        results[name] = measure(name, corpus)
        print(row(name, results[name]), flush=True)
    results = {name: results[name] for name in cases()}
    machine = results[MAIN[0]]["machine"]
    head = [
        "| case | input | items/s | CPU ms per item | yardsticks | real-time factor | peak GB |",
        "|---" * 7 + "|",
    ]
    rows = [row(name, result) for name, result in results.items()]
    lines = [f"Measured on {machine}.", "", *head, *rows, "", *parts_table(results)]
    (HERE / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    committed.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, HERE / "scaling.png")


def measure_again(corpus: Path | None) -> None:
    """Measure the main cases and print their ratios to the committed ones and to the original."""
    committed = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    for name in MAIN:
        result = measure(name, corpus)
        key = "real_time_factor" if name.startswith("transcribe") else "yardsticks_per_step"
        now, before = result[key], committed[name][key]
        print(f"{name}: {key} {now:.3g}, committed {before:.3g}, ratio {now / before:.2f}", flush=True)
        if name == MAIN[0]:
            gain = ORIGINAL_YARDSTICKS / now
            print(f"  the 2019 release takes {ORIGINAL_YARDSTICKS}: {gain:.1f} times as much")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="stems to draw items from; rendered grooves without")
    parser.add_argument(
        "--again", action="store_true", help="the main cases, as ratios to the committed results"
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=list(cases()), default=[])
    parsed = parser.parse_args()
    if parsed.again:
        measure_again(parsed.corpus)
    else:
        measure_all(parsed.corpus, parsed.only)


if __name__ == "__main__":
    main()
