"""Formats that only ffmpeg decodes, and what it must not do."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drummernet import ffmpeg
from drummernet.audio import audio_length, open_audio, read_audio, read_segment
from drummernet.errors import InputError

needs_ffmpeg = pytest.mark.skipif(not ffmpeg.is_installed(), reason="ffmpeg is not installed")


def encoded(path: Path, samples: np.ndarray, rate: int, *options: str) -> Path:
    """Have ffmpeg encode samples (N, C)."""
    soundfile.write(path.with_suffix(".source.wav"), samples, rate, subtype="FLOAT")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path.with_suffix(".source.wav")), *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def tones(rate: int, seconds: float, channels: int = 2) -> np.ndarray:
    times = np.arange(round(rate * seconds)) / rate
    return np.stack([0.4 * np.sin(2 * np.pi * 300 * (n + 1) * times) for n in range(channels)], axis=1)


def children() -> set[str]:
    """Return the ids of this process's children, finished ones that nobody waited for included."""
    return set(
        Path("/proc/self/task", str(Path("/proc/self").resolve().name), "children").read_text().split()
    )


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "rate", "channels", "shown"),
    [
        ("a.m4a", ["-c:a", "aac", "-b:a", "192k"], 44_100, 2, "ffmpeg aac"),
        ("a.wav", ["-c:a", "alac", "-f", "ipod"], 48_000, 6, "ffmpeg alac"),  # by its content
        ("a.webm", ["-c:a", "libopus"], 48_000, 1, "ffmpeg opus"),
        ("a.wma", ["-c:a", "wmav2", "-b:a", "192k"], 22_050, 1, "ffmpeg wmav2"),
        ("a.mkv", ["-c:a", "flac"], 96_000, 2, "ffmpeg flac"),
        ("a.wv", ["-c:a", "wavpack"], 11_025, 1, "ffmpeg wavpack"),
        ("a.aac", ["-c:a", "aac", "-b:a", "192k"], 32_000, 2, "ffmpeg aac"),
        ("a.flac", ["-c:a", "flac", "-f", "ogg"], 44_100, 2, "ffmpeg flac"),
    ],
)
def test_formats(tmp_path, name, options, rate, channels, shown):
    samples = tones(rate, 3, channels)
    path = encoded(tmp_path / name, samples, rate, *options)
    with open_audio(path) as decoder:
        assert (decoder.rate, decoder.channels, decoder.format) == (rate, channels, shown)
        decoded = np.concatenate(list(decoder.blocks()))
    assert decoded.dtype == np.float32
    # Lossy encoders may pad to their frames in front (of raw AAC) and behind.
    assert -0.05 * rate < len(decoded) - len(samples) < 0.1 * rate
    middle = slice(rate // 2, rate // 2 + rate)
    if shown.split()[1] in ("alac", "flac", "wavpack"):
        np.testing.assert_allclose(decoded, samples, atol=2**-15)
    elif name in ("a.m4a", "a.webm"):  # containers that tell the encoder's delay
        assert np.std(decoded[middle] - samples[middle]) < 0.02
    spectra = np.abs(np.fft.rfft(decoded[middle], axis=0))
    assert spectra.argmax(axis=0).tolist() == [300 * (n + 1) for n in range(channels)]
    with pytest.raises(InputError, match="format: "):
        audio_length(path)  # a plain folder's crops are for libsndfile


@needs_ffmpeg
def test_whole_blocks_and_segments_are_the_same(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (5 * 44_100, 2))
    path = encoded(tmp_path / "a.m4a", noise, 44_100, "-c:a", "alac")
    reference = tmp_path / "a.flac"
    soundfile.write(reference, soundfile.read(tmp_path / "a.source.wav")[0], 44_100)
    whole = read_audio(path)
    np.testing.assert_allclose(whole, read_audio(reference), atol=2**-14)
    for start in (0, 40_000, len(whole) - 100):
        part = read_segment(path, start, 9_000)
        np.testing.assert_allclose(part, whole[start : start + 9_000], atol=1e-6)
    assert len(read_segment(path, len(whole) + 50_000, 100)) == 0


@needs_ffmpeg
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are listed by Linux only")
def test_the_process_ends_with_the_file(tmp_path):
    path = encoded(tmp_path / "a.mkv", tones(48_000, 60), 48_000, "-c:a", "flac")
    before = children()
    with open_audio(path) as decoder:
        blocks = decoder.blocks()
        next(blocks)
        assert len(children()) == len(before) + 1
    assert children() == before
    with pytest.raises(ZeroDivisionError), open_audio(path) as decoder:
        _ = [1 / 0 for _ in decoder.blocks()]
    assert children() == before


@needs_ffmpeg
def test_long_files_need_little_memory(tmp_path):
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "900"]
    subprocess.run([*command, "-c:a", "flac", str(tmp_path / "a.mkv")], check=True, timeout=60)
    code = (
        "import resource, sys; from pathlib import Path; from drummernet.audio import open_audio\n"
        "with open_audio(Path(sys.argv[1])) as decoder:\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    print(sum(len(block) for block in decoder.blocks()))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mkv")], check=True, capture_output=True, text=True
    )
    frames, grown_kib = map(int, done.stdout.split())
    assert frames == 900 * 48_000
    assert grown_kib < 20_000  # all samples would be 346 MB


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", ["-c:a", "aac", "-movflags", "+faststart"]), ("a.webm", ["-c:a", "libopus"]), ("a.wma", [])],
)
def test_damaged_streams_are_named(tmp_path, name, options):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (3 * 48_000, 2))
    path = encoded(tmp_path / name, noise, 48_000, *options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(InputError, match=rf"{name}: frames: ffmpeg: \S+"):
        read_audio(path)
    path.write_bytes(content[:200])
    with pytest.raises(InputError, match=rf"{name}: format: not readable as audio: .*ffprobe"):
        read_audio(path)


@needs_ffmpeg
def test_a_film_without_sound_is_no_audio(tmp_path):
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1", str(tmp_path / "a.mp4")]
    subprocess.run(command, check=True, timeout=60)
    with pytest.raises(InputError, match=r"a\.mp4: format: .*no audio"):
        read_audio(tmp_path / "a.mp4")


@needs_ffmpeg
def test_playlists_open_no_other_file(tmp_path):
    secret = encoded(tmp_path / "secret.ts", tones(44_100, 1), 44_100, "-c:a", "aac", "-f", "mpegts")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"
    listing = f"ffconcat version 1.0\nfile '{secret.name}'\n"
    for name, text in (
        ("list.m3u8", playlist),
        ("list.mp4", playlist),
        ("list.ts", listing),
        ("a.sdp", "v=0\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(InputError, match=f"{name}: format: "):
            read_audio(path)  # it begins like no audio: ffmpeg is not even started
        with pytest.raises(InputError, match=f"{name}: format: ffprobe: "):
            ffmpeg.FfmpegFile(path)  # and would refuse
    assert len(read_audio(secret)) > 15_000
    # A name that is an address to ffmpeg is a name here.
    odd = tmp_path / "concat:secret.ts|secret.ts"
    shutil.copy(secret, odd)
    np.testing.assert_array_equal(read_audio(odd), read_audio(secret))


@pytest.mark.parametrize(
    "content",
    [
        b"words, and more words\n" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"\xff\xd8\xff\xe0" + bytes(500),
        b"%PDF-1.4\n" + bytes(500),
        b"PK\x03\x04" + bytes(500),
        b"\x7fELF" + bytes(500),
        b"x",
    ],
)
def test_what_is_plainly_no_audio_starts_no_process(tmp_path, content, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    (tmp_path / "a.m4a").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.m4a: format: not readable as audio"):
        read_audio(tmp_path / "a.m4a")


def test_without_ffmpeg_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(500))
    with pytest.raises(InputError, match=r"format: not readable as audio: .*ffmpeg.* is not installed"):
        read_audio(tmp_path / "a.m4a")


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="programs written for a POSIX shell")
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("sleep 30", "frames: ffmpeg gave nothing for 0.3 s"),
        ("exit 3", "frames: ffmpeg: exit status 3"),
        ("exit 0", "frames: none could be decoded"),
        ("head -c 80000 /dev/zero; echo broken >&2", "frames: ffmpeg: broken"),
        ("head -c 80000 /dev/zero; yes complaint >&2 & sleep 0.2; kill $!", "frames: ffmpeg: complaint"),
    ],
)
def test_programs_that_misbehave(tmp_path, monkeypatch, script, problem):
    stream = '{"streams": [{"codec_name": "x", "sample_rate": "16000", "channels": 2}]}'
    for name, text in (("ffprobe", f"echo '{stream}'"), ("ffmpeg", script)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(ffmpeg, "SILENT_SECONDS", 0.3)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(500))
    with pytest.raises(InputError, match=problem):
        read_audio(tmp_path / "a.m4a")
