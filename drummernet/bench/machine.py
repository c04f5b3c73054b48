"""What a measurement was taken on, and with: clocks, memory, versions."""

import os
import platform
import resource
import time
from pathlib import Path
from typing import Any

import torch

from drummernet import __version__
from drummernet.errors import InputError

KILOBYTE = 1024


class Stopwatch:
    """Seconds since the last reading: of CPU time on a CPU, else of wall time with the device's work done.

    Args:
        device: Where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last = self._now()

    def _now(self) -> float:
        if self._device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def read(self) -> float:
        """Return the seconds since the last reading, or since the start."""
        last, self._last = self._last, self._now()
        return self._last - last


def device_of(name: str, threads: int, repeats: int = 1) -> torch.device:
    """Return a device, after setting the number of threads of the CPU; check the number of repeats too.

    Raises:
        InputError: if there is no such device, or a number is not positive.
    """
    for field, number in (("threads", threads), ("repeats", repeats)):
        if number < 1:
            raise InputError("bench", field, f"{number} is not positive")
    torch.set_num_threads(threads)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError("bench", "device", f"{name!r}: {' '.join(str(error).split())[:200]}") from error
    return device


def peak_memory_bytes(device: torch.device) -> int:
    """Return the largest resident set of this process so far, or the largest allocation on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Return processor, device, versions and what else a figure depends on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "drummernet": __version__,
        "malloc": os.environ.get("GLIBC_TUNABLES", "stock"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
