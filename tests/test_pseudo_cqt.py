"""The pseudo-CQT and its filters against librosa and the definition written out."""

from collections.abc import Iterator

import librosa
import numpy as np
import pytest
import torch
from plain_pseudo_cqt import plain_octave, plain_pseudo_cqt

from drummernet.similarity.filterbank import QUALITY, SPARSITY, octave_filters
from drummernet.similarity.narrow_bands import ladder
from drummernet.similarity.pseudo_cqt import OCTAVES_HZ, PseudoCqt


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("lowest_hz", OCTAVES_HZ)
def test_filters_equal_librosas_kernels_at_the_old_quality(lowest_hz):
    filters, n_fft = octave_filters(lowest_hz)
    frequencies = lowest_hz * 2.0 ** (np.arange(12) / 12)
    kernels, lengths = librosa.filters.wavelet(
        freqs=frequencies,
        sr=16_000,
        norm=1,
        pad_fft=True,
        alpha=np.full(12, 1 / QUALITY),
        dtype=np.complex128,
    )
    spectra = np.abs(np.fft.fft(kernels * lengths[:, None] / n_fft, n_fft)[:, : n_fft // 2 + 1])
    expected = librosa.util.sparsify_rows(spectra, quantile=SPARSITY).toarray()
    # The smallest value that is kept may be cut there by rounding, so values are compared, not supports.
    np.testing.assert_allclose(filters, expected, atol=2e-5)
    read = np.flatnonzero(filters.any(0))
    assert (read[0], read[-1]) == ((25, 64) if lowest_hz == 4000 else (27, 76))


@pytest.mark.parametrize("lowest_hz", OCTAVES_HZ)
def test_the_plain_octave_equals_its_formula_in_numpy(lowest_hz):
    filters, n_fft = octave_filters(lowest_hz)
    window = np.zeros(n_fft)
    quarter = n_fft // 4
    middle = (n_fft - quarter) // 2
    window[middle : middle + quarter] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(quarter) / quarter)
    audio = noise(9_001)
    padded = np.pad(audio.numpy(), n_fft // 2, mode="reflect")
    frames = [padded[t : t + n_fft] * window for t in range(0, 9_002, 64)]
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames, axis=1)) ** 2 + 1e-5)
    expected = np.log10(filters.numpy() @ magnitude.T / np.sqrt(n_fft) + 1e-5) + 5
    np.testing.assert_allclose(plain_octave(audio[None], lowest_hz)[0], expected, atol=1e-9)


def sound(kind: str) -> torch.Tensor:
    audio = noise(3, 9_001)
    if kind == "loud":
        return audio.clamp(-1, 1)
    if kind == "quiet":
        return 1e-4 * audio
    if kind == "silence":
        return 0 * audio
    if kind == "loud, then nearly silent":
        audio[:, 4_000:] *= 1e-5
        return audio.clamp(-1, 1)
    audio *= 1e-5
    audio[:, 4_321] = 1
    return audio


@pytest.mark.parametrize("kind", ["loud", "quiet", "silence", "loud, then nearly silent", "click"])
def test_pseudo_cqt_in_float32_equals_the_definition(kind):
    audio = sound(kind)
    result = PseudoCqt()(audio.float())
    expected = plain_pseudo_cqt(audio.float().double())
    assert list(result) == [f"octave_{n}" for n in range(1, 9)]
    for name, octave in result.items():
        assert octave.dtype == torch.float32
        assert octave.shape == (3, 12, 141)
        torch.testing.assert_close(octave.double(), expected[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("samples", [2_049, 2_111, 2_112, 4_097, 7_743])
def test_pseudo_cqt_and_its_gradient_equal_the_definition_at_any_length(samples, float64):
    audio = 0.1 * noise(2, samples)
    estimates = [audio.clone().requires_grad_() for _ in range(2)]
    results = [PseudoCqt()(estimates[0]), plain_pseudo_cqt(estimates[1])]
    directions = [noise(*octave.shape, seed=n) for n, octave in enumerate(results[0].values())]
    for name, octave in results[0].items():
        torch.testing.assert_close(octave, results[1][name], rtol=0, atol=1e-10)
    fast, plain = (
        torch.autograd.grad(tuple(result.values()), estimate, directions)[0]
        for result, estimate in zip(results, estimates, strict=True)
    )
    assert float((fast - plain).norm() / plain.norm()) < 1e-9


def test_gradient_in_float32_equals_the_definition():
    audio = 0.1 * noise(2, 4_500)
    fast, plain = audio.float().requires_grad_(), audio.clone().requires_grad_()
    sum(octave.sum() for octave in PseudoCqt()(fast).values()).backward()
    sum(octave.sum() for octave in plain_pseudo_cqt(plain).values()).backward()
    assert float((fast.grad - plain.grad).norm() / plain.grad.norm()) < 1e-5


def test_gradient_can_be_taken_twice_over_the_same_graph():
    audio = (0.1 * noise(1, 3_000)).float().requires_grad_()
    octaves = tuple(PseudoCqt()(audio).values())
    directions = [torch.ones_like(octave) for octave in octaves]
    (first,) = torch.autograd.grad(octaves, audio, directions, retain_graph=True)
    (second,) = torch.autograd.grad(octaves, audio, directions)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_rows_depend_on_neither_their_batch_nor_their_strides(float64):
    audio = noise(3_001, 7).T
    spectrum = PseudoCqt()
    together = spectrum(audio)
    for row in range(7):
        for name, octave in spectrum(audio[row : row + 1].contiguous()).items():
            torch.testing.assert_close(together[name][row], octave[0], rtol=0, atol=1e-10)


def test_pseudo_cqt_of_silence_has_the_measured_levels():
    levels = [float(octave.mean()) for octave in PseudoCqt()(torch.zeros(1, 4_100)).values()]
    assert levels[0] == pytest.approx(0.785, abs=0.01)
    assert levels[-1] == pytest.approx(1.767, abs=0.01)


@pytest.mark.parametrize(("octave", "frequency_hz"), [(0, 49.0), (3, 329.6), (6, 3520.0), (7, 5993.0)])
def test_a_tone_is_loudest_in_its_own_bin(octave, frequency_hz):
    tone = torch.sin(2 * torch.pi * frequency_hz / 16_000 * torch.arange(16_000.0))[None]
    spectrum = PseudoCqt()(tone)[f"octave_{octave + 1}"][0, :, 125]
    expected = round(12 * np.log2(frequency_hz / OCTAVES_HZ[octave]))
    assert abs(int(spectrum.argmax()) - expected) <= 1


@pytest.mark.parametrize("blocks", [2, 4, 8, 16])
def test_the_ladder_multiplies_to_the_product_that_it_factors(blocks):
    matrix = noise(64 * blocks, 5)
    first, *stages = ladder(matrix, 1e-14)
    # One frame of ``blocks`` blocks: the stages in turn join all of them.
    values = first @ noise(64 * blocks, seed=1).view(blocks, 64).T
    for stage in stages:
        values = torch.einsum("rcj,cnj->rn", stage, values.unflatten(1, (-1, stage.shape[2])))
    torch.testing.assert_close(values[:, 0], matrix.T @ noise(64 * blocks, seed=1), rtol=0, atol=1e-10)


def test_the_ladder_keeps_few_degrees_of_freedom_of_a_narrow_band():
    """Twice band times duration, plus a few at the edges: 50 bins of a quarter of a cycle per frame."""
    times, bins = torch.arange(4_096.0, dtype=torch.float64), torch.arange(27, 77)
    angles = 2 * torch.pi / 16_384 * times[:, None] * bins
    first, *_, last = ladder(torch.cat((angles.cos(), angles.sin()), 1), 1e-7)
    assert len(first) < 9
    assert last.shape[0] == 100
    assert last.shape[1] * last.shape[2] < 100
