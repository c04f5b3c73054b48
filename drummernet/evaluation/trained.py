"""The supervised baselines: networks that learned from rendered stems and their labels."""

from collections.abc import Sequence
from functools import partial

from drummernet.errors import InputError
from drummernet.evaluation.estimators import Baseline, TranscriberEstimator
from drummernet.resources import resource_folder
from drummernet.transcriber.checkpoint import load_provenance, load_transcriber
from drummernet.transcription.picking import picker_of

SOUTHALL_2016 = "Southall, Stables & Hockman, ISMIR 2016"
SOUTHALL_2017 = "Southall, Stables & Hockman, ISMIR 2017"
VOGL_2016 = "Vogl, Dorfer & Knees, ISMIR 2016"
VOGL_ICASSP = "Vogl, Dorfer & Knees, ICASSP 2017"
VOGL_ISMIR = "Vogl, Dorfer, Widmer & Knees, ISMIR 2017"

FRAMEWISE = {
    "rnn": (SOUTHALL_2016, "recurrent units with tanh, forwards"),
    "tanhb": (SOUTHALL_2016, "recurrent units with tanh, both ways"),
    "reluts": (VOGL_2016, "recurrent units with ReLU, forwards, targets shifted"),
    "lstmpb": (SOUTHALL_2017, "LSTM with peepholes, both ways"),
    "gruts": (VOGL_ICASSP, "GRUs, forwards, targets shifted"),
}
"""The settings of one recurrent framewise network: paper and description."""

_SIZES = {
    "rnn": ("GRUs both ways, 2 x 50", "GRUs both ways, 3 x 30"),
    "cnn": ("convolutions over 9 frames", "convolutions over 25 frames"),
    "crnn": ("convolutions over 9 frames, then GRUs, 2 x 50", "over 13 frames, then GRUs, 3 x 60"),
}
_VARIANTS = {"dt": "", "bf": "; beats are an input", "mt": "; beats are a second task"}


def trained_baselines() -> dict[str, Baseline]:
    """Return the baselines that are trained, by name: ``gruts``, ``crnn_small_mt`` and so on."""
    found = {name: _baseline(name, [name], *texts) for name, texts in FRAMEWISE.items()}
    for network, descriptions in _SIZES.items():
        for size, about in zip(("small", "large"), descriptions, strict=True):
            for variant, more in _VARIANTS.items():
                configs = [f"{network}_{size}"] + ([variant] if variant != "dt" else [])
                name = f"{network}_{size}_{variant}"
                found[name] = _baseline(name, configs, VOGL_ISMIR, about + more)
    return found


def training_command(configs: Sequence[str]) -> str:
    """Return the command that trains the network of these configs of ``baselines/``."""
    words = " ".join(f"--config baselines/{name}" for name in configs)
    return f"drummernet train --config supervised {words}"


def _baseline(name: str, configs: Sequence[str], paper: str, about: str) -> Baseline:
    return Baseline(partial(_make, name, configs), paper, f"{about}; trained on rendered stems with labels")


def _make(name: str, configs: Sequence[str], kits: Sequence[str] | None) -> TranscriberEstimator:
    if kits is not None:
        raise InputError("baseline", "kits", f"{name!r} takes none, got {','.join(kits)}")
    path = resource_folder("weights") / f"{name}.safetensors"
    if not path.is_file():
        problem = f"{name!r} comes without weights; {training_command(configs)} trains it, for --checkpoint"
        raise InputError("baseline", "weights", problem)
    estimator = TranscriberEstimator(load_transcriber(path), picker_of(path))
    estimator.provenance, estimator.weights = load_provenance(path), path
    return estimator
