"""The whole step, optimiser included: eager, compiled, and as one CUDA graph."""

from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from gpu_common import (
    NUMERICS,
    Results,
    Step,
    cudnn_benchmark,
    difference,
    forget_peak,
    milliseconds,
    numerics,
    peak_bytes,
)

from drummernet.similarity import enhancement

BATCHES = (128, 32, 512)


def measure_steps(options: Namespace, results: Results) -> None:
    """Measure the step of the paper's config in all ways, the most telling first."""
    batches = (
        [options.batch] if options.tiny else [options.batch, *(b for b in BATCHES if b != options.batch)]
    )
    for number, batch in enumerate(batches):
        ways = [("eager", kind) for kind in ("float32", "bf16+tf32")] + [("graph", "bf16+tf32")]
        if number == 0:
            ways += [(way, kind) for way in ("eager", "graph") for kind in NUMERICS]
            ways += [("graph, enhancement of all items at once", "bf16+tf32"), ("benchmark", "bf16+tf32")]
            ways += [("graph, benchmark", "bf16+tf32"), ("compiled", "bf16+tf32"), ("compiled", "tf32")]
        expected: list[torch.Tensor] = []
        for way, kind in dict.fromkeys(ways):
            name = f"step, batch {batch}: {way}, {kind}"
            if options.device == "cpu" and way != "eager":
                results.put(name, {"not_run": f"no CUDA device: {way}"})
                continue
            results.add(name, lambda w=way, k=kind, b=batch, e=expected: _measure(w, k, b, e, options))


class _Trained:
    """A step with its optimiser.

    Args:
        step: The step.
        kind: Of ``NUMERICS``.
        compiled: Whether the loss is compiled.
    """

    def __init__(self, step: Step, kind: str, compiled: bool) -> None:
        self.step = step
        on_gpu = step.device == "cuda"
        self.optimizer = torch.optim.Adam(step.parameters, lr=4e-4, fused=True, capturable=on_gpu)
        loss: Callable[[str], torch.Tensor] = torch.compile(step.loss) if compiled else step.loss
        self._loss = lambda: loss(kind)

    def backward(self) -> torch.Tensor:
        """Fill the gradients anew; return the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss()
        loss.backward()
        return loss.detach()

    def __call__(self) -> torch.Tensor:
        """Make a step; return its loss."""
        loss = self.backward()
        self.optimizer.step()
        return loss


def _measure(
    way: str, kind: str, batch: int, expected: list[torch.Tensor], options: Namespace
) -> dict[str, Any]:
    forget_peak(options.device)
    with ExitStack() as stack:
        if not expected:
            stack.enter_context(numerics("float32"))
            step = Step("paper", batch, options)
            expected += [_Trained(step, "float32", False).backward(), step.gradient()]
        stack.enter_context(numerics(kind))
        if "benchmark" in way:
            stack.enter_context(cudnn_benchmark())
        if "all items" in way:
            stack.enter_context(patch.object(enhancement, "_ITEMS_ON_GPU", batch))
        step = Step("paper", batch, options)
        trained = _Trained(step, kind, compiled="compiled" in way)
        if "graph" in way:
            work, loss = _captured(trained)
            work()
        else:
            work, loss = trained, trained.backward()
        row = {"loss": float(loss), "loss_error": abs(float(loss / expected[0]) - 1)}
        row |= {f"gradient_{k}": v for k, v in difference(step.gradient(), expected[1]).items()}
        ms = milliseconds(work, options.device, 1 if options.tiny else 15)
    return {"ms": ms, "items_per_second": 1e3 * batch / ms, "peak_bytes": peak_bytes(options.device), **row}


def _captured(trained: _Trained) -> tuple[Callable[[], Any], torch.Tensor]:
    """Return the replay of a step's CUDA graph, from the initial weights on, and the loss that it fills."""
    parameters = trained.step.parameters
    initial = [p.detach().clone() for p in parameters]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            trained()
    torch.cuda.current_stream().wait_stream(side)
    trained.optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = trained()
    with torch.no_grad():
        for parameter, value in zip(parameters, initial, strict=True):
            parameter.copy_(value)
    return graph.replay, loss
