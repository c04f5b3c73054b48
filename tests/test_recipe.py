"""What a config describes is built alike by the recipe and by LightningCLI."""

import pytest
import torch
import yaml
from pytorch_lightning.cli import LightningCLI

from drummernet.errors import InputError
from drummernet.resources import resource_folder
from drummernet.similarity.spectra import StftSpectrum
from drummernet.training.callbacks import ActivationStatistics, GateBlend, RunCheckpoint
from drummernet.training.data import StemDataModule
from drummernet.training.module import TranscriberTraining
from drummernet.training.recipe import build_callbacks, build_data, build_model, read_recipe
from drummernet.transcription.picking import Picker

CONFIGS = resource_folder("configs")
NAMES = [path.relative_to(CONFIGS).with_suffix("").as_posix() for path in sorted(CONFIGS.rglob("*.yaml"))]

BASES = {"ablations": "paper", "baselines": "supervised"}
"""What the configs of a folder are laid over."""


def plain_values(module: torch.nn.Module) -> dict[str, object]:
    return {k: v for k, v in vars(module).items() if isinstance(v, int | float | str | tuple | Picker)}


def built_by_lightning_cli(words: list[str]) -> LightningCLI:
    words = [*words, "--trainer.logger", "false"]
    return LightningCLI(TranscriberTraining, StemDataModule, args=words, run=False, save_config_callback=None)


@pytest.mark.filterwarnings("ignore:LightningCLI's args")
@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_built_as_by_lightning_cli(name):
    names = [BASES[name.partition("/")[0]], name] if "/" in name else [name]
    words = [word for each in names for word in ("--config", str(CONFIGS / f"{each}.yaml"))]
    # A run has a corpus or renders its crops.
    corpus = {} if names[0] in ("supervised", "cycle") else {"data.corpus": "STEMS"}
    words += [word for field, value in corpus.items() for word in (f"--{field}", value)]
    cli = built_by_lightning_cli([*words, "--data.batch_size", "7"])
    recipe = read_recipe(names, {**corpus, "data.batch_size": 7})
    model, data, callbacks = build_model(recipe), build_data(recipe), build_callbacks(recipe)
    assert model.transcriber.describe() == cli.model.transcriber.describe()
    assert list(model.state_dict()) == list(cli.model.state_dict())
    assert [type(m) for m in model.modules()] == [type(m) for m in cli.model.modules()]
    for key in ("learning_rate", "picker"):
        assert getattr(model, key) == getattr(cli.model, key)
    assert model.objective.provenance() == cli.model.objective.provenance()
    for ours, theirs in zip(model.buffers(), cli.model.buffers(), strict=True):
        assert ours.equal(theirs)
    for name in ("corpus_folder", "validation_folder", "batch_size", "crop_seconds", "seed", "workers"):
        assert getattr(data, name) == getattr(cli.datamodule, name)
    assert [plain_values(m) for m in model.modules()] == [plain_values(m) for m in cli.model.modules()]
    wanted = [c for c in cli.trainer.callbacks if type(c).__module__.startswith("drummernet.")]
    assert sorted(map(str, map(type, callbacks))) == sorted(map(str, map(type, wanted)))


def write(path, content: str):
    path.write_text(content, encoding="utf-8")
    return path


def spectrum(class_name: str, arguments: str) -> str:
    part = f"{{class_path: drummernet.similarity.spectra.{class_name}, init_args: {arguments}}}"
    return f"model: {{objective: {{init_args: {{similarity: {{init_args: {{spectrum: {part}}}}}}}}}}}\n"


@pytest.mark.filterwarnings("ignore:LightningCLI's args")
@pytest.mark.parametrize("again", ["{}", "{hop_samples: 32}"])
def test_another_class_keeps_the_arguments_of_the_same_name_as_in_lightning_cli(again, tmp_path):
    names = ["paper", write(tmp_path / "a.yaml", spectrum("MelSpectrum", "{hop_samples: 128, bands: 30}"))]
    names.append(write(tmp_path / "b.yaml", spectrum("StftSpectrum", again)))
    words = [word for name in (CONFIGS / "paper.yaml", *names[1:]) for word in ("--config", str(name))]
    other = built_by_lightning_cli([*words, "--data.corpus", "STEMS"]).model
    model = build_model(read_recipe(names))
    spectra = [m.objective.similarity.spectrum for m in (model, other)]
    assert [type(s) for s in spectra] == [StftSpectrum, StftSpectrum]
    assert spectra[0].hop_samples == spectra[1].hop_samples == (32 if "hop" in again else 128)
    assert torch.equal(spectra[0].window, spectra[1].window)


def test_later_files_change_earlier_ones(tmp_path):
    first = write(
        tmp_path / "a.yaml",
        "model: {transcriber: {class_path: A, init_args: {x: 1, y: [1, 2]}}}\ndata: {seed: 3}\n",
    )
    same = write(tmp_path / "b.yaml", "model: {transcriber: {init_args: {y: [3], z: {u: 1}}}}\n")
    other = write(tmp_path / "c.yaml", "model: {transcriber: {class_path: B, init_args: {z: 2}}}\n")
    merged = read_recipe([first, same], {"data.batch_size": 8, "data.seed": 4})
    arguments = {"x": 1, "y": [3], "z": {"u": 1}}
    assert merged.content == {
        "model": {"transcriber": {"class_path": "A", "init_args": arguments}},
        "data": {"seed": 4, "batch_size": 8},
        "trainer": {},
    }
    replaced = read_recipe([first, other]).content["model"]["transcriber"]
    assert replaced == {"class_path": "B", "init_args": {"z": 2}}
    null = write(tmp_path / "d.yaml", "model: {transcriber: null}\n")
    assert read_recipe([first, null]).content["model"] == {"transcriber": None}


def test_overrides_and_callbacks_reach_what_is_built(tmp_path):
    overrides = {"model.learning_rate": 1, "model.transcriber.init_args.n_ffts": [256], "model.picker": None}
    recipe = read_recipe(["quickstart"], overrides)
    model = build_model(recipe)
    assert model.learning_rate == 1
    assert model.transcriber.describe()["init_args"]["n_ffts"] == [256]
    assert model.picker.threshold == 0.2
    blend, statistics, checkpoint = build_callbacks(recipe)
    assert isinstance(blend, GateBlend)
    assert blend.steps == 200
    assert isinstance(statistics, ActivationStatistics)
    assert isinstance(checkpoint, RunCheckpoint)
    assert build_callbacks(read_recipe([])) == []
    alone = {
        "trainer.callbacks": {"class_path": f"{GateBlend.__module__}.GateBlend", "init_args": {"steps": 7}}
    }
    assert [callback.steps for callback in build_callbacks(read_recipe([], alone))] == [7]
    small = write(tmp_path / "small.yaml", "model: {learning_rate: 1e-3}\n")  # text, to YAML 1.1
    assert build_model(read_recipe(["quickstart", small])).learning_rate == 1e-3


TRANSCRIBER = "drummernet.transcriber.spectral.SpectralTranscriber"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{modell: {}}", r"modell: unknown 'modell'; did you mean 'model'"),
        ("{model: 5}", "model: 5 is not a mapping"),
        ("[1]", r"config: \[1\] is not a mapping"),
        ("{", "YAML: "),
        ("{model: {learning_rat: 5}}", "model.learning_rat: no argument of .*'learning_rate'.* it has 5"),
        ("{model: {learning_rate: high}}", "model.learning_rate: 'high' is not float"),
        ("{model: {learning_rate: true}}", "model.learning_rate: True is not float"),
        ("{model: {learning_rate: -1}}", "learning_rate: -1 is not positive"),
        (
            "{model: {transcriber: {init_args: {hiden: 9}}}}",
            r"transcriber\.init_args\.hiden: .*'hidden'.* has 9",
        ),
        ("{model: {transcriber: {args: {}}}}", r"model\.transcriber\.args: unknown 'args'.*'init_args'"),
        ("{model: {transcriber: {class_path: os.system}}}", "class_path: 'os.system' is no class of drumm"),
        ("{model: {transcriber: {class_path: drummernet.cli.sys}}}", "class_path: .* is no class of drumm"),
        ("{model: {transcriber: {class_path: drummernet.no.T}}}", "class_path: .* does not exist"),
        (
            "{model: {transcriber: {class_path: drummernet.transcriber.gates.SoftmaxGates}}}",
            "class_path: .*SoftmaxGates' is no Transcriber",
        ),
        (f"{{model: {{transcriber: {{class_path: {TRANSCRIBER}}}}}}}", "SpectralTranscriber lacks 'gates'"),
        (
            f"{{model: {{transcriber: {{class_path: {TRANSCRIBER}, init_args: [1]}}}}}}",
            r"model\.transcriber\.init_args: \[1\] is not a mapping",
        ),
        ("{model: {transcriber: spectral}}", "model.transcriber: 'spectral' is not Transcriber"),
        ("{model: {picker: {treshold: 1}}}", "model.picker.treshold: .*'threshold'.* it has 1"),
        (
            "{model: {objective: {init_args: {synthesizer: {init_args: {draw: x}}}}}}",
            "draw: 'x' is not .*batch",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_field_and_value(content, message, tmp_path):
    path = write(tmp_path / "mine.yaml", content)
    with pytest.raises(InputError, match=message) as caught:
        build_model(read_recipe(["quickstart", path] if "lacks" not in message else [path, "ablations/noe"]))
    assert "\n" not in str(caught.value)
    if "not positive" not in message:
        assert str(caught.value).startswith(f"{path}: ")


def test_what_overrides_do_wrong_is_named():
    with pytest.raises(
        InputError, match=r"overrides: data\.batchsize: no argument of .*'batch_size'.* it has 8"
    ):
        build_data(read_recipe(["paper"], {"data.corpus": "x", "data.batchsize": 8}))
    for callbacks in (5, [5]):
        with pytest.raises(InputError, match=r"overrides: trainer\.callbacks\.0: 5 is not Callback"):
            build_callbacks(read_recipe(["quickstart"], {"trainer.callbacks": callbacks}))
    with pytest.raises(InputError, match="overrides: optimizer: unknown 'optimizer'"):
        read_recipe(["paper"], {"optimizer.lr": 8})
    with pytest.raises(InputError, match="no_such: configs: no such file"):
        read_recipe(["no_such"])


def test_a_field_is_blamed_on_the_file_that_set_it_last(tmp_path):
    first = write(tmp_path / "first.yaml", yaml.safe_dump({"data": {"corpus": "x", "batch_size": "many"}}))
    second = write(tmp_path / "second.yaml", yaml.safe_dump({"data": {"seed": 0.5}}))
    with pytest.raises(InputError, match=r"first\.yaml: data\.batch_size: 'many' is not int"):
        build_data(read_recipe([first, second]))
    with pytest.raises(InputError, match=r"second\.yaml: data\.seed: 0\.5 is not int"):
        build_data(read_recipe([first, second], {"data.batch_size": 2}))
