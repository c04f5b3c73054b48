"""Fewer components: what a musician, or a notation of few lines, asks for."""

from collections.abc import Iterable

from drummernet.components import COMPONENTS, FIVE_CLASSES, THREE_CLASSES, members_of
from drummernet.errors import InputError
from drummernet.hits import Hit

MERGED_SECONDS = 0.010
"""Hits of one component that lie within it of the first are one stroke."""

_NARROWER = {"LFT": "HFT", "RDB": "RDC", "CHC": "CRC", "SPC": "CRC"}
"""The wider components and what is nearest to them among the eleven; a side stick has nothing near."""


def _usual(classes: Iterable[str]) -> dict[str, str]:
    """Return the usual component of the class of each component, which its notes are written as."""
    return {
        member: members_of(name, "classes")[0] for name in classes for member in members_of(name, "classes")
    }


_REDUCTIONS: dict[int, dict[str, str]] = {
    3: _usual(THREE_CLASSES),
    5: _usual(FIVE_CLASSES),
    11: {**{component: component for component in COMPONENTS}, **_NARROWER},
}
COUNTS = tuple(_REDUCTIONS)
"""To how many components hits can be reduced."""


def check_count(count: int) -> int:
    """Return a number of components.

    Raises:
        InputError: if it is none of ``COUNTS``.
    """
    if count not in COUNTS:
        raise InputError("components", "number", f"{count} is none of {', '.join(map(str, COUNTS))}")
    return count


def reduce_hits(hits: Iterable[Hit], count: int) -> list[Hit]:
    """Write hits with 3, 5 or 11 components.

    3 are kick drum, snare drum and hi-hat (KD, SD, CHH), 5 also toms (HIT) and cymbals (RDC), as in the
    scores; 11 are ``COMPONENTS``. Side sticks, which no score counts as snares, are left out of all, and
    tambourines of 3 and 5. Hits that fall together on one component are one, the loudest.

    Args:
        hits: In any order.
        count: One of ``COUNTS``.

    Returns:
        The hits in order of time.

    Raises:
        InputError: as :func:`check_count`.
    """
    component_of = _REDUCTIONS[check_count(count)]
    groups: dict[str, list[list[Hit]]] = {}
    for hit in sorted(hits):
        if component := component_of.get(hit.component):
            found = groups.setdefault(component, [])
            if found and hit.onset_seconds - found[-1][0].onset_seconds <= MERGED_SECONDS:
                found[-1].append(hit)
            else:
                found.append([hit])
    loudest = (
        (component, max(group, key=lambda hit: hit.velocity))
        for component in groups
        for group in groups[component]
    )
    return sorted(Hit(hit.onset_seconds, component, hit.velocity) for component, hit in loudest)
