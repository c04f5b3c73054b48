"""Many devices: gloo ranks equal one, draw their own items and kits, resume in other numbers, and may die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_runs import logged, render_three_stems, write_tiny

import drummernet
from drummernet.cli import main
from drummernet.synthesizer import Synthesizer
from drummernet.training import ranks
from drummernet.training.cli import train
from drummernet.training.module import TranscriberTraining
from drummernet.training.ranks import RankWatch

RECORDED = """
import json, os, sys
from pathlib import Path
from drummernet.cli import main
from drummernet.synthesizer import Synthesizer
from drummernet.training.module import TranscriberTraining

draw, step = Synthesizer.drawn_kits, TranscriberTraining.training_step
drawn = {}

def recorded_draw(self, seed, items):
    kits = draw(self, seed, items)
    drawn.update(items=list(items), kits=kits[:, 0].tolist())
    return kits

def recorded_step(self, batch, batch_idx):
    loss = step(self, batch, batch_idx)
    sent = len(getattr(self.trainer.strategy.model, "modules_buffers", []))
    with open(Path(self.trainer.default_root_dir) / f"rank{self.global_rank}.jsonl", "a") as stream:
        print(json.dumps({**drawn, "pid": os.getpid(), "buffers_sent": sent}), file=stream)
    return loss

Synthesizer.drawn_kits, TranscriberTraining.training_step = recorded_draw, recorded_step
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
MODULE = ("-m", "drummernet")
TORCHRUN = ("-m", "torch.distributed.run")
TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
VALIDATED = ("--trainer.val_check_interval", "1", "--trainer.num_sanity_val_steps", "0")
SOON_SECONDS = 120


@pytest.fixture(scope="module")
def stems(tmp_path_factory) -> Path:
    return render_three_stems(tmp_path_factory.mktemp("stems"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def recorded(tmp_path) -> Path:
    path = tmp_path / "recorded.py"
    path.write_text(RECORDED, encoding="utf-8")
    return path


def words(tiny: Path, stems: Path, out: Path, steps: int, *more: str) -> list[str]:
    paths = ["--data.corpus", str(stems), "--trainer.default_root_dir", str(out)]
    return ["--config", str(tiny), *paths, "--trainer.max_steps", str(steps), *more]


def start(
    folder: Path, program: Sequence[str], arguments: Sequence[str], **environment: str
) -> subprocess.Popen:
    """Start ``train`` in a process of its own; its standard error ends when all of its ranks have ended."""
    # The package that is tested here, installed or not.
    package = str(Path(drummernet.__file__).resolve().parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": package, **environment}
    return subprocess.Popen(
        [sys.executable, *program, "train", *arguments],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes: subprocess.Popen) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=SOON_SECONDS)
        assert process.returncode == 0, errors


def last(out: Path) -> Path:
    return out / "checkpoints" / "last.ckpt"


def moments(out: Path) -> dict[int, dict[str, torch.Tensor]]:
    """Return Adam's moments: after one step a tenth of the gradient, and a thousandth of its square."""
    state = torch.load(last(out), weights_only=True)["optimizer_states"][0]["state"]
    return {index: {k: v for k, v in entry.items() if k != "step"} for index, entry in state.items()}


def assert_same_training(one: Path, other: Path) -> None:
    for index, expected in moments(other).items():
        for name, tensor in expected.items():
            assert tensor.norm() > 0
            assert (moments(one)[index][name] - tensor).norm() <= 1e-5 * tensor.norm(), (index, name)
    for column in ("loss", "loss/mel_1024", "items", "validation/f1", "validation/hits_ratio_SD"):
        assert logged(one, column) == pytest.approx(logged(other, column), rel=1e-5), column


def records(out: Path, rank: int) -> list[dict]:
    return [json.loads(line) for line in (out / f"rank{rank}.jsonl").read_text().splitlines()]


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def alone(tiny, stems, tmp_path_factory) -> Path:
    """One step on one device with four items."""
    out = tmp_path_factory.mktemp("alone")
    train(words(tiny, stems, out, 1, "--data.batch_size", "4", "--data.validation", str(stems), *VALIDATED))
    return out


def launches() -> dict[str, list[tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]]]:
    """Return the ways to start two ranks: programs, arguments and environments, one for each process."""
    port = free_port()
    agents = [(*TORCHRUN, "--nnodes", "2", "--nproc_per_node", "1", "--node_rank", str(n)) for n in (0, 1)]
    agents = [(*agent, "--master_addr", "127.0.0.1", "--master_port", port, *MODULE) for agent in agents]
    nodes = ("--trainer.num_nodes", "2", "--trainer.devices", "1", "--trainer.strategy", "ddp")
    slurm = {"SLURM_JOB_NAME": "drums", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_NNODES": "1"}
    slurm |= {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_NODELIST": "127.0.0.1"}
    slurm |= {"MASTER_PORT": port}
    tasks = [{**slurm, "SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)} for n in (0, 1)]
    return {
        "lightning": [(MODULE, TWO, {})],
        "torchrun": [((*TORCHRUN, "--standalone", "--nproc_per_node", "2", *MODULE), TWO, {})],
        "torchrun on two nodes": [(agent, nodes, {}) for agent in agents],
        "slurm": [(MODULE, TWO, task) for task in tasks],
    }


@pytest.mark.parametrize("launch", ["lightning", "torchrun", "torchrun on two nodes", "slurm"])
def test_two_ranks_equal_one_with_twice_the_batch(launch, alone, tiny, stems, tmp_path):
    out = tmp_path / "run"
    validation = ("--data.validation", str(stems), *VALIDATED)
    processes = [
        start(tmp_path, program, words(tiny, stems, out, 1, *validation, *more), **environment)
        for program, more, environment in launches()[launch]
    ]
    finish(*processes)
    assert torch.load(last(out), weights_only=True)["StemDataModule"]["items_seen"] == 4
    assert_same_training(out, alone)


def test_ranks_draw_items_and_kits_of_their_own_and_resume_in_other_numbers(
    tiny, stems, recorded, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    out.mkdir()
    kits = ("--model.objective.init_args.synthesizer.init_args.kits", "synthesizer")
    finish(start(tmp_path, [str(recorded)], words(tiny, stems, out, 2, *kits, *TWO)))
    with monkeypatch.context() as patched:  # which puts back what the records replace in this process
        patched.setattr(Synthesizer, "drawn_kits", Synthesizer.drawn_kits)
        patched.setattr(TranscriberTraining, "training_step", TranscriberTraining.training_step)
        exec(recorded.read_text(encoding="utf-8"), {"__name__": "recorded"})
        train(words(tiny, stems, out, 4, *kits, "--trainer.devices", "1", "--ckpt_path", "last"))
    finish(start(tmp_path, [str(recorded)], words(tiny, stems, out, 6, *kits, *TWO, "--ckpt_path", "last")))
    first, second = records(out, 0), records(out, 1)
    assert [r["items"] for r in first] == [[0, 1], [4, 5], [8, 9], [10, 11], [12, 13], [16, 17]]
    assert [r["items"] for r in second] == [[2, 3], [6, 7], [14, 15], [18, 19]]
    assert torch.load(last(out), weights_only=True)["StemDataModule"]["items_seen"] == 20
    # The draw "batch" is the default: the first item of a rank's batch decides.
    assert all(len(set(r["kits"])) == 1 for r in first + second)
    assert [r["kits"][0] for r in first if r["items"][0] in (0, 4)] != [r["kits"][0] for r in second[:2]]
    assert {r["buffers_sent"] for r in first + second} == {0}


@pytest.mark.parametrize(("rank", "by"), [(0, signal.SIGKILL), (1, signal.SIGKILL), (0, signal.SIGTERM)])
def test_a_rank_that_dies_ends_the_run_in_one_line(rank, by, tiny, stems, recorded, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    process = start(tmp_path, [str(recorded)], words(tiny, stems, out, 100_000, *TWO))
    while not (last(out).exists() and (out / "rank1.jsonl").exists()):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    os.kill(records(out, rank)[0]["pid"], by)
    _, errors = process.communicate(timeout=SOON_SECONDS)
    how = " (SIGKILL)" if rank else ""
    line = (
        f"drummernet: rank {rank} died{how}; the last checkpoint is {last(out)}; go on with --ckpt_path last"
    )
    assert errors.splitlines() == [line]
    assert process.returncode == (1 if rank else -by)
    seen = torch.load(last(out), weights_only=True)
    assert seen["StemDataModule"]["items_seen"] == 4 * seen["global_step"]
    train(words(tiny, stems, out, seen["global_step"] + 1, "--ckpt_path", "last"))
    after = torch.load(last(out), weights_only=True)["StemDataModule"]["items_seen"]
    assert after == 4 * seen["global_step"] + 2


def test_what_is_wrong_with_the_request_is_said_once(tiny, stems, tmp_path, capsys):
    (tmp_path / "nothing").mkdir()
    arguments = words(tiny, tmp_path / "nothing", tmp_path / "run", 1, *TWO)
    assert main(["train", *arguments, "--model.learning_rate", "-1"]) == 2
    assert capsys.readouterr().err == "drummernet: model: learning_rate: -1.0 is not positive\n"
    # Before any rank is started.
    assert main(["train", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"drummernet: {tmp_path / 'nothing'}: stems: no readable audio")
    # By all ranks at once.
    hard = ("--model.transcriber.init_args.gates.init_args.blended", "false")
    process = start(tmp_path, MODULE, words(tiny, stems, tmp_path / "run", 1, *TWO, *hard))
    _, errors = process.communicate(timeout=SOON_SECONDS)
    assert process.returncode == 2
    assert errors == "drummernet: GateBlend: model.transcriber: its gates are not blended sparsemax gates\n"


def test_a_rank_that_fails_ends_those_that_it_has_just_started(tmp_path, monkeypatch, capsys):
    class Ended(BaseException):
        pass

    def end(status: int) -> None:
        raise Ended(status)

    monkeypatch.setenv("DRUMMERNET_LAUNCHER", "0")
    monkeypatch.setattr(ranks, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(ranks.os, "_exit", end)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    strategy = SimpleNamespace(launcher=SimpleNamespace(procs=[child]))
    trainer = SimpleNamespace(strategy=strategy, num_devices=2, global_rank=0, local_rank=0)
    watch = RankWatch(trainer, tmp_path / "last.ckpt")
    watch.judge(ValueError("its own"))
    assert child.poll() is None
    assert strategy.launcher.procs == []
    strategy.launcher.procs, watch.children = [child], []
    with pytest.raises(Ended):
        watch.judge(torch.distributed.DistNetworkError("address in use"))
    assert child.poll() == -signal.SIGKILL
    said = "drummernet: rank 0 has lost the others (address in use); there is no checkpoint yet\n"
    assert capsys.readouterr().err == said


def test_an_error_of_one_rank_alone_is_told(tiny, stems, recorded, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    code = recorded.read_text().replace(
        "    loss = step(", "    if self.global_rank:\n        int('x')\n    loss = step("
    )
    recorded.write_text(code)
    process = start(tmp_path, [str(recorded)], words(tiny, stems, out, 2, *TWO))
    _, errors = process.communicate(timeout=SOON_SECONDS)
    assert process.returncode == 1
    assert "ValueError: invalid literal" in errors
    assert errors.splitlines()[-1] == "drummernet: rank 1 died (exit status 1); there is no checkpoint yet"
