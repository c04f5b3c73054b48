"""Finding a dataset's files as downloads have them: names in any case, hidden files among them."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from drummernet.evaluation.layouts.layout import Problems


def subfolder(root: Path, *names: str) -> Path:
    """Return a folder below another, in whatever case it is written; as named if it is not there."""
    for name in names:
        inside = sorted(root.iterdir()) if root.is_dir() and not (root / name).is_dir() else []
        same = (path for path in inside if path.name.casefold() == name.casefold() and path.is_dir())
        root = next(same, root / name)
    return root


def named_files(folder: Path, suffixes: Collection[str], problems: Problems) -> dict[str, Path]:
    """Return the files below a folder by their path in it without the suffix, hidden ones left out.

    Args:
        folder: None are found where it is not there.
        suffixes: In lower case.
        problems: Here files are named that differ from one before in the suffix alone.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.suffix.lower() not in suffixes or is_hidden(place) or not path.is_file():
            continue
        name = place.with_suffix("").as_posix()
        if name in found:
            problems.append(f"{path}: name: left out, {found[name].name} has the same")
        else:
            found[name] = path
    return found


def matched(wanted: Mapping[str, str], files: Mapping[str, Path]) -> tuple[dict[str, Path], list[Path]]:
    """Find the file of each track, if need be under a name in another case.

    Args:
        wanted: By the track's name, that of its file.
        files: As :func:`named_files`.

    Returns:
        The files by the track's name, and those that belong to none.
    """
    left = dict(files)
    found = {track: left.pop(name) for track, name in wanted.items() if name in left}
    folded = {name.casefold(): name for name in left}
    for track, name in wanted.items():
        other = None if track in found else folded.pop(name.casefold(), None)
        if other is not None:
            found[track] = left.pop(other)
    return found, list(left.values())


def name_unannotated(paths: Iterable[Path], problems: Problems) -> None:
    """Name the audio that cannot be scored."""
    for path in paths:
        problems.lose(f"{path}: annotation: there is none, not scored")


def first_part(name: str) -> str:
    """Return the folder in which a track lies, or "" if it lies in none."""
    folder, slash, _ = name.partition("/")
    return folder if slash else ""


def is_hidden(place: Path) -> bool:
    """Tell whether it is, or lies in, what systems leave in archives (``._x.wav``, ``__MACOSX``)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in place.parts)
