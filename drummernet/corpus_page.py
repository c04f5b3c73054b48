"""The page that shows what ``drummernet prepare`` kept and put aside."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from drummernet.pages import Page, figure_png

PAGE = "report.html"
_MOST_ROWS = 50


def write_corpus_page(report: dict[str, Any], corpus: Path) -> Path:
    """Write the page of a report (see :func:`drummernet.stems.report.corpus_report`) into its corpus.

    Returns:
        The page.
    """
    page = Page(f"Corpus {corpus.name}")
    page.text(f"Kept: {_counted(report['kept'])}. Put aside: {_counted(report['put_aside'])}.")
    page.heading("Put aside, by reason")
    rows = [(reason, *_cells(counts)) for reason, counts in report["by_reason"].items()]
    page.table(("reason", "files", "hours"), rows)
    for name in ("format", "source"):
        page.heading(f"By {name}")
        header = (name, "files kept", "hours kept", "files put aside", "hours put aside")
        sides = report[f"by_{name}"]
        most = sorted(sides, key=lambda key: -sides[key]["kept"]["files"] - sides[key]["put_aside"]["files"])
        page.table(
            header,
            [
                (key, *_cells(sides[key]["kept"]), *_cells(sides[key]["put_aside"]))
                for key in most[:_MOST_ROWS]
            ],
        )
        if len(most) > _MOST_ROWS:
            page.text(f"{len(most) - _MOST_ROWS} more are in report.json.")
    page.heading("What was kept")
    page.picture(_histograms(report["histograms"]), "files by length, level and what is heard in them")
    path = corpus / PAGE
    page.write(path)
    return path


def _counted(counts: dict[str, Any]) -> str:
    return f"{counts['files']} files, {counts['hours']:.2f} hours"


def _cells(counts: dict[str, Any]) -> tuple[str, str]:
    return str(counts["files"]), f"{counts['hours']:.2f}"


def _histograms(histograms: dict[str, Any]) -> bytes:
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, (name, histogram) in zip(figure.subplots(2, 3).flat, histograms.items(), strict=True):
        edges, files = histogram["edges"], histogram["files"]
        axes.bar(range(len(files)), files, width=0.9, align="edge")
        axes.set_xticks(range(len(edges)), [f"{edge:g}" for edge in edges], fontsize=7, rotation=60)
        axes.set_title(name.replace("_", " "), fontsize=10)
    return figure_png(figure)
