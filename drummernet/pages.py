"""The one HTML builder: pages in a single file, with their pictures and sounds inside."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from matplotlib.figure import Figure

from drummernet import SAMPLE_RATE
from drummernet.resources import replaced_file

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; }
p, figcaption { overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
th.long { text-align: left; }
th { white-space: normal; vertical-align: bottom; line-height: 1.25; }
td.long { text-align: left; white-space: normal; min-width: 20rem; font-size: .85rem; line-height: 1.3; }
td.longer { min-width: 44rem; }
td.long:first-child { min-width: 10rem; font-size: 1rem; }
figure { margin: 1rem 0; overflow-x: auto; }
figure img { max-width: 100%; background: #fff; }
figcaption { position: sticky; left: 0; }
@media (max-width: 40rem) {
figure img { max-width: none; width: max(100%, 34rem); }
th, td { padding: .3rem .5rem; }
th:first-child, td:first-child { white-space: normal; min-width: 6rem; max-width: 9rem; }
td:first-child { overflow-wrap: anywhere; }
td.long:first-child { font-size: .85rem; }
}
figcaption { font-size: .9rem; opacity: .8; }
audio { width: 100%; max-width: 32rem; }
"""

_LONG, _LONGER = 40, 140
"""A column with a cell of more letters breaks its lines; with yet more it is wide, lest rows grow tall."""


class Page:
    """A page that is built from top to bottom and needs no network.

    Args:
        title: Its title and first heading.
    """

    def __init__(self, title: str) -> None:
        self._title = html.escape(title)
        self._parts: list[str] = []

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading; level 2 is the highest below the title."""
        self._parts.append(f"<h{level}>{html.escape(text)}</h{level}>")

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table."""
        # Columns are as their longest cell; the names in the first one are short but for a few.
        longest = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)][1:]
        self._parts.append("<table><thead>" + _row("th", header, longest) + "</thead><tbody>")
        self._parts.extend(_row("td", row, longest) for row in rows)
        self._parts.append("</tbody></table>")

    def picture(self, png: bytes, caption: str) -> None:
        """Add a PNG."""
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        text = html.escape(caption)
        image = f'<img alt="{text}" src="{source}">'
        self._parts.append(f"<figure>{image}<figcaption>{text}</figcaption></figure>")

    def audio(self, samples: np.ndarray, caption: str) -> None:
        """Add a player of samples (N,) at 16 kHz; louder ones than ±1 are scaled down to it."""
        stream = io.BytesIO()
        scaled = samples / max(1.0, float(np.abs(samples).max(initial=0.0)))
        soundfile.write(stream, scaled, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        source = f"data:audio/wav;base64,{base64.b64encode(stream.getvalue()).decode()}"
        player = f'<audio controls src="{source}"></audio>'
        self._parts.append(f"<figure><figcaption>{html.escape(caption)}</figcaption>{player}</figure>")

    def application(self, markup: str, style: str, script: str, data: Any) -> None:
        """Add a part that a script brings to life; a page has one at most.

        Args:
            markup: HTML, trusted as the next two.
            style: CSS.
            script: JavaScript that reads the data from the element ``data``.
            data: What JSON can hold.
        """
        text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")  # no end of the element within
        self._parts.append(f"<style>{style}</style>{markup}")
        self._parts.append(f'<script type="application/json" id="data">{text}</script>')
        self._parts.append(f"<script>{script}</script>")

    def write(self, path: Path) -> None:
        """Write the page, unless the file holds it already."""
        head = (
            f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{self._title}</title><style>{_STYLE}</style>"
        )
        body = f"<h1>{self._title}</h1>" + "\n".join(self._parts)
        text = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
        content = text.encode("utf-8", "replace")  # names of files may be any bytes
        if path.is_file() and path.read_bytes() == content:
            return
        with replaced_file(path) as temporary:
            temporary.write_bytes(content)


def figure_png(figure: Figure) -> bytes:
    """Return a matplotlib figure as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, bbox_inches="tight")
    return stream.getvalue()


def _row(cell: str, values: Sequence[str], longest: Sequence[int]) -> str:
    """Write a row; ``longest`` are the lengths of all columns but the first."""
    cells = (
        f"<{cell}{_width(length)}>{html.escape(value)}</{cell}>"
        for value, length in zip(values, (len(values[0]), *longest), strict=True)
    )
    return "<tr>" + "".join(cells) + "</tr>"


def _width(letters: int) -> str:
    if letters <= _LONG:
        return ""
    return ' class="long longer"' if letters > _LONGER else ' class="long"'
