"""The transcribers: sizes, gates, gradients, checkpoints."""

import numpy as np
import pytest
import torch
from plain_unet import plain_encoder

from drummernet.errors import InputError
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.tracks import Recording
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.checkpoint import (
    ENTRY,
    PROVENANCE_ENTRY,
    export_weights,
    load_provenance,
    load_transcriber,
    save_weights,
)
from drummernet.transcriber.gates import SoftmaxGates, SparsemaxGates, block_steps_of
from drummernet.transcriber.recurrent import ConvolutionHead, PaperRecurrent, ReleaseRecurrent
from drummernet.transcriber.spectral import SpectralTranscriber
from drummernet.transcriber.unet import PaperUnet, ReleaseUnet
from drummernet.transcriber.wave import WaveTranscriber
from drummernet.transcription.files import Heard
from drummernet.transcription.picking import Picker, component_hits


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def paper() -> WaveTranscriber:
    return WaveTranscriber(PaperUnet(), PaperRecurrent(), SparsemaxGates())


def release() -> WaveTranscriber:
    return WaveTranscriber(ReleaseUnet(), ReleaseRecurrent(), SparsemaxGates())


def small() -> SpectralTranscriber:
    return SpectralTranscriber(SparsemaxGates(rest=True), bands=20, channels=3, hidden=7)


def test_published_sizes():
    for transcriber, expected in ((paper(), (178_012, 129_462)), (release(), (195_250, 8_619))):
        assert (parameters(transcriber.unet), parameters(transcriber.head)) == expected
    assert parameters(paper()) == 307_474
    assert parameters(release()) == 203_869


@pytest.mark.parametrize(("samples", "steps"), [(32_000, 2_000), (3_073, 193), (1, 1)])
def test_the_paper_gives_a_step_per_16_samples(samples, steps):
    activations = paper()(torch.randn(2, samples))
    assert activations.values.shape == (2, 11, steps)
    assert (activations.hop_samples, activations.start_sample) == (16, 0)


@pytest.mark.parametrize(("samples", "steps"), [(32_000, 1_538), (16_384, 514)])
def test_the_release_crops_4080_samples_per_side(samples, steps):
    activations = release()(torch.randn(2, samples))
    assert activations.values.shape == (2, 11, steps)
    assert activations.start_sample == 4_080


def test_the_spectral_transcriber_gives_a_step_per_hop():
    assert small()(torch.randn(2, 3_001)).values.shape == (2, 11, 24)


def test_the_view_of_the_bottom_is_3072_samples(monkeypatch):
    # Max-pooling passes a gradient to one sample of each pair, the mean to all that is seen.
    monkeypatch.setattr(torch.nn.functional, "max_pool1d", torch.nn.functional.avg_pool1d)
    encoder = PaperUnet(first_channels=2, channels=3).encoder.double()
    audio = torch.randn(1, 8_192, dtype=torch.float64, requires_grad=True)
    plain_encoder(encoder, audio)[0][0, :, 4].sum().backward()
    seen = audio.grad[0].nonzero()
    assert int(seen[-1] - seen[0]) + 1 == 3_072


@pytest.mark.parametrize("build", [paper, release, small])
def test_same_activations_at_any_batch_size(build):
    torch.manual_seed(0)
    transcriber = build().double()
    audio = torch.randn(3, 16_384, dtype=torch.float64)
    together = transcriber(audio).values
    for item in range(3):
        torch.testing.assert_close(transcriber(audio[item : item + 1]).values[0], together[item])


@pytest.mark.parametrize("build", [paper, release, small])
def test_activations_lie_in_the_product_of_two_simplices(build):
    values = build()(torch.randn(2, 16_384)).values
    assert values.min() >= 0
    assert values.sum(1).max() <= 1 + 1e-5
    hop = build().hop_samples
    blocks = values[..., : values.shape[-1] // (1_024 // hop) * (1_024 // hop)].unflatten(
        -1, (-1, 1_024 // hop)
    )
    assert blocks.sum(-1).max() <= 1 + 1e-5


def projected(values: np.ndarray) -> np.ndarray:
    """The projection on the simplex, by bisection of the threshold."""
    low, high = values.min() - 1, values.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(values - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(values - high, 0)


@pytest.mark.parametrize("rest", [False, True])
def test_gates_equal_projections_on_the_simplex(rest):
    logits = np.random.default_rng(0).normal(size=(2, 5, 13))
    values = SparsemaxGates(rest=rest)(torch.from_numpy(logits), 4).numpy()
    extra = [0.0] if rest else []
    for b in range(2):
        for t in range(13):
            component = projected(np.append(logits[b, :, t], extra))[:5]
            start = t // 4 * 4
            for k in range(5):
                block = logits[b, k, start : start + 4]
                time = projected(np.append(block, extra))[t - start]
                assert values[b, k, t] == pytest.approx(component[k] * time, abs=1e-9)


def test_blended_gates_move_from_smooth_to_sparse():
    logits = torch.randn(2, 5, 12)
    gates = SparsemaxGates(rest=True, blended=True)
    smooth = gates(logits, 4)
    assert (smooth > 0).all()
    time = torch.softmax(torch.nn.functional.pad(logits.unflatten(-1, (3, 4)), (0, 1)), -1)[..., :-1].flatten(
        -2
    )
    torch.testing.assert_close(smooth, torch.sigmoid(logits) * time)
    gates.sharpness.fill_(1.0)
    torch.testing.assert_close(gates(logits, 4), SparsemaxGates(rest=True)(logits, 4))


def test_soft_gates_are_two_softmax_in_sequence():
    logits = torch.randn(2, 5, 8)
    values = SoftmaxGates()(logits, 4)
    shares = torch.softmax(logits, 1)
    expected = torch.cat([torch.softmax(shares[..., i : i + 4], -1) for i in (0, 4)], -1)
    torch.testing.assert_close(values, expected)


def test_a_rest_channel_can_say_nothing():
    logits = torch.full((1, 5, 8), -2.0)
    assert SparsemaxGates(rest=True)(logits, 4).abs().max() == 0
    assert SparsemaxGates()(logits, 4).sum() > 0


def test_hops_that_do_not_divide_the_block_are_named():
    assert block_steps_of(16) == 64
    with pytest.raises(InputError, match="hop_samples: 100 does not divide 1024"):
        block_steps_of(100)


def test_convolutions_in_place_of_grus():
    transcriber = WaveTranscriber(PaperUnet(), ConvolutionHead(), SparsemaxGates())
    assert transcriber(torch.randn(1, 2_048)).values.shape == (1, 11, 128)


def test_gradients_reach_the_first_convolution():
    for build in (paper, release):
        transcriber = build()
        transcriber(torch.randn(2, 16_384)).values.square().sum().backward()
        assert transcriber.unet.encoder.first.weight.grad.abs().max() > 0


def test_three_classes_are_heard_scored_and_written(tmp_path, monkeypatch):
    """A transcriber of classes is trained, saved, scored by class and written as the usual component."""
    model = build_model(read_recipe(["paper", "ablations/three_classes"]))
    transcriber = model.transcriber
    assert transcriber.components == model.objective.synthesizer.components == ("KD", "SD", "HH")
    activations = transcriber(torch.randn(2, 4_096))
    assert activations.values.shape == (2, 3, 256)
    audio = model.objective.synthesizer(
        activations.values, 16, model.objective.synthesizer.drawn_kits(0, [0, 1])
    )
    audio.square().sum().backward()
    assert transcriber.unet.encoder.first.weight.grad.abs().sum() > 0
    state = {f"transcriber.{name}": tensor for name, tensor in transcriber.state_dict().items()}
    torch.save({ENTRY: transcriber.describe(), "state_dict": state}, tmp_path / "last.ckpt")
    assert load_transcriber(tmp_path / "last.ckpt").components == ("KD", "SD", "HH")
    values = np.zeros((3, 2_000), np.float32)
    values[2, 500] = values[0, 900] = 1
    monkeypatch.setattr(
        "drummernet.evaluation.estimators.activations_of_audio", lambda *_, **__: Heard(values)
    )
    onsets = TranscriberEstimator(transcriber, Picker())(Recording(np.zeros(32_000, np.float32)))
    assert {name: found.tolist() for name, found in onsets.items() if len(found)} == {
        "KD": [0.9],
        "HH": [0.5],
    }
    hits = component_hits(values, None, None, transcriber.components, 1_000.0, Picker())
    assert [(hit.onset_seconds, hit.component) for hit in hits] == [(0.5, "CHH"), (0.9, "KD")]


def test_provenance_is_carried_from_the_checkpoint_to_the_weights(tmp_path):
    transcriber = small()
    state = {f"transcriber.{name}": tensor for name, tensor in transcriber.state_dict().items()}
    checkpoint = {ENTRY: transcriber.describe(), "state_dict": state}
    provenance = {"objective": "cycle", "kits": ["synthesizer"], "items": 4_096, "selected_on": ["mdb"]}
    torch.save(checkpoint, tmp_path / "older.ckpt")
    torch.save({**checkpoint, PROVENANCE_ENTRY: provenance}, tmp_path / "last.ckpt")
    for name, expected in (("older", None), ("last", provenance)):
        export_weights(tmp_path / f"{name}.ckpt", tmp_path / f"{name}.safetensors")
        assert load_provenance(tmp_path / f"{name}.ckpt") == expected
        assert load_provenance(tmp_path / f"{name}.safetensors") == expected
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert (tmp_path / "last.safetensors").stat().st_mode == ordinary.stat().st_mode


def test_weights_are_rounded_to_half_precision_unless_it_cannot_hold_them(tmp_path):
    transcriber = small()
    parameters = dict(transcriber.named_parameters())
    (large, plain) = list(parameters)[:2]
    with torch.no_grad():
        parameters[large].view(-1)[0] = 1e6
        parameters[plain].view(-1)[0] = 1 / 3
    save_weights(transcriber, {}, None, tmp_path / "w.safetensors")
    loaded = load_transcriber(tmp_path / "w.safetensors").state_dict()
    assert torch.equal(loaded[large], parameters[large])
    for name, tensor in transcriber.state_dict().items():
        assert loaded[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded[name], tensor, rtol=1 / 2_000, atol=1e-7)
    assert loaded[plain].view(-1)[0] != parameters[plain].view(-1)[0]


def test_components_that_do_not_fit_are_named():
    gates, unet = SparsemaxGates(), PaperUnet(3, 2)
    with pytest.raises(InputError, match=r"transcriber: head\.components: 11, but there are 2: KD, SD"):
        WaveTranscriber(unet, PaperRecurrent(2), gates, ["KD", "SD"])
    with pytest.raises(InputError, match="transcriber: component: unknown 'XX'"):
        SpectralTranscriber(gates, components=["KD", "XX"])
    with pytest.raises(InputError, match="transcriber: component: 'KD' is named twice"):
        SpectralTranscriber(gates, components=["KD", "KD"])
    overrides = {"model.objective.init_args.synthesizer.init_args.components": ["KD", "SD", "CHH"]}
    with pytest.raises(InputError, match=r"components: the transcriber hears KD, .*TMB, the synth"):
        build_model(read_recipe(["quickstart"], overrides))
