"""``drummernet bench similarity``: the loss alone, of a config, forward and backward."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from drummernet.bench.machine import Stopwatch, describe_machine, device_of, peak_memory_bytes
from drummernet.bench.material import batch_of_stems
from drummernet.bench.step import WARM_UP_STEPS, reconstruction_of, similarity_stages, timed_stages
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.training.recipe import build_model, read_recipe


def bench_similarity(
    configs: Sequence[str],
    batch: int,
    seconds: float = 2.0,
    device: str = "cpu",
    threads: int = 1,
    corpus: Path | None = None,
    repeats: int = 5,
) -> dict[str, Any]:
    """Measure the similarity between stems and their mirror images, with its gradient.

    Args:
        configs: As for ``drummernet train``.
        batch: B.
        seconds: Length of the items.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Of the CPU.
        corpus: Where the stems come from; rendered grooves without one.
        repeats: Measured passes, after ``WARM_UP_STEPS``; figures are their medians.

    Returns:
        What ``bench similarity`` writes as JSON; units as in :func:`drummernet.bench.step.bench_step`.

    Raises:
        InputError: if an argument or the corpus cannot be used.
    """
    place = device_of(device, threads, repeats)
    stems = batch_of_stems(batch, seconds, corpus).to(place)
    similarity = reconstruction_of(build_model(read_recipe(configs))).similarity.to(place)
    passes = [_pass(similarity, stems) for _ in range(WARM_UP_STEPS + repeats)][WARM_UP_STEPS:]
    parts = {name: median(part[name] for part in passes) for name in passes[0]}
    return {
        "config": "+".join(configs),
        "device": device,
        "batch": batch,
        "seconds": seconds,
        "threads": threads,
        "items_per_second": batch / median(sum(part.values()) for part in passes),
        "peak_memory_bytes": peak_memory_bytes(place),
        "parts": parts,
        "machine": describe_machine(place),
    }


def _pass(similarity: OnsetSpectrumSimilarity, stems: torch.Tensor) -> dict[str, float]:
    watch = Stopwatch(stems.device)
    parts: dict[str, float] = {}
    stages = similarity_stages(similarity, stems, parts, watch)
    timed_stages(stages, stems.flip(1).requires_grad_(), parts, watch)
    return parts
