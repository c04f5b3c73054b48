"""The published gates with entmax's sparsemax, block after block."""

import entmax
import torch


def plain_gates(logits: torch.Tensor, block_steps: int) -> torch.Tensor:
    """Gate logits (B, K, T): sparsemax over K times sparsemax over blocks of T, the rest being one too."""
    over_time = [entmax.sparsemax(block, -1) for block in logits.split(block_steps, -1)]
    return entmax.sparsemax(logits, 1) * torch.cat(over_time, -1)
