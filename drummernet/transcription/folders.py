"""Many files and folders at once."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.errors import InputError
from drummernet.transcriber.contract import Transcriber
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.notation import DEFAULT_NOTATION, Notation, notate
from drummernet.transcription.picking import DEFAULT_PICKER, Picker
from drummernet.transcription.writers import check_formats, needs_beats, write_transcription


class Job(NamedTuple):
    """A file to transcribe.

    Attributes:
        path: The recording.
        folder: Where its outputs go, below the output folder.
        stem: Their name without suffix.
    """

    path: Path
    folder: Path
    stem: str


def transcribe_many(
    transcriber: Transcriber,
    inputs: Sequence[Path],
    out_folder: Path,
    formats: Sequence[str],
    picker: Picker = DEFAULT_PICKER,
    notation: Notation = DEFAULT_NOTATION,
) -> list[tuple[Path, str]]:
    """Transcribe files and folders; a file that cannot be read is left out and the others are written.

    Args:
        transcriber: F_a.
        inputs: Files of any suffix, and folders that are searched for audio with all they contain.
        out_folder: Where the outputs go, see :func:`plan_jobs` for their names.
        formats: What to write, see :func:`drummernet.transcription.writers.write_transcription`.
        picker: What picks the hits.
        notation: How they are written.

    Returns:
        The files that failed, each with a one-line message that names the file, too.

    Raises:
        InputError: if the request itself is wrong: nothing to transcribe, an unknown format, an output
            folder that is a file, or two inputs with the same output.
    """
    check_formats(formats)
    if out_folder.exists() and not out_folder.is_dir():
        raise InputError(out_folder, "out", "is a file, not a folder")
    failures = []
    for job in tqdm(plan_jobs(inputs), unit="file", disable=None):
        try:
            heard = transcribe_file(transcriber, job.path, picker)
            transcription = notate(heard, notation, needs_beats(formats))
            write_transcription(transcription, out_folder / job.folder, job.stem, formats)
        except InputError as error:
            failures.append((job.path, str(error)))
        except OSError as error:
            failures.append((job.path, f"{job.path}: output: {error.filename}: {error.strerror}"))
    return failures


def plan_jobs(inputs: Sequence[Path]) -> list[Job]:
    """List the files to transcribe and name their outputs.

    A file named by itself gives ``STEM.mid`` in the output folder; files of a folder keep their place below
    it. Where that would give several files one name, as ``a.wav`` and ``a.flac`` in one folder do, they
    keep their suffix: ``a.wav.mid`` and ``a.flac.mid``. A file named twice is transcribed once.

    Raises:
        InputError: if there is nothing to transcribe, or two files would still get the same name.
    """
    jobs: dict[Path, Job] = {}
    for source in inputs:
        files = _audio_files(source) if source.is_dir() else [source]
        for path in files:
            folder = path.parent.relative_to(source) if source.is_dir() else Path()
            jobs.setdefault(path.resolve(), Job(path, folder, path.stem))
    if not jobs:
        where = ", ".join(map(str, inputs)) or "inputs"
        raise InputError(where, "files", f"no audio ({', '.join(sorted(AUDIO_SUFFIXES))})")
    uses = Counter((job.folder, job.stem) for job in jobs.values())
    named = [
        job if uses[job.folder, job.stem] == 1 else job._replace(stem=job.path.name) for job in jobs.values()
    ]
    taken: dict[tuple[Path, str], Path] = {}
    for job in named:
        other = taken.setdefault((job.folder, job.stem), job.path)
        if other is not job.path:
            raise InputError(job.path, "output", f"{job.folder / job.stem} is also that of {other}")
    return named


def _audio_files(folder: Path) -> list[Path]:
    """List the audio files of a folder and all below it; names that begin with a dot are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
