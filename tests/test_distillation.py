"""One network that learns from several: what they say together is what it is asked for."""

from pathlib import Path

import pytest
import torch

from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.training.building import arguments_of
from drummernet.training.distillation import Distillation
from drummernet.training.objectives import Cycle
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.checkpoint import load_transcriber, save_weights
from drummernet.transcriber.hit_network import HitTranscriber

CLASSES = ("KD", "SD", "HH")


def small(seed: int, **more: object) -> HitTranscriber:
    torch.manual_seed(seed)
    settings = {"bands": 24, "width": 2, "hidden": 7, "components": CLASSES, **more}
    return HitTranscriber(**settings).eval()


def saved(folder: Path, seed: int, **more: object) -> Path:
    path = folder / f"{seed}.safetensors"
    save_weights(small(seed, **more), {}, {"objective": "Cycle", "items": seed}, path)
    return path


def noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [saved(tmp_path, seed) for seed in (1, 2, 3)]


def made(files: list[Path], **weights: float) -> Distillation:
    objective = Distillation(files, **weights)
    objective.check(small(0))
    return objective


def test_hits_are_asked_as_the_teachers_say_together_all_else_as_the_groove_says(files):
    audio, student = noise(2, 4_000), small(0)
    batch = {"audio": audio, "hits": [[Hit(0.1, "SD", 0.3)], [Hit(0.02, "KD", 0.9)]]}
    heard = student(audio)
    terms = made(files, velocity_weight=0.5, offset_weight=2.0)(batch, heard, 0)
    asked = torch.sigmoid(sum(load_transcriber(file)(audio).logits for file in files) / 3)
    p = heard.values
    torch.testing.assert_close(terms["hits"], -(asked * p.log() + (1 - asked) * (1 - p).log()).mean())
    cycle = Cycle(velocity_weight=0.5, offset_weight=2.0)
    cycle.check(student)
    expected = cycle(batch, heard, 0)
    for name in ("velocity", "offset"):
        torch.testing.assert_close(terms[name], expected[name])
    assert terms["hits"] != expected["hits"]


def test_nothing_is_better_than_to_say_what_the_teacher_says(files):
    objective, audio = made(files[:1]), noise(1, 4_000)
    batch = {"audio": audio, "hits": [[Hit(0.1, "SD", 0.3)]]}
    heard = load_transcriber(files[0])(audio)
    logits = heard.logits.detach().requires_grad_()
    objective(batch, heard._replace(logits=logits), 0)["hits"].backward()
    assert logits.grad.abs().max() < 1e-8
    best = objective(batch, heard, 0)["hits"]
    for step in (0.1, -0.1):
        assert objective(batch, heard._replace(logits=heard.logits + step), 0)["hits"] > best


def test_crops_without_labels_teach_hits_alone(files):
    objective, audio = made(files), noise(2, 4_000)
    both = objective({"audio": audio, "hits": [None, None]}, small(0)(audio), 0)
    assert both["velocity"] == both["offset"] == 0
    one = [objective({"audio": a[None], "hits": [None]}, small(0)(a[None]), 0)["hits"] for a in audio]
    torch.testing.assert_close(both["hits"], torch.stack(one).mean(), rtol=1e-4, atol=1e-6)


def test_the_student_alone_learns_and_teachers_stay_as_they_were(files):
    objective, student, audio = made(files).train(), small(0).train(), noise(2, 4_000)
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    terms = objective({"audio": audio, "hits": [[Hit(0.1, "SD", 0.3)], []]}, student(audio), 0)
    terms["hits"].backward()
    assert all(filters.weight.grad.abs().max() > 0 for filters in student.first)
    assert [p for p in objective.parameters() if p.requires_grad] == []
    assert not any(part.training for part in objective.teachers.modules())
    for name, value in objective.state_dict().items():  # running means of their normalisation, too
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_what_its_teachers_learned_from_is_told(files):
    assert made(files).provenance() == {
        "objective": "Distillation",
        "teachers": [{"objective": "Cycle", "items": seed} for seed in (1, 2, 3)],
    }


def test_teachers_of_another_kind_are_refused(files, tmp_path):
    with pytest.raises(InputError, match="teachers: are none"):
        Distillation([])
    with pytest.raises(InputError, match=r"none\.safetensors: checkpoint: no such file"):
        Distillation([tmp_path / "none.safetensors"])
    for more, problem in (
        ({"hop_samples": 160}, r"5\.safetensors: hop_samples: 160, but the transcriber has 128"),
        (
            {"components": ("KD", "SD")},
            r"5\.safetensors: components: .* 'SD'\), but the transcriber",
        ),
    ):
        with pytest.raises(InputError, match=problem):
            made([*files, saved(tmp_path, 5, **more)])


def test_a_config_names_them(files):
    objective = {
        "class_path": "drummernet.training.distillation.Distillation",
        "init_args": {"teachers": [str(file) for file in files]},
    }
    student = {"bands": 24, "width": 2, "hidden": 7, "components": list(CLASSES)}
    assert student.keys() <= arguments_of(HitTranscriber).keys()
    overrides = {"model.transcriber.init_args": student, "model.objective": objective}
    model = build_model(read_recipe(["cycle"], overrides))
    assert isinstance(model.objective, Distillation)
    assert len(model.objective.teachers) == 3
