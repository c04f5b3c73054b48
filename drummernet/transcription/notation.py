"""A transcription as a musician wants it written: with beats, on a grid, with few components."""

from dataclasses import dataclass, replace

from drummernet.transcription.files import Transcription
from drummernet.transcription.quantise import check_division, quantise
from drummernet.transcription.reduction import check_count, reduce_hits
from drummernet.transcription.tempo import check_tracker, find_beats, madmom_beats


@dataclass(frozen=True)
class Notation:
    """What is asked for.

    Attributes:
        tracker: What finds the beats, one of :data:`drummernet.transcription.tempo.TRACKERS`.
        division: Places per whole note that hits are moved to; None leaves them where they were played.
        components: To how many the hits are reduced; None is all that the transcriber tells.

    Raises:
        InputError: if there is no such tracker, division or number of components, or the tracker is not
            installed.
    """

    tracker: str = "librosa"
    division: int | None = None
    components: int | None = None

    def __post_init__(self) -> None:
        check_tracker(self.tracker)
        if self.division is not None:
            check_division(self.division)
        if self.components is not None:
            check_count(self.components)


DEFAULT_NOTATION = Notation()


def notate(
    transcription: Transcription, notation: Notation = DEFAULT_NOTATION, with_beats: bool = True
) -> Transcription:
    """Return a transcription with beats, and with hits as the notation asks for.

    Args:
        transcription: With its hits as they were heard, all of which tell where beats are.
        notation: What is asked for.
        with_beats: Whether anybody wants them; a grid does in any case.
    """
    hits, beats = list(transcription.hits), list(transcription.beats)
    if with_beats or notation.division is not None:
        if notation.tracker == "madmom":
            beats = madmom_beats(transcription.audio)
        else:
            beats = find_beats(hits, transcription.duration_seconds)
    if notation.division is not None:
        hits = quantise(hits, beats, notation.division)
    if notation.components is not None:
        hits = reduce_hits(hits, notation.components)
    return replace(transcription, hits=tuple(hits), beats=tuple(beats))
