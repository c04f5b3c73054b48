"""The audio that measurements use."""

from pathlib import Path

import numpy as np
import torch

from drummernet import SAMPLE_RATE
from drummernet.audio import peak_normalise
from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.kits.manifest import kit_names, load_kit
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.render import render_groove


def rendered_audio(seconds: float, seed: int = 0) -> np.ndarray:
    """Return a generated groove on a procedural kit, (N,) float32 with a peak of 1."""
    kit = load_kit(kit_names("stems")[0])
    return peak_normalise(render_groove(generate_groove(seed, seconds), kit, np.random.default_rng(seed)))


def batch_of_stems(batch: int, seconds: float, corpus: Path | None) -> torch.Tensor:
    """Return a batch (B, N) as in training: crops of a corpus, or of rendered grooves.

    Raises:
        InputError: if the batch or the length is not positive, or the corpus cannot be read.
    """
    if batch < 1:
        raise InputError("bench", "batch", f"{batch} is not positive")
    if not seconds >= 0.5:
        raise InputError("bench", "seconds", f"{seconds} is less than 0.5")
    if corpus is not None:
        crops = CropDataset(open_corpus(corpus), seed=0, crop_seconds=seconds)
        return torch.stack([crops[item]["audio"] for item in range(batch)])
    samples = round(seconds * SAMPLE_RATE)
    whole = rendered_audio(batch * seconds + 1.0)[: batch * samples].reshape(batch, samples)
    return torch.from_numpy(np.stack([peak_normalise(crop) for crop in whole]))
