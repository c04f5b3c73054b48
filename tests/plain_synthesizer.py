"""The synthesizer by its definition: activations between zeros, convolved with the one-shots."""

import torch


def plain_synthesize(activations: torch.Tensor, one_shots: torch.Tensor, hop_samples: int) -> torch.Tensor:
    """Play activations (B, K, T) on one-shots (B, K, L); return audio (B, T * hop), tails cut."""
    dense = torch.zeros(*activations.shape, hop_samples, dtype=activations.dtype)
    dense[..., 0] = activations
    dense = dense.flatten(-2)
    samples = dense.shape[-1]
    n_fft = samples + one_shots.shape[-1] - 1
    sounds = torch.fft.irfft(torch.fft.rfft(dense, n_fft) * torch.fft.rfft(one_shots, n_fft), n_fft)
    return sounds[..., :samples].sum(1)
