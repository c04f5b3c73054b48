"""Transcribers from checkpoints and released weights, and released weights from checkpoints."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from drummernet.errors import InputError
from drummernet.resources import replaced_file
from drummernet.transcriber.contract import Transcriber
from drummernet.transcriber.part import build

ENTRY = "drummernet_transcriber"
"""The key of a transcriber's description: in a checkpoint, and in the header of released weights."""
PICKING_ENTRY = "drummernet_picking"
"""The key of the picking values that it was validated with."""
PREFIX = "transcriber."
"""What a transcriber's parameters are called by in a training checkpoint."""


class Saved(NamedTuple):
    """What a file holds of a transcriber.

    Attributes:
        description: What :meth:`drummernet.transcriber.part.Part.describe` returned.
        picking: Values of the picking rule by name; those that are not there have their defaults.
        state: The parameters and buffers.
    """

    description: dict[str, Any]
    picking: dict[str, float]
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


def export_weights(checkpoint: str | Path, out: str | Path) -> None:
    """Write the transcriber of a checkpoint as safetensors, its description in the header.

    Raises:
        InputError: as :func:`load_transcriber`, or if ``out`` is not called ``.safetensors``.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise InputError(out, "name", "released weights end in .safetensors")
    transcriber = load_transcriber(checkpoint)
    tensors = {name: tensor.contiguous() for name, tensor in transcriber.state_dict().items()}
    header = {ENTRY: transcriber.describe(), PICKING_ENTRY: load_picking(checkpoint)}
    with replaced_file(out) as temporary:
        save_file(tensors, temporary, metadata={name: json.dumps(value) for name, value in header.items()})


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
    return Saved(checkpoint[ENTRY], checkpoint.get(PICKING_ENTRY, {}), state)


def _read_safetensors(path: Path) -> Saved:
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(path, "weights", f"cannot be read: {error}") from error
    if ENTRY not in metadata:
        raise InputError(path, "header", f"has no entry {ENTRY!r}: not weights of this project")
    return Saved(json.loads(metadata[ENTRY]), json.loads(metadata.get(PICKING_ENTRY, "{}")), state)
