"""Onsets that some system wrote down: a folder with one file per track."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from drummernet.errors import InputError
from drummernet.evaluation.example import header_seconds
from drummernet.evaluation.hearing import Heard
from drummernet.evaluation.layouts.files import is_hidden, matched
from drummernet.evaluation.tracks import Track, onsets_by_class
from drummernet.evaluation.validation import late_hits
from drummernet.hits import read_labels

_SUFFIXES = (".tsv", ".txt")
_LISTED = 5
_LATE_SECONDS = 1.0
"""Nothing is heard so long after the end: such onsets are of another recording, or no seconds."""


def read_predictions(folder: Path, tracks: Sequence[Track]) -> Heard:
    """Read the predictions for tracks from ``TRACK.tsv`` or ``TRACK.txt``.

    ``TRACK`` is the track's name or the stem of its audio file, in upper or lower case, so that the output
    of ``drummernet transcribe`` can be scored as it is. Lines are ``onset_seconds<TAB>label``.

    Args:
        folder: The predictions.
        tracks: The tracks to look for.

    Returns:
        The onsets; unscored are tracks with neither audio nor predictions; problems are files of no track,
        and hits and onsets after the end of the audio.

    Raises:
        InputError: if a track that has audio has no predictions or two files of them, or naming the file,
            line and value that cannot be read.
    """
    if not folder.is_dir():
        raise InputError(folder, "predictions", "no such folder")
    paths, others = _find(folder, tracks)
    missing = [track.name for track in tracks if track.audio_path and track.name not in paths]
    if missing:
        raise InputError(folder, "predictions", f"no .tsv or .txt for {', '.join(missing)}")
    heard = Heard()
    if others:
        more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
        names = ", ".join(path.relative_to(folder).as_posix() for path in others[:_LISTED])
        heard.problems.append(f"{folder}: predictions: for no track: {names}{more}")
    for track in tracks:
        if track.name in paths:
            _add(track, paths[track.name], heard)
        else:
            heard.unscored.append(f"{track.name}: neither audio nor predictions")
    return heard


def _find(folder: Path, tracks: Sequence[Track]) -> tuple[dict[str, Path], list[Path]]:
    """Return the file of each track, and those of none."""
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.suffix.lower() in _SUFFIXES and not is_hidden(place) and path.is_file():
            other = files.setdefault(place.with_suffix("").as_posix(), path)
            if other is not path:
                raise InputError(folder, "predictions", f"two of one name: {other.name}, {path.name}")
    stems = Counter(track.audio_path.stem for track in tracks if track.audio_path)
    found, others = matched({track.name: track.name for track in tracks}, files)
    by_audio = {
        track.name: track.audio_path.stem
        for track in tracks
        if track.name not in found and track.audio_path and stems[track.audio_path.stem] == 1
    }
    more, others = matched(by_audio, {name: path for name, path in files.items() if path in others})
    return {**found, **more}, others


def _add(track: Track, path: Path, heard: Heard) -> None:
    """Add a track's onsets to what was heard."""
    onsets = heard.onsets[track.name] = onsets_by_class(read_labels(path))
    seconds = header_seconds(track)
    if seconds is None:
        return
    late = sum(int((times > seconds + _LATE_SECONDS).sum()) for times in onsets.values())
    if late:
        heard.problems.append(f"{path}: onsets: {late} lie after the {seconds:.2f} s of the audio")
    annotated = late_hits(track, seconds)
    if annotated:
        heard.problems.append(annotated)
