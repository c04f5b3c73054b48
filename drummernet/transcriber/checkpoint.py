"""Transcribers from checkpoints and released weights, and released weights from checkpoints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from drummernet.errors import InputError
from drummernet.resources import replaced_file
from drummernet.transcriber.contract import Transcriber
from drummernet.transcriber.part import build

ENTRY = "drummernet_transcriber"
"""The key of a transcriber's description: in a checkpoint, and in the header of released weights."""
PICKING_ENTRY = "drummernet_picking"
"""The key of the picking values that it was validated with."""
PROVENANCE_ENTRY = "drummernet_provenance"
"""The key of what it was trained and selected on."""
PREFIX = "transcriber."
"""What a transcriber's parameters are called by in a training checkpoint."""


class Saved(NamedTuple):
    """What a file holds of a transcriber.

    Attributes:
        description: What :meth:`drummernet.transcriber.part.Part.describe` returned.
        picking: Values of the picking rule by name; those that are not there have their defaults.
        provenance: What it was trained on (``"objective"``, ``"corpus"``, ``"grooves"``, ``"kits"``,
            ``"items"``) and which annotated sets it was ``"selected_on"``; None if the file does not say.
        state: The parameters and buffers.
    """

    description: dict[str, Any]
    picking: dict[str, float]
    provenance: dict[str, Any] | None
    state: dict[str, torch.Tensor]


def load_transcriber(path: str | Path) -> Transcriber:
    """Build the transcriber of a training checkpoint or a ``.safetensors`` file, in evaluation mode.

    Nothing of a file is executed: tensors and plain values are read, and only classes of this package built.

    Raises:
        InputError: if the file is missing, unreadable, no checkpoint of this package, or of another model.
    """
    saved = _read(Path(path))
    transcriber = build(saved.description, path)
    if not isinstance(transcriber, Transcriber):
        raise InputError(path, "class_path", f"{saved.description['class_path']!r} is not a transcriber")
    try:
        transcriber.load_state_dict(saved.state)
    except RuntimeError as error:
        problem = " ".join(str(error).split())
        raise InputError(
            path, "weights", f"do not fit the model that the file describes: {problem}"
        ) from error
    return transcriber.eval()


def load_picking(path: str | Path) -> dict[str, float]:
    """Return the values of the picking rule that a checkpoint or a ``.safetensors`` file names.

    Raises:
        InputError: as :func:`load_transcriber`.
    """
    return _read(Path(path)).picking


def load_provenance(path: str | Path) -> dict[str, Any] | None:
    """Return what a transcriber was trained and selected on, None if the file does not say.

    Raises:
        InputError: as :func:`load_transcriber`.
    """
    return _read(Path(path)).provenance


def export_weights(checkpoint: str | Path, out: str | Path) -> None:
    """Write the transcriber of a checkpoint as safetensors, its description and provenance in the header.

    Raises:
        InputError: as :func:`load_transcriber` and :func:`save_weights`.
    """
    out = weights_path(out)
    save_weights(load_transcriber(checkpoint), load_picking(checkpoint), load_provenance(checkpoint), out)


def save_weights(
    transcriber: Transcriber, picking: Mapping[str, float], provenance: Mapping[str, Any] | None, out: Path
) -> None:
    """Write a transcriber as safetensors, its description in the header; in half precision, at half the size.

    What is loaded again is rounded by one part in 2,000, which moves probabilities in the third digit. A
    tensor with values beyond half precision, such as those of a run that diverged, is written as it is.

    Args:
        transcriber: F_a.
        picking: Values of the picking rule by name.
        provenance: What it was trained and selected on; None if nobody knows.
        out: The file.

    Raises:
        InputError: if ``out`` is not called ``.safetensors``.
    """
    header = {ENTRY: transcriber.describe(), PICKING_ENTRY: picking, PROVENANCE_ENTRY: provenance}
    tensors = {
        name: (tensor.half() if _fits_half(tensor) else tensor).contiguous()
        for name, tensor in transcriber.state_dict().items()
    }
    metadata = {name: json.dumps(value) for name, value in header.items()}
    with replaced_file(weights_path(out)) as temporary:
        temporary.write_bytes(save(tensors, metadata))  # save_file's own files only their owner may read


def _fits_half(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and bool((tensor.abs() <= torch.finfo(torch.half).max).all())


def weights_path(out: str | Path) -> Path:
    """Return where weights may be written.

    Raises:
        InputError: if it is not called ``.safetensors``.
    """
    if Path(out).suffix != ".safetensors":
        raise InputError(out, "name", "released weights end in .safetensors")
    return Path(out)


def untrained_like(transcriber: Transcriber, seed: int = 0) -> Transcriber:
    """Return a transcriber of the same build with fresh weights drawn from a seed, to compare with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build(transcriber.describe(), "untrained_like")
    assert isinstance(fresh, Transcriber)
    for name, buffer in transcriber.named_buffers():  # gates as sharp as the trained one's
        fresh.get_buffer(name).copy_(buffer)
    return fresh.eval()


def _read(path: Path) -> Saved:
    if not path.is_file():
        raise InputError(path, "checkpoint", "no such file")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_checkpoint(path)


def _read_checkpoint(path: Path) -> Saved:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # broken files raise whatever their bytes happen to trip
        raise InputError(
            path, "checkpoint", f"cannot be read: {' '.join(str(error).split())[:200]}"
        ) from error
    if not isinstance(checkpoint, dict) or not {ENTRY, "state_dict"} <= checkpoint.keys():
        raise InputError(path, "checkpoint", f"has no entry {ENTRY!r}: not a checkpoint of this project")
    state = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(PREFIX)
    }
    return Saved(
        checkpoint[ENTRY], checkpoint.get(PICKING_ENTRY, {}), checkpoint.get(PROVENANCE_ENTRY), state
    )


def _read_safetensors(path: Path) -> Saved:
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(path, "weights", f"cannot be read: {error}") from error
    if ENTRY not in metadata:
        raise InputError(path, "header", f"has no entry {ENTRY!r}: not weights of this project")
    description, picking, provenance = (
        json.loads(metadata.get(entry, missing))
        for entry, missing in ((ENTRY, ""), (PICKING_ENTRY, "{}"), (PROVENANCE_ENTRY, "null"))
    )
    return Saved(description, picking, provenance, state)
