"""A training step by its definitions: the loss of a batch, of which autograd makes the gradient."""

import torch
from plain_enhancement import OnsetEnhancement
from plain_gates import plain_gates
from plain_heads import plain_values
from plain_pseudo_cqt import plain_pseudo_cqt
from plain_synthesizer import plain_synthesize
from plain_unet import plain_unet
from torch.nn import functional as F

from drummernet.training.module import TranscriberTraining
from drummernet.transcriber.wave import WaveTranscriber

HOP_SAMPLES = 16
BLOCK_SAMPLES = 1024


def plain_activations(transcriber: WaveTranscriber, audio: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Return the activations (B, K, T) of audio (B, N), and the sample of the first step."""
    samples = audio.shape[-1]
    padded = F.pad(audio, (0, -samples % BLOCK_SAMPLES))
    r = plain_unet(transcriber.unet, padded)
    start = (padded.shape[-1] - HOP_SAMPLES * r.shape[-1]) // 2
    values = plain_gates(plain_values(transcriber.head, r), BLOCK_SAMPLES // HOP_SAMPLES)
    return values[..., : -(-(samples - start) // HOP_SAMPLES)], start


def plain_loss(model: TranscriberTraining, stems: torch.Tensor, kits: torch.Tensor) -> torch.Tensor:
    """Return the loss of stems (B, N) whose reconstruction is played on kits (B, K) of the model's bank."""
    similarity, bank = model.objective.similarity, model.objective.synthesizer.bank
    activations, start = plain_activations(model.transcriber, stems)
    one_shots = bank[kits, torch.arange(bank.shape[1])]
    reconstruction = plain_synthesize(activations, one_shots, HOP_SAMPLES)
    heard = stems[:, start : start + reconstruction.shape[-1]]
    reconstruction = reconstruction[:, : heard.shape[-1]]
    if similarity.enhancement is not None:
        enhancement = OnsetEnhancement()
        heard, reconstruction = enhancement(heard), enhancement(reconstruction)
    target, estimate = plain_pseudo_cqt(heard), plain_pseudo_cqt(reconstruction)
    errors = [(estimate[name] - target[name]).abs().mean() for name in target]
    return similarity.weight * torch.stack(errors).sum()
