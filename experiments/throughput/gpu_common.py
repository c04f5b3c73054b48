"""What the stages of gpu.py share: their results, the numerics, the step that is measured, and timing."""

import json
import platform
import statistics
import time
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from drummernet import SAMPLE_RATE
from drummernet.resources import replaced_file
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.training.recipe import build_model, read_recipe

NUMERICS = ("float32", "tf32", "bf16", "bf16+tf32")
"""Autocast to bfloat16 or not; TF32 in matrix products, convolutions and cuDNN's GRUs or not."""
NO_TIME = "no time was left"
SEED = 0
TINY_SECONDS = 0.3
TINY_MODEL = {"model.objective.init_args.synthesizer.init_args.kits": "rock_maple"}


class Results:
    """The rows of a stage in OUT/STAGE.json, beginning with those that ``--resume`` holds.

    Args:
        options: The command line.
        stage: Names the file.
        filtered: Whether ``--rows`` says which rows are wanted.
    """

    def __init__(self, options: Namespace, stage: str, filtered: bool = True) -> None:
        self.path = options.out / f"{stage}.json"
        self.rows: dict[str, dict[str, Any]] = {}
        for earlier in (options.resume, options.out):
            if earlier is not None and (earlier / f"{stage}.json").is_file():
                self.rows |= json.loads((earlier / f"{stage}.json").read_text(encoding="utf-8"))["rows"]
        self._stage = stage
        self._device = options.device
        self._wanted = options.rows if filtered else None
        self._deadline = time.monotonic() + 60 * options.minutes
        self._write()

    @property
    def seconds_left(self) -> float:
        """Until no further row is to start."""
        return self._deadline - time.monotonic()

    def lacks(self, name: str) -> bool:
        """Return whether a row is wanted and neither there nor known to fail."""
        wanted = self._wanted is None or any(name.startswith(start) for start in self._wanted)
        return wanted and ("not_run" in self.rows[name] if name in self.rows else True)

    def add(self, name: str, measure: Callable[[], dict[str, Any]]) -> None:
        """Measure a row if it is lacking and there is time; keep the text of what goes wrong."""
        if not self.lacks(name):
            return
        if self.seconds_left < 0:
            self.put(name, {"not_run": NO_TIME})
            return
        # What kills this process is not tried again.
        self.rows[name] = {"failed": "was begun and did not end"}
        self._write()
        try:
            row = measure()
        except Exception as error:  # a variant that fails must not stop the others
            # The traceback holds the frames, and they the memory, of what failed.
            frames = traceback.format_exception(error, limit=-3)
            row = {"failed": f"{type(error).__name__}: {error}"[:600], "where": "".join(frames)[-1500:]}
        self.put(name, row)

    def put(self, name: str, row: dict[str, Any]) -> None:
        """Keep a row; print it."""
        self.rows[name] = row
        shown = {k: v for k, v in row.items() if not isinstance(v, dict | list) and k != "where"}
        print(f"{name}: {shown}", flush=True)
        self._write()

    def show(self) -> None:
        """Print all rows as a table."""
        print(f"\n{self._stage}, {self.path}")
        for name, row in self.rows.items():
            cells = [f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()]
            print(f"| {name} | " + ", ".join(c[:160] for c in cells if not c.startswith("where")) + " |")

    def _write(self) -> None:
        content = {"stage": self._stage, "machine": machine(self._device), "rows": self.rows}
        with replaced_file(self.path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def machine(device: str) -> dict[str, Any]:
    """Return what a figure depends on besides the code."""
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pytorch_lightning": pl.__version__,
    }
    if device == "cuda" and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts |= {"gpu": properties.name, "gpu_bytes": properties.total_memory}
        facts |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return facts


@contextmanager
def numerics(kind: str) -> Iterator[None]:
    """Set TF32 as a kind of ``NUMERICS`` says; autocast is the step's matter."""
    matmul, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if kind.endswith("tf32") else "highest")
    torch.backends.cudnn.allow_tf32 = kind.endswith("tf32")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = cudnn


@contextmanager
def cudnn_benchmark() -> Iterator[None]:
    """Let cuDNN try its algorithms and keep the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def autocast(kind: str, device: str) -> AbstractContextManager[None]:
    """Return the autocast of a kind of ``NUMERICS``; it caches no casts, which a captured graph must not."""
    return torch.autocast(device, torch.bfloat16, enabled=kind.startswith("bf16"), cache_enabled=False)


def stems(corpus: Path | None, batch: int, seconds: float) -> torch.Tensor:
    """Return the first crops (B, N) of a corpus, or without one decaying noise at random times."""
    if corpus is not None:
        crops = CropDataset(open_corpus(corpus), SEED, seconds)
        return torch.stack([crops[item]["audio"] for item in range(batch)])
    generator = torch.Generator().manual_seed(SEED)
    samples = round(seconds * SAMPLE_RATE)
    since = (torch.arange(samples) - torch.randint(samples // 2, (batch, 1), generator=generator)) % 4000
    audio = torch.randn(batch, samples, generator=generator) * torch.exp(-since / 400)
    return audio / audio.abs().amax(1, keepdim=True)


class Step:
    """A training step without a trainer: always the same stems, kits and initial weights.

    Args:
        config: The name of a packaged config.
        batch: B.
        options: The command line.
    """

    def __init__(self, config: str, batch: int, options: Namespace) -> None:
        torch.manual_seed(SEED)
        recipe = read_recipe([config], TINY_MODEL if options.tiny else None)
        self.device = options.device
        self.model = build_model(recipe).to(self.device)
        corpus = options.data / "corpus" if options.data else None
        self.audio = stems(corpus, batch, TINY_SECONDS if options.tiny else 2.0).to(self.device)
        kits = self.model.objective.synthesizer.drawn_kits(SEED, range(batch))
        self.kits = kits.contiguous().to(self.device)
        self.parameters = list(self.model.transcriber.parameters())

    def compare(self, audio: torch.Tensor, reconstruction: torch.Tensor, start: int) -> torch.Tensor:
        """Return the loss of a reconstruction that begins at a sample of the audio."""
        heard = audio[:, start:][:, : reconstruction.shape[1]]
        terms = self.model.objective.similarity(heard, reconstruction[:, : heard.shape[1]])
        return torch.stack(list(terms.values())).sum()

    def loss(self, kind: str) -> torch.Tensor:
        """Return the loss in the numerics of a kind."""
        with autocast(kind, self.device):
            activations = self.model.transcriber(self.audio)
            reconstruction = self.model.objective.reconstruct(activations, self.kits)
            return self.compare(self.audio, reconstruction, activations.start_sample)

    def gradient(self) -> torch.Tensor:
        """Return the parameters' gradients as one vector."""
        return torch.cat([p.grad.detach().flatten().float() for p in self.parameters if p.grad is not None])


def milliseconds(work: Callable[[], Any], device: str, repeats: int) -> float:
    """Return the median time of some work, after three runs; on CUDA by events."""
    for _ in range(3 if repeats > 1 else 1):
        work()
    times = []
    for _ in range(repeats):
        if device == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            work()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end))
        else:
            begin = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def peak_bytes(device: str) -> int | None:
    """Return the most memory of a CUDA device since ``forget_peak``."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else None


def forget_peak(device: str) -> None:
    """Give unused memory back and begin to watch the peak."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def difference(found: torch.Tensor, expected: torch.Tensor) -> dict[str, float]:
    """Return ‖found - expected‖ / ‖expected‖ and the cosine of the two."""
    a, b = found.detach().flatten().double(), expected.detach().flatten().double()
    norm = b.norm().clamp(min=1e-300)
    return {
        "difference": float((a - b).norm() / norm),
        "cosine": float(a @ b / (a.norm().clamp(min=1e-300) * norm)),
    }
