"""The U-nets' fast layers against torch's own."""

import pytest
import torch
from plain_unet import plain_unet
from torch import nn
from torch.nn import functional as F

from drummernet.transcriber import first_level as first_level_module
from drummernet.transcriber import maps
from drummernet.transcriber.first_level import first_level
from drummernet.transcriber.unet import PaperUnet, ReleaseUnet


def gradients(result: torch.Tensor, direction: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad((result * direction).sum(), inputs))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize(
    ("fast", "plain", "steps"),
    [
        (maps.elu, F.elu, 11),
        (maps.double, lambda x: F.interpolate(x, scale_factor=2, mode="linear", align_corners=False), 11),
        (maps.double, lambda x: F.interpolate(x, scale_factor=2, mode="linear", align_corners=False), 1),
        (maps.maxima, lambda x: F.max_pool1d(x, 2), 11),
        (maps.maxima, lambda x: F.max_pool1d(x, 2), 12),
        (maps.elu_of_maxima, lambda x: F.max_pool1d(F.elu(x), 2), 13),
    ],
)
def test_layers_equal_torchs(fast, plain, steps):
    x = random(3, steps, 5)
    result, expected = fast(x), plain(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(result, expected)
    direction = random(*result.shape, seed=1).detach()
    torch.testing.assert_close(*(gradients(y, direction, x) for y in (result, expected)))


def test_of_equal_neighbours_the_first_gets_the_gradient():
    x = torch.zeros(1, 6, 1, requires_grad=True)
    maps.maxima(x).sum().backward()
    assert x.grad.flatten().tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(("padding", "bias"), [(1, True), (0, False), (0, True), (1, False)])
@pytest.mark.parametrize("samples", [40, 41, 333])
def test_first_level_equals_torchs_layers(monkeypatch, padding, bias, samples):
    monkeypatch.setattr(first_level_module, "TILE_VALUES", 7 * 2 * 19)  # tiles of 19 steps
    torch.manual_seed(0)
    first = nn.Conv1d(1, 7, 3, padding=padding, bias=bias).double()
    second = nn.Conv1d(7, 5, 3, padding=padding, bias=bias).double()
    audio = random(3, samples)
    result = first_level(audio, first, second)
    expected = F.elu(F.max_pool1d(second(F.elu(first(audio.unsqueeze(1)))), 2)).transpose(1, 2)
    torch.testing.assert_close(result, expected)
    direction = random(*result.shape, seed=1).detach()
    inputs = (audio, *first.parameters(), *second.parameters())
    torch.testing.assert_close(*(gradients(y, direction, *inputs) for y in (result, expected)))


@pytest.mark.parametrize("padding", [1, 0])
@pytest.mark.parametrize(
    ("samples", "advance", "shares"),
    [(64, 48, True), (65, 48, True), (64, 8, True), (64, 63, False), (64, 64, False), (64, 80, False)],
)
def test_windows_of_one_recording_equal_windows_apart(monkeypatch, padding, samples, advance, shares):
    monkeypatch.setattr(first_level_module, "TILE_VALUES", 7 * 2 * 19)
    computed, plain = [], first_level_module._map
    monkeypatch.setattr(
        first_level_module, "_map", lambda *args: computed.append(plain(*args).shape[1]) or plain(*args)
    )
    torch.manual_seed(0)
    first = nn.Conv1d(1, 7, 3, padding=padding).double()
    second = nn.Conv1d(7, 5, 3, padding=padding).double()
    windows = torch.randn(samples + 4 * advance, dtype=torch.float64).unfold(0, samples, advance)
    with torch.no_grad():
        together = first_level(windows, first, second)
        steps_together = sum(computed)
        torch.testing.assert_close(together, first_level(windows.contiguous(), first, second))
    assert (steps_together < sum(computed) - steps_together) == shares
    # Weights that learn hear every window.
    assert first_level(windows, first, second).requires_grad


@pytest.mark.parametrize("unet", [PaperUnet(7, 5), ReleaseUnet(5), PaperUnet(), ReleaseUnet()])
@pytest.mark.parametrize("values", [2**22, 2**15])
def test_unets_equal_torchs_layers(monkeypatch, unet, values):
    monkeypatch.setattr(maps, "MAP_VALUES", values)
    monkeypatch.setattr(first_level_module, "TILE_VALUES", values)
    unet = unet.double()
    audio = random(3, 11_264)
    result, expected = unet(audio), plain_unet(unet, audio)
    torch.testing.assert_close(result, expected)
    direction = random(*result.shape, seed=1).detach()
    inputs = (audio, *unet.parameters())
    torch.testing.assert_close(*(gradients(y, direction, *inputs) for y in (result, expected)))


@pytest.mark.parametrize("layer", [maps.elu, maps.elu_of_maxima])
def test_small_values_in_bfloat16_keep_their_digits(layer):
    """1 + x has none of them."""
    x = torch.full((1, 2, 3), -1e-3, dtype=torch.bfloat16)
    torch.testing.assert_close(layer(x)[:, :1], x[:, :1], rtol=0.01, atol=0)


@pytest.mark.parametrize("unet", [PaperUnet(), ReleaseUnet()])
def test_bfloat16_is_near(unet):
    audio = torch.randn(2, 11_264)
    expected = unet(audio)
    with torch.autocast("cpu", torch.bfloat16):
        result = unet(audio)
    assert result.dtype is torch.bfloat16
    assert (result.float() - expected).norm() < 0.03 * expected.norm()
    assert (result.float() - expected).norm() > 1e-4 * expected.norm()
