"""The networks of the supervised baselines: spectrogram, layers, what a frame can know, variants."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from madmom_oracle import madmom_module
from safetensors.torch import save_file
from torch import nn

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.score import Beat
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcriber.contract import Activations, Transcriber, beat_steps
from drummernet.transcriber.framewise import FrameConvolutions, FramewiseTranscriber
from drummernet.transcriber.layers import DenseLayers, PeepholeLstm, RecurrentLayers
from drummernet.transcriber.log_frequency import (
    HOP_SAMPLES,
    N_FFT,
    LogFrequencySpectrogram,
    log_filterbank,
)
from drummernet.transcriber.part import build
from drummernet.transcription.files import activations_of_audio

NETWORKS = {
    "rnn": lambda: {"layers": RecurrentLayers("gru", 2, 5)},
    "cnn": lambda: {"layers": DenseLayers(2, 7), "convolutions": FrameConvolutions(9, (3, 4))},
    "crnn": lambda: {"layers": RecurrentLayers("lstm", 1, 5), "convolutions": FrameConvolutions(11, (3, 4))},
}


def network(kind: str, **more: object) -> FramewiseTranscriber:
    torch.manual_seed(0)
    return FramewiseTranscriber(**NETWORKS[kind](), **more).eval()


def noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def test_the_filterbank_is_madmoms():
    bins_hz = np.arange(N_FFT // 2) * SAMPLE_RATE / N_FFT
    bank = madmom_module("audio.filters").LogarithmicFilterbank(bins_hz, num_bands=12, fmin=20, fmax=8000)
    ours = log_filterbank().numpy()[:, : N_FFT // 2]
    assert ours.shape == bank.T.shape
    np.testing.assert_allclose(ours, np.asarray(bank).T, atol=1e-6)


def test_a_steady_sine_has_the_level_of_its_amplitude_and_does_not_rise():
    spectrogram = LogFrequencySpectrogram()
    times = torch.arange(16_000) / SAMPLE_RATE
    levels, rises = spectrogram(torch.sin(2 * np.pi * 1000 * times)[None])[0]
    assert levels.shape == (spectrogram.bands, 100)
    filters = log_filterbank()
    window = torch.hann_window(743)
    at = 1000 * N_FFT // SAMPLE_RATE  # a bin's own frequency
    spread = torch.fft.rfft(window * torch.cos(2 * np.pi * at / N_FFT * torch.arange(743)), N_FFT).abs()
    expected = torch.log10(1 + filters @ spread)
    torch.testing.assert_close(levels[:, 50], expected, rtol=2e-2, atol=2e-2)
    assert rises[:, 10:90].max() < 5e-3


def test_a_click_is_in_the_middle_of_its_frames():
    audio = torch.zeros(1, 8_000)
    audio[0, 25 * HOP_SAMPLES] = 1.0
    levels, rises = LogFrequencySpectrogram()(audio)[0].sum(1)
    assert int(levels.argmax()) == 25
    assert set(torch.nonzero(levels > 1e-6).flatten().tolist()) <= set(range(23, 28))
    assert rises[:23].max() < 1e-6


def test_without_peepholes_it_is_torchs_lstm():
    torch.manual_seed(3)
    ours, theirs = PeepholeLstm(5, 4), nn.LSTM(5, 4, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.to_gates.weight)
        theirs.bias_ih_l0.copy_(ours.to_gates.bias)
        theirs.weight_hh_l0.copy_(ours.state.weight)
        theirs.bias_hh_l0.zero_()
    x = torch.randn(3, 5, 13)
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2))[0].transpose(1, 2))


def test_peepholes_let_the_gates_see_the_cell():
    layer = PeepholeLstm(1, 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.to_gates.bias[2] = 1.0  # what is new: tanh(1), of which half enters
        layer.peepholes.copy_(torch.tensor([[2.0], [-1.0], [3.0]]))
    sigmoid, new = torch.sigmoid, torch.tanh(torch.tensor(1.0))
    first = 0.5 * new
    second = sigmoid(-1 * first) * first + sigmoid(2 * first) * new
    expected = torch.stack([sigmoid(3 * c) * torch.tanh(c) for c in (first, second)])
    torch.testing.assert_close(layer(torch.zeros(1, 1, 2))[0, 0], expected)


@pytest.mark.parametrize("cell", ["tanh", "relu", "lstm", "gru"])
def test_layers_that_read_forwards_hear_the_shift_ahead_and_no_more(cell):
    torch.manual_seed(0)
    layers = RecurrentLayers(cell, 2, 6, bidirectional=False, shift_steps=3)
    layers.connect(4)
    x = torch.randn(1, 4, 20, requires_grad=True)
    layers(x)[0, :, 8].sum().backward()
    heard = torch.nonzero(x.grad[0].abs().sum(0)).flatten().tolist()
    assert max(heard) == 11
    assert min(heard) < 8


@pytest.mark.parametrize("cell", ["tanh", "relu", "lstm", "gru"])
def test_layers_that_read_both_ways_hear_everything(cell):
    torch.manual_seed(0)
    layers = RecurrentLayers(cell, 1, 40)
    layers.connect(4)
    x = torch.randn(1, 4, 9, requires_grad=True)
    output = layers(x)
    assert output.shape == (1, 80, 9)
    output[0, :, 4].sum().backward()
    assert (x.grad[0].abs().sum(0) > 0).all()


@pytest.mark.parametrize("context", [9, 13, 25])
def test_a_convolutional_network_sees_its_context(context):
    torch.manual_seed(0)
    convolutions = FrameConvolutions(context, (3, 4)).eval()
    spectra = torch.rand(2, 2, 70, 40, requires_grad=True)
    features = convolutions(spectra)
    assert features.shape == (2, convolutions.out_channels(70), 40)
    features[:, :, 20].sum().backward()
    seen = torch.nonzero(spectra.grad.abs().sum((0, 1, 2))).flatten().tolist()
    assert min(seen) == 20 - context // 2
    assert max(seen) == 20 + context // 2


@pytest.mark.parametrize(("kind", "variant"), [*product(NETWORKS, ["DT", "BF", "MT"])])
def test_networks_give_probabilities_and_are_the_same_at_any_batch_size(kind, variant):
    transcriber = network(kind, variant=variant)
    audio = noise(3, 7_001)
    beats = [(torch.rand(3, 2, 44) > 0.8).float()] if transcriber.hears_beats else []
    heard = transcriber(audio, *beats)
    assert heard.values.shape == (3, 3, 44)
    assert heard.logits.shape == (3, 5 if variant == "MT" else 3, 44)
    torch.testing.assert_close(heard.values, torch.sigmoid(heard.logits[:, :3]))
    for n in range(3):
        alone = transcriber(audio[n : n + 1], *(b[n : n + 1] for b in beats))
        torch.testing.assert_close(alone.values, heard.values[n : n + 1], rtol=1e-4, atol=1e-5)


def test_beats_matter_to_the_variant_that_hears_them():
    transcriber = network("crnn", variant="BF")
    audio = noise(1, 8_000)
    marks = beat_steps([Beat(0.1, 1), Beat(0.3, 2)], 50, HOP_SAMPLES)[None]
    with_beats, without = (transcriber(audio, b).values for b in (marks, torch.zeros_like(marks)))
    assert (with_beats - without).abs().max() > 1e-4
    with pytest.raises(InputError, match="BF needs them"):
        transcriber(audio)


@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_reach_every_parameter(kind):
    transcriber = network(kind).train()
    transcriber(noise(2, 8_000)).logits.square().sum().backward()
    for name, parameter in transcriber.named_parameters():
        if "bias_hh" not in name:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_is_built_from_its_description(kind):
    transcriber = network(kind, variant="MT", components=("KD", "SD", "HH", "CRC"))
    again = build(transcriber.describe(), "here")
    again.load_state_dict(transcriber.state_dict())
    audio = noise(1, 4_000)
    torch.testing.assert_close(again.eval()(audio).values, transcriber(audio).values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameConvolutions(10), "context_frames: 10 is not odd and at least 9"),
        (lambda: FrameConvolutions(7), "context_frames: 7"),
        (lambda: RecurrentLayers("vanilla"), "cell: 'vanilla' is none of tanh, relu, lstm, gru"),
        (lambda: RecurrentLayers("gru", 0), "layers: 0 of 50"),
        (lambda: network("rnn", variant="ZZ"), "variant: 'ZZ' is none of DT, BF, MT"),
        (lambda: network("rnn", components=("KD", "COWBELL")), "unknown 'COWBELL'"),
    ],
)
def test_what_cannot_be_built_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


class BeatEcho(Transcriber):
    """Says that a kick is where it is told a beat is, and a snare where a downbeat is."""

    components = ("KD", "SD")
    hop_samples = HOP_SAMPLES
    hears_beats = True

    def forward(self, audio: torch.Tensor, beats: torch.Tensor) -> Activations:
        assert beats.shape == (len(audio), 2, -(-audio.shape[1] // HOP_SAMPLES))
        return Activations(beats, HOP_SAMPLES)


@pytest.mark.parametrize("window_batch", [1, 3])
def test_beats_of_a_whole_recording_are_heard_where_they_are(window_batch):
    audio = np.full(3 * 98_304 + 999, 0.5, np.float32)
    beats = [Beat(0.37 * n, n % 4 + 1) for n in range(55)]
    told = activations_of_audio(BeatEcho(), audio, window_batch, beats).values
    at = [round(beat.seconds * SAMPLE_RATE / HOP_SAMPLES) for beat in beats]
    at = [step for step in at if step < told.shape[1]]
    assert len(at) > 40
    np.testing.assert_array_equal(np.flatnonzero(told[0]), at)
    np.testing.assert_array_equal(np.flatnonzero(told[1]), at[::4])


def test_released_weights_of_a_network_are_loaded(tmp_path):
    transcriber = network("crnn")
    header = {"drummernet_transcriber": json.dumps(transcriber.describe())}
    save_file(dict(transcriber.state_dict()), tmp_path / "w.safetensors", metadata=header)
    audio = noise(1, 4_000)
    loaded = load_transcriber(tmp_path / "w.safetensors")
    torch.testing.assert_close(loaded(audio).values, transcriber(audio).values)
