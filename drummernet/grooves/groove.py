"""What a groove is: something to be played on a kit."""

from dataclasses import dataclass

from drummernet.hits import Hit


@dataclass(frozen=True)
class Groove:
    """A drum performance without its sound.

    Attributes:
        name: Unique in its corpus: the relative path without its suffix, or what generated it.
        hits: In order of time, each with its onset in [0, ``duration_seconds``].
        duration_seconds: How long the performance lasts.
    """

    name: str
    hits: tuple[Hit, ...]
    duration_seconds: float
