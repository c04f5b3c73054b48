"""The layout that the renderer writes: ``audio/NAME.EXT``, ``annotations/NAME.txt``, ``beats/NAME.txt``."""

from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import class_of
from drummernet.errors import InputError
from drummernet.evaluation.layouts.annotations import class_onsets, read_beats, read_events, tidied
from drummernet.evaluation.layouts.files import (
    first_part,
    matched,
    name_unannotated,
    named_files,
    subfolder,
)
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import Track


def _read(root: Path, task: str, split: str | None, problems: Problems) -> list[Track]:
    if not _fits(root):
        return []
    annotations = named_files(subfolder(root, "annotations"), (".txt",), problems)
    wanted = {name: name for name in annotations}
    audio, unannotated = matched(wanted, named_files(subfolder(root, "audio"), AUDIO_SUFFIXES, problems))
    beats, _ = matched(wanted, named_files(subfolder(root, "beats"), (".txt",), problems))
    name_unannotated(unannotated, problems)
    tracks = []
    for name, path in annotations.items():
        try:
            # One without hits is as it should be: somebody may want to know what is heard in silence.
            onsets, side_sticks = class_onsets(tidied(path, read_events(path, _label), problems))
        except InputError as error:
            problems.lose(error)
            continue
        tracks.append(
            Track(
                name,
                audio.get(name),
                onsets,
                side_sticks,
                beats=read_beats(beats.get(name), problems),
                group=first_part(name),
            )
        )
    return tracks


def _label(label: str) -> str:
    class_of(label)
    return label


def _fits(root: Path) -> bool:
    annotations = subfolder(root, "annotations")
    return annotations.is_dir() and not subfolder(annotations, "class").is_dir()


LAYOUT = Layout(
    read=_read,
    fits=_fits,
    expects="annotations/NAME.txt (lines of a time in seconds and a label) and audio/NAME.wav",
    tasks=("DTP", "DTD", "DTM"),
)
"""The layout; its task says what the recordings hold."""
