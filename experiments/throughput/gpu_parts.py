"""The parts of the step, each forward and backward on its own, in several ways."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from gpu_common import (
    Results,
    Step,
    autocast,
    cudnn_benchmark,
    difference,
    forget_peak,
    milliseconds,
    numerics,
    peak_bytes,
)
from plain_unet import plain_unet
from torch import nn

from drummernet.similarity import enhancement
from drummernet.transcriber import recurrent, scan, simplex
from drummernet.transcriber.gates import BLOCK_SAMPLES, block_steps_of

Forward = Callable[[], torch.Tensor]
SEQUENCES = 32_768


@dataclass(frozen=True)
class Variant:
    """A way to compute a part.

    Args:
        name: What its row is called.
        forward: Computes the part's output.
        kind: Of ``gpu_common.NUMERICS``.
        within: Makes contexts that it runs in, backward too.
        graph: Whether to capture forward and backward as a CUDA graph.
        cuda_only: Why it is not run on a CPU, if so.
    """

    name: str
    forward: Forward
    kind: str = "float32"
    within: Sequence[Callable[[], AbstractContextManager[Any]]] = field(default_factory=tuple)
    graph: bool = False
    cuda_only: str = ""


def _ways(forward: Forward, module: Callable[[], Forward], kinds: Sequence[str]) -> Iterator[Variant]:
    """Yield what is tried with every part: as it is, as a graph, compiled; each in several numerics."""
    for kind in kinds:
        yield Variant(f"as it is, {kind}", forward, kind)
    for kind in kinds[1:] or kinds:
        yield Variant(f"graph, {kind}", forward, kind, graph=True, cuda_only="graphs are CUDA's")
    for kind in kinds[1:] or kinds:
        compiled = _Compiled(module)
        yield Variant(f"compiled, {kind}", compiled, kind, cuda_only="compilation is measured on CUDA")


class _Compiled:
    """Compiles what a function returns when it is first called."""

    def __init__(self, make: Callable[[], Forward]) -> None:
        self._make = make
        self._compiled: Forward | None = None

    def __call__(self) -> torch.Tensor:
        if self._compiled is None:
            self._compiled = torch.compile(self._make())
        return self._compiled()


def _unet(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
    unet = step.model.transcriber.unet
    audio = nn.functional.pad(step.audio, (0, -step.audio.shape[1] % BLOCK_SAMPLES))
    kinds = ("float32", "tf32", "bf16")

    def variants() -> Iterator[Variant]:
        yield from _ways(lambda: unet(audio), lambda: lambda: unet(audio), kinds)
        for kind in kinds:
            yield Variant(f"plain Conv1d, {kind}", lambda: plain_unet(unet, audio), kind)
        for kind in kinds[1:]:
            yield Variant(f"cuDNN benchmark, {kind}", lambda: unet(audio), kind, (cudnn_benchmark,))
        compiled = _Compiled(lambda: lambda: plain_unet(unet, audio))
        yield Variant("plain Conv1d compiled, bf16", compiled, "bf16", cuda_only="compilation on CUDA")

    return list(unet.parameters()), variants()


@contextmanager
def _by_scan() -> Iterator[None]:
    """Run GRUs by the project's scan, all steps and sequences at once."""

    def run(layer: nn.GRU, x: torch.Tensor, last: bool) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            values: torch.Tensor = scan._Scan.apply(x.float(), *scan._parameters(layer), last, True)
            return values

    with ExitStack() as stack:
        stack.enter_context(patch.object(scan, "_run", run))
        for name in ("_STEP_VALUES", "_CHUNK_VALUES"):
            stack.enter_context(patch.object(scan, name, 1 << 60))
        yield


@contextmanager
def _in_slices() -> Iterator[None]:
    """Hand cuDNN so many sequences of the channel axis at a time."""
    whole = scan.gru_last

    def sliced(layer: nn.GRU, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([whole(layer, part) for part in x.split(SEQUENCES)])

    with patch.object(recurrent, "gru_last", sliced):
        yield


def _head(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
    head = step.model.transcriber.head
    with torch.no_grad():
        audio = nn.functional.pad(step.audio, (0, -step.audio.shape[1] % BLOCK_SAMPLES))
        r = step.model.transcriber.unet(audio)
    r.requires_grad_()

    def variants() -> Iterator[Variant]:
        yield from _ways(lambda: head(r), lambda: lambda: head(r), ("float32", "tf32"))
        yield Variant("channel GRU in slices, tf32", lambda: head(r), "tf32", (_in_slices,))
        yield Variant("project's scan, float32", lambda: head(r), "float32", (_by_scan,))
        yield Variant("project's scan, graph, tf32", lambda: head(r), "tf32", (_by_scan,), True, "a graph")

    return [r, *head.parameters()], variants()


def _gru(number: str) -> Callable[[Step], tuple[list[torch.Tensor], Iterator[Variant]]]:
    def part(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
        layer: nn.GRU = getattr(step.model.transcriber.head, number)
        steps = step.audio.shape[1] // 16
        items = len(step.audio) * steps if number == "channels" else len(step.audio)
        steps = step.model.transcriber.head.second.hidden_size if number == "channels" else steps
        x = torch.randn(items, layer.input_size, steps, device=step.device, requires_grad=True)
        forward = scan.gru_last if number == "channels" else scan.gru

        def variants() -> Iterator[Variant]:
            for kind in ("float32", "tf32"):
                yield Variant(f"as it is, {kind}", lambda: forward(layer, x), kind)
            yield Variant("project's scan, float32", lambda: forward(layer, x), "float32", (_by_scan,))

        return [x, *layer.parameters()], variants()

    return part


def _gates(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
    gates = step.model.transcriber.gates
    shape = len(step.audio), len(step.model.transcriber.components), step.audio.shape[1] // 16
    logits = torch.randn(shape, device=step.device, requires_grad=True)

    def forward() -> torch.Tensor:
        values: torch.Tensor = gates(logits, block_steps_of(16))
        return values

    def rounds() -> AbstractContextManager[Any]:
        return patch.object(simplex, "_by_sorting", simplex._by_rounds)

    def sorting() -> AbstractContextManager[Any]:
        return patch.object(simplex, "_by_rounds", simplex._by_sorting)

    def variants() -> Iterator[Variant]:
        yield from _ways(forward, lambda: forward, ("float32",))
        yield Variant("sorted", forward, within=(sorting,))
        yield Variant("active set", forward, within=(rounds,))

    return [logits], variants()


def _similarity(name: str) -> Callable[[Step], tuple[list[torch.Tensor], Iterator[Variant]]]:
    def part(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
        similarity = step.model.objective.similarity
        audio = step.audio.clone().requires_grad_()
        other = step.audio.flip(1)

        def forward() -> torch.Tensor:
            if name == "enhancement":
                enhanced: torch.Tensor = similarity.enhancement(audio)
                return enhanced
            if name == "pseudo_cqt":
                return torch.stack(list(similarity.spectrum(audio).values()))
            return torch.stack(list(similarity(other, audio).values()))

        def whole() -> AbstractContextManager[Any]:
            return patch.object(enhancement, "_ITEMS_ON_GPU", len(audio))

        def variants() -> Iterator[Variant]:
            kinds = ("float32",) if name == "enhancement" else ("float32", "tf32")
            yield from _ways(forward, lambda: forward, kinds)
            if name != "pseudo_cqt":
                yield Variant("all items at once, float32", forward, within=(whole,))
                yield Variant(
                    "all at once, graph, float32", forward, within=(whole,), graph=True, cuda_only="a graph"
                )

        return [audio], variants()

    return part


def _synthesizer(step: Step) -> tuple[list[torch.Tensor], Iterator[Variant]]:
    shape = len(step.audio), len(step.model.transcriber.components), step.audio.shape[1] // 16
    activations = torch.rand(shape, device=step.device)
    activations = activations.masked_fill_(activations < 0.99, 0.0).requires_grad_()

    def forward() -> torch.Tensor:
        audio: torch.Tensor = step.model.objective.synthesizer(activations, 16, step.kits)
        return audio

    return [activations], _ways(forward, lambda: forward, ("float32", "tf32"))


PARTS: dict[str, Callable[[Step], tuple[list[torch.Tensor], Iterator[Variant]]]] = {
    "unet": _unet,
    "enhancement": _similarity("enhancement"),
    "pseudo_cqt": _similarity("pseudo_cqt"),
    "similarity": _similarity("similarity"),
    "head": _head,
    "gru_first": _gru("first"),
    "gru_second": _gru("second"),
    "gru_channels": _gru("channels"),
    "gates": _gates,
    "synthesizer": _synthesizer,
}


def measure_part(group: str, options: Namespace, results: Results) -> None:
    """Measure a part; its first variant is what the others are compared with."""
    step = Step("paper", options.batch, options)
    sources, variants = PARTS[group](step)
    expected: list[torch.Tensor] = []
    for variant in variants:
        name = f"{group}: {variant.name}"
        if variant.cuda_only and options.device == "cpu":
            results.put(name, {"not_run": f"no CUDA device: {variant.cuda_only}"})
            continue
        results.add(name, lambda v=variant: _measure(v, sources, expected, options))


def _measure(
    variant: Variant, sources: list[torch.Tensor], expected: list[torch.Tensor], options: Namespace
) -> dict[str, Any]:
    forget_peak(options.device)
    with ExitStack() as stack:
        stack.enter_context(numerics(variant.kind))
        for context in variant.within:
            stack.enter_context(context())

        def work() -> list[torch.Tensor]:
            with autocast(variant.kind, options.device):
                values = variant.forward()
            # Any fixed gradient does; this one differs from place to place and from sign to sign.
            weights = torch.arange(values.numel(), device=values.device).remainder(7).sub(3)
            weights = weights.to(values.dtype).view(values.shape)
            return [values, *torch.autograd.grad(values, sources, weights)]

        replay, found = _captured(work) if variant.graph else (work, work())
        row: dict[str, Any] = {}
        if variant.graph:
            replay()
        if expected:
            row |= difference(found[0], expected[0])
            gradients = [torch.cat([g.flatten().float() for g in each[1:]]) for each in (found, expected)]
            row |= {f"gradient_{k}": v for k, v in difference(*gradients).items()}
        else:
            expected += [value.detach().clone() for value in found]
        del found
        ms = milliseconds(replay, options.device, 1 if options.tiny else 20)
    return {
        "ms": ms,
        "us_per_item": 1e3 * ms / options.batch,
        "peak_bytes": peak_bytes(options.device),
        **row,
    }


def _captured(work: Callable[[], list[torch.Tensor]]) -> tuple[Callable[[], Any], list[torch.Tensor]]:
    """Return the replay of a CUDA graph of some work, and the tensors that it fills."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work()
    return graph.replay, found
