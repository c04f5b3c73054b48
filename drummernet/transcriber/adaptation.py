"""Normalisation by what is heard: statistics of a recording count beside those of training.

A drum that training never met has maps with other means and other variances. Batch normalisation that takes
them from what is heard is known to bear such changes better, best if those of training count as so many more
examples (Schneider et al., NeurIPS 2020). Nothing is learned, and recordings do not depend on each other.
"""

import torch
from torch import nn
from torch.nn import functional as F

QUIET_BELS = 4.0
NEAR_SECONDS = 1.0
"""A step counts if one so near is at most so much beneath the loudest: of a long pause nothing counts."""


def sounding(spectra: torch.Tensor, steps_per_second: float) -> torch.Tensor:
    """Return which steps of log10 power spectra (B, windows, F, T) count, (B, T): 1, else 0."""
    levels = spectra.amax((1, 2))
    loud = (levels >= levels.amax(1, keepdim=True) - QUIET_BELS).to(spectra)
    near = round(NEAR_SECONDS * steps_per_second)
    return F.max_pool1d(loud[:, None], 2 * near + 1, 1, near)[:, 0]


def normalised(
    layer: nn.BatchNorm2d, maps: torch.Tensor, counts: torch.Tensor, prior_steps: float
) -> torch.Tensor:
    """Return maps (B, C, F, T), normalised by their own statistics and those of training.

    Args:
        layer: The normalisation, as it was trained.
        maps: What it would normalise.
        counts: Which steps count, (B, T); see :func:`sounding`.
        prior_steps: As how many steps the statistics of training count.
    """
    assert layer.running_mean is not None
    assert layer.running_var is not None
    steps = counts.sum(1, keepdim=True)
    weights = (counts / steps)[:, None]
    means = (maps.mean(2) * weights).sum(2)
    variances = (maps.square().mean(2) * weights).sum(2) - means.square()
    own = steps / (steps + prior_steps)
    means = torch.lerp(layer.running_mean.expand_as(means), means, own)
    variances = torch.lerp(layer.running_var.expand_as(means), variances.clamp_min(0), own)
    scales = layer.weight * torch.rsqrt(variances + layer.eps)
    shifts = layer.bias - means * scales
    return torch.addcmul(shifts[..., None, None], maps, scales[..., None, None])
