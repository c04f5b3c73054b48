"""Normalisation by what is heard: torch's own normalisation of a batch of one is the oracle."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.transcriber.adaptation import NEAR_SECONDS, QUIET_BELS, normalised, sounding
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.part import build


@pytest.fixture
def layer() -> nn.BatchNorm2d:
    torch.manual_seed(0)
    layer = nn.BatchNorm2d(3).eval()
    for tensor in (layer.running_mean, layer.weight.data, layer.bias.data):
        tensor.normal_()
    layer.running_var.uniform_(0.5, 2.0)
    return layer


def maps(batch: int = 2, steps: int = 40) -> torch.Tensor:
    return 3 * torch.randn(batch, 3, 5, steps, generator=torch.Generator().manual_seed(1)) + 1


def of_its_own(layer: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    """Return what batch normalisation makes of each item alone."""
    return torch.cat(
        [F.batch_norm(one[None], None, None, layer.weight, layer.bias, True, eps=layer.eps) for one in x]
    )


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_much_training_or_much_audio_decides(layer):
    x = maps()
    close(normalised(layer, x, torch.ones(2, 40), 1e9), layer(x))
    close(normalised(layer, x, torch.ones(2, 40), 1e-6), of_its_own(layer, x))


def test_between_them_means_and_variances_are_mixed_by_steps(layer):
    x = maps(1)
    own = 40 / (40 + 10)
    mean = own * x.mean((0, 2, 3)) + (1 - own) * layer.running_mean
    variance = own * x.var((0, 2, 3), correction=0) + (1 - own) * layer.running_var
    expected = F.batch_norm(x, mean, variance, layer.weight, layer.bias, eps=layer.eps)
    close(normalised(layer, x, torch.ones(1, 40), 10.0), expected)


def test_a_gain_and_a_shift_of_the_maps_do_not_matter(layer):
    x, counts = maps(), torch.ones(2, 40)
    close(normalised(layer, 5 * x + 7, counts, 1e-6), normalised(layer, x, counts, 1e-6))


def test_pauses_do_not_count(layer):
    x = maps()
    counts = torch.ones(2, 40)
    paused = torch.cat([x, torch.full((2, 3, 5, 60), -9.0)], 3)
    heard = normalised(layer, paused, F.pad(counts, (0, 60)), 30.0)
    close(heard[..., :40], normalised(layer, x, counts, 30.0))


def test_what_sounds_is_near_something_loud():
    near = round(10 * NEAR_SECONDS)
    spectra = torch.full((2, 2, 4, 100), -5.0)
    spectra[0, 1, 2, 50] = 1.0
    spectra[0, 0, 0, 90] = 0.5 - QUIET_BELS
    spectra[1, 0, 3, 20] = 0.0
    spectra[1, 0, 1, 60] = 0.1 - QUIET_BELS
    counts = sounding(spectra, 10.0)
    assert torch.nonzero(counts[0])[:, 0].tolist() == list(range(50 - near, 50 + near + 1))
    expected = [*range(20 - near, 20 + near + 1), *range(60 - near, 60 + near + 1)]
    assert torch.nonzero(counts[1])[:, 0].tolist() == expected
    assert sounding(torch.full((1, 2, 4, 30), -5.0), 10.0).all()  # silence


def small(prior_seconds: float | None) -> HitTranscriber:
    torch.manual_seed(0)
    model = HitTranscriber(
        bands=24, width=2, hidden=7, components=("KD", "SD", "HH"), prior_seconds=prior_seconds
    )
    return model.eval()


def noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def test_recordings_do_not_depend_on_each_other():
    model, audio = small(0.5), noise(3, 7_001)
    together = model(audio)
    for n in range(3):
        close(model(audio[n : n + 1]).logits, together.logits[n : n + 1])
    again = build(model.describe(), "here")
    again.load_state_dict(small(None).state_dict())
    close(again.eval()(audio).logits, together.logits)
    assert (together.logits - small(None)(audio).logits).abs().max() > 1e-3


def test_what_one_trains_is_the_same():
    audio = noise(2, 4_000)
    torch.testing.assert_close(small(0.5).train()(audio).logits, small(None).train()(audio).logits)


def test_no_time_is_refused():
    with pytest.raises(InputError, match="prior_seconds: 0 is not positive"):
        HitTranscriber(prior_seconds=0)
