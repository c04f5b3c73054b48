"""Work in several processes: each input has one outcome, whatever dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import process_functions
import pytest

from drummernet.stems.processes import outcomes, usable_cores


def test_every_input_has_its_outcome_and_is_taken_when_needed():
    taken = []

    def inputs():
        for number in range(40):
            taken.append(number)
            yield number

    results = outcomes(process_functions.doubled, inputs(), 2)
    first = next(results)
    assert len(taken) < 20
    assert sorted([first, *results]) == [(n, 2 * n) for n in range(40)]
    assert list(outcomes(process_functions.doubled, [], 2)) == []
    assert usable_cores() >= 1


def test_an_input_that_kills_its_process_costs_nothing_but_itself():
    results = dict(outcomes(process_functions.deadly, range(25), 3))
    assert results == {n: None if n in (13, 17) else 2 * n for n in range(25)}


def test_a_process_may_be_killed_amid_its_result(tmp_path):
    go, pid = tmp_path / "go", tmp_path / "go.pid"
    outcome = {}
    for item, result in outcomes(process_functions.much, ["", str(go)], 2):
        outcome[item] = result
        if not go.exists():
            go.touch()
            while not pid.exists() or not pid.read_text():
                time.sleep(0.02)
            time.sleep(0.3)  # nobody reads: the result is stuck in the pipe
            os.kill(int(pid.read_text()), signal.SIGKILL)
    assert outcome == {"": b"-", str(go): bytes(50_000_000)}


def test_errors_pass_and_end_the_work():
    with pytest.raises(OSError, match="No space left") as caught:
        list(outcomes(process_functions.failing, range(100), 2))
    assert caught.value.filename == "/some/file"
    assert "In another process" in caught.value.__notes__[0]


def default_interrupt() -> None:
    """Undo what jobs in the background inherit: to ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_running(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("end", ["kill", "interrupt"])
def test_workers_do_not_outlive_what_started_them(tmp_path, end):
    script = (
        "import sys, process_functions\nfrom drummernet.stems.processes import outcomes\n"
        "if __name__ == '__main__': list(outcomes(process_functions.slow, [sys.argv[1]], 1))\n"
    )
    (tmp_path / "script.py").write_text(script)
    paths = [str(Path(process_functions.__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    pid = tmp_path / "pid"
    words = [sys.executable, str(tmp_path / "script.py"), str(pid)]
    with subprocess.Popen(
        words, env=environment, stderr=subprocess.DEVNULL, preexec_fn=default_interrupt
    ) as process:
        deadline = time.monotonic() + 120
        while not (pid.exists() and pid.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill() if end == "kill" else process.send_signal(2)
        process.wait(120)
    worker = int(pid.read_text())
    while is_running(worker):
        assert time.monotonic() < deadline + 60
        time.sleep(0.05)
