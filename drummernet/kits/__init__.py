"""Drum kits: manifests, where their one-shots come from, normalisation, banks."""
