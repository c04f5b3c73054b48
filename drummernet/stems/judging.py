"""Which stems are put aside, and why: first what cannot be used, then what is not drums."""

from drummernet.audio import SILENCE_PEAK
from drummernet.stems.measures import Measures

REASONS = (
    "refused",
    "unreadable",
    "not audio",
    "undecodable",
    "too short",
    "silent",
    "clipped",
    "not drums",
    "duplicate",
    "near duplicate",
)
"""Every reason that a file is put aside for."""

SHORTEST_SECONDS = 0.5
"""A stem that is shorter is no stem."""

MOST_SILENCE = 0.99
"""More of a stem is silent than this: hits that sound for 60 ms every 5 s leave 0.98."""

MOST_CLIPPED = 0.1
"""More of a file lies in flat tops than this. Half of 110 drum stems driven 6 dB into clipping
have more than 0.001, one in twenty more than 0.016; 12 dB: 0.012 and 0.10; 24 dB: 0.13 and 0.59."""

JUDGED_SECONDS = 3.0
"""Shorter stems are never called not drums: they may hold a single hit, or the tail of one."""

FEWEST_ONSETS_PER_SECOND = 0.1
"""Drum stems with one hit every 8 s have 0.13; steady noise, rain, hum and drones of 12 s at most 0.08."""

LEAST_PERCUSSIVE_SHARE = 0.32
"""What rises at the onsets of drums is broad. Of 707 stems of 3 s and more (24 procedural kits and a sampled
General MIDI bank; grooves, single components, cymbals alone, kicks with tails of 3 s, reverberation of 4 s)
the least is 0.36, 99.8 % have 0.40 and the median 0.67. Of pads, organs, bowed strings, choirs, brass, reeds
and pipes of that bank four in five are below; plucked strings, piano and most tuned percussion are not."""


def judge(measures: Measures) -> tuple[str, str] | None:
    """Return why a stem is put aside, one of ``REASONS`` and a line of detail; None if it is kept."""
    seconds = measures.duration_seconds
    if seconds < SHORTEST_SECONDS:
        return "too short", f"{seconds:.3f} s, less than {SHORTEST_SECONDS} s"
    if measures.peak < SILENCE_PEAK:
        return "silent", f"the peak is {measures.peak:.2g}, below {SILENCE_PEAK}"
    if measures.silence_share >= MOST_SILENCE:
        return "silent", f"{measures.silence_share:.1%} of it stays below {SILENCE_PEAK}"
    if measures.clipped_share >= MOST_CLIPPED:
        return "clipped", f"{measures.clipped_share:.1%} of the samples lie in flat tops"
    if seconds < JUDGED_SECONDS:
        return None
    onsets, share = measures.onsets_per_second, measures.percussive_share
    if onsets < FEWEST_ONSETS_PER_SECOND:
        return "not drums", f"{onsets:.2f} onsets per second, less than {FEWEST_ONSETS_PER_SECOND}"
    if share < LEAST_PERCUSSIVE_SHARE:
        return "not drums", f"percussive share {share:.2f}, less than {LEAST_PERCUSSIVE_SHARE}"
    return None
