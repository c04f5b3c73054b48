"""Mel filters that stay, and filters that are trained."""

import librosa
import numpy as np
import torch

from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.mel import LearnableBands, LogMelSpectra, mel_edges_hz, mel_filterbank


def test_learnable_bands_begin_where_the_mel_filters_are():
    bank = LearnableBands(4096, 40)
    filters, mel = bank().detach().numpy(), mel_filterbank(4096, 40).numpy()
    edges_hz = mel_edges_hz(40)
    bins_hz = np.linspace(0, 8000, 2049)
    for band in range(40):
        heard_hz = bins_hz[filters[band] > 0]
        centre, width = edges_hz[band + 1], edges_hz[band + 2] - edges_hz[band]
        assert abs(bins_hz[filters[band].argmax()] - centre) < 4
        assert heard_hz.min() > centre - width / 2 - 1e-2
        assert heard_hz.max() < centre + width / 2 + 1e-2
        overlap = np.minimum(filters[band], mel[band]).sum() / mel[band].sum()
        assert overlap > 0.8


def test_the_fixed_ones_are_those_of_librosa():
    expected = librosa.filters.mel(
        sr=16_000, n_fft=2048, n_mels=40, fmin=30.0, fmax=8000.0, htk=True, norm=None
    )
    np.testing.assert_allclose(mel_filterbank(2048, 40), expected, atol=1e-5)
    assert not list(LogMelSpectra(128, (512,), 20).parameters())


def test_centres_and_widths_are_trained_and_find_a_tone():
    torch.manual_seed(0)
    bank = LearnableBands(2048, 1)
    with torch.no_grad():
        bank.log_centres_hz.fill_(float(np.log(900.0)))
        bank.log_widths_hz.fill_(float(np.log(600.0)))
    tone = torch.zeros(1025)
    tone[128] = 1.0  # 1,000 Hz
    tone[100] = 0.2
    optimizer = torch.optim.Adam(bank.parameters(), 0.01)
    for _ in range(200):
        heard = bank() @ tone
        loss = (heard - 1).square().sum() + bank().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert abs(bank.log_centres_hz.exp().item() - 1000) < 30
    assert bank.log_widths_hz.exp().item() < 500


def test_a_transcriber_may_train_its_bands():
    torch.manual_seed(0)
    model = HitTranscriber(bands=24, width=2, hidden=7, layers=1, components=("KD",), learnable_bands=True)
    model(torch.randn(2, 8_000)).logits.square().mean().backward()
    trained = dict(model.spectra.named_parameters())
    assert set(trained) == {f"banks.{n}.log_{what}_hz" for n in (0, 1) for what in ("centres", "widths")}
    assert all(parameter.grad.abs().sum() > 0 for parameter in trained.values())
