"""``drummernet train``: LightningCLI's fit with this project's parts, defaults and messages."""

import argparse
import logging
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ProgressBar, TQDMProgressBar
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from drummernet.errors import InputError
from drummernet.resources import named_resource
from drummernet.training.callbacks import WholeCheckpoints, checkpoint_folder
from drummernet.training.data import StemDataModule
from drummernet.training.module import TranscriberTraining
from drummernet.training.ranks import let_rank_zero_speak, watched_ranks
from drummernet.transcriber.checkpoint import load_picking

EXPECTED_WARNINGS = (
    # Crops follow from item numbers, so a loader without a state of its own resumes exactly.
    ".*your dataloader is not resumable",
    # Arguments are handed over on purpose: training is one command among others.
    "LightningCLI's args parameter",
    # One process decodes crops fast enough for a CPU; --data.workers is there for GPUs.
    ".*does not have many workers",
    # Validation is optional.
    "Total length of .* across ranks is zero",
    # Validation counts are summed over the ranks before they become scores.
    "It is recommended to use .*sync_dist=True",
    # Lightning's own use of torch.
    ".*treespec, LeafSpec",
)

REFRESH_STEPS = 10
"""Steps between refreshes of the progress bar."""


class TrainCli(LightningCLI):
    """Builds trainer, module and data from YAML and overrides."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Return a parser that raises its errors, so that they are reported like all others."""
        return super().init_parser(**{**kwargs, "exit_on_error": False})

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Log to CSV and TensorBoard below the run's folder, show a bar, unless others are configured."""
        config = self.config_init[str(self.subcommand)]["trainer"]
        if config.get("logger") is None:
            folder = config.get("default_root_dir") or "."
            kwargs["logger"] = [CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tensorboard")]
        kwargs["plugins"] = [*_listed(config.get("plugins")), WholeCheckpoints()]
        callbacks = _listed(config.get("callbacks"))
        if config.get("enable_progress_bar") is not False and not any(
            isinstance(callback, ProgressBar) for callback in callbacks
        ):
            # Each refresh waits for the device.
            callbacks = [*callbacks, TQDMProgressBar(refresh_rate=REFRESH_STEPS)]
        try:
            return super().instantiate_trainer(**kwargs, callbacks=callbacks)
        except ValueError as error:  # how Lightning refuses the name of a strategy, among others
            if isinstance(error, InputError):
                raise
            raise InputError("train", "trainer", _one_line(error)) from error

    def before_fit(self) -> None:
        """Resolve ``--ckpt_path last``, which would else start anew without one; execute no checkpoint.

        The stems are opened here, too: a request that fails by them starts no ranks and leaves no logs.

        Raises:
            InputError: if the run has no last checkpoint, or the stems cannot be used.
        """
        config = self.config_init[str(self.subcommand)]
        if "weights_only" in config:  # Lightning 2.6 and later; a checkpoint here holds nothing but values
            config["weights_only"] = True
        if config.get("ckpt_path") == "last":
            last = checkpoint_folder(self.trainer.default_root_dir) / "last.ckpt"
            if not last.is_file():
                raise InputError(last, "ckpt_path", "'last': this run has no checkpoint yet")
            config["ckpt_path"] = str(last)
            load_picking(last)
        self.datamodule.setup("fit")

    def fit(self, **kwargs: Any) -> None:
        """Train, on one device or many."""
        last = checkpoint_folder(self.trainer.default_root_dir) / "last.ckpt"
        try:
            with watched_ranks(self.trainer, last):
                self.trainer.fit(**kwargs)
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # which Lightning keeps to itself
                raise KeyboardInterrupt from None
            raise


def train(arguments: Sequence[str]) -> None:
    """Run the training that command-line arguments describe.

    Args:
        arguments: LightningCLI's; ``--config`` also takes the names of packaged configs.

    Raises:
        InputError: if a config, a value or the data cannot be used.
    """
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if getattr(rank_zero_only, "rank", 0):
        logging.getLogger("drummernet.stems").setLevel(logging.ERROR)  # rank 0 names the files left out
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    try:
        _fit(arguments)
    except (InputError, OSError, KeyboardInterrupt):
        let_rank_zero_speak()
        raise


def _fit(arguments: Sequence[str]) -> None:
    for checkpoint in _values_of("--ckpt_path", arguments):
        if checkpoint != "last":
            load_picking(checkpoint)  # names what is wrong with a file that is no checkpoint
    try:
        TrainCli(
            TranscriberTraining,
            StemDataModule,
            args=["fit", *_with_config_paths(arguments)],
            save_config_kwargs={"overwrite": True},
            trainer_defaults={"use_distributed_sampler": False},
            seed_everything_default=0,
        )
    except MisconfigurationException as error:
        raise InputError("train", "trainer", _one_line(error)) from error
    except argparse.ArgumentError as error:
        raise InputError(
            "train", ", ".join(_values_of("--config", arguments)) or "arguments", _one_line(error)
        ) from error


def _with_config_paths(arguments: Sequence[str]) -> list[str]:
    """Replace names of packaged configs by their paths."""
    resolved: list[str] = []
    for argument in arguments:
        if resolved and resolved[-1] in ("--config", "-c"):
            argument = str(_config_path(argument))
        elif argument.startswith("--config="):
            argument = f"--config={_config_path(argument.removeprefix('--config='))}"
        resolved.append(argument)
    return resolved


def _config_path(name: str) -> Path:
    return named_resource("configs", name)


def _values_of(option: str, arguments: Sequence[str]) -> list[str]:
    """Return what arguments give an option, as ``OPTION VALUE`` or ``OPTION=VALUE``."""
    joined = [word.removeprefix(f"{option}=") for word in arguments if word.startswith(f"{option}=")]
    return joined + [value for name, value in pairwise(arguments) if name == option]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
