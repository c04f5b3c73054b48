"""Transcribers without training: non-negative matrix factorisation with drum templates."""
