"""What a crawl came to: hours kept and put aside, by reason, format and source."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from drummernet.stems.finish import Verdict, kept, write_if_new
from drummernet.stems.journal import Decoded, Record

REPORT = "report.json"

HISTOGRAMS: dict[str, tuple[Callable[[Decoded], float | None], list[float]]] = {
    "duration_seconds": (
        lambda d: d.measures.duration_seconds,
        [0, 1, 3, 10, 30, 60, 120, 240, 480, 960, 1920],
    ),
    "loudness_lufs": (lambda d: d.measures.loudness_lufs, list(range(-70, 1, 5))),
    "peak": (lambda d: d.measures.peak, [round(0.1 * n, 1) for n in range(11)]),
    "silence_share": (lambda d: d.measures.silence_share, [round(0.1 * n, 1) for n in range(11)]),
    "percussive_share": (lambda d: d.measures.percussive_share, [round(0.1 * n, 1) for n in range(11)]),
    "onsets_per_second": (lambda d: d.measures.onsets_per_second, list(range(13))),
}
"""What is counted of the stems that are kept, and the edges of its bins; beyond them the outer bins count."""


def corpus_report(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return the figures of a corpus.

    Files that could not be decoded count with 0 hours.

    Returns:
        ``kept`` and ``put_aside`` (files, hours), ``by_reason`` {reason: same}, ``by_format`` and
        ``by_source`` {name: {kept: same, put_aside: same}}, ``histograms`` of what is kept
        {measure: {edges, files}}.
    """
    verdicts = list(verdicts)
    report: dict[str, Any] = {"kept": _none(), "put_aside": _none(), "by_reason": {}}
    report |= {"by_format": {}, "by_source": {}}
    for record, aside in verdicts:
        hours = _hours(record)
        side = "kept" if aside is None else "put_aside"
        _count(report[side], hours)
        if aside is not None:
            _count(report["by_reason"].setdefault(aside[0], _none()), hours)
        for table, name in (("by_format", _format(record)), ("by_source", record.source.origin)):
            row = report[table].setdefault(name, {"kept": _none(), "put_aside": _none()})
            _count(row[side], hours)
    for table in ("by_reason", "by_format", "by_source"):
        report[table] = dict(sorted(report[table].items()))
    stems = [decoded for _, decoded in kept(verdicts)]
    report["histograms"] = {
        name: _histogram([measure(stem) for stem in stems], edges)
        for name, (measure, edges) in HISTOGRAMS.items()
    }
    return report


def write_report(report: dict[str, Any], corpus: Path) -> None:
    """Write the figures beside the index."""
    write_if_new(corpus / REPORT, lambda: (json.dumps(report, indent=1) + "\n").splitlines(keepends=True))


def format_report(report: dict[str, Any]) -> str:
    """Return the figures in a few lines."""

    def line(name: str, counts: dict[str, Any]) -> str:
        return f"{name:16}{counts['files']:9} files{counts['hours']:12.2f} hours"

    reasons = [line(f"  {reason}", counts) for reason, counts in report["by_reason"].items()]
    return "\n".join([line("kept", report["kept"]), line("put aside", report["put_aside"]), *reasons])


def _none() -> dict[str, float]:
    return {"files": 0, "hours": 0.0}


def _count(counts: dict[str, float], hours: float) -> None:
    counts["files"] += 1
    counts["hours"] += hours


def _hours(record: Record) -> float:
    return record.result.measures.duration_seconds / 3600 if isinstance(record.result, Decoded) else 0.0


def _format(record: Record) -> str:
    """Return container and encoding, or the suffix of a file that could not be decoded."""
    if isinstance(record.result, Decoded):
        return record.result.format
    return f"{Path(record.source.path).suffix.lower() or 'no suffix'}, not decoded"


def _histogram(values: list[float | None], edges: list[float]) -> dict[str, list[float]]:
    known = np.clip([value for value in values if value is not None], edges[0], edges[-1])
    return {"edges": edges, "files": np.histogram(known, edges)[0].tolist()}
