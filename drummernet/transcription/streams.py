"""One recording through a pipe: its bytes come in, one output goes out."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from drummernet.errors import InputError
from drummernet.transcriber.contract import Transcriber
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.notation import DEFAULT_NOTATION, Notation, notate
from drummernet.transcription.picking import DEFAULT_PICKER, Picker
from drummernet.transcription.writers import check_formats, needs_beats, write_transcription

STEM = "stdin"
"""What a recording without a name is called."""


def transcribe_stream(
    transcriber: Transcriber,
    source: BinaryIO,
    out: Path | BinaryIO,
    formats: Sequence[str],
    picker: Picker = DEFAULT_PICKER,
    notation: Notation = DEFAULT_NOTATION,
) -> list[tuple[Path, str]]:
    """Transcribe the bytes of an audio file, which wait in a temporary file: decoders seek in them.

    Args:
        transcriber: F_a.
        source: Read to its end.
        out: A folder, where ``stdin.mid`` and so on are written, or a stream for one output.
        formats: What to write, see :func:`drummernet.transcription.writers.write_transcription`.
        picker: What picks the hits.
        notation: How they are written.

    Returns:
        The recording and a one-line message if it cannot be read, in which case nothing is written; else
        nothing.

    Raises:
        InputError: if a format is unknown, a stream is to take several, or the folder is a file.
        OSError: if the output cannot be written.
    """
    check_formats(formats)
    if isinstance(out, Path):
        if out.exists() and not out.is_dir():
            raise InputError(out, "out", "is a file, not a folder")
    elif len(formats) > 1:
        raise InputError("formats", "names", "standard output takes one; name a folder for several")
    with TemporaryDirectory(prefix="drummernet-") as name:
        recording = Path(name) / "recording"
        with recording.open("wb") as file:
            shutil.copyfileobj(source, file)
        try:
            transcription = transcribe_file(transcriber, recording, picker)
        except InputError as error:
            return [(Path(STEM), str(error).replace(str(recording), STEM))]
        transcription = notate(transcription, notation, needs_beats(formats))
        paths = write_transcription(
            transcription, out if isinstance(out, Path) else Path(name), STEM, formats
        )
        if not isinstance(out, Path):
            with paths[0].open("rb") as file:
                shutil.copyfileobj(file, out)
            out.flush()
    return []
