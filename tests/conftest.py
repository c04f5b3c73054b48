"""Fixtures that several test files share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import drummernet


def pytest_configure() -> None:
    """Where the Makefile asks for it, make sure that the installed wheel is tested and not the checkout."""
    if os.environ.get("DRUMMERNET_TEST_INSTALLED"):
        assert "site-packages" in Path(drummernet.__file__).parts, drummernet.__file__


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development recordings, where this machine has them; else the test is skipped."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DRUMMERNET_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the development recordings are not on this machine")
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """One annotated dataset of each layout, and what was played in it; not to be changed."""
    from made_datasets import MAKERS  # needs audio libraries, which a machine that trains may lack

    folder = tmp_path_factory.mktemp("datasets")
    return {name: (folder / name, make(folder / name)) for name, make in MAKERS.items()}


@pytest.fixture
def copied(made: dict[str, tuple[Path, Any]], tmp_path: Path) -> Callable[[str], Path]:
    """Copy one of these datasets, so that a test may break it."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(made[name][0], tmp_path / name))

    return copy
