"""``drummernet bench transcribe``: a whole file, from reading it to its hits."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch

from drummernet.audio import write_audio
from drummernet.bench.machine import Stopwatch, describe_machine, device_of, peak_memory_bytes
from drummernet.bench.material import rendered_audio
from drummernet.errors import InputError
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcriber.contract import Transcriber
from drummernet.transcription.files import transcribe_file
from drummernet.transcription.picking import DEFAULT_PICKER, Picker, picker_of


def bench_transcribe(
    configs: Sequence[str],
    checkpoint: Path | None = None,
    audio: Path | None = None,
    seconds: float = 180.0,
    device: str = "cpu",
    threads: int = 1,
    repeats: int = 3,
) -> dict[str, Any]:
    """Measure the transcription of a file.

    Args:
        configs: Whose transcriber, untrained; empty if there is a checkpoint.
        checkpoint: A trained transcriber.
        audio: The file; a rendered groove without one.
        seconds: Length of that groove.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Of the CPU.
        repeats: Measured passes; figures are their medians.

    Returns:
        What ``bench transcribe`` writes as JSON; ``real_time_factor`` is CPU seconds per second of audio on a
        CPU, else wall seconds.

    Raises:
        InputError: if an argument, the checkpoint or the file cannot be used.
    """
    place = device_of(device, threads, repeats)
    if not seconds > 0:
        raise InputError("bench", "seconds", f"{seconds} is not positive")
    transcriber, picker = _transcriber(configs, checkpoint)
    transcriber.to(place)
    with tempfile.TemporaryDirectory() as folder:
        if audio is None:
            audio = Path(folder) / "groove.wav"
            write_audio(audio, rendered_audio(seconds))
        device_seconds, cpu_seconds = [], []
        for _ in range(repeats):
            begin, watch = process_time(), Stopwatch(place)
            transcription = transcribe_file(transcriber, audio, picker)
            device_seconds.append(watch.read())
            cpu_seconds.append(process_time() - begin)
    return {
        "transcriber": str(checkpoint) if checkpoint else "+".join(configs),
        "device": device,
        "threads": threads,
        "audio_seconds": transcription.duration_seconds,
        "real_time_factor": median(device_seconds) / transcription.duration_seconds,
        "cpu_seconds": median(cpu_seconds),
        "peak_memory_bytes": peak_memory_bytes(place),
        "hits": len(transcription.hits),
        "machine": describe_machine(place),
    }


def _transcriber(configs: Sequence[str], checkpoint: Path | None) -> tuple[Transcriber, Picker]:
    if checkpoint is not None:
        return load_transcriber(checkpoint), picker_of(checkpoint)
    torch.manual_seed(0)
    return build_model(read_recipe(configs)).transcriber.eval(), DEFAULT_PICKER
