"""Work on many inputs in several processes, of which any may die."""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Generic, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcomes(
    function: Callable[[T], R], inputs: Iterable[T], processes: int
) -> Generator[tuple[T, R | None], None, None]:
    """Apply a function to inputs in other processes.

    A process may die (a decoder that crashes, or the system when memory runs out): what it was at is tried
    again when all else is done, with no other at work.

    Args:
        function: Of a module, with arguments and results that can be pickled.
        inputs: Taken as they are needed.
        processes: How many work at a time.

    Yields:
        Each input with its outcome as soon as it is there, None if a process died of it alone.

    Raises:
        Exception: what the function raises.
    """
    suspects: list[T] = []
    culprits: list[T] = []
    yield from _survived(function, iter(inputs), processes, suspects)
    yield from _survived(function, iter(suspects), 1, culprits)
    for item in culprits:
        yield item, None


def _survived(
    function: Callable[[T], R], rest: Iterator[T], processes: int, died: list[T]
) -> Iterator[tuple[T, R]]:
    """Yield what came of the inputs; those of which a process died are added to ``died``."""
    workers: list[_Worker[T, R]] = []
    at_work: dict[Connection, tuple[_Worker[T, R], T]] = {}
    try:
        finished: list[tuple[T, R]] = []
        while True:
            for item in islice(rest, processes - len(at_work)):
                worker = next((idle for idle in workers if idle.pipe not in at_work), None)
                if worker is None:
                    worker = _Worker(function)
                    workers.append(worker)
                worker.begin(item)
                at_work[worker.pipe] = worker, item
            yield from finished
            if not at_work:
                return
            finished = []
            for pipe in wait(list(at_work)):
                worker, item = at_work.pop(cast(Connection, pipe))
                try:
                    finished.append((item, worker.result()))
                except _ProcessDiedError:
                    died.append(item)
                    workers.remove(worker)
                    worker.end()
    finally:
        for worker in workers:
            worker.end()


class _ProcessDiedError(Exception):
    """The process is no more."""


class _Worker(Generic[T, R]):
    """A process with a pipe of its own: whenever it dies, nothing is left that others wait for.

    (The processes of concurrent.futures share a queue, at which all wait for ever if one is killed while it
    writes.)
    """

    def __init__(self, function: Callable[[T], R]):
        context = get_context("spawn")
        self.pipe, far_end = context.Pipe()
        self._process = context.Process(target=_work, args=(function, far_end), daemon=True)
        with _interrupts_wait():
            self._process.start()
        far_end.close()

    def begin(self, item: T) -> None:
        with suppress(OSError):  # of a process that died, as result() will tell
            self.pipe.send(item)

    def result(self) -> R:
        """Wait for what came of the input.

        Raises:
            _ProcessDiedError: if the process died.
            Exception: what the function raised.
        """
        try:
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            raise _ProcessDiedError from None
        if error is not None:
            raise error
        return cast(R, result)

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self.pipe.close()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let processes start with interrupts blocked until :func:`_begin`, or they die with a traceback."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    resource_tracker.ensure_running()  # which else would start with the first of them, and unblock
    interrupts: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
        if interrupts:
            raise KeyboardInterrupt


def _work(function: Callable[[T], R], pipe: Connection) -> None:
    _begin()
    while True:
        item = pipe.recv()
        outcome: tuple[R | None, Exception | None]
        try:
            outcome = function(item), None
        except Exception as error:
            error.add_note(f"In another process:\n{traceback.format_exc()}")
            outcome = None, error
        pipe.send(outcome)


def _begin() -> None:
    """Let a worker die with an interrupted terminal, and with the process that started it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a job that was put into the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # Decoders chat about damaged files; what matters comes back as a result or an error.
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
