"""Annotated datasets in their own layouts; the words are those of mirdata (Bittner et al. 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drummernet.errors import InputError
from drummernet.evaluation.layouts import e_gmd, enst, folder, mdb, smt
from drummernet.evaluation.layouts.layout import Layout, Problems
from drummernet.evaluation.tracks import Track
from drummernet.evaluation.validation import Validation, validate_tracks

DATASETS: dict[str, Layout] = {
    "smt": smt.LAYOUT,
    "mdb": mdb.LAYOUT,
    "enst": enst.LAYOUT,
    "e-gmd": e_gmd.LAYOUT,
    "folder": folder.LAYOUT,
}
"""The layouts by the name of the dataset."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """What there is of a dataset.

    Attributes:
        name: A name in ``DATASETS``.
        root: Its folder.
        task: ``"DTD"``, ``"DTP"`` or ``"DTM"`` (Wu et al. 2018).
        split: The part that its table calls so; None is all of it.
        tracks: Every track whose annotation can be used, in order of name, also where its audio is not there.
        problems: In one line each: tracks that cannot be used, what had to be mended, audio that nobody
            annotated.
        unusable: Those of the problems that cost a track.
    """

    name: str
    root: Path
    task: str
    split: str | None
    tracks: tuple[Track, ...]
    problems: tuple[str, ...]
    unusable: tuple[str, ...]

    @property
    def track_ids(self) -> list[str]:
        """The names of the tracks."""
        return [track.name for track in self.tracks]

    def load_tracks(self) -> dict[str, Track]:
        """Return the tracks by their names."""
        return {track.name: track for track in self.tracks}

    def validate(self) -> Validation:
        """Count what is there and name what is not."""
        return validate_tracks(
            self.tracks,
            self.problems,
            dataset=self.name,
            root=str(self.root),
            task=self.task,
            split=self.split,
            published=DATASETS[self.name].published,
        )


def read_dataset(name: str, root: Path, task: str | None = None, split: str | None = None) -> Dataset:
    """Read the annotations of a dataset and find its audio.

    Args:
        name: A name in ``DATASETS``, in upper or lower case.
        root: The folder that holds the dataset.
        task: One of its layout's tasks, in upper or lower case; None is the first of them.
        split: A split that the set's table names; None is all.

    Raises:
        InputError: if there is no such name, task or split, or the root holds no track that can be used.
    """
    name = name.lower()
    if name not in DATASETS:
        raise InputError("dataset", name, f"unknown; known datasets are {', '.join(DATASETS)}")
    layout = DATASETS[name]
    task = layout.tasks[0] if task is None else task.upper()
    if task not in layout.tasks:
        raise InputError(name, "task", f"{task!r} is none of {', '.join(layout.tasks)}")
    if split is not None and not layout.has_splits:
        raise InputError(name, "split", f"{split!r} was asked for, but the set has none")
    if not root.is_dir():
        raise InputError(root, "root", "no such folder")
    found = Problems()
    try:
        tracks = layout.read(root, task, split, found)
    except OSError as error:
        raise InputError(error.filename or root, "file", error.strerror or str(error)) from error
    problems, unusable = (
        tuple(" ".join(line.splitlines()) for line in lines) for lines in (found, found.unusable)
    )
    if not tracks:
        raise InputError(root, "root", _nothing(layout, root, problems))
    in_order = tuple(sorted(tracks, key=lambda track: track.name))
    return Dataset(name, root, task, split, in_order, problems, unusable)


def _nothing(layout: Layout, root: Path, problems: tuple[str, ...]) -> str:
    """Say why a root has no track, and where else it may be."""
    message = f"no track that can be used; it should hold {layout.expects}"
    if problems:
        message += f"; {problems[0]}" + (f" (and {len(problems) - 1} more)" if problems[1:] else "")
    if not _fits(layout, root):
        other = next((folder for folder in _nearby(root) if _fits(layout, folder)), None)
        message += f"; did you mean {other}?" if other else ""
        others = (name for name, known in DATASETS.items() if known is not layout and _fits(known, root))
        named = next(others, None)
        message += f"; it looks like the layout of {named!r}" if named else ""
    return message


def _fits(layout: Layout, folder: Path) -> bool:
    try:
        return layout.fits(folder)
    except OSError:  # a folder above that nobody may list
        return False


def _nearby(root: Path) -> Iterator[Path]:
    """Yield the two folders above, then those inside, then those inside them."""
    yield from list(root.resolve().parents)[:2]
    for pattern in ("*", "*/*"):
        yield from sorted(path for path in root.glob(pattern) if path.is_dir())
