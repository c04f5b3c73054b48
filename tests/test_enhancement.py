"""The onset enhancement and its medians against scipy, librosa and the definition with sorts."""

import itertools

import librosa
import numpy as np
import pytest
import scipy.ndimage
import torch
from plain_enhancement import OnsetEnhancement as PlainEnhancement
from plain_enhancement import running_median as plain_median

from drummernet.errors import InputError
from drummernet.similarity import enhancement as module
from drummernet.similarity.enhancement import OnsetEnhancement, PercussiveMask
from drummernet.similarity.median import MedianGradient, RunningMedian


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def decaying(samples: int, seed: int = 0) -> torch.Tensor:
    """Bursts of noise and of a tone (3, N) between exact silences, one item silent from its middle on."""
    time = torch.arange(samples, dtype=torch.float64)
    bursts = torch.exp(-(time % 5_003) / 400) * (time % 5_003 < 3_500)
    audio = 0.5 * bursts * noise(3, samples, seed=seed) + 0.3 * torch.sin(0.17 * time) * (time > 2_000)
    audio[1, samples // 2 :] = 0
    return audio


def medians_of(x: torch.Tensor, length: int) -> torch.Tensor:
    out = torch.empty_like(x)
    RunningMedian(length, x)(x, out)
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "columns"), [(16, 7), (17, 1), (31, 13), (32, 5), (53, 11), (97, 37)])
@pytest.mark.parametrize("kind", ["distinct", "ties", "zeros"])
def test_running_median_equals_scipys(dtype, rows, columns, kind):
    values = noise(rows, columns).square().to(dtype)
    if kind == "ties":
        values = (2 * values).round()
    if kind == "zeros":
        values[noise(rows, columns, seed=1) < 0.2] = 0
    expected = scipy.ndimage.median_filter(values.numpy(), size=(31, 1), mode="mirror")
    np.testing.assert_array_equal(medians_of(values, 31).numpy(), expected)


@pytest.mark.parametrize(("length", "rows"), [(3, 9), (7, 13), (15, 15)])
def test_every_sequence_of_zeros_and_ones_has_its_median(length, rows):
    """A network of minima and maxima that selects right among zeros and ones does so among all numbers."""
    values = torch.tensor(list(itertools.product((0.0, 1.0), repeat=rows))).T
    expected = plain_median(values.T[None], length)[0].T
    assert torch.equal(medians_of(values, length), expected)


def test_running_median_reads_and_writes_strided_tensors_and_is_used_again():
    values = noise(37, 41)
    median = RunningMedian(31, values)
    for x in (values, noise(41, 37, seed=1).T):
        out = torch.empty(41, 37, dtype=x.dtype).T
        median(x, out)
        np.testing.assert_array_equal(
            out.numpy(), scipy.ndimage.median_filter(x.numpy(), size=(31, 1), mode="mirror")
        )


@pytest.mark.parametrize(("rows", "columns"), [(16, 7), (17, 1), (45, 13), (97, 11)])
def test_gradient_of_the_running_median_equals_that_of_sorting(rows, columns):
    x = noise(rows, columns).requires_grad_()
    gradient = noise(rows, columns, seed=1)
    medians = plain_median(x.T[None], 31)[0].T
    medians.backward(gradient)
    out = noise(columns, rows, seed=2).T
    before = out.clone()
    MedianGradient(31, x.detach())(x.detach(), medians.detach(), gradient, out)
    torch.testing.assert_close(out - before, x.grad, rtol=1e-12, atol=1e-12)


def test_gradient_goes_to_the_first_of_equal_values():
    x = torch.zeros(40, 1)
    x[30:] = 1
    gradient = torch.zeros(40, 1)
    gradient[22], gradient[28] = 2, 3
    out = torch.zeros(40, 1)
    MedianGradient(31, x)(x, medians_of(x, 31), gradient, out)
    # The window around 22 starts at 7; that around 28 reads 13 to 39 and, reflected, 38 to 35: 17 zeros.
    assert dict(zip(out.nonzero()[:, 0].tolist(), out[out != 0].tolist(), strict=True)) == {7: 2.0, 13: 3.0}


def test_mask_equals_librosas_hpss_away_from_the_edges():
    power = noise(77, 2, 101).square()
    mask, _, _ = PercussiveMask(power)(power)
    inner = (slice(16, -16), slice(16, -16))
    for item in range(2):
        _, expected = librosa.decompose.hpss(power[:, item].T.numpy(), kernel_size=31, power=2.0, mask=True)
        np.testing.assert_allclose(mask[:, item].T.numpy()[inner], expected[inner], atol=1e-9)


def test_mask_of_silence_is_one_half_and_of_faint_powers_that_of_loud_ones():
    power = noise(33, 1, 47).square().float()
    mask = PercussiveMask(power)
    loud, silent = mask(power)[0], mask(torch.zeros_like(power))[0]
    assert (silent == 0.5).all()
    torch.testing.assert_close(mask(power * 1e-35)[0], loud, rtol=1e-5, atol=1e-6)


def test_enhancement_keeps_clicks_and_removes_tones():
    time = torch.arange(16_000) / 16_000
    tone = 0.3 * torch.sin(2 * torch.pi * 437 * time)
    click = torch.zeros(16_000)
    click[7_000] = 1
    enhanced = OnsetEnhancement()(torch.stack((tone, click)))
    inside = slice(4_096, 12_000)
    assert enhanced[0, inside].square().sum() < 0.01 * tone[inside].square().sum()
    assert enhanced[1, 7_000] > 0.9


def test_enhancement_of_quiet_audio_is_the_scaled_enhancement():
    audio = noise(1, 8_200).float()
    quiet = OnsetEnhancement()(audio * 1e-9) * 1e9
    torch.testing.assert_close(quiet, OnsetEnhancement()(audio), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("samples", [3_840, 3_841, 7_001, 9_215, 24_608])
def test_enhancement_and_its_gradient_equal_the_definitions(samples):
    fast, plain = (decaying(samples).requires_grad_() for _ in range(2))
    direction = noise(3, samples, seed=5)
    result, expected = OnsetEnhancement()(fast), PlainEnhancement().double()(plain)
    (result * direction).sum().backward()
    (expected * direction).sum().backward()
    assert (result - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert result.dtype == torch.float64
    assert torch.isfinite(fast.grad).all()
    assert (fast.grad - plain.grad).norm() <= 1e-9 * plain.grad.norm()


def test_enhancement_in_float32_equals_the_definition():
    audio = decaying(11_007).float()
    expected = PlainEnhancement()(audio)
    result = OnsetEnhancement()(audio)
    assert result.dtype == torch.float32
    assert (result - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_gradient_of_silence_and_of_the_faintest_sound_is_finite():
    for level in (0.0, 1e-22, 1e-18):
        audio = (level * noise(1, 5_000)).float().requires_grad_()
        OnsetEnhancement()(audio).sum().backward()
        assert torch.isfinite(audio.grad).all()
        assert audio.grad.abs().max() > 0.1


def test_gradient_passes_through_the_mask():
    """With a detached mask the gradient would be that of a linear filter."""
    audio = noise(1, 8_200).requires_grad_()
    enhancement = OnsetEnhancement()
    direction, probe = noise(1, 8_200, seed=3), noise(1, 8_200, seed=4)
    (enhancement(audio) * direction).sum().backward()
    step = 1e-5
    with torch.no_grad():
        ahead = (enhancement(audio + step * probe) * direction).sum()
        behind = (enhancement(audio - step * probe) * direction).sum()
    assert float((ahead - behind) / (2 * step)) == pytest.approx(float((audio.grad * probe).sum()), rel=1e-3)


def test_items_do_not_depend_on_how_many_are_worked_on_together(monkeypatch):
    one_by_one, together = (decaying(7_777).requires_grad_() for _ in range(2))
    direction = noise(3, 7_777, seed=1)
    expected = OnsetEnhancement()(one_by_one)
    (expected * direction).sum().backward()
    monkeypatch.setattr(module, "_ITEMS_ON_CPU", 2)
    result = OnsetEnhancement()(together.T.contiguous().T)
    (result * direction).sum().backward()
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(together.grad, one_by_one.grad, rtol=1e-9, atol=1e-12)


def test_audio_of_fewer_than_sixteen_frames_is_refused():
    with pytest.raises(InputError, match="3839"):
        OnsetEnhancement()(torch.zeros(2, 3_839))
