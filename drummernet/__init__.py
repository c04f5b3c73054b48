"""DrummerNet: learns to transcribe drums from drum recordings alone."""

__version__ = "0.1.0"

SAMPLE_RATE = 16_000
"""Samples per second of all audio inside the package, mono."""
