"""The similarity against its definition written out, scipy and librosa."""

import librosa
import numpy as np
import pytest
import scipy.ndimage
import torch

from drummernet.similarity.enhancement import OnsetEnhancement, percussive_mask, running_median
from drummernet.similarity.filterbank import QUALITY, SPARSITY, octave_filters
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.similarity.pseudo_cqt import OCTAVES_HZ, Octave, PseudoCqt
from drummernet.similarity.spectra import MelSpectrum, StftSpectrum
from drummernet.transcriber.mel import mel_filterbank


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


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


def defined_octave(audio: np.ndarray, lowest_hz: float) -> np.ndarray:
    """The definition, with whole FFTs: C = log10(W √(|X|² + 1e-5) / √n_fft + 1e-5) + 5."""
    filters, n_fft = octave_filters(lowest_hz)
    window = np.zeros(n_fft)
    quarter = n_fft // 4
    middle = (n_fft - quarter) // 2
    window[middle : middle + quarter] = scipy.signal.get_window("hann", quarter)
    padded = np.pad(audio.astype(np.float64), n_fft // 2, mode="reflect")
    frames = [padded[t : t + n_fft] * window for t in range(0, len(audio) + 1, 64)]
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames, axis=1)) ** 2 + 1e-5)
    return np.log10(filters.numpy() @ magnitude.T / np.sqrt(n_fft) + 1e-5) + 5


@pytest.mark.parametrize("lowest_hz", OCTAVES_HZ)
@pytest.mark.parametrize("kind", ["noise", "silence", "click"])
def test_pseudo_cqt_equals_the_definition(lowest_hz, kind):
    audio = 0.1 * noise(2, 9_001)
    if kind != "noise":
        audio[:] = 0
    if kind == "click":
        audio[0, 4_321] = 1
    result = Octave(lowest_hz)(torch.from_numpy(audio)).numpy()
    expected = np.stack([defined_octave(row, lowest_hz) for row in audio])
    assert result.shape == (2, 12, 141)
    np.testing.assert_allclose(result, expected, atol=5e-4)


def test_pseudo_cqt_of_silence_has_the_measured_levels():
    levels = [float(octave.mean()) for octave in PseudoCqt()(torch.zeros(1, 4_100)).values()]
    assert levels[0] == pytest.approx(0.785, abs=0.01)
    assert levels[-1] == pytest.approx(1.767, abs=0.01)


@pytest.mark.parametrize(("octave", "frequency_hz"), [(0, 49.0), (3, 329.6), (6, 3520.0), (7, 5993.0)])
def test_a_tone_is_loudest_in_its_own_bin(octave, frequency_hz):
    tone = torch.sin(2 * torch.pi * frequency_hz / 16_000 * torch.arange(16_000.0))[None]
    spectrum = Octave(OCTAVES_HZ[octave])(tone)[0, :, 125]
    expected = round(12 * np.log2(frequency_hz / OCTAVES_HZ[octave]))
    assert abs(int(spectrum.argmax()) - expected) <= 1


def test_running_median_equals_scipys():
    values = np.abs(noise(3, 37, 53))
    result = running_median(torch.from_numpy(values), 31).numpy()
    expected = scipy.ndimage.median_filter(values, size=(1, 1, 31), mode="mirror")
    np.testing.assert_array_equal(result, expected)


def test_mask_equals_librosas_hpss_away_from_the_edges():
    power = np.abs(noise(2, 101, 77)) ** 2
    mask = percussive_mask(torch.from_numpy(power)).numpy()
    for row, expected_of in zip(mask, power, strict=True):
        _, expected = librosa.decompose.hpss(expected_of, kernel_size=31, power=2.0, mask=True)
        inner = (slice(16, -16), slice(16, -16))
        np.testing.assert_allclose(row[inner], expected[inner], atol=1e-5)


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
    audio = torch.from_numpy(noise(1, 8_200))
    quiet = OnsetEnhancement()(audio * 1e-9) * 1e9
    torch.testing.assert_close(quiet, OnsetEnhancement()(audio), rtol=1e-3, atol=1e-4)


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
    a, b = (Octave(OCTAVES_HZ[2])(audio) for audio in (stem, estimate))
    assert float(terms["octave_3"]) == pytest.approx(4 * float((a - b).abs().mean()), rel=1e-5)


def test_gradient_passes_through_the_mask():
    """With a detached mask the gradient would be that of a linear filter, equal for x and 2x."""
    audio = torch.from_numpy(noise(1, 8_200)).double().requires_grad_()
    enhancement = OnsetEnhancement().double()
    direction = torch.from_numpy(noise(1, 8_200, seed=3)).double()
    output = (enhancement(audio) * direction).sum()
    output.backward()
    step = 1e-5
    probe = torch.from_numpy(noise(1, 8_200, seed=4)).double()
    with torch.no_grad():
        ahead = (enhancement(audio + step * probe) * direction).sum()
        behind = (enhancement(audio - step * probe) * direction).sum()
    assert float((ahead - behind) / (2 * step)) == pytest.approx(float((audio.grad * probe).sum()), rel=1e-3)


def test_same_result_at_any_batch_size():
    audio = torch.from_numpy(0.1 * noise(3, 9_000))
    enhancement, spectrum = OnsetEnhancement(), PseudoCqt()
    together = spectrum(enhancement(audio))
    for row in range(3):
        alone = spectrum(enhancement(audio[row : row + 1]))
        for name in together:
            torch.testing.assert_close(together[name][row], alone[name][0], rtol=1e-4, atol=1e-4)


def test_mel_filters_equal_librosas():
    expected = librosa.filters.mel(
        sr=16_000, n_fft=1024, n_mels=128, fmin=30, fmax=8_000, htk=True, norm=None
    )
    np.testing.assert_allclose(mel_filterbank(1024, 128), expected, atol=1e-5)
