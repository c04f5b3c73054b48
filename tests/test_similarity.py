"""The similarity put together: its value, its gradients, its precision."""

import numpy as np
import pytest
import torch

from drummernet.similarity.enhancement import OnsetEnhancement
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.similarity.pseudo_cqt import PseudoCqt
from drummernet.similarity.spectra import MelSpectrum, StftSpectrum


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("enhancement", [None, OnsetEnhancement()])
@pytest.mark.parametrize("spectrum", [PseudoCqt, MelSpectrum, StftSpectrum])
def test_similarity_of_silence_is_zero_with_finite_gradients(spectrum, enhancement):
    similarity = OnsetSpectrumSimilarity(spectrum(), enhancement)
    estimate = torch.zeros(2, 9_000, requires_grad=True)
    loss = sum(similarity(torch.zeros(2, 9_000), estimate).values())
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert torch.isfinite(estimate.grad).all()


def test_similarity_is_the_weighted_mean_error_of_each_octave():
    stem, estimate = (torch.from_numpy(0.1 * noise(2, 9_000, seed=s)) for s in (1, 2))
    terms = OnsetSpectrumSimilarity(PseudoCqt(), weight=4.0)(stem, estimate)
    assert list(terms) == [f"octave_{n}" for n in range(1, 9)]
    a, b = (PseudoCqt()(audio)["octave_3"] for audio in (stem, estimate))
    assert float(terms["octave_3"]) == pytest.approx(4 * float((a - b).abs().mean()), rel=1e-5)


@pytest.mark.parametrize("spectrum", [PseudoCqt, MelSpectrum, StftSpectrum])
def test_autocast_does_not_coarsen_the_similarity(spectrum):
    stem, estimate = (torch.from_numpy(0.1 * noise(2, 9_000, seed=s)) for s in (1, 2))
    similarity = OnsetSpectrumSimilarity(spectrum(), OnsetEnhancement())
    expected = similarity(stem, estimate.bfloat16().float())
    with torch.autocast("cpu", torch.bfloat16):
        result = similarity(stem, estimate.bfloat16())
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)


def test_same_result_at_any_batch_size():
    audio = torch.from_numpy(0.1 * noise(3, 9_000))
    enhancement, spectrum = OnsetEnhancement(), PseudoCqt()
    together = spectrum(enhancement(audio))
    for row in range(3):
        alone = spectrum(enhancement(audio[row : row + 1]))
        for name in together:
            torch.testing.assert_close(together[name][row], alone[name][0], rtol=1e-4, atol=1e-4)
