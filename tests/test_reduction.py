"""Hits of three, five and eleven components."""

import pytest

from drummernet.components import COMPONENTS, GM_NOTES, WIDER_COMPONENTS, class_of
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.transcription.reduction import reduce_hits

ALL = [Hit(0.1 * n, component, 0.5) for n, component in enumerate(WIDER_COMPONENTS)]


@pytest.mark.parametrize(
    ("count", "classes", "components"),
    [
        (3, {"KD", "SD", "HH"}, {"KD", "SD", "CHH"}),
        (5, {"KD", "SD", "HH", "TT", "CY"}, {"KD", "SD", "CHH", "HIT", "RDC"}),
    ],
)
def test_classes_are_those_of_the_scores(count, classes, components):
    found = {hit.onset_seconds: hit.component for hit in reduce_hits(reversed(ALL), count)}
    assert set(found.values()) == components
    for hit in ALL:
        known = class_of(hit.component)
        assert (hit.onset_seconds in found) == (known in classes)
        if known in classes:
            assert class_of(found[hit.onset_seconds]) == known


def test_eleven_are_the_components_and_what_is_nearest():
    found = {hit.onset_seconds: hit.component for hit in reduce_hits(ALL, 11)}
    heard = {hit.component: found.get(hit.onset_seconds) for hit in ALL}
    assert {name: heard[name] for name in COMPONENTS} == {name: name for name in COMPONENTS}
    wider = {name: heard[name] for name in WIDER_COMPONENTS if name not in COMPONENTS}
    assert wider == {"LFT": "HFT", "RDB": "RDC", "CHC": "CRC", "SPC": "CRC", "SST": None}
    assert {GM_NOTES[component] for component in found.values()} <= {
        36,
        38,
        42,
        46,
        44,
        50,
        47,
        43,
        51,
        49,
        54,
    }


def test_strokes_that_fall_together_are_the_loudest():
    hits = [Hit(1.0, "CHH", 0.3), Hit(1.008, "OHH", 0.8), Hit(1.012, "PHH", 0.2), Hit(1.004, "SD", 0.1)]
    expected = [Hit(1.004, "SD", 0.1), Hit(1.008, "CHH", 0.8), Hit(1.012, "CHH", 0.2)]
    assert reduce_hits(hits, 3) == expected
    assert reduce_hits(hits, 11) == sorted(hits)


def test_other_numbers_are_refused():
    with pytest.raises(InputError, match="components: number: 4 is none of 3, 5, 11"):
        reduce_hits([], 4)
