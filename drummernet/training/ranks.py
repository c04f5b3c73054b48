"""Ranks that share a run: one that dies ends it soon, with one message and no process left behind.

Where Lightning starts the ranks of a node, the first of them is the parent of the others. torchrun and SLURM
watch their ranks themselves; there only a lost connection is put into words here.
"""

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only

from drummernet.errors import InputError

FAILED, EXPLAINED = 1, (2, 130)
"""Exit statuses: of a run that a rank's death ended, and of ranks that have said themselves why they end."""

WATCH_SECONDS = 0.2
GRACE_SECONDS = 3.0
"""How long a rank with an error leaves the word to another one, which may be its cause or have the same."""

_LAUNCHER = "DRUMMERNET_LAUNCHER"
"""Environment variable: the process that started this rank, known even if it dies before the rank looks."""


class RankWatch(threading.Thread):
    """Ends this rank when another one of the same node has died.

    Args:
        trainer: Of this rank, before its fit.
        last_checkpoint: Named in the message, if the run has written it by then.
    """

    def __init__(self, trainer: pl.Trainer, last_checkpoint: Path) -> None:
        super().__init__(daemon=True, name="rank-watch")
        self.trainer = trainer
        self.last_checkpoint = last_checkpoint
        self.parent = int(os.environ.get(_LAUNCHER, 0))
        self.children: list[Popen] = []
        self._stopped = threading.Event()
        self._one_speaks = threading.Lock()
        # The ranks that Lightning starts inherit this; torchrun's and SLURM's have started already.
        os.environ.setdefault(_LAUNCHER, str(os.getpid()))

    def run(self) -> None:
        """Look after the other ranks until stopped."""
        while not self._stopped.wait(WATCH_SECONDS):
            self._take_over()
            for number, child in enumerate(self.children, self.trainer.global_rank + 1):
                status = child.poll()
                if status in EXPLAINED:
                    self._end("", status)
                elif status:
                    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
                    self._end(f"rank {number} died ({how})", FAILED)
            if self.parent and os.getppid() != self.parent:
                first = self.trainer.global_rank - self.trainer.local_rank
                # One of the others speaks for all.
                self._end(f"rank {first} died" if self.trainer.local_rank == 1 else "", FAILED)

    def judge(self, error: Exception) -> None:
        """Return if an error of this rank is its own; else end the process with what caused it."""
        if isinstance(error, InputError | OSError):
            return
        self._take_over()
        if self.parent or self.children:
            time.sleep(GRACE_SECONDS)  # meanwhile the watch ends this process if a rank has died
        if _is_lost_connection(error):
            # Rank 0 speaks, and rank 1 in case that rank 0 is the one that is gone.
            rank = self.trainer.global_rank
            reason = textwrap.shorten(str(error), 160, placeholder=" …")
            self._end(f"rank {rank} has lost the others ({reason})" if rank < 2 else "", FAILED)

    def stop(self, wait: bool) -> None:
        """Stop watching; wait for the ranks that this one started, or end them."""
        for child in self.children if wait else ():
            if child.wait():
                time.sleep(GRACE_SECONDS)  # meanwhile the watch ends this process
        self._stopped.set()
        self.join()
        self._end_children()
        if not self.parent:
            os.environ.pop(_LAUNCHER, None)

    def _take_over(self) -> None:
        """Empty the list of Lightning's own observer, which would kill this process without a word."""
        started = getattr(self.trainer.strategy.launcher, "procs", [])
        if len(started) == self.trainer.num_devices - 1 and all(isinstance(p, Popen) for p in started):
            self.children += started
            started.clear()

    def _end_children(self) -> None:
        self._take_over()
        for child in self.children:
            child.kill()
            child.wait()

    def _end(self, problem: str, status: int) -> None:
        self._one_speaks.acquire()  # never released: this process ends here
        self._end_children()
        if problem:
            known = self.last_checkpoint.is_file()
            rest = f"the last checkpoint is {self.last_checkpoint}; go on with --ckpt_path last"
            print(
                f"drummernet: {problem}; {rest if known else 'there is no checkpoint yet'}",
                file=sys.stderr,
                flush=True,
            )
        # Past all clean-up: collectives with a dead rank may wait for long.
        os._exit(status)


class PromptEnd(Callback):
    """Lets SIGTERM end a rank as it ends other programs.

    Lightning answers it by a collective while the other ranks are in the middle of another one, and hangs.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Undo what Lightning set just before."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def watched_ranks(trainer: pl.Trainer, last_checkpoint: Path) -> Iterator[None]:
    """Run a fit of many ranks that ends, everywhere, when one of them dies.

    Args:
        trainer: About to fit.
        last_checkpoint: Where the run keeps its last checkpoint.
    """
    if trainer.world_size == 1:
        yield
        return
    trainer.callbacks.append(PromptEnd())  # type: ignore[attr-defined]
    watch = RankWatch(trainer, last_checkpoint)
    watch.start()
    done = False
    try:
        yield
        done = True
    except Exception as error:
        watch.judge(error)
        raise
    finally:
        watch.stop(wait=done)


def let_rank_zero_speak() -> None:
    """Wait, in any other rank: what rank 0 has to say too is said once, and its launcher ends the others."""
    if getattr(rank_zero_only, "rank", 0):
        time.sleep(GRACE_SECONDS)


def _is_lost_connection(error: Exception) -> bool:
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)
