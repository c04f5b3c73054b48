"""Measurements of speed and memory, for comparison within one process or by the yardstick."""
