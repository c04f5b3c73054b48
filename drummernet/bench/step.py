"""``drummernet bench step``: a whole training step, and where its time goes."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch import nn

from drummernet.bench.machine import Stopwatch, describe_machine, device_of, peak_memory_bytes
from drummernet.bench.material import batch_of_stems
from drummernet.bench.yardstick import Yardstick
from drummernet.errors import InputError
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.training.module import TranscriberTraining
from drummernet.training.objectives import Reconstruction
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.contract import Stage
from drummernet.transcriber.wave import WaveTranscriber

PRECISIONS = ("32-true", "bf16-mixed")
WARM_UP_STEPS = 2


class Step:
    """The training step of a config on one fixed batch.

    Args:
        model: What is trained, on its device.
        stems: (B, N) on the same device.
        clip: The largest norm of the gradient, or None.
        precision: One of ``PRECISIONS``, as Lightning means them.
    """

    def __init__(
        self, model: TranscriberTraining, stems: torch.Tensor, clip: float | None, precision: str
    ) -> None:
        self.model = model
        self.stems = stems
        self.clip = clip
        self.precision = precision
        parameters = list(model.transcriber.parameters())
        self.optimizer = torch.optim.Adam(parameters, model.learning_rate, fused=True)
        with torch.no_grad():
            activations = model.transcriber(stems[:1])
        self.start_sample = activations.start_sample
        self.reconstructed_samples = activations.values.shape[-1] * activations.hop_samples

    def whole(self) -> torch.Tensor:
        """Take a step; return its loss."""
        with self._autocast():
            activations = self.model.transcriber(self.stems)
            batch = {"audio": self.stems, "item": range(len(self.stems))}
            terms = self.model.objective(batch, activations, 0)
            loss = torch.stack(list(terms.values())).sum()
        loss.backward()
        self._optimise()
        return loss.detach()

    def by_parts(self) -> dict[str, float]:
        """Take a step part by part; return the seconds of each, forward and backward."""
        watch = Stopwatch(self.stems.device)
        parts: dict[str, float] = {}
        timed_stages(self._stages(parts, watch), self.stems, parts, watch)
        self._optimise()
        parts["optimiser"] = watch.read()
        return parts

    def _stages(self, parts: dict[str, float], watch: Stopwatch) -> dict[str, Stage]:
        """Return the parts of the step in their order; time those that see the stems alone."""
        transcriber, objective = self.model.transcriber, reconstruction_of(self.model)
        samples = self.stems.shape[1]
        if isinstance(transcriber, WaveTranscriber):
            stages = transcriber.stages(samples)
        else:
            stages = {"transcriber": lambda audio: transcriber(audio).values}
        stages = {name: self._autocast()(stage) for name, stage in stages.items()}
        heard = self.stems[:, self.start_sample :][:, : self.reconstructed_samples]
        kits = objective.synthesizer.drawn_kits(0, range(len(self.stems)))
        stages["synthesizer"] = lambda values: objective.synthesizer(values, transcriber.hop_samples, kits)[
            :, : heard.shape[1]
        ]
        return stages | similarity_stages(objective.similarity, heard, parts, watch)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.stems.device.type, torch.bfloat16, enabled=self.precision == "bf16-mixed")

    def _optimise(self) -> None:
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.transcriber.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()


def timed_stages(
    stages: dict[str, Stage], values: torch.Tensor, parts: dict[str, float], watch: Stopwatch
) -> None:
    """Pass ``values`` through stages one by one and a gradient of 1 back, and add the seconds of each."""
    passed: list[tuple[str, torch.Tensor, torch.Tensor]] = []
    for name, stage in stages.items():
        entry = values.detach().requires_grad_(bool(passed) or values.requires_grad)
        watch.read()
        values = stage(entry)
        parts[name] = watch.read()
        passed.append((name, entry, values))
    gradient = torch.ones_like(values)
    for name, entry, values in reversed(passed):
        watch.read()
        values.backward(gradient)
        parts[f"{name} backward"] = watch.read()
        if entry.grad is not None:
            gradient = entry.grad
    watch.read()


def similarity_stages(
    similarity: OnsetSpectrumSimilarity, heard: torch.Tensor, parts: dict[str, float], watch: Stopwatch
) -> dict[str, Stage]:
    """Return the parts of the similarity to audio (B, N), down to the loss; time what needs that alone."""
    stages: dict[str, Stage] = {}
    with torch.no_grad():
        watch.read()
        if similarity.enhancement is not None:
            heard = similarity.enhancement(heard)
            parts["enhancement of the stem"] = watch.read()
            stages["enhancement"] = similarity.enhancement
        target = similarity.spectrum(heard)
        parts["spectrum of the stem"] = watch.read()
    stages["spectrum"] = lambda audio: torch.stack(
        list(similarity.distance(target, similarity.spectrum(audio)).values())
    ).sum()
    return stages


def bench_step(
    configs: Sequence[str],
    batch: int,
    seconds: float = 2.0,
    device: str = "cpu",
    threads: int = 1,
    precision: str = "32-true",
    corpus: Path | None = None,
    repeats: int = 5,
) -> dict[str, Any]:
    """Measure the training step of a config: forward, backward, optimiser, on one fixed batch.

    On a CPU the step alternates with the yardstick, so that their ratio holds whatever else the machine does.

    Args:
        configs: As for ``drummernet train``, later ones over earlier ones.
        batch: B.
        seconds: Length of the items.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Of the CPU.
        precision: One of ``PRECISIONS``.
        corpus: Where the stems come from; rendered grooves without one.
        repeats: Measured steps, after ``WARM_UP_STEPS``; figures are their medians.

    Returns:
        What ``bench step`` writes as JSON. Seconds of parts are CPU seconds on a CPU, else wall seconds.

    Raises:
        InputError: if an argument or the corpus cannot be used, or the objective is no reconstruction.
    """
    if precision not in PRECISIONS:
        raise InputError("bench", "precision", f"{precision!r} is none of {', '.join(PRECISIONS)}")
    place = device_of(device, threads, repeats)
    stems = batch_of_stems(batch, seconds, corpus).to(place)
    recipe = read_recipe(configs)
    torch.manual_seed(0)
    model = build_model(recipe).to(place)
    reconstruction_of(model)
    step = Step(model, stems, recipe.content["trainer"].get("gradient_clip_val"), precision)
    for _ in range(WARM_UP_STEPS):
        step.whole()
    memory_bytes = peak_memory_bytes(place)  # before the yardstick, which takes half a gigabyte
    figures = _alternate(step, repeats)
    parts = [step.by_parts() for _ in range(repeats)]
    return {
        "config": "+".join(configs),
        "device": device,
        "batch": batch,
        "seconds": seconds,
        "threads": threads,
        "precision": precision,
        "parameters": parameters_of(model),
        **figures,
        "peak_memory_bytes": memory_bytes,
        "parts": {name: median(part[name] for part in parts) for name in parts[0]},
        "machine": describe_machine(place),
    }


def _alternate(step: Step, repeats: int) -> dict[str, float]:
    """Return the medians over steps, which on a CPU alternate with yardsticks."""
    device = step.stems.device
    yardstick = Yardstick() if device.type == "cpu" else None
    if yardstick is not None:
        yardstick.work()
    cpu, wall, yards = [], [], []
    for _ in range(repeats):
        if yardstick is not None:
            watch = Stopwatch(device)
            yardstick.work()
            yards.append(watch.read())
        begin, watch = process_time(), Stopwatch(device)
        began = perf_counter()
        step.whole()
        watch.read()
        wall.append(perf_counter() - began)
        cpu.append(process_time() - begin)
    figures = {"items_per_second": len(step.stems) / median(wall), "cpu_seconds_per_step": median(cpu)}
    if yards:
        figures["yardstick_cpu_seconds"] = median(yards)
        figures["yardsticks_per_step"] = median(cpu) / median(yards)
    return figures


def reconstruction_of(model: TranscriberTraining) -> Reconstruction:
    """Return the objective, whose parts are measured.

    Raises:
        InputError: if it is another one.
    """
    if not isinstance(model.objective, Reconstruction):
        raise InputError("bench", "config", f"measures Reconstruction, not {type(model.objective).__name__}")
    return model.objective


def parameters_of(model: TranscriberTraining) -> dict[str, int]:
    """Return the numbers of parameters: of the U-net and the recurrent head where there are any, in all."""

    def count(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    transcriber = model.transcriber
    counts = {"total": count(transcriber)}
    if isinstance(transcriber, WaveTranscriber):
        counts = {"unet": count(transcriber.unet), "recurrent": count(transcriber.head)} | counts
    return counts
