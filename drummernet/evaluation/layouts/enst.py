"""ENST-Drums (Gillet & Richard 2006): three drummers, who play to music that is "minus one"."""

from collections.abc import Collection
from pathlib import Path

from drummernet.audio import AUDIO_SUFFIXES
from drummernet.components import enst_label
from drummernet.errors import InputError
from drummernet.evaluation.layouts.annotations import class_onsets, read_events, refuse_empty, tidied
from drummernet.evaluation.layouts.files import matched, name_unannotated, named_files, subfolder
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import Track

DRUMMERS = ("drummer_1", "drummer_2", "drummer_3")


def _read(root: Path, task: str, split: str | None, problems: Problems) -> list[Track]:
    folders = {drummer: subfolder(root, drummer) for drummer in DRUMMERS}
    present = {drummer: folder for drummer, folder in folders.items() if folder.is_dir()}
    if present:  # else the root is wrong, and said to be
        problems += [f"{root}: {drummer}: no such folder" for drummer in DRUMMERS if drummer not in present]
    tracks = []
    for drummer, folder in present.items():
        tracks += _drummer(drummer, folder, task == "DTM", problems)
    return tracks


def _drummer(drummer: str, folder: Path, is_mixed: bool, problems: Problems) -> list[Track]:
    annotations = _minus_ones(subfolder(folder, "annotation"), (".txt",), problems)
    wanted = {name: name for name in annotations}
    drums = _minus_ones(subfolder(folder, "audio", "wet_mix"), AUDIO_SUFFIXES, problems)
    audio, unannotated = matched(wanted, drums)
    name_unannotated(unannotated, problems)
    accompaniments: dict[str, Path] = {}
    if is_mixed:
        files = _minus_ones(subfolder(folder, "audio", "accompaniment"), AUDIO_SUFFIXES, problems)
        accompaniments, _ = matched(wanted, files)
    tracks = []
    for name, path in annotations.items():
        try:
            events = read_events(path, enst_label)
            refuse_empty(path, events)
            onsets, side_sticks = class_onsets(tidied(path, events, problems))
        except InputError as error:
            problems.lose(error)
            continue
        audio_path, accompaniment = audio.get(name), accompaniments.get(name)
        if is_mixed and audio_path and not accompaniment:
            problems.append(f"{audio_path}: accompaniment: there is none, not heard")
            audio_path = None
        tracks.append(
            Track(f"{drummer}/{name}", audio_path, onsets, side_sticks, accompaniment, group=drummer)
        )
    return tracks


def _minus_ones(folder: Path, suffixes: Collection[str], problems: Problems) -> dict[str, Path]:
    files = named_files(folder, suffixes, problems)
    return {name: path for name, path in files.items() if "minus-one" in name.casefold()}


def _fits(root: Path) -> bool:
    return any(subfolder(root, drummer, "annotation").is_dir() for drummer in DRUMMERS)


LAYOUT = Layout(
    read=_read,
    fits=_fits,
    expects="drummer_1, drummer_2, drummer_3, each with annotation/NAME.txt and audio/wet_mix/NAME.wav",
    tasks=("DTP", "DTM"),
    published="ENST-Drums has 64 minus-one tracks",
)
"""The layout: DTP hears ``wet_mix``, DTM adds ``accompaniment``; only minus-one tracks are read."""
