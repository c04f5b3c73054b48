"""``drummernet render``: so many hours of labelled stems from grooves and kits."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.groove import Groove
from drummernet.grooves.midi import read_grooves
from drummernet.kits.bank import resolve_kits
from drummernet.kits.manifest import load_kit
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.render import render_stems

GENERATED_SECONDS = 20.0
"""Length of a generated groove."""

_LACKS = {"split": "splits", "excerpt_seconds": "performances to cut"}


def render_hours(
    grooves: str,
    split: str | None,
    kits: Sequence[str],
    hours: float,
    seed: int,
    out: Path,
    augmentation: Augmentation | None = None,
    workers: int = 1,
    excerpt_seconds: float | None = None,
) -> list[Path]:
    """Render stems in the ``folder`` layout, beats beside the labels, until they last ``hours``.

    Args:
        grooves: ``"generator"``, or a folder of MIDI performances.
        split: Which performances of a folder that lists its splits.
        kits: Groups, names, paths or patterns of kits.
        hours: How much; the last stem may exceed it.
        seed: Decides grooves, kits and variations.
        out: The folder.
        augmentation: Varies drums, room and equipment from stem to stem.
        workers: Processes; the stems are the same for any number. See :func:`render_stems`.
        excerpt_seconds: Excerpts of this length, from anywhere in a folder's performances, in place of whole
            ones, of which a few long ones would make up most of an hour.

    Returns:
        The paths of the audio files.

    Raises:
        InputError: if there is no such kit or groove, a split or excerpts are asked of the generator, an
            argument is out of range, or the folder holds stems already.
    """
    if not 0 < hours < math.inf:
        raise InputError("render", "hours", f"{hours} is not more than 0")
    if seed < 0:
        raise InputError("render", "seed", f"{seed} is negative")
    if excerpt_seconds is not None and not 0 < excerpt_seconds < math.inf:
        raise InputError("render", "excerpt_seconds", f"{excerpt_seconds} is not more than 0")
    if workers < 1:
        raise InputError("render", "workers", f"{workers} is less than 1")
    if (out / "audio").exists():
        raise InputError(out, "out", "already holds stems, which would mix with the new ones")
    if grooves == "generator":
        for field, value in (("split", split), ("excerpt_seconds", excerpt_seconds)):
            if value is not None:
                raise InputError("render", field, f"{value!r}: the generator has no {_LACKS[field]}")
    if grooves == "generator":
        played = _generated(seed)
    elif excerpt_seconds is None:
        played = _shuffled(read_grooves(Path(grooves), split), seed)
    else:
        played = _excerpts(read_grooves(Path(grooves), split), excerpt_seconds, seed)
    loaded = [load_kit(name) for name in resolve_kits(kits)]
    return render_stems(_lasting(played, 3600 * hours), loaded, out, seed, augmentation, workers)


def _generated(seed: int) -> Iterator[Groove]:
    number = 0
    while True:
        groove_seed = int(np.random.default_rng((seed, number, 2)).integers(2**62))
        yield generate_groove(groove_seed, GENERATED_SECONDS)
        number += 1


def _shuffled(grooves: list[Groove], seed: int) -> Iterator[Groove]:
    """Yield all performances in random order, again and again."""
    rng = np.random.default_rng((seed, 0, 3))
    while True:
        for index in rng.permutation(len(grooves)):
            yield grooves[index]


def _excerpts(grooves: list[Groove], seconds: float, seed: int) -> Iterator[Groove]:
    """Yield parts, drawn uniformly over the time of all performances; none without a hit."""
    rng = np.random.default_rng((seed, 0, 4))
    ends_seconds = np.cumsum([groove.duration_seconds for groove in grooves])
    for number in count():
        at_seconds = rng.uniform(0, ends_seconds[-1])
        groove = grooves[int(np.searchsorted(ends_seconds, at_seconds, side="right"))]
        start_seconds = rng.uniform(0, max(0.0, groove.duration_seconds - seconds))
        part = groove.part(start_seconds, min(start_seconds + seconds, groove.duration_seconds))
        if part.hits:
            yield replace(part, name=f"{groove.name}_{number}")


def _lasting(grooves: Iterator[Groove], seconds: float) -> Iterator[Groove]:
    """Yield grooves until they last ``seconds`` together."""
    played_seconds = 0.0

    def wanted(groove: Groove) -> bool:
        nonlocal played_seconds
        before = played_seconds
        played_seconds += groove.duration_seconds
        return before < seconds

    return takewhile(wanted, grooves)
