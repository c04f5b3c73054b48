"""What the processes of test_processes.py do; they import it by this name."""

import os
import signal
import time


def doubled(number: int) -> int:
    return 2 * number


def deadly(number: int) -> int:
    """Kill the own process at 13, and after a moment at 17."""
    if number in (13, 17):
        time.sleep(0.1 if number == 17 else 0)
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def much(go: str) -> bytes:
    """Wait for the file ``go``, then return 50 MB from a process that it has told; at "", return at once."""
    while go and not os.path.exists(go):  # noqa: PTH110
        time.sleep(0.02)
    if not go:
        return b"-"
    with open(f"{go}.pid", "w") as stream:  # noqa: PTH123
        stream.write(str(os.getpid()))
    return bytes(50_000_000)


def failing(number: int) -> int:
    if number == 3:
        raise OSError(28, "No space left on device", "/some/file")
    return number


def slow(path: str) -> None:
    """Say which process this is, then take a minute."""
    with open(path, "w") as stream:  # noqa: PTH123
        stream.write(str(os.getpid()))
    time.sleep(60)
