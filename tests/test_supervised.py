"""Supervised training on rendered stems: the objective, and every baseline's command."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from training_runs import render_three_stems

from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.resources import resource_folder
from drummernet.score import Beat
from drummernet.training.cli import train
from drummernet.training.objectives import FramewiseCrossEntropy, hit_steps
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.checkpoint import load_picking, load_transcriber
from drummernet.transcriber.contract import Activations, beat_steps
from drummernet.transcriber.framewise import FramewiseTranscriber
from drummernet.transcriber.layers import RecurrentLayers

BASELINES = sorted(
    path.stem for path in (resource_folder("configs") / "baselines").glob("*.yaml") if len(path.stem) > 2
)
HITS = [Hit(0.0, "KD"), Hit(0.024, "OHH", 0.2), Hit(0.026, "CRC"), Hit(0.0449, "PHH"), Hit(0.0499, "SD")]


def test_hits_are_marked_at_the_nearest_step_of_their_class():
    marks = hit_steps(HITS, [{"KD"}, {"SD"}, {"CHH", "OHH", "PHH"}], 5, 160)
    assert marks.tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 1]]


def test_beats_are_marked_and_downbeats_twice():
    beats = [Beat(0.011, 4), Beat(0.031, 1), Beat(0.2, 2)]
    assert beat_steps(beats, 5, 160).tolist() == [[0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]
    assert beat_steps(beats, 3, 160, first_step=2).tolist() == [[0, 1, 0], [0, 1, 0]]


def transcriber(variant: str = "DT") -> FramewiseTranscriber:
    torch.manual_seed(0)
    return FramewiseTranscriber(RecurrentLayers("gru", 1, 4), variant=variant)


def test_the_loss_is_the_cross_entropy_of_hits_and_of_known_beats():
    objective = FramewiseCrossEntropy(beats_weight=0.5)
    objective.check(transcriber("MT"))
    torch.manual_seed(1)
    logits = torch.randn(2, 5, 6)
    activations = Activations(logits[:, :3].sigmoid(), 160, logits=logits)
    beats = [Beat(0.02, 1)]
    batch = {"audio": torch.zeros(2, 960), "hits": [HITS, []], "beats": [None, beats]}
    terms = objective(batch, activations, 0)
    hits = torch.stack([hit_steps(h, objective.rows, 6, 160) for h in (HITS, [])])
    probability = logits.sigmoid()
    expected = -(hits * probability[:, :3].log() + (1 - hits) * (1 - probability[:, :3]).log()).mean()
    torch.testing.assert_close(terms["hits"], expected)
    told = F.binary_cross_entropy(probability[1, 3:], beat_steps(beats, 6, 160))
    torch.testing.assert_close(terms["beats"], 0.5 * told)
    unknown = objective({**batch, "beats": [None, None]}, activations, 0)
    assert set(unknown) == {"hits"}


def test_what_cannot_be_trained_so_is_refused():
    objective = FramewiseCrossEntropy()
    with pytest.raises(InputError, match="SpectralTranscriber gives no probabilities"):
        objective.check(build_model(read_recipe(["quickstart"])).transcriber)
    objective.check(transcriber())
    heard = transcriber()(torch.zeros(1, 960))
    with pytest.raises(InputError, match="only rendered crops have"):
        objective({"audio": torch.zeros(1, 960), "item": torch.zeros(1)}, heard, 0)


def test_it_learns_a_crop_by_heart():
    torch.manual_seed(0)
    model, objective = transcriber(), FramewiseCrossEntropy()
    objective.check(model)
    audio = torch.zeros(1, 8_000)
    for start in (1_600, 4_800):
        audio[0, start : start + 400] = torch.randn(400) * torch.linspace(1, 0, 400)
    batch = {"audio": audio, "hits": [[Hit(0.1, "SD"), Hit(0.3, "SD")]]}
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        loss = objective(batch, model(audio), 0)["hits"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    snare = model(audio).values[0, 1]
    assert snare[[10, 30]].min() > 0.5
    assert snare.topk(2).indices.sort().values.tolist() == [10, 30]


def commands() -> list[list[str]]:
    """What the configs name, each network once, and one of them in the other two variants."""
    networks = [[f"baselines/{name}"] for name in BASELINES]
    return [*networks, *(["baselines/crnn_small", f"baselines/{variant}"] for variant in ("bf", "mt"))]


@pytest.mark.parametrize("configs", commands(), ids=" ".join)
def test_every_baseline_is_trained_by_its_command(configs, tmp_path):
    words = [word for name in ("supervised", *configs) for word in ("--config", name)]
    small = ["--data.batch_size", "2", "--data.crop_seconds", "0.5", "--data.rendering.kits", "rock_maple"]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
    where = ["--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)]
    train([*words, *small, *quiet, *where, "--trainer.max_steps", "1"])
    last = tmp_path / "checkpoints" / "last.ckpt"
    trained = load_transcriber(last)
    untrained = build_model(read_recipe(["supervised", *configs])).transcriber
    assert trained.describe() == untrained.describe()
    assert load_picking(last)["guard"] == 1.0
    checkpoint = torch.load(last, weights_only=True)
    adam = checkpoint["optimizer_states"][0]
    # A parameter without a gradient would make DDP wait for it.
    assert adam["state"].keys() == set(adam["param_groups"][0]["params"])
    entry = checkpoint["drummernet_provenance"]
    assert entry["objective"] == "FramewiseCrossEntropy"
    assert (entry["grooves"], entry["stem_kits"], entry["items"]) == ({"generator": 1}, ["rock_maple"], 2)


def test_the_networks_have_their_names_sizes():
    def layers(name: str) -> tuple[object, ...]:
        network = build_model(read_recipe(["supervised", f"baselines/{name}"])).transcriber
        body = network.layers
        context = network.convolutions.context_frames if network.convolutions else 1
        return context, getattr(body, "cell", "dense"), body.count, body.out_channels

    sizes = [f"{name}_{size}" for name in ("rnn", "cnn", "crnn") for size in ("small", "large")]
    assert sorted(["rnn", "tanhb", "reluts", "lstmpb", "gruts", *sizes]) == BASELINES
    assert layers("crnn_small") == (9, "gru", 2, 100)
    assert layers("crnn_large") == (13, "gru", 3, 120)
    assert layers("cnn_small") == (9, "dense", 2, 256)
    assert layers("cnn_large") == (25, "dense", 2, 256)
    assert layers("rnn_large") == (1, "gru", 3, 60)
    assert layers("gruts") == (1, "gru", 2, 50)


def test_labels_are_needed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    render_three_stems(tmp_path / "stems")
    words = ["--config", "supervised", "--config", "baselines/gruts", "--data.rendering", "null"]
    words += ["--data.corpus", str(tmp_path / "stems"), "--trainer.accelerator", "cpu"]
    assert main(["train", *words]) == 2
    assert "only rendered crops have" in capsys.readouterr().err
    assert not Path("lightning_logs").exists()
