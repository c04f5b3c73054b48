"""Audio in formats that libsndfile does not know, decoded by an installed ffmpeg in a process of its own.

Crawled files are not trusted: what begins like none of the formats below is not handed over at all, ffmpeg
may open no file but the one it is given (no playlists, no URLs), and a stream with errors is refused.
"""

import json
import os
import re
import selectors
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from drummernet.errors import InputError

SILENT_SECONDS = 60.0
"""A decoder that gives nothing for so long is stopped."""

HEAD_BYTES = 16
_SIGNATURES = (
    *((4, kind) for kind in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")),  # MPEG-4, MOV
    *((0, kind) for kind in (b"\x1aE\xdf\xa3", b"FLV\x01")),  # Matroska and WebM, Flash
    *(
        (0, kind) for kind in (b"0&\xb2u\x8ef\xcf\x11", b"RIFF", b"RF64", b"FORM", b"caff")
    ),  # WMA, WAV, AIFF, CAF
    *((0, kind) for kind in (b"ID3", b"fLaC", b"OggS", b"wvpk", b"TTA1", b"MAC ", b"MP+", b"MPCK", b"tBaK")),
    *((0, bytes((0xFF, second))) for second in (0xF0, 0xF1, 0xF8, 0xF9)),  # AAC
    *(
        (0, kind) for kind in (b"\x0bw", b"#!AMR", b"\x7f\xfe\x80\x01", b"G@", b"\0\0\x01\xba")
    ),  # AC-3, …, MPEG
)
"""Offset and first bytes of the containers below."""

_DEMUXERS = (
    "mov,mp4,m4a,matroska,webm,flv,asf,wav,w64,avi,aiff,caf,mp3,aac,flac,ogg,wv,tta,ape,mpc,mpc8,tak,"
    "ac3,eac3,amr,dts,mpegts,mpeg"
)
"""Of a container with its streams in the same file; playlists and image sequences are not among them."""

_ONLY_THIS_FILE = ("-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS)
_QUIET = ("-hide_banner", "-v", "error", "-max_alloc", str(1 << 28))
_PIPE_BYTES = 1 << 16
_SAID_CHARACTERS = 200
_SAID_BYTES = 4096


def is_installed() -> bool:
    """Return whether ffmpeg and ffprobe are found (pipes are waited for in a way that POSIX systems have)."""
    return os.name == "posix" and all(map(shutil.which, ("ffmpeg", "ffprobe")))


def may_read(head: bytes) -> bool:
    """Return whether it is worth starting ffmpeg for a file with these ``HEAD_BYTES`` at its begin."""
    return any(head.startswith(kind, offset) for offset, kind in _SIGNATURES)


class FfmpegFile:
    """The first audio stream of a file.

    Attributes:
        rate: In Hz, as the next two as the header states them.
        channels: How many.
        frames: Not known before all is decoded.
        format: ``"ffmpeg"`` and the name of the encoding.

    Raises:
        InputError: if ffprobe finds no audio in it.
    """

    frames = None

    def __init__(self, path: Path) -> None:
        self._path = path
        entries = ("-show_entries", "stream=codec_name,sample_rate,channels")
        command = [
            *("ffprobe", *_QUIET, *_ONLY_THIS_FILE, "-select_streams", "a:0", *entries, "-of", "json"),
            *("-i", _address(path)),
        ]
        self._running: Generator[bytes, None, None] | None = None
        answer = b"".join(_output(command, path, "format"))
        try:
            stream = json.loads(answer)["streams"][0]
            self.rate = int(stream["sample_rate"])
            self.channels = int(stream["channels"])
            self.format = f"ffmpeg {stream['codec_name']}"
        except (ValueError, LookupError) as error:
            raise InputError(path, "format", "ffprobe finds no audio in it") from error

    def blocks(self, start_frame: int, end_frame: int | None, block_frames: int) -> Iterator[np.ndarray]:
        """Decode from ``start_frame`` to before ``end_frame``, or to the end.

        ffmpeg does not seek exactly, so that what stands before is decoded too. The process that decodes
        ends with the stream, or with :meth:`close`.

        Yields:
            (n, C) float32, 0 < n ≤ ``block_frames``.

        Raises:
            InputError: for errors in the stream, or if there is nothing in it, possibly after some blocks.
        """
        self.close()
        self._running = _output(self._command(), self._path, "frames")
        place = 0
        for data in _pieces(self._running, 4 * self.channels, block_frames):
            block = np.frombuffer(data, "<f4").reshape(-1, self.channels).astype(np.float32)
            end = len(block) if end_frame is None else max(0, end_frame - place)
            part = block[max(0, start_frame - place) : end]
            place += len(block)
            if len(part):
                yield part
            if end_frame is not None and place >= end_frame:
                self.close()
                return
        if not place:
            raise InputError(self._path, "frames", "none could be decoded")

    def _command(self) -> list[str]:
        return [
            *("ffmpeg", "-nostdin", *_QUIET, "-xerror", "-threads", "1", *_ONLY_THIS_FILE),
            *("-i", _address(self._path), "-map", "0:a:0"),
            # Stated once more, because either may change within a stream.
            *("-ac", str(self.channels), "-ar", str(self.rate), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"),
        ]

    def close(self) -> None:
        """End the process that decodes, if there is one."""
        if self._running is not None:
            self._running.close()


def _address(path: Path) -> str:
    """Return what ffmpeg takes for a file whatever its name looks like."""
    return f"file:{path.absolute()}"


def _pieces(stream: Iterator[bytes], frame_bytes: int, frames: int) -> Iterator[bytes]:
    """Cut a stream into pieces of so many frames; only the last is shorter."""
    pending = bytearray()
    for data in stream:
        pending += data
        while len(pending) >= frames * frame_bytes:
            yield bytes(pending[: frames * frame_bytes])
            del pending[: frames * frame_bytes]
    if len(pending) >= frame_bytes:
        yield bytes(pending[: len(pending) // frame_bytes * frame_bytes])


def _output(command: list[str], path: Path, field: str) -> Generator[bytes, None, None]:
    """Run a program and yield what it writes; it has ended, or is ended, when the iterator is closed.

    Raises:
        InputError: if it fails, complains, or falls silent.
    """
    said = bytearray()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, selectors.DefaultSelector() as pipes:
        try:
            pipes.register(process.stdout, selectors.EVENT_READ)
            pipes.register(process.stderr, selectors.EVENT_READ)
            while pipes.get_map():
                ready = pipes.select(SILENT_SECONDS)
                if not ready:
                    raise InputError(path, field, f"{command[0]} gave nothing for {SILENT_SECONDS:g} s")
                for pipe, _ in ready:
                    data = os.read(pipe.fd, _PIPE_BYTES)
                    if not data:
                        pipes.unregister(pipe.fileobj)
                    elif pipe.fileobj is process.stdout:
                        yield data
                    elif len(said) < _SAID_BYTES:
                        said += data
            status = process.wait(SILENT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise InputError(path, field, f"{command[0]} does not end") from error
        finally:
            process.kill()
    if said or status:
        text = said.replace(os.fsencode(_address(path)), b"the file").decode(errors="replace")
        text = re.sub(r"\[(\S+) @ 0x[0-9a-f]+\]", r"\1:", text)
        problem = " ".join(text.split())[:_SAID_CHARACTERS] or f"exit status {status}"
        raise InputError(path, field, f"{command[0]}: {problem}")
