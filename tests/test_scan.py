"""The scan of GRUs against torch's own."""

import pytest
import torch
from plain_heads import plain_values
from torch import nn

from drummernet.transcriber import scan
from drummernet.transcriber.recurrent import PaperRecurrent, ReleaseRecurrent
from drummernet.transcriber.scan import gru, gru_last


def gradients(values: torch.Tensor, *sources: torch.Tensor) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, values.numel(), dtype=torch.float64).to(values.dtype)
    return list(torch.autograd.grad(values, sources, weights.to(values.device).view(values.shape)))


def assert_same(values, expected, sources, **tolerance):
    torch.testing.assert_close(values, expected, **tolerance)
    for found, wanted in zip(gradients(values, *sources), gradients(expected, *sources), strict=True):
        torch.testing.assert_close(found, wanted, **tolerance)


@pytest.fixture(params=["one chunk", "many chunks and blocks"])
def _chunked(request, monkeypatch):
    if request.param != "one chunk":
        # Of 11 sequences and 13 steps, blocks and chunks of 4, 4, 3 and 3, 3, …: the last ones are shorter.
        monkeypatch.setattr(scan, "_STEP_VALUES", 4 * 4 * 5)
        monkeypatch.setattr(scan, "_CHUNK_VALUES", 3 * 4 * 4 * 5)


@pytest.mark.usefixtures("_chunked")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_equals_torch(bidirectional, bias):
    torch.manual_seed(0)
    layer = nn.GRU(7, 5, batch_first=True, bidirectional=bidirectional, bias=bias).double()
    x = torch.randn(11, 7, 13, dtype=torch.float64, requires_grad=True)
    expected = layer(x.transpose(1, 2))[0].transpose(1, 2)
    assert_same(gru(layer, x), expected, (x, *layer.parameters()), atol=1e-9, rtol=1e-9)


@pytest.mark.usefixtures("_chunked")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("channels", "hidden"), [(1, 5), (1, 1), (3, 2)])
def test_the_last_state_equals_torch(channels, hidden, bias):
    torch.manual_seed(0)
    layer = nn.GRU(channels, hidden, batch_first=True, bias=bias).double()
    x = torch.randn(11, channels, 13, dtype=torch.float64, requires_grad=True)
    expected = layer(x.transpose(1, 2))[1][0]
    assert_same(gru_last(layer, x), expected, (x, *layer.parameters()), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("build", [PaperRecurrent, ReleaseRecurrent])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_heads_equal_plain_heads(build, dtype, tolerance):
    torch.manual_seed(0)
    head = build(in_channels=9).to(dtype)
    r = torch.randn(3, 9, 137, dtype=dtype, requires_grad=True)
    sources = (r, *head.parameters())
    assert_same(head(r), plain_values(head, r), sources, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("direction", [1, -1])
def test_large_sums_saturate_as_torch_does(direction):
    layer = nn.GRU(2, 3, batch_first=True)
    x = torch.full((2, 2, 7), 1e4 * direction, requires_grad=True)
    assert_same(gru(layer, x), layer(x.transpose(1, 2))[0].transpose(1, 2), (x,), atol=1e-6, rtol=1e-5)


def test_small_states_keep_their_digits():
    torch.manual_seed(0)
    layer = nn.GRU(1, 1, batch_first=True, bias=False)
    with torch.no_grad():
        layer.weight_ih_l0[2] = 1e-4
    x = torch.randn(7, 1, 11)
    found = gru(layer, x)
    expected = gru(layer.double(), x.double())
    assert (found - expected).norm() < 1e-6 * expected.norm()


def test_the_gradient_lies_in_memory_as_the_input_does():
    layer = nn.GRU(7, 5, batch_first=True)
    for order in ((0, 1, 2), (2, 0, 1), (0, 2, 1)):
        x = torch.randn(6, 7, 8).permute(order).contiguous().permute(*torch.tensor(order).argsort().tolist())
        x.requires_grad_()
        states = gru(layer, x)
        expected = layer(x.transpose(1, 2))[0].transpose(1, 2)
        assert_same(states, expected, (x,), atol=1e-5, rtol=1e-5)
    contiguous = torch.randn(6, 7, 8, requires_grad=True)
    # A hook sees the gradient before it is accumulated, and with that copied.
    strides = []
    contiguous.register_hook(lambda grad: strides.append(grad.stride()))
    gru(layer, contiguous).sum().backward()
    assert strides == [contiguous.stride()]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("sequences", [1, 3, 8, 9, 14, 15, 16, 17])
def test_any_number_of_sequences_of_a_wide_layer_equals_torch(sequences, bidirectional):
    layer = nn.GRU(5, 37, batch_first=True, bidirectional=bidirectional).double()
    x = torch.randn(sequences, 5, 23, dtype=torch.float64)
    with torch.no_grad():
        expected = layer(x.transpose(1, 2))[0].transpose(1, 2)
        torch.testing.assert_close(gru(layer, x), expected, rtol=1e-9, atol=1e-9)
        if not bidirectional:
            torch.testing.assert_close(gru_last(layer, x), expected[..., -1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gru(layer, x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_nothing_is_kept(mode, monkeypatch):
    layer = nn.GRU(7, 5, batch_first=True, bidirectional=True)
    x = torch.randn(3, 7, 101)
    expected = gru(layer, x)
    monkeypatch.setattr(scan, "_CHUNK_VALUES", 10 * 3 * 8 * 5)
    gates = set()
    advance = scan._advance
    monkeypatch.setattr(scan, "_advance", lambda s, g, *rest: (gates.add(g.data_ptr()), advance(s, g, *rest)))
    with mode():
        torch.testing.assert_close(gru(layer, x), expected)
    # Ten chunks of 10 steps and one of 1: two buffers serve them all.
    assert len(gates) <= 2


def test_half_precision_around_does_not_reach_the_scan():
    layer = nn.GRU(7, 5, batch_first=True)
    x = torch.randn(3, 7, 11).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        states = gru(layer, x)
        (found,) = torch.autograd.grad(states.sum(), layer.weight_hh_l0)
    assert states.dtype == torch.float32
    expected = gru(layer, x.float())
    torch.testing.assert_close(states, expected)
    torch.testing.assert_close(found, *torch.autograd.grad(expected.sum(), layer.weight_hh_l0))


def test_items_do_not_depend_on_their_batch():
    layer = nn.GRU(7, 5, batch_first=True, bidirectional=True).double()
    x = torch.randn(5, 7, 31, dtype=torch.float64)
    together = gru(layer, x)
    for item in range(5):
        torch.testing.assert_close(gru(layer, x[item : item + 1])[0], together[item])


def fail() -> None:
    assert torch.get_num_threads() == 1
    raise ValueError("inside")


def test_the_number_of_threads_comes_back_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ValueError, match="inside"), scan._one_thread():
            fail()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
