"""The demonstration, shortened, and the page that it writes."""

import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pytest

from drummernet import demo
from drummernet.pages import Page
from drummernet.resources import named_resource


class Links(html.parser.HTMLParser):
    """Collects what a page refers to and which tags are open."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    assert links.open == []
    assert all(source.startswith("data:") for source in links.sources)
    return links


def test_a_page_holds_everything_and_escapes_text(tmp_path):
    page = Page("a < b")
    page.heading("<script>")
    page.table(["x", "y"], [["1", "&"]])
    page.audio(np.full(10, 3.0), "loud")
    page.picture(b"png", "picture")
    page.write(tmp_path / "page.html")
    links = checked(tmp_path / "page.html")
    assert len(links.sources) == 2
    text = (tmp_path / "page.html").read_text()
    assert "<script>" not in text
    assert "a &lt; b" in text


def test_the_demo_ends_in_a_page(tmp_path, monkeypatch):
    config = tmp_path / "short.yaml"
    quick = named_resource("configs", demo.CONFIG).read_text(encoding="utf-8")
    config.write_text(re.sub("max_steps: .*", "max_steps: 21", quick), encoding="utf-8")
    monkeypatch.setattr(demo, "CONFIG", str(config))
    monkeypatch.setattr(demo, "STEM_HOURS", 0.01)
    monkeypatch.setattr(demo, "TEST_HOURS", 0.005)
    out = tmp_path / "demo"
    page = demo.run_demo(out)
    links = checked(page)
    assert sum(source.startswith("data:audio") for source in links.sources) == 3
    assert sum(source.startswith("data:image") for source in links.sources) == 2
    for name in ("trained", "untrained", "onsets"):
        result = json.loads((out / "results" / f"{name}.json").read_text())
        assert f"{result['pooled']['mean']['f1']:.3f}" in page.read_text(encoding="utf-8")
    suffixes = sorted(path.suffix for path in (out / "transcription").iterdir())
    assert suffixes == [".json", ".mid", ".png", ".tsv"]


@pytest.mark.slow
def test_the_whole_demo_learns(tmp_path):
    demo.run_demo(tmp_path)
    scores = {
        name: json.loads((tmp_path / "results" / f"{name}.json").read_text())["pooled"]["mean"]["f1"]
        for name in ("trained", "untrained", "onsets")
    }
    assert scores["trained"] > max(scores["untrained"], scores["onsets"])
