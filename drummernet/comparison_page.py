"""``drummernet compare``: results beside each other and beside what others published."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drummernet.comparison_pictures.bars import draw_bars
from drummernet.comparison_pictures.confusion import draw_confusion
from drummernet.comparison_pictures.example import draw_examples
from drummernet.comparison_pictures.items import draw_items
from drummernet.comparison_pictures.style import Picture
from drummernet.comparison_pictures.thresholds import draw_thresholds
from drummernet.comparison_pictures.tracks import draw_tracks
from drummernet.evaluation.comparison import ResultSet, result_sets
from drummernet.evaluation.comparison_pairs import Pair, compare_with_first, pair_table
from drummernet.evaluation.comparison_tables import (
    Table,
    fact_table,
    score_tables,
    shown_numbers,
)
from drummernet.evaluation.published import PUBLISHED_PATH, Published, load_published
from drummernet.evaluation.published_tables import other_tables, published_table
from drummernet.evaluation.result_files import Pointer
from drummernet.evaluation.result_reading import read_results
from drummernet.pages import Page, figure_png
from drummernet.resources import refuse_unwritable, replaced_file

_READING = (
    "Track mean: F1 per track, mean over the tracks that have the class, then over the classes. Pooled: hits "
    "of all tracks counted together, then F1 per class and the mean over the classes. Intervals are "
    "bootstrap intervals over tracks. A dash stands where a result does not hold the number. Every number "
    "is in compare.json with the file it comes from."
)


def write_comparison(paths: Sequence[Path], out: Path) -> Path:
    """Write ``index.html``, ``table.md``, ``compare.json`` and the pictures as PNG.

    The same results give the same bytes. Pictures of an earlier comparison in that folder do not stay.

    Args:
        paths: JSON files of ``drummernet evaluate``.
        out: The folder to write to.

    Returns:
        The page.

    Raises:
        InputError: naming the file and the field that cannot be used; then nothing is written.
    """
    refuse_unwritable(out / "index.html")
    results = read_results(paths)
    sets = result_sets(results)
    published = load_published()
    page = _Both(f"Comparison of {len(results)} results on {len(sets)} sets")
    page.text(_READING)
    content: dict[str, Any] = {"sets": [], "pictures": []}
    for results_of_set in sets:
        content["sets"].append(_add_set(page, results_of_set, published))
    over_items = draw_items(sets, published.trend)
    if over_items:
        page.heading("F1 over items seen")
        page.picture(over_items)
    content["published"] = _add_published(page, sets, published)
    content["pictures"] = [_picture_json(picture) for picture in page.pictures]
    page.write(out, content)
    return out / "index.html"


class _Both:
    """The page and the Markdown file, which hold the same but for the pictures."""

    def __init__(self, title: str) -> None:
        self.pictures: list[Picture] = []
        self._pngs: dict[str, bytes] = {}
        self._page = Page(title)
        self._lines = [f"# {title}", ""]

    def heading(self, text: str) -> None:
        self._page.heading(text)
        self._lines += [f"## {_escaped(text)}", ""]

    def text(self, text: str) -> None:
        self._page.text(text)
        self._lines += [_escaped(text), ""]

    def table(self, table: Table) -> None:
        self._page.heading(table.title, level=3)
        self._page.table(table.header, table.rows)
        self._lines += [f"### {_escaped(table.title)}", ""]
        rule = ["---", *["---:"] * (len(table.header) - 1)]
        self._lines += [_line(table.header), _line(rule), *(_line(row) for row in table.rows), ""]
        if table.note:
            self.text(table.note)

    def picture(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self._pngs[f"{picture.slug}.png"] = figure_png(picture.figure)
        self._page.picture(self._pngs[f"{picture.slug}.png"], picture.caption)

    def write(self, out: Path, content: dict[str, Any]) -> None:
        for name in _earlier_pictures(out) - self._pngs.keys():
            (out / name).unlink(missing_ok=True)
        for name, png in self._pngs.items():
            _write(out / name, png)
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        _write(out / "compare.json", text.encode("utf-8", "replace"))
        _write(out / "table.md", "\n".join(self._lines).encode("utf-8", "replace"))
        self._page.write(out / "index.html")


def _earlier_pictures(out: Path) -> set[str]:
    """Return the pictures in a folder that the ``compare.json`` there lists."""
    try:
        content = json.loads((out / "compare.json").read_text(encoding="utf-8"))
        names = {str(picture["file"]) for picture in content["pictures"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if Path(name).name == name and name.endswith(".png")}


def _add_set(page: _Both, results: ResultSet, published: Published) -> dict[str, Any]:
    """Add a set to the page; return what compare.json says of it."""
    pairs, notes = compare_with_first(results)
    page.heading(results.title)
    for note in (*results.notes, *notes):
        page.text(f"Note: {note}")
    for table in score_tables(results):
        page.table(table)
    page.picture(draw_bars(results, published.on(results.dataset)))
    if pairs:
        page.table(pair_table(pairs))
    page.table(fact_table(results))
    beside = published_table(results, published)
    if beside:
        page.table(beside)
    page.picture(draw_tracks(results, published.on(results.dataset)))
    for picture in (*draw_thresholds(results), *draw_confusion(results), *draw_examples(results)):
        page.picture(picture)
    return {
        "dataset": results.dataset,
        "task": results.task,
        "split": results.split,
        "notes": [*results.notes, *notes],
        "results": [
            {
                "label": row.label,
                "file": row.result.shown,
                "development": row.development,
                "numbers": shown_numbers(row.result),
            }
            for row in results.results
        ],
        "pairs": [_pair_json(pair) for pair in pairs],
    }


def _add_published(page: _Both, sets: Sequence[ResultSet], published: Published) -> dict[str, Any]:
    page.heading("Other published numbers")
    for table in other_tables([results.dataset for results in sets], published):
        page.table(table)
    page.heading("Errors of the sources that are corrected here")
    for correction in published.corrections:
        page.text(correction)
    return {
        "file": f"drummernet/evaluation/{PUBLISHED_PATH.name}",
        "entries": [asdict(entry) for entry in published.entries],
        "ablation": published.ablation,
        "trend": published.trend,
    }


def _pair_json(pair: Pair) -> dict[str, Any]:
    files = [row.result.shown for row in (pair.row, pair.first)]
    return {"files": files, "from": "/per_track", **pair.compared}


def _picture_json(picture: Picture) -> dict[str, Any]:
    sources = [
        {
            "file": row.result.shown,
            "pointers": [_written(p) for p in pointers if row.result.value(p) is not None],
        }
        for row, pointers in picture.sources
    ]
    return {"file": f"{picture.slug}.png", "shows": picture.caption, "from": sources}


def _written(pointer: Pointer) -> str:
    return "/" + "/".join(pointer)


def _write(path: Path, content: bytes) -> None:
    with replaced_file(path) as temporary:
        temporary.write_bytes(content)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Keep Markdown from reading signs in names as its own."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
