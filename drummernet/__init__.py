"""DrummerNet: learns to transcribe drums from drum recordings alone."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drummernet.transcription.files import Transcription

__version__ = "0.1.0"

SAMPLE_RATE = 16_000
"""Samples per second of all audio inside the package, mono."""


def transcribe(
    path: str | Path,
    checkpoint: str | Path = "pretrained",
    threshold: float | None = None,
    beats: str = "librosa",
    quantise: int | None = None,
    components: int | None = None,
) -> "Transcription":
    """Transcribe an audio file of any format, rate and length.

    Args:
        path: The file.
        checkpoint: The name of packaged weights, or the path of a checkpoint.
        threshold: δ of the picking rule; the checkpoint's own if None.
        beats: What tracks them, ``"librosa"`` or ``"madmom"``.
        quantise: Places per whole note that hits are moved to, 8, 12, 16, 24 or 32; None moves nothing.
        components: Reduces the hits to 3, 5 or 11 components; None keeps all that are heard.

    Returns:
        The transcription: its ``hits`` in order of time, each with ``onset_seconds``, ``component`` and
        ``velocity`` in (0, 1], and its ``beats``.

    Raises:
        InputError: if the file or the checkpoint cannot be read, or an argument is none of those named.
    """
    from drummernet.resources import named_resource
    from drummernet.transcriber.checkpoint import load_transcriber
    from drummernet.transcription.files import transcribe_file
    from drummernet.transcription.notation import Notation, notate
    from drummernet.transcription.picking import picker_of

    notation = Notation(beats, quantise, components)
    weights = named_resource("weights", str(checkpoint), ".safetensors")
    heard = transcribe_file(load_transcriber(weights), Path(path), picker_of(weights, threshold))
    return notate(heard, notation)
