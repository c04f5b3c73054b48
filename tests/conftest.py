"""Fixtures that several test files share."""

import os
from pathlib import Path

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
