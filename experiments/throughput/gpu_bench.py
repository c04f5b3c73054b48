"""The stage ``bench``: items/s, time per part and memory of a step, beside what the machine could do."""

from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from gpu_common import (
    NUMERICS,
    SEED,
    Results,
    Step,
    difference,
    forget_peak,
    milliseconds,
    numerics,
)

from drummernet.bench.step import bench_step

STEPS = (("paper", 128), ("paper", 32), ("release_enhanced", 128), ("paper", 512))


def run(options: Namespace) -> None:
    """Measure the ceilings of the machine, then every step in all numerics."""
    results = Results(options, "bench")
    results.add("ceilings", lambda: _ceilings(options))
    for config, batch in [("paper", 1)] if options.tiny else STEPS:
        expected = _reference(config, batch, options)
        for kind in NUMERICS:
            name = f"{config}, batch {batch}, {kind}"
            results.add(name, lambda c=config, b=batch, k=kind, e=expected: _row(c, b, k, e, options))
        expected.cache_clear()
        forget_peak(options.device)
    results.show()


def _row(
    config: str,
    batch: int,
    kind: str,
    expected: Callable[[], tuple[float, torch.Tensor]],
    options: Namespace,
) -> dict[str, Any]:
    loss, gradient = expected()
    with numerics(kind):
        found, found_gradient = _loss_and_gradient(config, batch, kind, options)
        agreement = difference(found_gradient, gradient)
        del found_gradient
        forget_peak(options.device)
        row = bench_step(
            [config],
            batch,
            seconds=0.5 if options.tiny else 2.0,
            device=options.device,
            precision="bf16-mixed" if kind.startswith("bf16") else "32-true",
            corpus=options.data / "corpus" if options.data else None,
            repeats=1 if options.tiny else 20,
        )
    row |= {"numerics": kind, "loss": found, "loss_error": abs(found - loss) / abs(loss)}
    return row | {f"gradient_{name}": value for name, value in agreement.items()}


def _reference(config: str, batch: int, options: Namespace) -> Any:
    """Return a function that computes loss and gradient in float32 when they are first asked for."""

    @lru_cache
    def expected() -> tuple[float, torch.Tensor]:
        with numerics("float32"):
            return _loss_and_gradient(config, batch, "float32", options)

    return expected


def _loss_and_gradient(config: str, batch: int, kind: str, options: Namespace) -> tuple[float, torch.Tensor]:
    step = Step(config, batch, options)
    loss = step.loss(kind)
    loss.backward()
    return loss.item(), step.gradient()


def _ceilings(options: Namespace) -> dict[str, Any]:
    """Return the speed of a copy and of large matrix products."""
    size, copied = (256, 1 << 20) if options.tiny else (8192, 1 << 30)
    repeats = 1 if options.tiny else 20
    source = torch.empty(copied, dtype=torch.uint8, device=options.device)
    target = torch.empty_like(source)
    ms = milliseconds(lambda: target.copy_(source), options.device, repeats)
    row = {"copy_gb_per_second": 2e-6 * copied / ms}
    for kind, dtype in (("float32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)):
        torch.manual_seed(SEED)
        a = torch.randn(size, size, device=options.device).to(dtype)
        with numerics(kind):
            ms = milliseconds(lambda m=a: m @ m, options.device, repeats)
        row[f"matmul_{kind}_tflops"] = 2e-9 * size**3 / ms
    return row
