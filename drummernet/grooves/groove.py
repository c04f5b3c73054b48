"""What a groove is: something to be played on a kit."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from operator import attrgetter

from drummernet.hits import Hit
from drummernet.score import Beat


@dataclass(frozen=True)
class Groove:
    """A drum performance without its sound.

    Attributes:
        name: Unique in its corpus: the relative path without its suffix, or what generated it.
        hits: In order of time, each with its onset in [0, ``duration_seconds``].
        duration_seconds: How long the performance lasts.
        beats: In order of time, each in [0, ``duration_seconds``); empty where nobody knows them.
    """

    name: str
    hits: tuple[Hit, ...]
    duration_seconds: float
    beats: tuple[Beat, ...] = ()

    def part(self, start_seconds: float, end_seconds: float) -> "Groove":
        """Return what happens in [``start_seconds``, ``end_seconds``), its clock starting there.

        Args:
            start_seconds: From 0 on.
            end_seconds: At most the groove's duration.
        """
        onset, moment = attrgetter("onset_seconds"), attrgetter("seconds")
        first, last = (bisect_left(self.hits, at, key=onset) for at in (start_seconds, end_seconds))
        hits = (replace(hit, onset_seconds=onset(hit) - start_seconds) for hit in self.hits[first:last])
        first, last = (bisect_left(self.beats, at, key=moment) for at in (start_seconds, end_seconds))
        beats = (Beat(beat.seconds - start_seconds, beat.number) for beat in self.beats[first:last])
        return Groove(self.name, tuple(hits), end_seconds - start_seconds, tuple(beats))
