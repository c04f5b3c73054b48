"""What the generator's drummers know: styles, and the fills between their phrases.

A pattern is one bar, a character per sixteenth: ``.`` rest, ``o`` ghost note, ``x`` stroke, ``X``
accent. Bars of 16 steps are in 4/4, of 12 in 3/4 or 6/8.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STEPS_PER_BEAT = 4
"""Sixteenths in a quarter note."""

LEVELS = {"o": 0.28, "x": 0.6, "X": 0.85}
"""Pattern characters to velocities, before dynamics."""

Layers = Mapping[str, str]
"""Component to pattern: what is played together in a bar."""


@dataclass(frozen=True)
class Style:
    """What is usual in a style of drumming.

    Attributes:
        name: Its name.
        weight: How often it is drawn, beside the others' weights.
        tempo_bpm: The slowest and the fastest tempo, in quarter notes per minute.
        kicks: Patterns of the kick drum.
        snares: Patterns of the snare drum.
        keepers: Layers that keep the time.
        swing: The least and the largest share of its length by which the second note of a swung pair is
            late; 1/3 is the triplet feel.
        swung_steps: Sixteenths in one note of a swung pair: 2 swings eighths, 1 sixteenths.
        beat_steps: Sixteenths in a beat of its bars: 4 in 4/4 and 3/4, 6 in 6/8.
    """

    name: str
    weight: float
    tempo_bpm: tuple[float, float]
    kicks: tuple[str, ...]
    snares: tuple[str, ...]
    keepers: tuple[Layers, ...]
    swing: tuple[float, float] = (0.0, 0.0)
    swung_steps: int = 2
    beat_steps: int = STEPS_PER_BEAT


_BACKBEAT = "....X.......X..."
_QUARTERS = "X...X...X...X..."
_EIGHTHS = "X.x.X.x.X.x.X.x."
_SIXTEENTHS = "XoxoXoxoXoxoXoxo"
_OFFBEATS = "..X...X...X...X."
_ROCK_KICKS = (
    "X.......X.......",
    "X.......X.x.....",
    "X.....x.X.......",
    "X.....x...x.....",
    "X.x.....X.x.....",
    "X......xX.....x.",
)
_ROCK_KEEPERS: tuple[Layers, ...] = (
    {"CHH": _EIGHTHS},
    {"CHH": _EIGHTHS},
    {"CHH": _SIXTEENTHS},
    {"CHH": _QUARTERS},
    {"CHH": "X.x.X.x.X.x.X...", "OHH": "..............X."},
    {"CHH": "X.x.X...X.x.X...", "OHH": "......x.......x."},
    {"OHH": _EIGHTHS},
    {"RDC": _EIGHTHS, "PHH": _BACKBEAT},
    {"RDC": _QUARTERS, "PHH": _OFFBEATS},
    {"CRC": _QUARTERS},
    {"CHH": _EIGHTHS, "TMB": _BACKBEAT},
)

STYLES: tuple[Style, ...] = (
    Style("rock", 4, (85, 160), _ROCK_KICKS, (_BACKBEAT, _BACKBEAT, _QUARTERS), _ROCK_KEEPERS),
    Style(
        "pop",
        3,
        (90, 135),
        (_QUARTERS, "X.......X.x.....", "X..x....X..x...."),
        (_BACKBEAT,),
        (
            {"CHH": "..x...x...x...x.", "TMB": _SIXTEENTHS},
            {"CHH": "Xo.oXo.oXo.oXo.o", "OHH": _OFFBEATS},
            {"CHH": _SIXTEENTHS, "TMB": _BACKBEAT},
            {"PHH": _QUARTERS, "TMB": _EIGHTHS},
            {"CHH": _EIGHTHS},
        ),
    ),
    Style(
        "funk",
        3,
        (88, 120),
        ("X..x..x...x..x..", "X.x....x..X.....", "X......x..x..x..", "X.x...x...xx...."),
        ("....X..o.o..X..o", "....X.oo.o..X...", ".o..X..o.oo.X.o."),
        (
            {"CHH": _SIXTEENTHS},
            {"CHH": "X.xxX.xxX.xxX.x.", "OHH": "...............x"},
            {"CHH": "XoxoXo.oXoxoXo.o", "OHH": "......X.......X."},
            {"RDC": "X.xxX.xxX.xxX.xx", "PHH": _OFFBEATS},
        ),
        swing=(0.0, 0.15),
        swung_steps=1,
    ),
    Style(
        "hiphop",
        2,
        (78, 102),
        ("X.....x...x.....", "X..x......X..x..", "X......xx.x.....", "X.x......xX....."),
        (_BACKBEAT, "....X..o....X.o."),
        ({"CHH": _EIGHTHS}, {"CHH": _SIXTEENTHS}, {"CHH": _QUARTERS, "OHH": "..............x."}),
        swing=(0.05, 0.3),
        swung_steps=1,
    ),
    Style(
        "shuffle",
        2,
        (85, 140),
        ("X.......X.......", "X.....x.X.....x.", "X.x...x.X.x...x."),
        (_BACKBEAT, "..o.X.o...o.X.o."),
        (
            {"CHH": _EIGHTHS},
            {"RDC": _EIGHTHS, "PHH": _BACKBEAT},
            {"CHH": "X.x.X.x.X.x.X...", "OHH": "..............X."},
        ),
        swing=(0.22, 0.36),
    ),
    Style(
        "jazz",
        2,
        (100, 180),
        ("o...o...o...o...", "......x.........", "x.............x.", "................"),
        ("......o.......x.", "..o.......o.....", "....o.o.....o...", "..............x."),
        (
            {"RDC": "x...X.x.x...X.x.", "PHH": _BACKBEAT},
            {"RDC": "x...X.x.x...X...", "PHH": _BACKBEAT},
            {"CHH": "....X.x.....X.x.", "OHH": "X.......X......."},
        ),
        swing=(0.15, 0.36),
    ),
    Style(
        "half_time",
        1.5,
        (120, 170),
        ("X.....x.........", "X..x............", "X.....x.....x.x."),
        ("........X.......", "..o.....X..o..o."),
        (
            {"CHH": _QUARTERS},
            {"CHH": _SIXTEENTHS},
            {"RDC": _EIGHTHS, "PHH": _QUARTERS},
            {"OHH": _QUARTERS},
        ),
        swing=(0.0, 0.3),
    ),
    Style(
        "punk",
        1,
        (150, 180),
        ("X...X...X...X...", "X.x...x.X.x...x.", "X.....x.X.x....."),
        (_BACKBEAT, "..X...X...X...X."),
        ({"OHH": _EIGHTHS}, {"CRC": _QUARTERS}, {"RDC": _EIGHTHS}, {"CHH": _EIGHTHS}),
    ),
    Style(
        "reggae",
        1,
        (70, 100),
        ("........X.......", _QUARTERS),
        ("........X.......", "........X..o..o."),
        (
            {"CHH": _OFFBEATS},
            {"CHH": "x.X.x.X.x.X.x.X."},
            {"CHH": "..X...X...X.....", "OHH": "..............X."},
        ),
        swing=(0.0, 0.3),
    ),
    Style(
        "latin",
        1.5,
        (90, 130),
        ("X..xX..xX..xX..x", "X.....x.X.....x.", "...x..x....x..x."),
        ("x..x..x...x.x...", "..x...o.x..o..o.", _BACKBEAT),
        (
            {"RDC": "X.xxX.xxX.xxX.xx", "PHH": _OFFBEATS},
            {"CHH": "X.xxX.xxX.xxX.xx", "TMB": _OFFBEATS},
            {"PHH": _QUARTERS, "HIT": "......x.......xx", "HFT": "..............X."},
            {"RDC": "X.x.xx.xX.x.xx.x", "MHT": "............x.x.", "PHH": _BACKBEAT},
        ),
    ),
    Style(
        "toms",
        1.5,
        (80, 140),
        (_QUARTERS, "X.......X.......", "X..x..x.X..x..x."),
        (_BACKBEAT, "............X...", "................"),
        (
            {"HFT": "X.xxX.xxX.xxX.xx", "PHH": _QUARTERS},
            {"HFT": "X..x..x.X..x..x.", "HIT": "....X.......X.x."},
            {"HFT": _EIGHTHS, "MHT": "......X.......X."},
            {"MHT": "X...x.x.X...x.x.", "HIT": "..x.......x.....", "TMB": _BACKBEAT},
        ),
    ),
    Style(
        "march",
        1,
        (90, 125),
        (_QUARTERS, "X.......X......."),
        ("X.xxX.xxX.xxXxxx", "X.o.XoooX.o.Xooo", "XoxoXoxoXoxoXxxx"),
        ({"PHH": _BACKBEAT}, {"CRC": "X.......X.......", "PHH": _BACKBEAT}, {"PHH": _OFFBEATS}),
    ),
    Style(
        "waltz",
        1,
        (90, 170),
        ("X...........", "X.....x.....", "X.........x."),
        ("....x...x...", "........X...", "....o...x.o."),
        (
            {"RDC": "X...X.x.X...", "PHH": "....X......."},
            {"CHH": "X.x.X.x.X.x."},
            {"RDC": "X...x...x...", "PHH": "....x...x..."},
        ),
        swing=(0.0, 0.33),
    ),
    Style(
        "six_eight",
        1,
        (90, 150),
        ("X.....x.....", "X...........", "X...x.....x."),
        ("......X.....", "..o...X...o."),
        (
            {"CHH": "X.x.x.X.x.x."},
            {"RDC": "X.x.x.X.x.x.", "PHH": "......X....."},
            {"CHH": "X.x.x.X.x...", "OHH": "..........X."},
            {"CHH": "X.....X.....", "TMB": "X.x.x.X.x.x."},
        ),
        beat_steps=6,
    ),
)

FILL_LETTERS = {"K": "KD", "S": "SD", "H": "HIT", "M": "MHT", "F": "HFT", "C": "CRC", "O": "OHH"}
"""Fill characters to components; small letters are played softly."""

FILLS: tuple[tuple[int, str], ...] = (
    (1, "SSSS"),
    (1, "S.SS"),
    (1, "ssssssSS"),
    (1, "HHMF"),
    (1, "SHMMFF"),
    (1, "..O."),
    (2, "SSSSHHFF"),
    (2, "SSHHMMFF"),
    (2, "S.SSH.F."),
    (2, "ssssssssssssSSSS"),
    (2, "HHHMMMFFFKKK"),
    (2, "SKKSKKHK"),
    (2, "S..H..F."),
    (2, "S.C...C."),
    (3, "SSSSHHHHMMFF"),
    (3, "HsKFsKHsKFsK"),
    (4, "SSSSHHHHMMMMFFFF"),
    (4, "S.ssS.ssH.ssM.FF"),
    (4, "H...M...F...S.SS"),
    (4, "ssssssssssssssssssssssssSSSSSSSS"),
    (4, "FFFFMMMMHHHHSSSS"),
)
"""(beats, strokes) before a bar line; the strokes divide the beats evenly."""
