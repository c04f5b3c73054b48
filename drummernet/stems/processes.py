"""Work on many inputs in several processes, of which any may die."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import active_children, get_context, parent_process, resource_tracker
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4
"""Inputs that wait for each process."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcomes(
    function: Callable[[T], R], inputs: Iterable[T], processes: int
) -> Generator[tuple[T, R | None], None, None]:
    """Apply a function to inputs in other processes.

    A process that dies (a decoder that crashes, or the system when memory runs out) takes others' work
    with it: what was under way is tried again, one input at a time.

    Args:
        function: Of a module, with arguments and results that can be pickled.
        inputs: Taken as they are needed.
        processes: How many work at a time.

    Yields:
        Each input with its outcome as soon as it is there, None if a process died of it alone.

    Raises:
        Exception: what the function raises.
    """
    rest = iter(inputs)
    while True:
        undone: list[T] = []
        yield from _until_one_dies(function, rest, processes, undone)
        if not undone:
            return
        suspects, culprit = iter(undone), list[T]()
        while True:
            yield from _until_one_dies(function, suspects, 1, culprit, ahead=1)
            if not culprit:
                break
            yield culprit.pop(), None


def _until_one_dies(
    function: Callable[[T], R], rest: Iterator[T], processes: int, undone: list[T], ahead: int = _AHEAD
) -> Iterator[tuple[T, R]]:
    """Do the work until all is done, or until a process dies: then ``undone`` has what was under way."""
    others = set(active_children())
    executor = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)
    pending: dict[Future[R], T] = {}
    # concurrent.futures.wait() holds locks that an interrupt would leave locked.
    finished: SimpleQueue[Future[R]] = SimpleQueue()
    try:
        while not undone:
            for item in islice(rest, ahead * processes - len(pending)):
                try:
                    with _interrupts_wait():
                        future = executor.submit(function, item)
                except BrokenProcessPool:
                    undone.extend((*pending.values(), item))
                    return
                pending[future] = item
                future.add_done_callback(finished.put)
            if not pending:
                break
            future = finished.get()
            try:
                result = future.result()
            except BrokenProcessPool:
                undone.extend(pending.values())
                break
            yield pending.pop(future), result
    finally:
        # Work that is under way is not waited for; else the pool is, or its end may meet that of Python.
        executor.shutdown(wait=not pending, cancel_futures=True)
        if pending:
            for process in set(active_children()) - others:
                process.terminate()


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
