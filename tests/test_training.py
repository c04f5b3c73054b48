"""Training: gradients, the sampler, the callbacks, resume, and every packaged config."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pytorch_lightning.callbacks import TQDMProgressBar
from training_runs import logged, render_three_stems, write_tiny

import drummernet
from drummernet.errors import InputError
from drummernet.resources import resource_folder
from drummernet.similarity.enhancement import OnsetEnhancement
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.similarity.pseudo_cqt import PseudoCqt
from drummernet.synthesizer import Synthesizer
from drummernet.training.callbacks import GateBlend, activation_statistics
from drummernet.training.cli import train
from drummernet.training.data import RunSampler, StemDataModule
from drummernet.training.module import TranscriberTraining
from drummernet.training.objectives import Reconstruction
from drummernet.training.recipe import build_data, read_recipe
from drummernet.transcriber.checkpoint import ENTRY, export_weights, load_transcriber, untrained_like
from drummernet.transcriber.contract import Activations
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcriber.recurrent import PaperRecurrent
from drummernet.transcriber.spectral import SpectralTranscriber
from drummernet.transcriber.unet import PaperUnet
from drummernet.transcriber.wave import WaveTranscriber
from drummernet.transcription.picking import Picker, picker_of


@pytest.fixture(scope="module")
def stems(tmp_path_factory) -> Path:
    return render_three_stems(tmp_path_factory.mktemp("stems"))


@pytest.fixture
def tiny(tmp_path) -> Path:
    return write_tiny(tmp_path)


def run(config: Path, stems: Path, out: Path, steps: int, *more: str) -> dict:
    arguments = ["--config", str(config), "--data.corpus", str(stems), "--trainer.default_root_dir", str(out)]
    train([*arguments, "--trainer.max_steps", str(steps), *more])
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("draw", ["batch", "component"])
def test_gradients_reach_the_first_convolution_and_equal_finite_differences(draw):
    torch.manual_seed(0)
    transcriber = WaveTranscriber(
        PaperUnet(3, 2), PaperRecurrent(2, 11, 3, 4), SparsemaxGates(rest=True, blended=True)
    )
    objective = Reconstruction(
        Synthesizer("rock_maple", draw=draw), OnsetSpectrumSimilarity(PseudoCqt(), OnsetEnhancement())
    )
    transcriber, objective = transcriber.double(), objective.double()
    transcriber.gates.sharpness.fill_(0.3)
    stems = torch.randn(2, 4_800, dtype=torch.float64)
    weight = transcriber.unet.encoder.first.weight

    def loss() -> torch.Tensor:
        return torch.stack(
            list(objective({"audio": stems, "item": [4, 5]}, transcriber(stems), 0).values())
        ).sum()

    loss().backward()
    gradient = weight.grad.clone()
    assert gradient.abs().min() > 0
    for place in [(0, 0, 0), (2, 0, 1)]:
        with torch.no_grad():
            weight[place] += 1e-6
            ahead = loss()
            weight[place] -= 2e-6
            behind = loss()
            weight[place] += 1e-6
        assert float(gradient[place]) == pytest.approx(float((ahead - behind) / 2e-6), rel=1e-3, abs=1e-7)


def test_ranks_draw_disjoint_consecutive_items():
    batches = [iter(RunSampler(lambda: 100, 3, rank, 2)) for rank in range(2)]
    drawn = [next(batch) for _ in range(2) for batch in batches]
    assert drawn == [[100, 101, 102], [103, 104, 105], [106, 107, 108], [109, 110, 111]]


def test_training_goes_down_and_logs_what_it_should(tiny, stems, tmp_path):
    checkpoint = run(tiny, stems, tmp_path / "run", 12, "--model.learning_rate", "0.01")
    losses = logged(tmp_path / "run", "loss")
    assert len(losses) == 12
    assert np.mean([losses[s] for s in (9, 10, 11)]) < np.mean([losses[s] for s in (0, 1, 2)])
    terms = logged(tmp_path / "run", "loss/mel_1024")
    assert terms == losses
    assert logged(tmp_path / "run", "items")[11] == 24
    zeros = logged(tmp_path / "run", "activation/zeros")
    assert zeros[0] == 0
    assert zeros[11] > 0
    shares = [logged(tmp_path / "run", f"share/{name}")[11] for name in ("KD", "SD", "TMB")]
    assert all(0 <= share <= 1 for share in shares)
    assert any(tmp_path.glob("run/tensorboard/version_0/events*"))
    assert checkpoint["state_dict"]["transcriber.gates.sharpness"] == 1


def test_values_are_fetched_from_the_device_at_some_steps_only(tiny, stems, tmp_path, monkeypatch):
    calls = {"log": 0, "get_metrics": 0}

    def count(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def counted(*arguments, **options):
            calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    count(TranscriberTraining, "log")
    count(TQDMProgressBar, "get_metrics")
    run(tiny, stems, tmp_path / "run", 10, "--trainer.log_every_n_steps", "5")
    assert calls == {"log": 2 * 3, "get_metrics": 0}
    assert logged(tmp_path / "run", "loss").keys() == {4, 9}
    run(tiny, stems, tmp_path / "run", 10, "--trainer.enable_progress_bar", "true")
    assert calls["get_metrics"] <= 2  # the tenth step and the end


def test_validation_scores_an_annotated_folder(tiny, stems, tmp_path):
    more = (
        "--data.validation",
        str(stems),
        "--trainer.val_check_interval",
        "2",
        "--trainer.num_sanity_val_steps",
        "0",
    )
    run(tiny, stems, tmp_path / "run", 2, *more)
    for column in ("validation/f1", "validation/f1_KD", "validation/f1_HH", "validation/hits_ratio_SD"):
        (value,) = logged(tmp_path / "run", column).values()
        assert np.isfinite(value)


def test_resume_is_exact(tiny, stems, tmp_path):
    straight = run(tiny, stems, tmp_path / "straight", 6)
    run(tiny, stems, tmp_path / "halved", 4)
    resumed = run(tiny, stems, tmp_path / "halved", 6, "--ckpt_path", "last")
    assert resumed["StemDataModule"] == straight["StemDataModule"]
    assert straight["StemDataModule"]["items_seen"] == 12
    for name, tensor in straight["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], tensor, rtol=0, atol=0)
    assert logged(tmp_path / "halved", "loss") == logged(tmp_path / "straight", "loss")


def test_training_renders_its_own_stems(tiny, tmp_path):
    rendering = {"class_path": "drummernet.stems.on_the_fly.Rendering"}
    rendering["init_args"] = {"kits": "jazz_trio", "augmentation": {"room": 1.0}}
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump({"data": {"rendering": rendering}}))

    def train_to(steps: int, folder: str, *more: str) -> dict:
        words = ["--config", str(tiny), "--config", str(tmp_path / "rendered.yaml")]
        words += ["--trainer.default_root_dir", str(tmp_path / folder), "--trainer.max_steps", str(steps)]
        train([*words, *more])
        return torch.load(tmp_path / folder / "checkpoints" / "last.ckpt", weights_only=True)

    straight = train_to(3, "straight")
    train_to(2, "halved")
    resumed = train_to(3, "halved", "--ckpt_path", "last")
    for name, tensor in straight["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], tensor, rtol=0, atol=0)
    recipe = read_recipe([str(tiny), str(tmp_path / "rendered.yaml")])
    data = build_data(recipe)
    data.setup("fit")
    assert data.crops.draw(0).kit == "jazz_trio"


def test_crops_come_from_somewhere():
    with pytest.raises(InputError, match=r"data: corpus: needs a folder of stems, or else data\.rendering"):
        StemDataModule()


def test_a_killed_run_goes_on_with_the_next_item(tiny, stems, tmp_path):
    out = tmp_path / "run"
    words = ["--config", str(tiny), "--data.corpus", str(stems), "--trainer.default_root_dir", str(out)]
    code = f"from drummernet.training.cli import train; train({[*words, '--trainer.max_steps', '100000']!r})"
    # The package that is tested here, not another one that may be installed.
    environment = {**os.environ, "PYTHONPATH": str(Path(drummernet.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    last = out / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 120
    while not last.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = torch.load(last, weights_only=True)
    steps = before["global_step"]
    assert before["StemDataModule"]["items_seen"] == 2 * steps
    after = run(tiny, stems, out, steps + 2, "--ckpt_path", "last")
    assert after["StemDataModule"]["items_seen"] == 2 * steps + 4
    straight = run(tiny, stems, tmp_path / "straight", steps + 2)
    moments = [c["optimizer_states"][0]["state"][0]["exp_avg"] for c in (after, straight)]
    torch.testing.assert_close(*moments, rtol=0, atol=0)


def test_last_without_a_checkpoint_is_an_error(tiny, stems, tmp_path):
    with pytest.raises(InputError, match=r"last\.ckpt: ckpt_path: 'last': this run has no checkpoint yet"):
        run(tiny, stems, tmp_path / "new", 2, "--ckpt_path", "last")


def test_a_checkpoint_of_another_model_is_refused(tiny, stems, tmp_path):
    run(tiny, stems, tmp_path / "run", 2)
    other = ("--model.transcriber.init_args.hidden", "9", "--ckpt_path", "last")
    message = r"last\.ckpt: transcriber\.init_args\.hidden: 8 in the checkpoint, 9 in the config"
    with pytest.raises(InputError, match=message):
        run(tiny, stems, tmp_path / "run", 4, *other)


def test_unknown_keys_are_named(tiny, stems, tmp_path):
    tiny.write_text(tiny.read_text() + "typo: 3\n")
    with pytest.raises(InputError, match="typo") as error:
        run(tiny, stems, tmp_path / "run", 2)
    assert "\n" not in str(error.value)
    assert "tiny.yaml" in str(error.value)


def test_an_empty_folder_is_named(tiny, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="nothing: stems: no readable audio"):
        run(tiny, tmp_path / "nothing", tmp_path / "run", 2)


def test_checkpoints_and_exports_load_without_their_config(tiny, stems, tmp_path):
    checkpoint = run(tiny, stems, tmp_path / "run", 2, "--model.picker", "{threshold: 0.15}")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    export_weights(path, tmp_path / "weights.safetensors")
    audio = torch.randn(1, 5_000)
    expected = load_transcriber(path)(audio).values
    assert checkpoint[ENTRY]["init_args"]["hidden"] == 8
    torch.testing.assert_close(load_transcriber(tmp_path / "weights.safetensors")(audio).values, expected)
    for file in (path, tmp_path / "weights.safetensors"):
        assert picker_of(file) == Picker(threshold=0.15)
        assert picker_of(file, 0.3) == Picker(threshold=0.3)
    assert not torch.equal(untrained_like(load_transcriber(path))(audio).values, expected)


def test_foreign_checkpoints_are_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"other\.ckpt: checkpoint: has no entry"):
        load_transcriber(tmp_path / "other.ckpt")
    for text in ("not a checkpoint", "this is text", "hello world", ""):
        (tmp_path / "text.ckpt").write_text(text)
        with pytest.raises(InputError, match=r"text\.ckpt: checkpoint: cannot be read"):
            load_transcriber(tmp_path / "text.ckpt")
    torch.save(
        {"state_dict": {}, ENTRY: {"class_path": "os.system", "init_args": {}}}, tmp_path / "evil.ckpt"
    )
    with pytest.raises(InputError, match=r"evil\.ckpt: class_path: 'os.system' is no part of"):
        load_transcriber(tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match="no such file"):
        load_transcriber(tmp_path / "missing.ckpt")
    description = SpectralTranscriber(SparsemaxGates(), bands=20, channels=2, hidden=4).describe()
    torch.save({"state_dict": {}, ENTRY: description}, tmp_path / "empty.ckpt")
    with pytest.raises(InputError, match=r"empty\.ckpt: weights: do not fit the model"):
        load_transcriber(tmp_path / "empty.ckpt")


def test_a_second_run_in_a_folder_replaces_the_checkpoint_of_the_first(tiny, stems, tmp_path):
    run(tiny, stems, tmp_path / "run", 4)
    checkpoint = run(tiny, stems, tmp_path / "run", 3)
    assert checkpoint["global_step"] == 3
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"]


def test_items_go_on_over_epochs(tiny, stems, tmp_path):
    straight = run(tiny, stems, tmp_path / "straight", 5)
    epochs = run(tiny, stems, tmp_path / "epochs", 5, "--trainer.limit_train_batches", "2")
    for name, tensor in straight["state_dict"].items():
        torch.testing.assert_close(epochs["state_dict"][name], tensor, rtol=0, atol=0)


def test_another_seed_does_not_resume(tiny, stems, tmp_path):
    run(tiny, stems, tmp_path / "run", 2)
    with pytest.raises(InputError, match="data: seed: 1, but the run that goes on has 0"):
        run(tiny, stems, tmp_path / "run", 4, "--ckpt_path", "last", "--data.seed", "1")


def test_blending_needs_blended_gates():
    module = torch.nn.Module()
    module.transcriber = SpectralTranscriber(SparsemaxGates(rest=True), bands=20, channels=2, hidden=4)
    with pytest.raises(InputError, match="its gates are not blended"):
        GateBlend(5).on_train_start(None, module)
    with pytest.raises(InputError, match="steps: 0 is not positive"):
        GateBlend(0)


def test_statistics_of_known_activations():
    values = torch.zeros(2, 2, 250)
    values[0, 0, [50, 150]] = 1.0
    values[1, 1, 100] = 2.0
    statistics = activation_statistics(Activations(values, 64), ("KD", "SD"), Picker())
    assert statistics["activation/zeros"] == pytest.approx(1 - 3 / 1_000)
    assert statistics["share/KD"] == pytest.approx(0.5)
    assert statistics["hits_per_second/KD"] == pytest.approx(1.0)
    assert statistics["hits_per_second/SD"] == pytest.approx(0.5)
    assert statistics["hits_per_second"] == pytest.approx(1.5)


CONFIGS = resource_folder("configs")
BASELINES = set(CONFIGS.glob("baselines/*"))


@pytest.mark.parametrize(
    "config",
    [
        p.relative_to(CONFIGS).as_posix()
        for p in sorted(CONFIGS.rglob("*.yaml"))
        if p.parent.name != "baselines"
    ],
)
def test_every_config_trains_a_step(config, stems, tmp_path):
    configs = ["--config", config]
    if config.startswith("ablations/"):
        configs = ["--config", "paper", *configs]
    small = ["--data.batch_size", "2", "--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1"]
    quiet = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    paths = ["--trainer.default_root_dir", str(tmp_path)]
    if config == "pretrained.yaml":  # without the packages of its sampled kits
        paths += [
            "--data.rendering.kits",
            "rock_maple,jazz_trio",
            "--data.rendering.varied",
            "2",
            "--model.warmup_steps",
            "0",
        ]
    elif config not in ("supervised.yaml", "cycle.yaml"):  # which render their crops
        paths += ["--data.corpus", str(stems)]
    train([*configs, *small, *quiet, *paths])
    assert any(tmp_path.rglob("metrics.csv"))
    adam = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"][0]
    # A parameter without a gradient would make DDP wait for it.
    assert adam["state"].keys() == set(adam["param_groups"][0]["params"])


@pytest.mark.slow
def test_the_paper_learns_on_real_recordings(shared_data, tmp_path):
    words = ["--config", "paper", "--data.corpus", str(shared_data / "e-gmd"), "--data.batch_size", "2"]
    words += [
        "--trainer.max_steps",
        "100",
        "--trainer.log_every_n_steps",
        "1",
        "--trainer.accelerator",
        "cpu",
    ]
    train([*words, "--trainer.enable_progress_bar", "false", "--trainer.default_root_dir", str(tmp_path)])
    losses = [loss for _, loss in sorted(logged(tmp_path, "loss").items())]
    assert np.mean(losses[-20:]) <= 0.9 * np.mean(losses[:20])
