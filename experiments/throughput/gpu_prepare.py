"""The stage ``prepare``: the stems that travel to the GPU, and labelled ones that stay here to score on.

OUT/corpus is what the other stages take as ``--data OUT``; OUT/test is for ``score --data OUT/test``.
"""

from argparse import Namespace
from pathlib import Path
from typing import Any

from gpu_common import Results

from drummernet import SAMPLE_RATE
from drummernet.stems.hours import render_hours
from drummernet.stems.prepare import prepare
from drummernet.stems.prepared import PreparedCorpus

TRAVELS_BYTES = 45 << 20
STEMS_SEED, TEST_SEED = 21, 22
TEST_HOURS = 0.15


def run(options: Namespace) -> None:
    """Render grooves on the ``stems`` kits, or take ``--stems``, and prepare them."""
    results = Results(options, "prepare")
    results.add("corpus", lambda: _corpus(options))
    results.add("test", lambda: _test(options))
    results.show()


def _corpus(options: Namespace) -> dict[str, Any]:
    source: Path = options.stems or options.out / "stems"
    if options.stems is None:
        render_hours("generator", None, ["stems"], options.hours, STEMS_SEED, source)
    verdicts = prepare([str(source)], options.out / "corpus")
    corpus = PreparedCorpus(options.out / "corpus")
    size = sum(path.stat().st_size for path in corpus.folder.rglob("*") if path.is_file())
    row = {
        "stems": len(corpus.lengths),
        "hours": corpus.total_samples / SAMPLE_RATE / 3600,
        "put_aside": sum(verdict.aside is not None for verdict in verdicts),
        "mib": size / (1 << 20),
    }
    if size > TRAVELS_BYTES:
        row["warning"] = f"more than the {TRAVELS_BYTES >> 20} MiB that travel; take fewer hours or stems"
    return row


def _test(options: Namespace) -> dict[str, Any]:
    hours = min(TEST_HOURS, options.hours)
    paths = render_hours("generator", None, ["test"], hours, TEST_SEED, options.out / "test")
    return {"stems": len(paths), "hours": hours}
