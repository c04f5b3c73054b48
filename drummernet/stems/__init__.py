"""Corpora of drum stems: the files of a folder, random crops of them, and stems rendered from grooves."""
