"""Runs that are killed, interrupted, crowded out or short of disk; sources that want out of their root."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from crawl import PREPARE, RATE, Crawl, assert_same, contents, encoded, make_small_crawl

from drummernet.cli import main

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="watches processes in /proc")

WAIT_SECONDS = 180


@pytest.fixture(scope="module")
def crawl(tmp_path_factory) -> Crawl:
    return make_small_crawl(tmp_path_factory.mktemp("crawl") / "found", 36)


@pytest.fixture(scope="module")
def undisturbed(crawl) -> dict[str, bytes]:
    """The corpus of a run that nothing disturbs."""
    corpus = crawl.folder.parent / "corpus"
    assert main(words(crawl.folder, corpus)) == 0
    found = contents(corpus)
    assert sum(name.startswith("stems/") for name in found) > 20
    return found


def words(source: object, corpus: Path, *more: str) -> list[str]:
    return ["prepare", str(source), "--out", str(corpus), "--workers", "2", *more]


def begin(source: object, corpus: Path) -> subprocess.Popen[str]:
    """Start the command as a terminal would: with a process group of its own."""
    command = [sys.executable, "-c", PREPARE, *words(source, corpus)[1:]]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )


def journal_lines(corpus: Path) -> int:
    path = corpus / "journal" / "1-of-1.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def until(happened: Callable[[], object], run: subprocess.Popen[str] | None = None) -> bool:
    """Wait until something happened; return False if the run ended before."""
    end = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < end, "waited for too long"
        if run is not None and run.poll() is not None:
            return False
        time.sleep(0.002)
    return True


def group_of(leader: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it is gone
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def workers_of(run: subprocess.Popen[str]) -> list[int]:
    """Return the processes that decode."""
    found = []
    for pid in group_of(run.pid):
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_killed_ten_times_it_is_the_same_corpus(crawl, undisturbed, tmp_path):
    corpus = tmp_path / "corpus"
    rng = np.random.default_rng()  # other moments each time that the tests run
    files = len(crawl.expected)
    moments = [*sorted(rng.integers(0, files, 8).tolist()), files, "while it writes"]
    landed = 0
    for turn, moment in enumerate(moments):
        run = begin(crawl.folder, corpus)
        if moment == "while it writes":
            while run.poll() is None and not list(corpus.glob(".*")):
                pass  # a temporary file is there for less than a millisecond
        else:
            until(lambda moment=moment: journal_lines(corpus) >= moment, run)
            with suppress(subprocess.TimeoutExpired):
                run.wait(rng.uniform(0, 0.1))
        if turn % 2:
            with suppress(ProcessLookupError):  # it has ended before
                os.killpg(run.pid, signal.SIGKILL)
        else:
            run.kill()  # its workers are left without a parent, and end themselves
        run.communicate()
        until(lambda run=run: not group_of(run.pid))
        landed += run.returncode == -signal.SIGKILL
        for path in (corpus / "stems").rglob("*.*"):  # no name stands for half of a stem
            assert path.name == f"{hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()}.i16"
    assert landed >= 8
    before = journal_lines(corpus)
    run = begin(crawl.folder, corpus)
    assert run.communicate()[1] == ""
    assert run.returncode == 0
    assert_same(contents(corpus), undisturbed)
    assert journal_lines(corpus) == files
    assert before == files
    assert {path.name for path in corpus.iterdir() if path.is_dir()} == {"stems", "journal"}


@pytest.mark.slow
def test_killed_while_it_finishes_it_is_the_same_corpus(crawl, undisturbed, tmp_path):
    rng = np.random.default_rng()
    for turn in range(25):
        corpus = tmp_path / str(turn) / "corpus"
        run = begin(crawl.folder, corpus)
        assert until(lambda corpus=corpus: journal_lines(corpus) == len(crawl.expected), run)
        with suppress(subprocess.TimeoutExpired):
            run.wait(rng.uniform(0, 0.2))
        run.kill()
        run.communicate()
        # Started again at once: what workers may be left must not disturb.
        run = begin(crawl.folder, corpus)
        assert run.communicate()[1] == ""
        assert run.returncode == 0
        assert_same(contents(corpus), undisturbed)


def test_a_worker_that_is_killed_costs_nothing(crawl, undisturbed, tmp_path):
    corpus = tmp_path / "corpus"
    run = begin(crawl.folder, corpus)
    kills, moment = 0, 2
    while until(lambda moment=moment: journal_lines(corpus) >= moment and len(workers_of(run)) == 2, run):
        with suppress(ProcessLookupError, IndexError):
            os.kill(workers_of(run)[0], signal.SIGKILL)
            kills += 1
        # What the two had before them is tried one by one now; to be killed at that once more is held
        # against a file, rightly.
        moment = journal_lines(corpus) + 10
    assert kills >= 1
    assert run.communicate()[1] == ""
    assert run.returncode == 0
    assert_same(contents(corpus), undisturbed)
    assert journal_lines(corpus) == len(crawl.expected)


def test_a_file_that_kills_its_decoder_is_put_aside(tmp_path):
    crawl = make_small_crawl(tmp_path / "found", 9)
    deadly = crawl.folder / "002 deadly.flac"
    samples = np.tile(crawl.stem(30.0), 10)  # takes long enough to be caught at it
    deadly.write_bytes(encoded(samples, RATE, "FLAC PCM_16"))
    run = begin(crawl.folder, tmp_path / "corpus")
    kills = 0
    while run.poll() is None:
        for pid in workers_of(run):
            with suppress(OSError):
                if any(opened.readlink() == deadly for opened in Path(f"/proc/{pid}/fd").iterdir()):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
        time.sleep(0.002)
    assert run.communicate()[1] == ""
    assert run.returncode == 0
    assert kills >= 2
    aside = [json.loads(line) for line in (tmp_path / "corpus" / "put_aside.jsonl").read_text().splitlines()]
    (entry,) = (entry for entry in aside if entry["path"] == deadly.name)
    assert entry["reason"] == "undecodable"
    assert "died" in entry["detail"]
    deadly.unlink()
    assert main(words(crawl.folder, tmp_path / "expected")) == 0
    for name, expected in contents(tmp_path / "expected").items():
        if name.startswith("stems/") or name == "index.jsonl":
            assert (tmp_path / "corpus" / name).read_bytes() == expected


@pytest.mark.parametrize("moment", [None, 12])
def test_an_interrupted_run_says_so_and_goes_on(moment, crawl, undisturbed, tmp_path):
    corpus = tmp_path / "corpus"
    run = begin(crawl.folder, corpus)
    if moment is None:  # while the workers start
        assert until(lambda: workers_of(run), run)
    else:
        assert until(lambda: workers_of(run) and journal_lines(corpus) >= moment, run)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate()
    assert (run.returncode, out, err) == (130, "", "drummernet: interrupted\n")
    until(lambda: not group_of(run.pid))
    assert not list((corpus / "scratch").rglob("*"))
    before = journal_lines(corpus)
    assert before < len(crawl.expected)
    assert main(words(crawl.folder, corpus)) == 0
    assert_same(contents(corpus), undisturbed)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system in memory; yield what changes its size."""
    folder.mkdir()

    def mounted(options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode != 0

    if mounted(f"size={kilobytes}k"):
        pytest.skip("only root can mount a small disk")
    try:
        yield lambda kilobytes: mounted(f"remount,size={kilobytes}k") and pytest.fail("no room")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_named_and_the_run_goes_on(crawl, undisturbed, tmp_path):
    needed = sum(-(-len(data) // 4096) * 4 for data in undisturbed.values())
    with small_disk(tmp_path / "disk", 16) as resize:
        corpus = tmp_path / "disk" / "corpus"
        for share in (0.01, 0.3, 0.8, 0.98):
            resize(round(share * needed))
            run = begin(crawl.folder, corpus)
            out, err = run.communicate()
            assert (run.returncode, out) == (2, "")
            assert re.fullmatch(rf"drummernet: {corpus}\S*: file: No space left on device\n", err)
            assert journal_lines(corpus) <= len(crawl.expected)
        resize(3 * needed)
        assert main(words(crawl.folder, corpus)) == 0
        assert_same(contents(corpus), undisturbed)
        assert journal_lines(corpus) == len(crawl.expected)


def test_a_disk_too_small_for_one_long_stem_is_named(tmp_path):
    crawl = Crawl(tmp_path / "found")
    tiled = np.tile(crawl.stem(10.0, 8_000), 120)  # 77 MB of samples
    crawl.write("long.flac", tiled, 8_000, "FLAC PCM_16")
    with small_disk(tmp_path / "disk", 8_000) as resize:
        run = begin(crawl.folder, tmp_path / "disk" / "corpus")
        out, err = run.communicate()
        assert (run.returncode, out) == (2, "")
        assert re.fullmatch(rf"drummernet: {tmp_path}/disk\S*: file: No space left on device\n", err)
        resize(200_000)
        assert main(words(crawl.folder, tmp_path / "disk" / "corpus")) == 0
        (entry,) = (tmp_path / "disk" / "corpus" / "index.jsonl").read_text().splitlines()
        assert json.loads(entry)["samples"] == 2 * len(tiled)


def test_of_two_runs_the_second_is_refused_by_name(crawl, undisturbed, tmp_path, capsys):
    corpus = tmp_path / "corpus"
    run = begin(crawl.folder, corpus)
    assert until(lambda: journal_lines(corpus) > 0, run)
    assert main(words(crawl.folder, corpus)) == 2
    assert capsys.readouterr().err == (
        f"drummernet: {corpus}/journal/1-of-1.jsonl: journal: another run is writing it\n"
    )
    assert run.communicate()[1] == ""
    assert run.returncode == 0
    assert_same(contents(corpus), undisturbed)


class _Web(BaseHTTPRequestHandler):
    """Gives a file, and redirects to what a path asks for."""

    files: ClassVar[dict[str, bytes]] = {}
    redirects: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        if self.path in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = self.files.get(self.path)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_leads_out_of_its_root_is_refused_by_name(web, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    crawl = Crawl(tmp_path / "list")
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded(crawl.stem(), RATE, "WAV PCM_16"))
    crawl.write("inside.wav", crawl.stem())
    (tmp_path / "list" / "link.wav").symlink_to(secret)
    _Web.files = {"/served.wav": encoded(crawl.stem(), RATE, "WAV PCM_16")}
    _Web.redirects = {
        "/moved.wav": "/served.wav",
        "/local.wav": f"file://{secret}",
        "/plain.wav": str(secret),
    }
    refused = ["../secret.wav", str(secret), "link.wav", "a/../../other.wav", f"file://{secret}"]
    refused += [f"{web}/local.wav"]
    fine = ["inside.wav", f"{web}/served.wav"]
    lines = [*refused, *fine, f"{web}/plain.wav", f"{web}/moved.wav"]
    (tmp_path / "list" / "manifest.csv").write_text("path\n" + "".join(f"{line}\n" for line in lines))
    run = begin(tmp_path / "list" / "manifest.csv", tmp_path / "corpus")
    said = run.communicate()[1].splitlines()
    assert run.returncode == 0
    index, aside = (
        [json.loads(line) for line in (tmp_path / "corpus" / name).read_text().splitlines()]
        for name in ("index.jsonl", "put_aside.jsonl")
    )
    reasons = {entry["path"]: entry["reason"] for entry in aside}
    named = {os.path.normpath(line) if "://" not in line else line for line in refused}
    assert {path for path, reason in reasons.items() if reason == "refused"} == named
    assert len(said) == len(named)
    for path in named:
        assert any(line.startswith("drummernet: refused: ") and f"{path}: " in line for line in said)
    # An absolute path in a redirect is a path of the server; it has no such file.
    assert reasons[f"{web}/plain.wav"] == "unreadable"
    # Both names of the served file are the same samples.
    kept = {entry["path"] for entry in index}
    assert len(kept) == 2
    assert kept - {f"{web}/moved.wav", f"{web}/served.wav"} == {"inside.wav"}
