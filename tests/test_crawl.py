"""A crawl of hundreds of files through the command: each is kept or put aside with its reason, once."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from crawl import (
    NAME_OF_ANY_BYTES,
    PREPARE,
    UNREADABLE,
    Crawl,
    assert_same,
    contents,
    files_below,
    make_crawl,
    make_small_crawl,
)

from drummernet import SAMPLE_RATE
from drummernet.cli import main
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset


@pytest.fixture(scope="module")
def crawl(tmp_path_factory) -> Crawl:
    return make_crawl(tmp_path_factory.mktemp("crawl") / "found")


@pytest.fixture(scope="module")
def corpus(crawl) -> Path:
    """What one run makes of the crawl."""
    folder = crawl.folder.parent / "corpus"
    assert main(["prepare", str(crawl.folder), "--out", str(folder), "--workers", "2"]) == 0
    return folder


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def outcomes(corpus: Path) -> dict[str, str]:
    """Return the outcome of each path; one that is listed twice is an error."""
    found = [(entry["path"], "kept") for entry in lines(corpus / "index.jsonl")]
    found += [(entry["path"], entry["reason"]) for entry in lines(corpus / "put_aside.jsonl")]
    assert len({path for path, _ in found}) == len(found)
    return dict(found)


def states(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return inode, size and time of change of everything below a folder."""
    found = {str(path): path.stat() for path in (folder, *folder.rglob("*"))}
    return {name: (status.st_ino, status.st_size, status.st_mtime_ns) for name, status in found.items()}


def test_the_crawl_is_as_large_as_it_should_be(crawl):
    found = list(files_below(crawl.folder))
    assert len(found) == len(set(found)) >= 300
    assert set(found) == set(crawl.expected)


def test_every_file_is_kept_or_put_aside_with_its_reason(crawl, corpus):
    found = outcomes(corpus)
    assert set(found) == set(files_below(crawl.folder))
    wrong = {name: found[name] for name, right in crawl.expected.items() if found[name] not in right}
    assert not wrong
    for entry in lines(corpus / "put_aside.jsonl"):
        assert entry["source"] == str(crawl.folder)
        assert entry["detail"]
        assert "\n" not in entry["detail"]


def test_of_the_same_audio_one_file_is_kept(crawl, corpus):
    found = outcomes(corpus)
    kept = [[name for name in group if found[name] == "kept"] for group in crawl.groups]
    assert [len(names) for names in kept] == [1] * len(crawl.groups)


def test_the_report_counts_the_same(crawl, corpus):
    report = json.loads((corpus / "report.json").read_text())
    counted = Counter(outcomes(corpus).values())
    assert report["kept"]["files"] == counted.pop("kept")
    assert {reason: row["files"] for reason, row in report["by_reason"].items()} == counted
    assert report["put_aside"]["files"] == sum(counted.values())
    for table in ("by_format", "by_source"):
        rows = report[table].values()
        for side in ("kept", "put_aside"):
            assert sum(row[side]["files"] for row in rows) == report[side]["files"]
            assert sum(row[side]["hours"] for row in rows) == pytest.approx(report[side]["hours"])
    entries = lines(corpus / "index.jsonl")
    assert report["kept"]["hours"] == pytest.approx(sum(e["duration_seconds"] for e in entries) / 3600)
    assert report["by_source"].keys() == {str(crawl.folder)}
    for histogram in report["histograms"].values():
        assert sum(histogram["files"]) <= len(entries)


def test_a_stem_is_what_an_independent_decoder_reads(crawl, corpus):
    names = ["encodings/PCM_U8.wav", "encodings/PCM_24.flac", "encodings/VORBIS.ogg", "rates/192000.wav"]
    names += [
        "rates/8001.flac",
        "channels/6.wav",
        "names/ドラム 太鼓.wav",
        "values/offset.wav",
        "names/-rf.wav",
    ]
    names += ["values/beyond full scale.wav", "long/1800 s.flac", f"names/{NAME_OF_ANY_BYTES}"]
    entries = {entry["path"]: entry for entry in lines(corpus / "index.jsonl")}
    for name in names:
        entry = entries[name]
        with (crawl.folder / name).open("rb") as stream:
            audio, rate = soundfile.read(stream, always_2d=True)
        expected = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE, "VHQ")
        expected -= expected.mean()
        digest = entry["hash"]
        kept = np.fromfile(corpus / "stems" / digest[:2] / f"{digest}.i16", "<i2")
        assert (entry["source_rate"], entry["channels"]) == (rate, audio.shape[1])
        assert len(kept) == entry["samples"]
        assert abs(len(kept) - len(expected)) <= 1
        assert entry["duration_seconds"] == pytest.approx(len(audio) / rate, abs=1e-4)
        assert np.abs(kept).max() == 32_767
        length = min(len(kept), len(expected))
        np.testing.assert_allclose(kept[:length] * entry["scale"], expected[:length], atol=entry["scale"])


def test_nothing_but_the_corpus_is_written(crawl, corpus):
    assert {path.name for path in corpus.iterdir()} == {
        "index.jsonl",
        "put_aside.jsonl",
        "report.json",
        "report.html",
        "stems",
        "journal",
    }
    hashes = {entry["hash"] for entry in lines(corpus / "index.jsonl")}
    stems = {path.relative_to(corpus / "stems").as_posix() for path in (corpus / "stems").rglob("*.*")}
    assert stems == {f"{digest[:2]}/{digest}.i16" for digest in hashes}


def test_a_second_run_changes_nothing(crawl, corpus, capsys):
    before, bytes_before = states(corpus), contents(corpus)
    journal = (corpus / "journal" / "1-of-1.jsonl").read_bytes()
    assert main(["prepare", str(crawl.folder), "--out", str(corpus), "--workers", "2"]) == 0
    assert_same(contents(corpus), bytes_before)
    assert (corpus / "journal" / "1-of-1.jsonl").read_bytes() == journal
    after = states(corpus)
    for name in (
        "",
        "journal",
        "journal/1-of-1.jsonl",
    ):  # the run locks its journal, and has a folder for itself
        del before[str(corpus / name)], after[str(corpus / name)]
    assert {name for name in before if after[name] != before[name]} == set()
    assert after.keys() == before.keys()


def test_a_dry_run_writes_nothing_and_counts_the_same(tmp_path, capsys):
    crawl = make_small_crawl(tmp_path / "found", 12)
    words = ["prepare", str(crawl.folder), "--out", str(tmp_path / "corpus"), "--workers", "2"]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert not (tmp_path / "corpus").exists()
    assert main(words) == 0
    counts = capsys.readouterr().out
    assert "kept" in said
    assert said.splitlines() == [line for line in counts.splitlines() if not line.startswith("page: ")]
    before = states(tmp_path)
    assert main([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out == said
    assert states(tmp_path) == before


def test_four_shards_are_the_corpus_of_one_run(crawl, corpus, tmp_path):
    # All at once and in any order, as on four machines; half of them have one process, half two.
    words = ["prepare", str(crawl.folder), "--out", str(tmp_path / "corpus")]
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PREPARE,
                *words[1:],
                "--shard",
                f"{part}/4",
                "--workers",
                str(1 + part % 2),
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in (3, 1, 4, 2)
    ]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert not (tmp_path / "corpus" / "index.jsonl").exists()
    records = [len(lines(tmp_path / "corpus" / "journal" / f"{part}-of-4.jsonl")) for part in (1, 2, 3, 4)]
    assert sum(records) == len(crawl.expected)
    assert min(records) > len(crawl.expected) / 8
    assert main(["prepare", "--out", str(tmp_path / "corpus"), "--finish"]) == 0
    assert_same(contents(tmp_path / "corpus"), contents(corpus))
    # The same with the sources named: nothing is left to decode.
    assert main([*words, "--finish", "--workers", "2"]) == 0
    assert_same(contents(tmp_path / "corpus"), contents(corpus))


def test_crops_of_every_stem_are_drawn(corpus):
    opened = open_corpus(corpus)
    weights = np.zeros(len(opened.lengths))
    for stem, length in enumerate(opened.lengths):
        weights[:] = 0
        weights[stem] = 1
        crops = CropDataset(opened, seed=stem, weights=weights)
        crop = crops.draw(0)
        assert crop.stem == stem
        audio = crops[0]["audio"]
        assert audio.shape == (2 * SAMPLE_RATE,)
        assert audio.abs().max() == 1
        assert len(crop.part) == min(2 * SAMPLE_RATE, length)


WITHOUT_POWERS = """
import ctypes, os, sys
for power in (1, 2):  # of root, to pass over permissions (capabilities(7)): lost with the next program
    ctypes.CDLL(None).prctl(24, power, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="as an ordinary user, even where root runs the tests")
def test_what_must_not_be_read_is_put_aside(tmp_path):
    crawl = make_small_crawl(tmp_path / "found", 4)
    locked = crawl.write("no permission.wav", crawl.stem(), outcomes=UNREADABLE)
    crawl.write("locked/stem.wav", crawl.stem())
    words = ["-c", PREPARE, str(crawl.folder), "--out", str(tmp_path / "corpus"), "--workers", "1"]
    command = [sys.executable, "-c", WITHOUT_POWERS, *words]
    locked.chmod(0)
    (crawl.folder / "locked").chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    finally:
        (crawl.folder / "locked").chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    found = outcomes(tmp_path / "corpus")
    assert found["no permission.wav"] == found["locked"] == "unreadable"
    assert "locked/stem.wav" not in found
    details = {entry["path"]: entry["detail"] for entry in lines(tmp_path / "corpus" / "put_aside.jsonl")}
    assert "Permission denied" in details["no permission.wav"]
    assert "Permission denied" in details["locked"]
    # Once it may be read, the next run keeps it.
    locked.chmod(0o600)
    assert main(["prepare", str(crawl.folder), "--out", str(tmp_path / "corpus"), "--workers", "1"]) == 0
    again = outcomes(tmp_path / "corpus")
    assert again["no permission.wav"] == again["locked/stem.wav"] == "kept"


def test_a_file_that_changed_takes_the_place_of_what_it_was(tmp_path):
    crawl = make_small_crawl(tmp_path / "found", 3)
    words = ["prepare", str(crawl.folder), "--out", str(tmp_path / "corpus"), "--workers", "1"]
    assert main(words) == 0
    soundfile.write(crawl.folder / "001.flac", crawl.stem(5.0), SAMPLE_RATE)
    assert main(words) == 0
    again = tmp_path / "again"
    assert main([*words[:3], str(again / "corpus"), *words[4:]]) == 0
    assert_same(contents(tmp_path / "corpus"), contents(again / "corpus"))


def test_a_corpus_within_its_source_is_no_source(tmp_path):
    crawl = make_small_crawl(tmp_path / "found", 3)
    words = ["prepare", str(crawl.folder), "--out", str(crawl.folder / "corpus"), "--workers", "1"]
    assert main(words) == 0
    before = contents(crawl.folder / "corpus")
    assert main(words) == 0
    assert_same(contents(crawl.folder / "corpus"), before)
