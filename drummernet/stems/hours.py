"""``drummernet render``: so many hours of labelled stems from grooves and kits."""

import math
from collections.abc import Iterator, Sequence
from itertools import takewhile
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


def render_hours(
    grooves: str,
    split: str | None,
    kits: Sequence[str],
    hours: float,
    seed: int,
    out: Path,
    augmentation: Augmentation | None = None,
    workers: int = 1,
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

    Returns:
        The paths of the audio files.

    Raises:
        InputError: if there is no such kit or groove, a split is asked of the generator, an argument is
            out of range, or the folder holds stems already.
    """
    if not 0 < hours < math.inf:
        raise InputError("render", "hours", f"{hours} is not more than 0")
    if seed < 0:
        raise InputError("render", "seed", f"{seed} is negative")
    if workers < 1:
        raise InputError("render", "workers", f"{workers} is less than 1")
    if (out / "audio").exists():
        raise InputError(out, "out", "already holds stems, which would mix with the new ones")
    if grooves == "generator" and split is not None:
        raise InputError("render", "split", f"{split!r}: the generator has no splits")
    played = (
        _generated(seed) if grooves == "generator" else _shuffled(read_grooves(Path(grooves), split), seed)
    )
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


def _lasting(grooves: Iterator[Groove], seconds: float) -> Iterator[Groove]:
    """Yield grooves until they last ``seconds`` together."""
    played_seconds = 0.0

    def wanted(groove: Groove) -> bool:
        nonlocal played_seconds
        before = played_seconds
        played_seconds += groove.duration_seconds
        return before < seconds

    return takewhile(wanted, grooves)
