"""A crawl made of the project's own audio: all ways in which found files differ, and what becomes of each.

``make_crawl`` writes it and says for every path below the folder which outcomes are right: ``kept``, or the
reasons for which it may be put aside.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import soxr

from drummernet.grooves.generator import generate_groove
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import load_kit
from drummernet.stems.render import render_groove

PREPARE = "import sys; from drummernet.cli import main; sys.exit(main(['prepare', *sys.argv[1:]]))"
"""``drummernet prepare`` for ``python -c``."""

RATE = 16_000
KEPT = frozenset({"kept"})
ANY = KEPT | {"not audio", "undecodable", "too short", "silent", "clipped", "not drums"}
ANY |= {"duplicate", "near duplicate"}
NOT_AUDIO = frozenset({"not audio"})
UNDECODABLE = frozenset({"undecodable"})
UNREADABLE = frozenset({"unreadable"})
SAME = KEPT | {"duplicate", "near duplicate"}

ENCODINGS = {
    "WAV": "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW IMA_ADPCM MS_ADPCM GSM610 G721_32 "
    "NMS_ADPCM_16 NMS_ADPCM_24 NMS_ADPCM_32",
    "WAVEX": "PCM_16 PCM_24 FLOAT",
    "RF64": "PCM_16 PCM_24 DOUBLE",
    "W64": "PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW IMA_ADPCM",
    "FLAC": "PCM_S8 PCM_16 PCM_24",
    "OGG": "VORBIS OPUS",
    "MP3": "MPEG_LAYER_III",
    "AIFF": "PCM_S8 PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW IMA_ADPCM GSM610",
    "CAF": "PCM_S8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW ALAC_16 ALAC_20 ALAC_24",
    "AU": "PCM_S8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW G721_32 G723_40",
    "AVR": "PCM_16",
    "IRCAM": "PCM_16 FLOAT",
    "NIST": "PCM_16 PCM_24",
    "PAF": "PCM_24",
    "PVF": "PCM_16",
    "SDS": "PCM_16",
    "SVX": "PCM_16",
    "VOC": "PCM_16",
}
"""What libsndfile writes and reads back; of formats that nobody meets, a few encodings."""

RATES = (8_000, 8_001, 11_025, 12_345, 15_999, 16_001, 22_050, 24_000, 31_999, 32_000, 37_800, 44_056, 44_100)
RATES += (47_952, 48_000, 50_000, 64_000, 88_200, 96_000, 176_400, 192_000)

NAMES = (
    "ドラム 太鼓.wav",
    "барабаны.wav",
    "طبول.wav",
    "תופים.wav",
    "ड्रम्स.wav",
    "กลอง.wav",
    "북소리.wav",
    "ntûl café.wav",
    "ntu\u0302l cafe\u0301.wav",  # the same name to a reader, in combining marks: another file
    "zal\u0300\u0316\u0348go\u0337.wav",
    "🥁👩🏽\u200d🎤.wav",
    "right\u202eto left.wav",
    "\u2028line separator.wav",
    " leading and trailing .wav ",
    "-rf.wav",
    "two\nlines.wav",
    "tab\tand\x07bell.wav",
    "quote'\"`$HOME;.wav",
    "back\\slash.wav",
    "percent%2e%2e%2fetc.wav",
    "a?b=c#d.wav",
    "[brackets]*.wav",
    "http:colon.wav",
    "x" * 196 + ".wav",
    "鼓" * 66 + ".wav",
)
NAME_OF_ANY_BYTES = os.fsdecode(b"latin-1 \xe9\xff \xc3.wav")


@dataclass
class Crawl:
    """What was made.

    Attributes:
        folder: Where.
        expected: By the path below it: the outcomes that are right.
        groups: Paths of the same audio, of which exactly one is kept.
    """

    folder: Path
    expected: dict[str, frozenset[str]] = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)
    stems: int = 0

    def path(self, name: str, outcomes: frozenset[str]) -> Path:
        """Return where a new file belongs."""
        assert name not in self.expected, name
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.expected[name] = outcomes
        return path

    def write(
        self,
        name: str,
        samples: np.ndarray,
        rate: int = RATE,
        kind: str = "WAV PCM_16",
        outcomes: frozenset[str] = KEPT,
    ) -> Path:
        """Write a file of audio."""
        path = self.path(name, outcomes)
        path.write_bytes(encoded(samples, rate, kind))
        return path

    def stem(self, seconds: float = 4.0, rate: int = RATE) -> np.ndarray:
        """Return drums (n,) that the crawl does not have yet."""
        self.stems += 1
        samples = drums(self.stems, seconds)
        return samples if rate == RATE else soxr.resample(samples, RATE, rate, "HQ")


def drums(number: int, seconds: float) -> np.ndarray:
    """Render a groove of its own (n,), with a hit or more each second."""
    seed = 1_000 * number
    while len((groove := generate_groove(seed, seconds)).hits) < 2 * seconds:
        seed += 1
    kits = _kits()
    return render_groove(groove, kits[number % len(kits)], np.random.default_rng(number))


@cache
def _kits() -> list[Kit]:
    return [load_kit(name) for name in ("rock_arena", "dry_studio", "jazz_bebop", "roomy_hall")]


def encoded(samples: np.ndarray, rate: int, kind: str) -> bytes:
    """Return a file of ``"CONTAINER ENCODING"``."""
    container, subtype = kind.split()
    stream = BytesIO()
    soundfile.write(stream, samples, rate, format=container, subtype=subtype)
    return stream.getvalue()


def make_crawl(folder: Path) -> Crawl:
    """Write a crawl of more than 300 files."""
    crawl = Crawl(folder)
    rng = np.random.default_rng(4)
    for part in (
        _encodings,
        _rates,
        _channels,
        _wrong_suffixes,
        _names,
        _values,
        _silent,
        _no_drums,
        _copies,
    ):
        part(crawl)
    for part in (_damaged, _no_audio):
        part(crawl, rng)
    _long(crawl, seconds=1800)
    _links(crawl)
    if shutil.which("ffmpeg"):
        _other_decoder(crawl)
    return crawl


def make_small_crawl(folder: Path, files: int) -> Crawl:
    """Write a crawl of a few files that are kept, put aside and duplicates."""
    crawl = Crawl(folder)
    for number in range(files):
        samples = crawl.stem(5.0)
        if number % 6 == 5:
            crawl.write(f"{number:03d} silent.flac", 0.0 * samples, kind="FLAC PCM_16")
        elif number % 6 == 4:
            crawl.path(f"{number:03d}.wav", ANY).write_bytes(encoded(samples, RATE, "WAV PCM_16")[:40])
        else:
            crawl.write(f"{number:03d}.flac", samples, kind="FLAC PCM_16")
        if number % 6 == 3:
            crawl.write(f"{number:03d} again.ogg", 0.5 * samples, kind="OGG VORBIS", outcomes=SAME)
    return crawl


def _encodings(crawl: Crawl) -> None:
    for container, subtypes in ENCODINGS.items():
        for subtype in subtypes.split():
            crawl.write(
                f"encodings/{subtype}.{container.lower()}", crawl.stem(), kind=f"{container} {subtype}"
            )


def _rates(crawl: Crawl) -> None:
    for place, rate in enumerate(RATES):
        kind = ("WAV PCM_16", "FLAC PCM_16", "WAV FLOAT")[place % 3]
        crawl.write(f"rates/{rate}.{kind.split()[0].lower()}", crawl.stem(rate=rate), rate, kind)


def _channels(crawl: Crawl) -> None:
    for channels in range(1, 7):
        gains = np.linspace(0.3, 1.0, channels)
        for kind in ("WAV PCM_24", "FLAC PCM_16", "OGG VORBIS"):
            name = f"channels/{channels}.{kind.split()[0].lower()}"
            crawl.write(name, crawl.stem()[:, None] * gains, kind=kind)
    left = crawl.stem()
    crawl.write("channels/left alone.wav", np.stack((left, 0 * left), axis=1))
    opposite = np.stack((left, -left), axis=1)
    crawl.write("channels/cancel out.wav", opposite, kind="WAV FLOAT", outcomes=frozenset({"silent"}))


def _wrong_suffixes(crawl: Crawl) -> None:
    for name, kind in (
        ("flac.wav", "FLAC PCM_16"),
        ("mp3.flac", "MP3 MPEG_LAYER_III"),
        ("wav.txt", "WAV PCM_16"),
        ("wav.csv", "WAV PCM_16"),
        ("wav without a suffix", "WAV PCM_16"),
        ("ogg.mp3", "OGG VORBIS"),
        ("aiff.wav", "AIFF PCM_16"),
        ("caf.jpeg", "CAF PCM_16"),
        ("UPPER.WAV", "WAV PCM_16"),
        ("mp3.wav", "MP3 MPEG_LAYER_III"),
    ):
        crawl.write(f"wrong/{name}", crawl.stem(), kind=kind)


def _names(crawl: Crawl) -> None:
    for name in (*NAMES, NAME_OF_ANY_BYTES):
        crawl.write(f"names/{name}", crawl.stem(3.0))
    crawl.write(f"names/{'/'.join(['deep ' + 'd' * 95] * 12)}/stem.wav", crawl.stem(3.0))
    crawl.write(".hidden.wav", crawl.stem(3.0))
    crawl.write(".hidden/stem.wav", crawl.stem(3.0))


def _values(crawl: Crawl) -> None:
    def spoilt(change: Callable[[np.ndarray], object]) -> np.ndarray:
        samples = crawl.stem()
        change(samples)
        return samples

    for name, samples in (
        ("one NaN", spoilt(lambda x: x.__setitem__(30_000, np.nan))),
        ("last is NaN", spoilt(lambda x: x.__setitem__(-1, np.nan))),
        ("all NaN", spoilt(lambda x: x.fill(np.nan))),
        ("infinity", spoilt(lambda x: x.__setitem__(30_000, np.inf))),
        ("minus infinity", spoilt(lambda x: x.__setitem__(0, -np.inf))),
        ("huge", spoilt(lambda x: x.__setitem__(100, 1e30))),
    ):
        crawl.write(f"values/{name}.wav", samples, kind="WAV FLOAT", outcomes=UNDECODABLE)
    crawl.write("values/offset.wav", 0.6 * crawl.stem() + 0.3)
    crawl.write("values/negative offset.wav", 0.2 * crawl.stem() - 0.7, kind="WAV FLOAT")
    crawl.write("values/beyond full scale.wav", 4 * crawl.stem(), kind="WAV FLOAT")
    crawl.write("values/quiet.wav", 0.02 * crawl.stem(), kind="WAV PCM_24")
    for name, samples in (("clipped", crawl.stem()), ("clipped too", crawl.stem())):
        loud = (30 * samples / np.abs(samples).max()).clip(-1, 1)
        crawl.write(f"values/{name}.wav", loud, outcomes=frozenset({"clipped"}))


def _silent(crawl: Crawl) -> None:
    rng = np.random.default_rng(7)
    silence = np.zeros(4 * RATE)
    for name, samples, kind in (
        ("digital.wav", silence, "WAV PCM_16"),
        ("digital.flac", silence, "FLAC PCM_16"),
        ("digital.ogg", silence, "OGG VORBIS"),
        ("digital.mp3", silence, "MP3 MPEG_LAYER_III"),
        ("nearly.wav", 1e-4 * rng.uniform(-1, 1, 4 * RATE), "WAV PCM_24"),
        ("faint drums.wav", 3e-4 * crawl.stem(), "WAV FLOAT"),
        ("constant.wav", silence + 0.5, "WAV PCM_16"),
    ):
        crawl.write(f"silent/{name}", samples, kind=kind, outcomes=frozenset({"silent"}))
    for name, samples in (
        ("0 samples", silence[:0]),
        ("1 sample", silence[:1] + 0.5),
        ("30 ms", crawl.stem()[:480]),
    ):
        outcomes = frozenset({"too short", "undecodable"})
        crawl.write(f"short/{name}.wav", samples, outcomes=outcomes)
        crawl.write(f"short/{name}.flac", samples, kind="FLAC PCM_16", outcomes=outcomes | NOT_AUDIO)


def _no_drums(crawl: Crawl) -> None:
    rng = np.random.default_rng(8)
    t = np.arange(6 * RATE) / RATE
    swell = np.sin(np.pi * t / 6) ** 2
    chord = sum(np.sin(2 * np.pi * f * t) / n for n, f in enumerate((220, 277.2, 329.6, 440), 1))
    for name, samples in (
        ("sine", 0.5 * np.sin(2 * np.pi * 440 * t)),
        ("low sine", 0.5 * np.sin(2 * np.pi * 80 * t)),
        ("pad", 0.2 * swell * chord),
        ("tremolo", 0.2 * (1 + 0.5 * np.sin(2 * np.pi * 3 * t)) * chord),
        ("glide", 0.5 * np.sin(2 * np.pi * 200 * t * (1 + t / 6))),
        ("organ", 0.2 * np.sign(np.sin(2 * np.pi * 110 * t))),
        ("white noise", 0.2 * rng.uniform(-1, 1, len(t))),
        ("swelling noise", 0.3 * swell * rng.uniform(-1, 1, len(t))),
    ):
        crawl.write(f"no drums/{name}.flac", samples, kind="FLAC PCM_16", outcomes=frozenset({"not drums"}))


def _copies(crawl: Crawl) -> None:
    """Write the same audio in other files: bytes, containers, encodings, rates, levels, cut and shifted."""
    for number in range(6):
        samples = crawl.stem(10.0)
        samples *= 0.7 / np.abs(samples).max()
        fast = soxr.resample(samples, RATE, 44_100, "VHQ")
        group = f"copies/{number}" if number else "copies/in two\nlines"
        crawl.write(f"{group}/original.wav", samples, outcomes=SAME)
        crawl.write(f"{group}/the same bytes.wav", samples, outcomes=SAME)
        crawl.write(f"{group}/other container.flac", samples, kind="FLAC PCM_16", outcomes=SAME)
        crawl.write(f"{group}/8 bits.wav", samples, kind="WAV PCM_U8", outcomes=SAME)
        crawl.write(f"{group}/softer.wav", 0.3 * samples, outcomes=SAME)
        crawl.write(f"{group}/other rate.flac", fast, 44_100, "FLAC PCM_16", outcomes=SAME)
        crawl.write(f"{group}/encoded.mp3", fast, 44_100, "MP3 MPEG_LAYER_III", outcomes=SAME)
        crawl.write(f"{group}/encoded.ogg", samples, kind="OGG VORBIS", outcomes=SAME)
        crawl.write(f"{group}/shifted.wav", samples[5_003 * (number + 1) // 3 :], outcomes=SAME)
        late = np.concatenate((np.zeros(3_333), samples[:-3_333]))
        crawl.write(f"{group}/late.wav", np.stack((late, late), axis=1), outcomes=SAME)
        crawl.groups.append([name for name in crawl.expected if name.startswith(f"{group}/")])


_DAMAGED = (
    "WAV PCM_16",
    "WAV PCM_U8",
    "WAV FLOAT",
    "WAV MS_ADPCM",
    "WAV GSM610",
    "FLAC PCM_16",
    "FLAC PCM_24",
)
_DAMAGED += ("OGG VORBIS", "OGG OPUS", "MP3 MPEG_LAYER_III", "AIFF PCM_16", "AIFF FLOAT", "CAF ALAC_16")
_DAMAGED += ("CAF PCM_24", "AU PCM_16", "W64 PCM_16", "RF64 PCM_16", "NIST PCM_16", "VOC PCM_16")


def _damaged(crawl: Crawl, rng: np.random.Generator) -> None:
    """Write files cut at random places, with random bytes behind their header, and with bytes changed."""
    for kind in _DAMAGED:
        whole = encoded(crawl.stem(3.0), RATE, kind)
        name = f"{kind.replace(' ', ' ').lower()}.{kind.split()[0].lower()}"
        for cut in range(3):
            end = int(rng.integers(1, len(whole)))
            crawl.path(f"damaged/cut {cut} {name}", ANY).write_bytes(whole[:end])
        head = 96 if kind.startswith(("WAV", "AU", "AIFF")) else 160
        crawl.path(f"damaged/random {name}", ANY).write_bytes(whole[:head] + rng.bytes(len(whole) - head))
        changed = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(len(changed), size=20)
        changed[places] = rng.integers(256, size=20)
        crawl.path(f"damaged/changed {name}", ANY).write_bytes(changed.tobytes())


def _no_audio(crawl: Crawl, rng: np.random.Generator) -> None:
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>" + b"<p>no</p>" * 400
    table = b"path,licence\n" + b"../../etc/passwd,none\n" * 50
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + rng.bytes(9_000)
    for name, data in (
        ("empty.wav", b""),
        ("empty.mp3", b""),
        ("empty", b""),
        ("one byte.wav", b"R"),
        ("page.html", page),
        ("page.mp3", page),
        ("notes.txt", "Grüße, 鼓\n".encode() * 300),
        ("table.csv", table),
        ("zeros.wav", bytes(20_000)),
    ):
        crawl.path(f"no audio/{name}", NOT_AUDIO).write_bytes(data)
    for name, data in (
        ("cover.jpg", picture),
        ("cover.wav", picture),
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + rng.bytes(9_000)),
        ("archive.zip", b"PK\x03\x04" + rng.bytes(9_000)),
        ("program.exe", b"MZ" + rng.bytes(9_000)),
    ):
        crawl.path(f"no audio/{name}", NOT_AUDIO | UNDECODABLE).write_bytes(data)
    crawl.path("no audio/random.wav", ANY).write_bytes(rng.bytes(9_000))


def _long(crawl: Crawl, seconds: int) -> None:
    slow = np.rint(100 * crawl.stem(30.0, 8_000)).astype(np.int16) * 256
    crawl.write(f"long/{seconds} s.flac", np.tile(slow, seconds // 30), 8_000, "FLAC PCM_S8")


def _links(crawl: Crawl) -> None:
    crawl.write("real/stem.wav", crawl.stem())
    crawl.write("real/other.wav", crawl.stem())
    for name, target in (
        ("real/up", ".."),
        ("real/itself", "."),
        ("the real one again", "real"),  # a folder is entered once: by the name that comes first
    ):
        (crawl.folder / name).symlink_to(target)
    for name, target in (
        ("links/loop", "pool"),
        ("links/pool", "loop"),
        ("links/to nothing.wav", "nowhere.wav"),
        ("links/endless.wav", "/dev/zero"),
    ):
        crawl.path(name, UNREADABLE).symlink_to(target)
    crawl.path("links/to a stem.wav", SAME).symlink_to("../real/stem.wav")
    crawl.expected["real/stem.wav"] = SAME
    crawl.groups.append(["links/to a stem.wav", "real/stem.wav"])
    os.mkfifo(crawl.path("links/pipe.wav", UNREADABLE))
    with socket.socket(socket.AF_UNIX) as unix:
        folder = os.open(crawl.folder / "links", os.O_RDONLY)
        unix.bind(f"/proc/self/fd/{folder}/socket.wav")  # the limit for names of sockets is 108 bytes
        os.close(folder)
    crawl.expected["links/socket.wav"] = UNREADABLE


def _other_decoder(crawl: Crawl) -> None:
    for name in ("aac.m4a", "aac.aac", "wma.wma", "ac3.ac3", "video.mp4", "wavpack.wv"):
        path = crawl.path(f"ffmpeg/{name}", KEPT)
        command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "-", "-b:a", "96k", str(path)]
        subprocess.run(command, input=encoded(crawl.stem(), RATE, "WAV PCM_16"), check=True)


def files_below(folder: Path) -> Iterator[str]:
    """Yield all that is no folder, below a folder, each folder's once, whatever links lead to it."""
    entered = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from (os.path.relpath(os.path.join(parent, name), folder) for name in names)  # noqa: PTH118


def contents(corpus: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a corpus but the journals, whose lines stand in no order."""
    paths = {path.relative_to(corpus).as_posix(): path for path in corpus.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if not name.startswith("journal/")}


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Compare the files of two corpora, and say what differs in a few lines."""
    only_one = sorted(found.keys() ^ expected.keys())
    assert not only_one, only_one
    other = [name for name in expected if found[name] != expected[name]]
    lines = [set(found[name].splitlines()) - set(expected[name].splitlines()) for name in other]
    assert not other, (other, [sorted(each)[:3] for each in lines])
