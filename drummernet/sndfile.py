"""Audio that libsndfile decodes: wav, flac, ogg, mp3, aiff and two dozen rarer formats."""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drummernet.errors import InputError

if TYPE_CHECKING:
    import soundfile

_UNKNOWN_FRAMES = 1 << 62
"""libsndfile says that it does not know a length by the largest number there is."""
_MPEG_SLACK_FRAMES = 2 * 1152
"""Where an MPEG stream does not state its length, it is estimated from the first of its frames of 1,152."""


class SndfileFile:
    """An open file.

    Attributes:
        rate: In Hz, as the next three as the header states them.
        channels: How many, C.
        frames: Samples per channel.
        format: Container and encoding, ``"WAV PCM_16"``.

    Args:
        path: Its name, for messages.
        raw: The file, which stays open as long as this is in use.

    Raises:
        InputError: field ``"format"`` if libsndfile does not know what it is, or how long.
    """

    def __init__(self, path: Path, raw: FileIO) -> None:
        self._path = path
        self._file = _opened(path, raw)
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.format = f"{self._file.format} {self._file.subtype}"
        self._slack_frames = _MPEG_SLACK_FRAMES if "MPEG" in self._file.subtype else 0
        if self.frames >= _UNKNOWN_FRAMES:
            self.close()
            raise InputError(path, "format", "not readable as audio: the header does not tell its length")

    def blocks(self, start_frame: int, end_frame: int | None, block_frames: int) -> Iterator[np.ndarray]:
        """Decode from ``start_frame`` to before ``end_frame``, or to the end.

        Yields:
            (n, C) float32, 0 < n ≤ ``block_frames``.

        Raises:
            InputError: if a part cannot be decoded, or is missing, possibly after some blocks.
        """
        import soundfile

        end = self.frames if end_frame is None else min(end_frame, self.frames)
        # A few encodings (GSM 6.10, G.721) are decoded from their begin, and only once.
        place = start_frame if self._file.seekable() else 0
        try:
            if self._file.seekable() and place < end:
                self._file.seek(place)
            while place < end:
                block = self._file.read(min(block_frames, end - place), dtype="float32", always_2d=True)
                if not len(block):
                    if self.frames - place <= self._slack_frames:
                        return
                    problem = f"cut short: {self.frames} promised, {place} there"
                    raise InputError(self._path, "frames", problem)
                wanted = block[max(0, start_frame - place) :]
                place += len(block)
                if len(wanted):
                    yield wanted
        except soundfile.LibsndfileError as error:
            reached = f"decoding failed between frames {place} and {end} of {self.frames}"
            raise InputError(self._path, "frames", f"{reached}: {error.error_string}") from error

    def close(self) -> None:
        """Let go of the file, which itself stays open."""
        self._file.close()


def _opened(path: Path, raw: FileIO) -> "soundfile.SoundFile":
    """Open a file by its content.

    libsndfile is not told the name, by which it would take noise in ``x.au``, ``x.gsm`` or ``x.vox`` for
    audio. Only in what is called MP3 it may look for the first frame behind something else.
    """
    import soundfile  # not at the top: machines that train from prepared stems have no decoder

    try:
        return soundfile.SoundFile(raw.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        problem = f"not readable as audio: {error.error_string}"
        if path.suffix.lower() == ".mp3":
            try:
                # soundfile encodes a str strictly, but a name on disk may be any bytes.
                return soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)
            except soundfile.LibsndfileError:
                pass
        raise InputError(path, "format", problem) from error
