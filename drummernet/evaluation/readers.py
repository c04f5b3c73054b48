"""The evaluation datasets in their own layouts."""

import csv
import logging
from collections.abc import Callable, Collection
from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.errors import InputError
from drummernet.evaluation.tracks import SIDE_STICK, Track, onsets_by_class
from drummernet.hits import read_labels, read_midi

_log = logging.getLogger(__name__)

_MIDI_SUFFIXES = (".mid", ".midi")
_CSV_COLUMNS = ("audio_filename", "midi_filename")


def read_dataset(dataset: str, root: Path) -> list[Track]:
    """Read the annotations of a dataset and find its audio.

    Args:
        dataset: A name in ``READERS``.
        root: The folder that holds the dataset.

    Returns:
        Every annotated track in order of name, also those whose audio is not there. Audio without
        annotations is named in the log.

    Raises:
        InputError: if the dataset is unknown, the root does not have its layout or an annotation cannot
            be read.
    """
    if dataset not in READERS:
        raise InputError("dataset", dataset, f"unknown; known datasets are {', '.join(READERS)}")
    if not root.is_dir():
        raise InputError(root, "root", "no such folder")
    tracks = READERS[dataset](root)
    if not tracks:
        raise InputError(root, "root", f"holds no annotated track in the layout of {dataset}")
    return sorted(tracks, key=lambda track: track.name)


def _read_mdb(root: Path) -> list[Track]:
    audio = _named_files(root / "audio" / "drum_only", AUDIO_SUFFIXES)
    tracks = []
    for file_name, path in _named_files(_subfolder(root, "annotations/class"), (".txt",)).items():
        name = file_name.removesuffix("_class")
        subclass_path = root / "annotations" / "subclass" / f"{name}_subclass.txt"
        subclasses = read_labels(subclass_path) if subclass_path.is_file() else []
        side_sticks = [onset for onset, label in subclasses if label == SIDE_STICK]
        # Side sticks are scored in no class, also where a class file counts them among the snares.
        labels = [(t, label) for t, label in read_labels(path) if label != "SD" or t not in side_sticks]
        tracks.append(Track(name, audio.pop(f"{name}_Drum", None), onsets_by_class(labels), len(side_sticks)))
    _warn_unannotated(audio)
    return tracks


def _read_e_gmd(root: Path) -> list[Track]:
    tables = sorted([*root.glob("info.csv"), *root.glob("e-gmd*.csv")])
    if tables:
        return _read_table(root, tables[0])
    audio = _named_files(root, AUDIO_SUFFIXES)
    midi = _named_files(root, _MIDI_SUFFIXES)
    tracks = [_midi_track(name, path, audio.pop(name, None)) for name, path in midi.items()]
    _warn_unannotated(audio)
    return tracks


def _read_table(root: Path, table: Path) -> list[Track]:
    """Read the performances that a CSV table lists; those without MIDI here are named in the log."""
    tracks = []
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        for column in _CSV_COLUMNS:
            if column not in (rows.fieldnames or ()):
                raise InputError(table, "columns", f"no {column} among {', '.join(rows.fieldnames or ())}")
        for row in rows:
            audio_name, midi_name = (row[column] or "" for column in _CSV_COLUMNS)
            if not (root / midi_name).is_file():
                _log.warning("%s: line %d: left out, no such MIDI: %r", table, rows.line_num, midi_name)
                continue
            audio_path = root / audio_name
            name = Path(audio_name or midi_name).with_suffix("").as_posix()
            tracks.append(_midi_track(name, root / midi_name, audio_path if audio_path.is_file() else None))
    return tracks


def _midi_track(name: str, midi_path: Path, audio_path: Path | None) -> Track:
    labels = [(hit.onset_seconds, hit.component) for hit in read_midi(midi_path, "roland")]
    return _labelled_track(name, labels, audio_path)


def _read_folder(root: Path) -> list[Track]:
    annotations = _named_files(_subfolder(root, "annotations"), (".txt",))
    audio = _named_files(root / "audio", AUDIO_SUFFIXES)
    tracks = [
        _labelled_track(name, read_labels(path), audio.pop(name, None)) for name, path in annotations.items()
    ]
    _warn_unannotated(audio)
    return tracks


def _labelled_track(name: str, labels: list[tuple[float, str]], audio_path: Path | None) -> Track:
    side_sticks = sum(label == SIDE_STICK for _, label in labels)
    return Track(name, audio_path, onsets_by_class(labels), side_sticks)


def _subfolder(root: Path, name: str) -> Path:
    folder = root / name
    if not folder.is_dir():
        raise InputError(root, name, "no such folder in the dataset's root")
    return folder


def _named_files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the files below ``folder`` by their path in it without the suffix, hidden ones left out."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    }


def _warn_unannotated(audio: dict[str, Path]) -> None:
    for path in audio.values():
        _log.warning("%s: not scored, no annotation", path)


READERS: dict[str, Callable[[Path], list[Track]]] = {
    "mdb": _read_mdb,
    "e-gmd": _read_e_gmd,
    "folder": _read_folder,
}
"""The readers by the name of the dataset."""
