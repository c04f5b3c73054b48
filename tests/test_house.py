"""The house: rooms import from above only, the package carries what it needs, functions are short."""

import ast
from pathlib import Path

import pytest

import drummernet
from drummernet.errors import InputError
from drummernet.resources import named_resource, resource_folder

ROOMS = (
    "errors",
    "components",
    "resources",
    "xmlfile",
    "score",
    "hits",
    "sndfile",
    "ffmpeg",
    "audio",
    "grooves",
    "kits",
    "synthesizer",
    "stems",
    "transcriber",
    "similarity",
    "transcription",
    "evaluation",
    "training",
    "pages",
    "corpus_page",
    "kit_pages",
    "listen_page",
    "comparison_pictures",
    "comparison_page",
    "bench",
    "demo",
    "cli",
    "__main__",
)
PACKAGE = Path(drummernet.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_packaged" not in path.parts)


def room_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_only_from_above(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return
    own = ROOMS.index(parts[0])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("drummernet."):
            assert ROOMS.index(room_of(node.module)) <= own, f"line {node.lineno}: {node.module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_kits_and_configs_are_found():
    assert len(list(resource_folder("drum_kits").glob("*.yaml"))) >= 18
    assert named_resource("configs", "paper").name == "paper.yaml"
    with pytest.raises(InputError, match=r"nothing: configs: no such file, and not one of .*quickstart"):
        named_resource("configs", "nothing")
