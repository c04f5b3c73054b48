"""The Euclidean projection on the probability simplex (Martins and Astudillo 2016), forward and backward."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable


def sparsemax(z: torch.Tensor, dim: int, rest: bool = False) -> torch.Tensor:
    """Project the values along one axis on the simplex: ``max(z - τ, 0)`` with the τ at which they sum to 1.

    Args:
        z: Values of any shape; the layout in memory is kept.
        dim: The axis.
        rest: Project them together with one more value of 0 and leave that out, so that the sum may be less.

    Returns:
        A tensor like ``z``; NaN along an axis with a value that is NaN or +∞.
    """
    result: torch.Tensor = _Sparsemax.apply(z, dim, rest)
    return result


def _by_rounds(z: torch.Tensor, dim: int, rest: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return τ and the size of the support by the active-set iteration, 1 to 7 rounds as a rule.

    These are Newton's steps on ``Σ max(z - τ, 0) = 1``, from below: the support shrinks until it stays.
    The largest value, of ``z`` or ``rest``, is 0.
    """
    size = torch.zeros_like(z.narrow(dim, 0, 1))
    threshold = size - 1
    above = torch.empty_like(z)
    # Every round but the last takes a value out of some support; NaN would never come to rest.
    for _ in range(z.shape[dim] + 1):
        torch.sub(z, threshold, out=above).clamp_min_(0)
        excess = above.sum(dim, keepdim=True) - 1
        now = torch.sign(above, out=above).sum(dim, keepdim=True)
        if rest is not None:
            excess += (rest - threshold).clamp_min_(0)
            now += threshold < rest
        threshold += excess.div_(now)
        if torch.equal(now, size):
            break
        size = now
    return threshold, size


def _by_sorting(z: torch.Tensor, dim: int, rest: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the same without asking the device when to stop."""
    if rest is not None:
        z = torch.cat((z, rest), dim)
    ordered = z.sort(dim, descending=True).values
    shape = [1] * z.dim()
    shape[dim] = -1
    ranks = torch.arange(1, z.shape[dim] + 1, device=z.device, dtype=z.dtype).view(shape)
    sums = ordered.cumsum(dim) - 1
    # The first is in the support; among NaN no comparison says so.
    size = (ranks * ordered > sums).sum(dim, keepdim=True).clamp_min_(1)
    return sums.gather(dim, size - 1) / size, size.to(z.dtype)


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, dim: int, rest: bool) -> torch.Tensor:
        top = z.amax(dim, keepdim=True)
        if rest:
            top.clamp_min_(0)
        # Among large values a difference of 1 is lost to rounding.
        z = z - top
        threshold, size = (_by_rounds if z.device.type == "cpu" else _by_sorting)(
            z, dim, -top if rest else None
        )
        result = z.sub_(threshold).clamp_min_(0)
        ctx.save_for_backward(result, size)
        ctx.dim = dim
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        result, size = ctx.saved_tensors
        support = result.sign()
        inside = grad * support
        return inside.addcmul_(support, inside.sum(ctx.dim, keepdim=True).div_(size), value=-1), None, None
