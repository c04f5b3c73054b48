"""Measurements as text."""

import json
from pathlib import Path
from typing import Any

from drummernet.resources import replaced_file

GIGABYTE = 1e9


def format_measurement(result: dict[str, Any]) -> str:
    """Lay out what a benchmark measured for reading: its figures, then the time of each part per item."""
    machine = result["machine"]
    titles = [f"{key} {result[key]}" for key in ("config", "transcriber", "precision") if key in result]
    where = machine["gpu"] or machine["processor"]
    lines = [
        f"{', '.join(titles)} on {result['device']} ({where}), {result['threads']} thread(s), "
        f"torch {machine['torch']}, malloc {machine['malloc']}"
    ]
    if "batch" in result:
        lines.append(f"batch {result['batch']} of {result['seconds']:g} s")
    for key, unit in _FIGURES.items():
        if key in result:
            lines.append(f"{key.replace('_', ' ')}: {result[key]:.4g}{unit}")
    lines.append(f"peak memory: {result['peak_memory_bytes'] / GIGABYTE:.2f} GB")
    return "\n".join(lines + _parts(result))


def write_measurement(path: Path, result: dict[str, Any]) -> None:
    """Write what a benchmark measured as JSON."""
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


_FIGURES = {
    "items_per_second": "",
    "cpu_seconds_per_step": " s",
    "yardstick_cpu_seconds": " s",
    "yardsticks_per_step": "",
    "real_time_factor": "",
    "hits": "",
}


def _parts(result: dict[str, Any]) -> list[str]:
    parts = result.get("parts", {})
    if not parts:
        return []
    total = sum(parts.values())
    lines = [f"{'part':26}{'ms per item':>12}{'backward':>12}{'share':>8}"]
    for name in parts:
        if name.endswith(" backward"):
            continue
        backward = parts.get(f"{name} backward")
        share = (parts[name] + (backward or 0.0)) / total
        shown = "" if backward is None else f"{1e3 * backward / result['batch']:.3f}"
        lines.append(f"{name:26}{1e3 * parts[name] / result['batch']:12.3f}{shown:>12}{share:8.1%}")
    return lines
