"""Onsets that some system wrote down: a folder with one file per track."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from drummernet.errors import InputError
from drummernet.evaluation.tracks import ClassOnsets, Track, onsets_by_class
from drummernet.hits import read_labels

_SUFFIXES = (".tsv", ".txt")


def read_predictions(folder: Path, tracks: Sequence[Track]) -> dict[str, ClassOnsets]:
    """Read the predictions for tracks from ``TRACK.tsv`` or ``TRACK.txt``.

    ``TRACK`` is the track's name or the stem of its audio file, so that the output of ``drummernet
    transcribe`` can be scored as it is. Lines are ``onset_seconds<TAB>label``.

    Args:
        folder: The predictions.
        tracks: The tracks to look for.

    Returns:
        Onsets by the track's name. A track with neither audio nor predictions is not among them.

    Raises:
        InputError: if a track that has audio has no predictions, or naming the file, line and value
            that cannot be read.
    """
    if not folder.is_dir():
        raise InputError(folder, "predictions", "no such folder")
    stems = Counter(track.audio_path.stem for track in tracks if track.audio_path)
    predictions = {}
    missing = []
    for track in tracks:
        names = [track.name]
        if track.audio_path and stems[track.audio_path.stem] == 1:
            names.append(track.audio_path.stem)
        candidates = (folder / f"{name}{suffix}" for name in names for suffix in _SUFFIXES)
        path = next((path for path in candidates if path.is_file()), None)
        if path:
            predictions[track.name] = onsets_by_class(read_labels(path))
        elif track.audio_path:
            missing.append(track.name)
    if missing:
        raise InputError(folder, "predictions", f"no .tsv or .txt for {', '.join(missing)}")
    return predictions
