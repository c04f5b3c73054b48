"""How fast crawls are prepared, crops drawn and stems rendered, and what memory it takes.

python experiments/corpus/run.py [--only PART …]   # writes results.json and results.md beside this script
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np
import soundfile
import soxr

from drummernet.audio import audio_blocks, read_segment
from drummernet.bench.machine import describe_machine, device_of
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.corpus import open_corpus
from drummernet.stems.crops import CropDataset
from drummernet.stems.hours import render_hours
from drummernet.stems.on_the_fly import RenderedCrops, Rendering
from drummernet.stems.prepared import INDEX, PreparedCorpus, samples_path
from drummernet.stems.weights import stem_weights

HERE = Path(__file__).resolve().parent
CRAWL_HOURS = 3.0
CRAWL_FORMATS = (
    (".flac", 44_100, "PCM_16"),
    (".wav", 44_100, "PCM_24"),
    (".mp3", 44_100, None),
    (".ogg", 48_000, None),
)
PROCESSES = 2
LONG_HOURS = 3
MILLION = 1_000_000


def make_crawl(folder: Path, hours: float) -> None:
    """Write stereo stems in four formats, a quarter each, as crawls have them."""
    render_hours("generator", None, ["stems"], hours, 31, folder / "mono", Augmentation(), PROCESSES)
    for n, path in enumerate(sorted((folder / "mono" / "audio").iterdir())):
        audio, rate = soundfile.read(path, dtype="float32")
        suffix, new_rate, subtype = CRAWL_FORMATS[n % len(CRAWL_FORMATS)]
        stereo = soxr.resample(np.stack((audio, 0.8 * np.roll(audio, 5)), 1), rate, new_rate)
        (folder / "crawl").mkdir(exist_ok=True)
        soundfile.write(folder / "crawl" / f"{n:04d}{suffix}", stereo.clip(-1, 1), new_rate, subtype)


def decoded_seconds(path: Path) -> float:
    """Decode and resample a file, and do nothing else."""
    return sum(map(len, audio_blocks(path, 1 << 16))) / 16_000


def family_peak_bytes(process: int) -> dict[int, int]:
    """Return the peak memory so far of a process and of all that it started."""
    parents, peaks = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if "VmHWM" in fields:
            parents[int(fields["Pid"])] = int(fields["PPid"])
            peaks[int(fields["Pid"])] = 1024 * int(fields["VmHWM"].split()[0])
    family = {process}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return {pid: peaks[pid] for pid in family if pid in peaks}


def run_prepare(source: Path, out: Path, processes: int) -> tuple[float, float, dict[int, int]]:
    """Prepare in a process of its own; return wall seconds, CPU seconds and each process's peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = perf_counter()
    words = [sys.executable, "-m", "drummernet", "prepare", str(source), "--out", str(out)]
    peaks: dict[int, int] = {}
    with subprocess.Popen(
        [*words, "--workers", str(processes)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None:
            peaks |= family_peak_bytes(run.pid)
            sleep(0.1)
    assert run.returncode == 0
    seconds = perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, peaks


def measure_prepare(folder: Path) -> dict[str, Any]:
    """Hours prepared per minute on two cores, beside decoding and resampling alone; then crops from it."""
    make_crawl(folder, CRAWL_HOURS)
    paths = sorted((folder / "crawl").iterdir())
    begin = perf_counter()
    with get_context("spawn").Pool(PROCESSES) as pool:
        hours = sum(pool.imap_unordered(decoded_seconds, paths)) / 3600
    floor_seconds = perf_counter() - begin
    seconds, cpu_seconds, peaks = run_prepare(folder / "crawl", folder / "corpus", PROCESSES)
    again_seconds, _, _ = run_prepare(folder / "crawl", folder / "corpus", PROCESSES)
    return {
        "files": len(paths),
        "hours": hours,
        "processes": PROCESSES,
        "hours_per_minute": 60 * hours / seconds,
        "cpu_seconds_per_hour": cpu_seconds / hours,
        "floor_hours_per_minute": 60 * hours / floor_seconds,
        "second_run_seconds": again_seconds,
        "largest_process_peak_bytes": max(peaks.values()),
        "kept": len(open_corpus(folder / "corpus").lengths),
        "crops": measure_crops(folder),
    }


def per_second(draw: Callable[[int], Any], seconds: float = 3.0) -> float:
    """Return how often a function of 0, 1, … is done per second of this process's time."""
    done = 0
    begin = process_time()
    while process_time() - begin < seconds:
        draw(done)
        done += 1
    return done / (process_time() - begin)


def measure_crops(folder: Path) -> dict[str, float]:
    """Crops of 2 s per second on one core: the dataset's, a plain seek-and-read, a plain folder's."""
    corpus = open_corpus(folder / "corpus")
    assert isinstance(corpus, PreparedCorpus)
    crops = CropDataset(corpus, seed=0)
    weighted = CropDataset(corpus, 0, 2.0, stem_weights(corpus, draw="time"))
    plain = CropDataset(open_corpus(folder / "crawl"), seed=0)
    paths = [samples_path(corpus.folder, corpus.entry(n).hash) for n in range(len(corpus.lengths))]
    rng = np.random.default_rng(0)
    flacs = sorted((folder / "mono" / "audio").iterdir())

    def seek_and_read(_: int) -> np.ndarray:
        stem = int(rng.integers(len(paths)))
        with paths[stem].open("rb") as stream:
            stream.seek(2 * int(rng.integers(corpus.lengths[stem] - 32_000)))
            return np.frombuffer(stream.read(64_000), "<i2")

    def flac(_: int) -> np.ndarray:
        return read_segment(flacs[int(rng.integers(len(flacs)))], int(rng.integers(200_000)), 32_000)

    return {
        "dataset": per_second(crops.__getitem__),
        "dataset_uniform_over_time": per_second(weighted.__getitem__),
        "places_only": per_second(crops.draw),
        "seek_and_read": per_second(seek_and_read),
        "flac_16_khz": per_second(flac),
        "crawl_undecoded": per_second(plain.__getitem__),
    }


def measure_render(folder: Path) -> dict[str, Any]:
    """Hours rendered per minute of one core, on disk and on the fly."""
    result: dict[str, Any] = {}
    for name, augmentation in (("plain", None), ("augmented", Augmentation())):
        begin = process_time()
        render_hours("generator", None, ["stems"], 0.5, 41, folder / name, augmentation)
        result[f"disk_{name}_hours_per_minute"] = 0.5 * 60 / (process_time() - begin)
        crops = RenderedCrops(Rendering(augmentation=augmentation), 0)
        crops_per_second = per_second(crops.__getitem__)
        result[f"on_the_fly_{name}_crops_per_second"] = crops_per_second
        result[f"on_the_fly_{name}_hours_per_minute"] = crops_per_second * 2 / 60
    begin = perf_counter()
    render_hours("generator", None, ["stems"], 1.0, 41, folder / "two", Augmentation(), PROCESSES)
    result["disk_augmented_two_processes_hours_per_wall_minute"] = 60 / (perf_counter() - begin)
    return result


def measure_long(folder: Path) -> dict[str, Any]:
    """Peak memory with a file of three hours."""
    render_hours("generator", None, ["stems"], 0.02, 51, folder / "short", Augmentation())
    pieces = [
        soundfile.read(path, dtype="float32")[0] for path in sorted((folder / "short" / "audio").iterdir())
    ]
    minute = soxr.resample(np.concatenate(pieces)[: 60 * 16_000], 16_000, 44_100).clip(-1, 1)
    (folder / "long").mkdir()
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(folder / "long" / "three_hours.flac", "w", 44_100, 2, "PCM_16") as file:
        for _ in range(60 * LONG_HOURS):
            louder = rng.uniform(0.3, 1)
            file.write(np.stack((louder * minute, minute), 1))
    seconds, cpu_seconds, peaks = run_prepare(folder / "long", folder / "corpus", 1)
    result = {"hours": LONG_HOURS, "seconds": seconds, "cpu_seconds": cpu_seconds}
    return {
        **result,
        "largest_process_peak_bytes": max(peaks.values()),
        "sum_of_peaks_bytes": sum(peaks.values()),
    }


def measure_million(folder: Path) -> dict[str, Any]:
    """Open an index of a million made-up tracks; draw from it."""
    rng = np.random.default_rng(0)
    with (folder / INDEX).open("w") as stream:
        for n in range(MILLION):
            samples = int(rng.integers(8_000, 6_400_000))
            entry = {
                "path": f"artist {n // 100}/album {n // 10}/track {n} drums.flac",
                "source": f"crawl {n % 7}",
            }
            entry |= {"style": "rock", "licence": "CC-BY-4.0", "provenance": f"https://example.org/{n}"}
            entry |= {"format": "FLAC PCM_16", "source_rate": 44_100, "channels": 2}
            entry |= {
                "duration_seconds": samples / 16_000,
                "samples": samples,
                "peak": 0.9234,
                "loudness_lufs": -14.2,
            }
            entry |= {
                "silence_share": 0.01,
                "clipped_share": 0.0,
                "percussive_share": 0.7,
                "onsets_per_second": 3.1,
            }
            entry |= {"scale": 2.8e-5, "hash": rng.bytes(16).hex()}
            stream.write(json.dumps(entry) + "\n")
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from drummernet.stems.prepared import PreparedCorpus\n"
        "def peak():\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "before, begin = peak(), time.perf_counter()\n"
        "corpus = PreparedCorpus(Path(sys.argv[1]))\n"
        "print(time.perf_counter() - begin, peak() - before)\n"
    )
    words = [sys.executable, "-c", script, str(folder)]
    opened = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    corpus = PreparedCorpus(folder)
    result: dict[str, Any] = {"tracks": MILLION, "index_bytes": (folder / INDEX).stat().st_size}
    result |= {"open_seconds": float(opened[0]), "open_memory_bytes": int(opened[1])}
    small = PreparedCorpus.__new__(PreparedCorpus)
    small.__dict__.update(corpus.__dict__, lengths=corpus.lengths[:1000])
    for name, stems in (("thousand", small), ("million", corpus)):
        crops = CropDataset(stems, 0, 2.0, stem_weights(stems, draw="time"))
        result[f"draws_per_second_{name}"] = per_second(
            lambda n, crops=crops: crops._stem(np.random.default_rng((0, n)))
        )
    return result


PARTS = {
    "prepare": measure_prepare,
    "render": measure_render,
    "long": measure_long,
    "million": measure_million,
}


def main() -> None:
    """Measure the parts and write them beside this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    only = parser.parse_args().only
    path = HERE / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    results["machine"] = describe_machine(device_of("cpu", 1, 1))
    for name in only:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = PARTS[name](Path(folder))
        print(name, json.dumps(results[name], indent=1), flush=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
