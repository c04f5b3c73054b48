"""Several objectives at once, over rendered crops and stems in one batch; a learning rate that moves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import logged, render_three_stems

from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.mixtures import MixedCrops, ViewedCrops
from drummernet.stems.on_the_fly import RenderedCrops, Rendering
from drummernet.training.cli import train
from drummernet.training.composition import Composed, Consistency, Sparsity
from drummernet.training.module import rate_factor
from drummernet.training.objectives import Cycle
from drummernet.transcriber.contract import Activations
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.spectral import SpectralTranscriber

COMPOSED = """
model:
  transcriber:
    class_path: drummernet.transcriber.hit_network.HitTranscriber
    init_args: {bands: 24, width: 2, hidden: 7, layers: 1, components: [KD, SD, CHH]}
  objective:
    class_path: drummernet.training.composition.Composed
    init_args:
      parts:
        cycle: {class_path: drummernet.training.objectives.Cycle}
        consistency: {class_path: drummernet.training.composition.Consistency, init_args: {sure: 0.1}}
        sparsity: {class_path: drummernet.training.composition.Sparsity}
        reconstruction:
          class_path: drummernet.training.objectives.Reconstruction
          init_args:
            synthesizer:
              class_path: drummernet.synthesizer.Synthesizer
              init_args: {kits: rock_maple, components: [KD, SD, CHH]}
            similarity:
              class_path: drummernet.similarity.onset_spectrum.OnsetSpectrumSimilarity
              init_args:
                spectrum: {class_path: drummernet.similarity.spectra.MelSpectrum, init_args: {bands: 30}}
      weights: {sparsity: 0.003, reconstruction: 0.1}
  learning_rate: 1.0e-3
  warmup_steps: 2
  anneal: true
data:
  rendering: {kits: rock_maple}
  views: {}
  batch_size: 2
  crop_seconds: 0.6
trainer:
  accelerator: cpu
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  check_val_every_n_epoch: null
  callbacks:
    - {class_path: drummernet.training.callbacks.RunCheckpoint, init_args: {every_n_train_steps: 2}}
"""


@pytest.fixture(scope="module")
def stems(tmp_path_factory) -> Path:
    return render_three_stems(tmp_path_factory.mktemp("stems"))


def heard(logits: torch.Tensor) -> Activations:
    zeros = torch.zeros_like(logits)
    return Activations(logits.sigmoid(), 128, logits=logits, velocities=zeros, offsets=zeros)


def small() -> HitTranscriber:
    return HitTranscriber(bands=24, width=2, hidden=7, layers=1, components=("KD", "SD"))


def test_a_run_of_all_objectives_goes_on_as_if_it_had_not_stopped(tmp_path, stems):
    config = tmp_path / "composed.yaml"
    config.write_text(COMPOSED, encoding="utf-8")

    def run(name: str, *more: str) -> dict:
        out = tmp_path / name
        words = ["--config", str(config), "--data.corpus", str(stems / "audio"), "--trainer.max_steps", "4"]
        train([*words, "--trainer.default_root_dir", str(out), *more])
        return torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)

    straight = run("straight")
    # Ended after two of the four steps that the schedule is made for, as if killed.
    halved = run("halved", "--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1")
    assert halved["global_step"] == 2
    resumed = run("halved", "--ckpt_path", "last")
    for name, tensor in straight["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], tensor, rtol=0, atol=0)
    rates = straight["lr_schedulers"][0]["_last_lr"]
    assert rates == pytest.approx([0.0])
    entry = straight["drummernet_provenance"]
    assert entry["objective"] == {
        "cycle": "Cycle",
        "consistency": "Consistency",
        "sparsity": "Sparsity",
        "reconstruction": "Reconstruction",
    }
    assert entry["synthesizer_kits"] == ["rock_maple"]
    assert entry["stems"] == "audio"
    terms = [f"loss/{name}" for name in ("cycle/hits", "consistency/views", "sparsity/activation")]
    assert all(len(logged(tmp_path / "straight", term)) == 4 for term in terms)
    assert straight["StemDataModule"]["items_seen"] == 8


def test_terms_are_weighted_and_named_by_their_part():
    composed = Composed({"a": Sparsity(), "b": Sparsity()}, {"b": 0.25})
    terms = composed({}, heard(torch.zeros(1, 2, 3)), 0)
    assert {name: float(value) for name, value in terms.items()} == {
        "a/activation": 0.5,
        "b/activation": 0.125,
    }


@pytest.mark.parametrize(
    ("parts", "weights", "message"),
    [({}, None, "parts: are none"), ({"a": Sparsity()}, {"c": 1.0}, "no part 'c'; there are a")],
)
def test_a_composition_that_makes_no_sense_is_refused(parts, weights, message):
    with pytest.raises(InputError, match=message):
        Composed(parts, weights)
    with pytest.raises(InputError, match=r"weights.a: -1.0 is negative"):
        Composed({"a": Sparsity()}, {"a": -1.0})


def test_every_part_checks_the_transcriber():
    with pytest.raises(InputError, match="SpectralTranscriber gives no probabilities"):
        Composed({"a": Sparsity(), "b": Consistency()}).check(SpectralTranscriber(SparsemaxGates()))


def test_crops_without_labels_teach_the_cycle_nothing():
    model = small()
    cycle = Cycle()
    cycle.check(model)
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 20)
    hits = [Hit(0.05, "SD", 0.5)]
    alone = cycle({"hits": [hits]}, heard(logits[1:2]), 0)
    among = cycle({"hits": [None, hits, None]}, heard(logits), 0)
    for name, value in alone.items():
        torch.testing.assert_close(among[name], value)
    assert all(float(value) == 0 for value in cycle({"hits": [None]}, heard(logits[:1]), 0).values())


def test_consistency_is_the_cross_entropy_where_the_first_view_is_sure():
    first = torch.tensor([[[4.0, 0.1, -4.0]]])
    second = torch.tensor([[[1.0, 3.0, 0.5]]], requires_grad=True)
    objective = Consistency(sure=0.3)
    loss = objective({"heard_view": heard(second)}, heard(first), 0)["views"]
    p, q = first.sigmoid(), second.sigmoid()
    each = -(p * q.log() + (1 - p) * (1 - q).log())
    torch.testing.assert_close(loss, (each[..., 0] + each[..., 2]).sum() / 3)
    loss.backward()
    assert second.grad[0, 0, 1] == 0
    assert (second.grad[0, 0, [0, 2]] != 0).all()
    with pytest.raises(InputError, match="data: views: consistency needs a second view"):
        objective({}, heard(first), 0)
    with pytest.raises(InputError, match=r"sure: 0.5 is not in"):
        Consistency(0.5)


def test_the_first_view_is_not_taught_by_the_second():
    first, second = torch.randn(1, 2, 4, requires_grad=True), torch.randn(1, 2, 4, requires_grad=True)
    Consistency(0.0)({"heard_view": heard(second)}, heard(first), 0)["views"].backward()
    assert first.grad is None
    assert second.grad.abs().sum() > 0


def test_rendered_crops_stand_among_those_of_stems(stems):
    rendered = RenderedCrops(Rendering(kits="rock_maple"), 0, 0.5)
    plain = CropDataset(open_corpus(stems / "audio"), 0, 0.5)
    mixed = MixedCrops(rendered, plain, 0.3)
    items = [mixed[n] for n in range(10)]
    assert sum(item["hits"] is not None for item in items) == 3
    for n, item in enumerate(items):
        source = rendered if item["hits"] else plain
        torch.testing.assert_close(item["audio"], source[n]["audio"], rtol=0, atol=0)


def test_a_view_is_the_augmented_crop_and_pure():
    crops = RenderedCrops(Rendering(kits="rock_maple"), 0, 0.5)
    views = ViewedCrops(crops, Augmentation(gain=0, equaliser=0, room=0, noise=0, saturation=1.0), 5)
    item = views[3]
    np.testing.assert_array_equal(item["audio"], crops[3]["audio"])
    assert float(item["view"].abs().max()) == pytest.approx(1)
    assert not torch.equal(item["view"], item["audio"])
    order = np.argsort(item["audio"].numpy(), kind="stable")
    assert (np.diff(item["view"].numpy()[order]) >= -1e-6).all()  # a saturation never turns the order round
    torch.testing.assert_close(views[3]["view"], item["view"], rtol=0, atol=0)


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    factors = [rate_factor(step, 4, 12) for step in range(14)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert factors[8] == pytest.approx(0.5)
    assert factors[12:] == pytest.approx([0.0, 0.0])
    assert [rate_factor(step, 2, None) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]
