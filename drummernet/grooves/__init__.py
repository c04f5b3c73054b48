"""Corpora of MIDI performances with their splits, and a seeded parametric generator."""
