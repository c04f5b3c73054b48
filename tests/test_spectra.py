"""The mel and STFT variants against torch.stft and librosa."""

from collections.abc import Iterator

import librosa
import numpy as np
import pytest
import torch

from drummernet.similarity.spectra import MelSpectrum, StftSpectrum
from drummernet.transcriber.mel import mel_filterbank


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_magnitude(audio: torch.Tensor, n_fft: int, hop_samples: int) -> torch.Tensor:
    window = torch.hann_window(n_fft, dtype=audio.dtype)
    spectrum = torch.stft(audio, n_fft, hop_samples, window=window, return_complex=True)
    return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-5) / n_fft**0.5


def assert_equal_with_gradient(spectrum, name, plain, audio):
    estimates = [audio.clone().requires_grad_() for _ in range(2)]
    result, expected = spectrum(estimates[0])[name], plain(estimates[1])
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-10)
    direction = noise(*expected.shape, seed=1)
    (fast,) = torch.autograd.grad(result, estimates[0], direction)
    (slow,) = torch.autograd.grad(expected, estimates[1], direction)
    assert float((fast - slow).norm() / slow.norm()) < 1e-10


@pytest.mark.parametrize(("n_fft", "hop_samples"), [(1024, 64), (256, 100), (77, 13)])
@pytest.mark.parametrize("level", [1e-4, 1])
def test_stft_equals_its_definition(n_fft, hop_samples, level):
    spectrum = StftSpectrum(n_fft, hop_samples)
    assert_equal_with_gradient(
        spectrum,
        "stft",
        lambda audio: torch.log10(plain_magnitude(audio, n_fft, hop_samples) + 1e-5) + 5,
        level * noise(3, 3_011),
    )


@pytest.mark.parametrize("n_fft", [512, 1024])
def test_mel_equals_its_definition(n_fft):
    filters = mel_filterbank(n_fft, 23).double()
    assert_equal_with_gradient(
        MelSpectrum((512, 1024), 23).double(),
        f"mel_{n_fft}",
        lambda audio: torch.log10(filters @ plain_magnitude(audio, n_fft, 64) + 1e-5) + 5,
        0.1 * noise(3, 3_011),
    )


def test_mel_filters_equal_librosas():
    expected = librosa.filters.mel(
        sr=16_000, n_fft=1024, n_mels=128, fmin=30, fmax=8_000, htk=True, norm=None
    )
    np.testing.assert_allclose(mel_filterbank(1024, 128), expected, atol=1e-5)
