"""The projection on the simplex against entmax's, and the gates in half precision."""

import math

import entmax
import pytest
import torch

from drummernet.transcriber import simplex
from drummernet.transcriber.gates import SoftmaxGates, SparsemaxGates
from drummernet.transcriber.simplex import _by_rounds, _by_sorting, sparsemax


def with_zero(z: torch.Tensor, dim: int) -> torch.Tensor:
    return torch.cat((z, torch.zeros_like(z.narrow(dim, 0, 1))), dim)


@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_equals_entmax(dim, scale, rest):
    torch.manual_seed(0)
    z = (scale * torch.randn(7, 11, 64, dtype=torch.float64)).requires_grad_()
    found = sparsemax(z, dim, rest)
    expected = entmax.sparsemax(with_zero(z, dim) if rest else z, dim)
    expected = expected.narrow(dim, 0, z.shape[dim])
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-9)
    weights = torch.randn_like(z)
    (gradient,) = torch.autograd.grad(found, z, weights)
    (wanted,) = torch.autograd.grad(expected, z, weights)
    torch.testing.assert_close(gradient, wanted, atol=1e-12, rtol=1e-9)


def test_known_projections():
    z = torch.tensor([[0.5, 0.5, -1.0], [2.0, 0.0, 0.0], [0.3, 0.3, 0.3], [-0.2, -0.5, -3.0]])
    third = 1 / 3
    expected = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [third, third, third], [0.65, 0.35, 0.0]])
    torch.testing.assert_close(sparsemax(z, 1), expected)
    expected[3] = torch.tensor([0.1, 0.0, 0.0])
    expected[2] = 0.325
    z[3] = torch.tensor([-0.8, -2.0, -3.0])
    torch.testing.assert_close(sparsemax(z, 1, rest=True), expected)


@pytest.mark.parametrize("rest", [False, True])
def test_rounds_and_sorting_find_the_same_threshold(rest):
    # Powers of a half take the most rounds: the support shrinks slowly.
    slow = 0.5 ** torch.arange(64, dtype=torch.float64)
    z = torch.stack(
        (slow, slow.flip(0) * 3 - 2, torch.zeros_like(slow), torch.randn(64, dtype=torch.float64))
    )
    z -= z.amax(1, keepdim=True)
    other = torch.linspace(-1.5, 0, 4, dtype=torch.float64)[:, None] if rest else None
    for found, wanted in zip(_by_rounds(z, 1, other), _by_sorting(z, 1, other), strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("rest", [False, True])
def test_gradient_agrees_with_finite_differences(rest):
    torch.manual_seed(2)
    z = torch.randn(3, 7, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: sparsemax(v, 1, rest), (z,))


def test_any_layout_in_memory():
    z = torch.randn(3, 7, 5)
    torch.testing.assert_close(sparsemax(z.permute(2, 0, 1), 2), sparsemax(z, 1).permute(2, 0, 1))


@pytest.mark.parametrize("rest", [False, True])
def test_the_largest_finite_values_are_projected(rest):
    z = torch.tensor([[1e9, 3.0, -3e38, 1e9], [3e38, 0.0, -3e38, 1.0]])
    expected = torch.tensor([[0.5, 0.0, 0.0, 0.5], [1.0, 0.0, 0.0, 0.0]])
    assert torch.equal(sparsemax(z, 1, rest), expected)


@pytest.mark.parametrize("search", [_by_rounds, _by_sorting])
@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_end_the_search(search, rest, value, monkeypatch):
    monkeypatch.setattr(simplex, "_by_rounds", search)
    z = torch.randn(2, 5)
    expected = sparsemax(z[1], 0, rest)
    z[0, 3] = value
    found = sparsemax(z, 1, rest)
    assert found[0].isnan().all()
    torch.testing.assert_close(found[1], expected)


@pytest.mark.parametrize("gates", [SparsemaxGates(), SparsemaxGates(rest=True), SoftmaxGates()])
def test_half_precision_logits_are_gated_in_float32(gates):
    logits = torch.randn(2, 5, 13).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        values = gates(logits, 4)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, gates(logits.float(), 4))
