"""The benchmarks measure the step that training takes, and say what they measured."""

import json

import pytest
import torch

from drummernet.bench.machine import device_of, peak_memory_bytes
from drummernet.bench.material import batch_of_stems
from drummernet.bench.step import Step, bench_step
from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.training.recipe import build_model, read_recipe


@pytest.fixture(autouse=True)
def _restored_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def gradients(config: str, parts: bool, precision: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    model = build_model(read_recipe([config]))
    step = Step(model, batch_of_stems(2, 1.0, None), None, precision)
    kept: list[torch.Tensor] = []
    step._optimise = lambda: kept.extend(p.grad.clone() for p in model.transcriber.parameters())
    step.by_parts() if parts else step.whole()
    return kept


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("config", ["release_enhanced", "quickstart"])
def test_the_parts_make_up_the_step(config, precision):
    both = (gradients(config, parts, precision) for parts in (False, True))
    for whole, parts in zip(*both, strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-6)


def test_bench_step_writes_what_it_prints(tmp_path, capsys):
    out = tmp_path / "step.json"
    words = ["--config", "paper", "--batch", "2", "--seconds", "1", "--repeats", "1", "--json", str(out)]
    assert main(["bench", "step", *words]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["parameters"] == {"unet": 178_012, "recurrent": 129_462, "total": 307_474}
    expected = {"config": "paper", "device": "cpu", "batch": 2, "threads": 1, "seconds": 1.0}
    assert {key: result[key] for key in expected} == expected
    assert {"unet", "gru_1", "gru_2", "gru_channels", "gates", "synthesizer"} < result["parts"].keys()
    assert {"enhancement backward", "spectrum of the stem", "optimiser"} < result["parts"].keys()
    assert all(seconds > 0 for seconds in result["parts"].values())
    ratio = result["cpu_seconds_per_step"] / result["yardstick_cpu_seconds"]
    assert result["yardsticks_per_step"] == pytest.approx(ratio)
    assert result["peak_memory_bytes"] > 1e8
    printed = capsys.readouterr().out
    assert "gru_channels" in printed
    assert "yardsticks per step" in printed


def test_bench_similarity_and_transcribe(tmp_path):
    out = tmp_path / "out.json"
    words = ["--config", "quickstart", "--repeats", "1", "--json", str(out), "--seconds"]
    assert main(["bench", "similarity", *words, "1", "--batch", "2"]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["parts"].keys() == {"spectrum of the stem", "spectrum", "spectrum backward"}
    assert main(["bench", "transcribe", *words, "9"]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["audio_seconds"] == 9
    assert 0 < result["real_time_factor"] == pytest.approx(result["cpu_seconds"] / 9, rel=0.05)


def test_wrong_requests_are_named():
    with pytest.raises(InputError, match=r"bench: batch: 0 is not positive"):
        bench_step(["quickstart"], 0)
    with pytest.raises(InputError, match=r"bench: seconds: 0.1 is less than 0.5"):
        bench_step(["quickstart"], 1, 0.1)
    with pytest.raises(InputError, match=r"bench: precision: '16' is none of 32-true, bf16-mixed"):
        bench_step(["quickstart"], 1, precision="16")
    with pytest.raises(InputError, match=r"bench: device: 'gpu9'"):
        device_of("gpu9", 1)
    with pytest.raises(InputError, match=r"bench: threads: 0 is not positive"):
        device_of("cpu", 0)
    with pytest.raises(InputError, match=r"bench: repeats: 0 is not positive"):
        bench_step(["quickstart"], 1, repeats=0)


def test_peak_memory_sees_an_allocation():
    before = peak_memory_bytes(torch.device("cpu"))
    torch.ones(2 * before // 4)
    assert peak_memory_bytes(torch.device("cpu")) > 1.5 * before
