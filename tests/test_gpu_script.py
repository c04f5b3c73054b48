"""A rehearsal of every stage of experiments/throughput/gpu.py on the CPU, without what GPU machines lack."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import drummernet

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "throughput"
# Python runs this before anything else, in the processes that a stage starts too.
BLOCKER = """
import importlib.metadata
import sys

ABSENT = (
    "librosa", "soundfile", "soxr", "mido", "madmom", "entmax", "mir_eval", "jsonargparse", "pretty_midi"
)
find = importlib.metadata.distribution


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def distribution(self, name):
        if name.partition("[")[0].replace("-", "_") in ABSENT:
            raise importlib.metadata.PackageNotFoundError(name)
        return find(name)


sys.meta_path.insert(0, Absent())
importlib.metadata.distribution = sys.meta_path[0].distribution
"""

GROUPS = (
    *("unet", "head", "enhancement", "pseudo_cqt", "similarity"),
    *("gru_first", "gru_second", "gru_channels", "gates", "synthesizer", "step"),
)

DRIVER = """
import json, runpy, sys

script, *stages = map(json.loads, sys.argv[1:])
for words in stages:
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")
"""

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the experiments are not beside these tests")


def words(name: str, out: Path, *more: str) -> list[str]:
    return [name, "--out", str(out), "--device", "cpu", "--tiny", *more]


def here(name: str, out: Path, *more: str) -> None:
    """Run a stage that needs the whole package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gpu.py", *words(name, out, *more)])
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        runpy.run_path(str(FOLDER / "gpu.py"), run_name="__main__")


def rows(path: Path) -> dict[str, dict]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert {"torch", "python", "device"} <= content["machine"].keys()
    return content["rows"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("data")
    here("prepare", out, "--hours", "0.005")
    assert rows(out / "prepare.json")["corpus"]["stems"] == 1
    return out


@pytest.fixture(scope="module")
def out(data, tmp_path_factory) -> Path:
    """What the stages wrote that run on a GPU machine, here in one process, which loads torch once."""
    lean, out = tmp_path_factory.mktemp("lean"), tmp_path_factory.mktemp("out")
    (lean / "sitecustomize.py").write_text(BLOCKER, encoding="utf-8")
    given, one = ("--data", str(data)), ("--batch", "1", "--data", str(data), "--rows")
    kinds = ("ceilings", "paper, batch 1, float32", "paper, batch 1, bf16+tf32")
    training = (*given, "--batch", "2", "--minutes", "0.01", "--workers", "0")
    stages = [
        words("check", out),
        words("bench", out, *given, "--rows", *kinds),
        words("variants", out, *one, "gates"),
        words("variants", out / "then", "--inside", "--resume", str(out), *one, *GROUPS),
        words("train", out, *training, "--numerics", "float32"),
        words("train", out / "then", *training, "--resume", str(out)),
        words("train", out / "without"),
    ]
    package = str(Path(drummernet.__file__).resolve().parents[1])
    paths = os.pathsep.join([str(lean), package, str(FOLDER)])
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *map(json.dumps, [str(FOLDER / "gpu.py"), *stages])],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return out


def test_the_cuda_tests_are_collected_without_what_a_gpu_machine_lacks(out):
    (row,) = rows(out / "check.json").values()
    assert row["exit_status"] == 0, row
    assert row["collected"] >= 30
    assert "no CUDA device" in row["not_run"]


def test_bench_compares_the_numerics(out):
    measured = rows(out / "bench.json")
    assert measured["ceilings"]["copy_gb_per_second"] > 0
    for kind, loss_error, cosine in (("float32", 1e-7, 0.999999), ("bf16+tf32", 0.02, 0.9)):
        row = measured[f"paper, batch 1, {kind}"]
        assert "failed" not in row, row
        assert row["items_per_second"] > 0
        assert row["loss_error"] <= loss_error
        assert row["gradient_cosine"] >= cosine


def test_a_group_of_variants_runs_in_a_process_of_its_own_and_once(out):
    assert rows(out / "variants.json") == {"gates": {"done_in": "variants_gates.json", "failed": 0}}
    assert rows(out / "then" / "variants_gates.json") == rows(out / "variants_gates.json")


@pytest.mark.parametrize("group", GROUPS)
def test_every_way_to_run_a_part_gives_what_the_first_gives(group, out):
    measured = rows(out / "then" / f"variants_{group}.json")
    ran = {name: row for name, row in measured.items() if "not_run" not in row}
    assert len(ran) >= 2, measured
    for name, row in ran.items():
        assert "failed" not in row, row
        assert row["ms"] > 0
        assert row.get("gradient_cosine", 1) >= (0.9 if "bf16" in name else 0.9999), (name, row)
    if not group.startswith("gru"):  # of which there are no graphs
        assert any("no CUDA device" in row.get("not_run", "") for row in measured.values())


def test_training_goes_on_in_slices_and_is_scored_elsewhere(out, data, tmp_path):
    (first,) = rows(out / "train.json").values()
    assert first["items_per_second"] > 0
    assert first["resumed_from"] is None
    then = rows(out / "then" / "train.json")["batch 2, bf16+tf32, slice 2"]
    assert then["items_seen"] == first["items_seen"] + 2 * then["steps"]
    assert then["precision"] == "bf16-mixed"
    kept = sorted(path.name for path in (out / "batch_2").glob("items_*.ckpt"))
    assert kept[0] == "items_000000004.ckpt"
    here("score", tmp_path, "--data", str(data / "test"), "--resume", str(out))
    scored = rows(tmp_path / "score.json")
    assert [f"batch_2/{name}" for name in kept] == [name for name in scored if name.startswith("batch_2")]
    assert all(0 <= row["mean"] <= 1 and row["batch"] == 2 for row in scored.values())


def test_what_cannot_run_says_so(out):
    (row,) = rows(out / "without" / "train.json").values()
    assert row == {"not_run": "--data names no prepared stems"}
