"""The recurrent layers as torch runs them: what the heads compute, with the GRUs' own ``forward``."""

import torch
from torch.nn import functional as F

from drummernet.transcriber.recurrent import PaperRecurrent, ReleaseRecurrent


def plain_values(head: PaperRecurrent | ReleaseRecurrent, r: torch.Tensor) -> torch.Tensor:
    """Map r (B, C, T) to (B, K, T)."""
    x = F.elu(head.first(r.transpose(1, 2))[0])
    x = F.elu(head.second(x)[0])
    batch, steps, channels = x.shape
    states, _ = head.channels(x.reshape(batch * steps, channels, 1))
    if isinstance(head, PaperRecurrent):
        states = states[:, -1]
    return F.elu(states).reshape(batch, steps, -1).transpose(1, 2)
