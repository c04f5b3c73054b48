"""``drummernet listen``: a recording and the hits heard in it, played and drawn together in one page.

The page holds the recording and one sound per drum; its script starts a sound at every hit, so that a drum
is switched on and off while it plays.
"""

import base64
import io
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.audio import audio_blocks, peak_normalise
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import load_kit
from drummernet.pages import Page
from drummernet.resources import named_resource, refuse_unwritable
from drummernet.stems.render import CHOKED, CHOKING
from drummernet.transcriber.checkpoint import load_transcriber
from drummernet.transcription.files import Transcription, transcribe_file
from drummernet.transcription.picking import picker_of

KIT = "rock_maple"
LONGEST_SECONDS = 1800
"""Of a recording that a page holds: of drums, 40 MB, which a browser takes seconds to open."""

_PEAK = 0.9
_CHOKE_SECONDS = 0.015  # the renderer's fade
_DRUMS = {
    "CRC": ("Crash cymbal", 285),
    "SPC": ("Splash cymbal", 305),
    "CHC": ("China cymbal", 325),
    "RDC": ("Ride cymbal", 265),
    "RDB": ("Ride bell", 245),
    "OHH": ("Open hi-hat", 160),
    "CHH": ("Closed hi-hat", 140),
    "PHH": ("Pedal hi-hat", 120),
    "TMB": ("Tambourine", 75),
    "HIT": ("High tom", 190),
    "MHT": ("Mid tom", 200),
    "HFT": ("High floor tom", 212),
    "LFT": ("Low floor tom", 224),
    "SST": ("Side stick", 50),
    "SD": ("Snare drum", 32),
    "KD": ("Kick drum", 0),
}
"""Names and hues in degrees, from top to bottom as drummers write them."""

_STAND_INS = {"RDB": "RDC", "CHC": "CRC", "SST": "SD"}
"""What plays a component that a kit neither has nor can derive."""


def listen(
    recording: Path,
    checkpoint: str = "pretrained",
    kit: str = KIT,
    out: Path | None = None,
    threshold: float | None = None,
) -> Path:
    """Transcribe a recording and write the page that plays it.

    Args:
        recording: An audio file of any format, of 30 minutes at most.
        checkpoint: The name of packaged weights, or the path of a checkpoint.
        kit: The name of a packaged kit, or the path of a manifest.
        out: The page; ``STEM.html`` in the current folder if None.
        threshold: δ of the picking rule; the checkpoint's own if None.

    Returns:
        The page.

    Raises:
        InputError: if the recording cannot be read or is too long, there is no such checkpoint or kit, or the
            page cannot be written.
    """
    page = Path(f"{recording.stem}.html") if out is None else out
    refuse_unwritable(page)
    if page.resolve() == recording.resolve():
        raise InputError(page, "file", "is the recording itself")
    weights = named_resource("weights", checkpoint, ".safetensors")
    load_kit(kit)  # before the work, too
    _refuse_long(recording)
    transcription = transcribe_file(load_transcriber(weights), recording, picker_of(weights, threshold))
    write_listen_page(transcription, kit, recording.name, page)
    return page


def write_listen_page(transcription: Transcription, kit: str, title: str, path: Path) -> None:
    """Write a page that plays a recording beside its hits.

    Both are of the same peak. A hit sounds as :func:`drummernet.stems.render.render_groove` would play it:
    with amplitude velocity² at its component's level in the kit, but without variations. Takes do not turn.

    Args:
        transcription: The recording and its hits.
        kit: The name of a packaged kit, or the path of a manifest.
        title: What the recording is called.
        path: The page.

    Raises:
        InputError: if there is no such kit.
    """
    present = [name for name in _DRUMS if any(hit.component == name for hit in transcription.hits)]
    played = load_kit(kit, present)
    parts = [_part(name, transcription.hits, played) for name in present]
    level = _PEAK / (_mix_peak(parts, len(transcription.audio)) or 1.0)
    data = {
        "rate_hz": SAMPLE_RATE,
        "seconds": round(transcription.duration_seconds, 4),
        "choke_seconds": _CHOKE_SECONDS,
        "recording": _flac(transcription.audio),
        "drums": [_entry(part, level) for part in parts],
    }
    page = Page(title)
    count = len(transcription.hits)
    hits = "1 hit" if count == 1 else f"{count} hits"
    page.text(f"{hits}, played on the kit {played.name}.")
    markup, style, script = (
        Path(__file__).with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".html", ".css", ".js")
    )
    page.application(markup, style, script, data)
    page.write(path)


class _Part(NamedTuple):
    """What one component plays.

    Attributes:
        component: Its name.
        note: What the reader should know of its sound, or empty.
        strokes: Sounds (L,), each as a hit of velocity 1 is in the mix.
        hits: Per hit its onset in seconds, its velocity, the number of its stroke, and after how many seconds
            it is choked, 0 if never.
    """

    component: str
    note: str
    strokes: list[np.ndarray]
    hits: list[tuple[float, float, int, float]]


def _part(component: str, hits: Sequence[Hit], kit: Kit) -> _Part:
    source = component if component in kit.sounds else _STAND_INS.get(component, "")
    if source not in kit.sounds:
        rows = [(hit.onset_seconds, hit.velocity, 0, 0.0) for hit in hits if hit.component == component]
        return _Part(component, "not in the kit", [], rows)
    loudest = kit.one_shots[source]
    gain = 10 ** (kit.mix_level_db[source] / 20) / np.abs(loudest).max() * np.linalg.norm(loudest)
    closings = sorted(hit.onset_seconds for hit in hits if hit.component in CHOKING)
    numbers: dict[int, int] = {}
    strokes: list[np.ndarray] = []
    rows = []
    for hit in hits:
        if hit.component == component:
            sound = kit.one_shot(source, hit.velocity, 0)
            if id(sound) not in numbers:
                numbers[id(sound)] = len(strokes)
                strokes.append((gain / np.linalg.norm(sound) * sound).astype(np.float32))
            later = bisect_right(closings, hit.onset_seconds)
            is_choked = component == CHOKED and later < len(closings)
            ring_seconds = closings[later] - hit.onset_seconds if is_choked else 0.0
            rows.append((hit.onset_seconds, hit.velocity, numbers[id(sound)], ring_seconds))
    note = "" if source == component else f"on the {_DRUMS[source][0].lower()}"
    return _Part(component, note, strokes, rows)


def _mix_peak(parts: Sequence[_Part], samples: int) -> float:
    """Return the largest magnitude of all hits played together."""
    mix = np.zeros(samples, np.float32)
    for part in parts:
        for onset_seconds, velocity, number, ring_seconds in part.hits if part.strokes else ():
            start = round(onset_seconds * SAMPLE_RATE)
            length = round(ring_seconds * SAMPLE_RATE) or samples
            sound = part.strokes[number][: min(length, max(samples - start, 0))]
            mix[start : start + len(sound)] += np.float32(velocity**2) * sound
    return float(np.abs(mix).max(initial=0.0))


def _entry(part: _Part, level: float) -> dict[str, Any]:
    """Return what the script is told of a component; levels are factors of sounds of peak 0.9."""
    name, hue = _DRUMS[part.component]
    strokes = [
        {"flac": _flac(stroke), "level": round(level * float(np.abs(stroke).max()) / _PEAK, 6)}
        for stroke in part.strokes
    ]
    hits = [(round(at, 5), round(v, 4), number, round(ring, 5)) for at, v, number, ring in part.hits]
    return {"name": name, "note": part.note, "hue": hue, "strokes": strokes, "hits": hits}


def _flac(samples: np.ndarray) -> str:
    """Encode samples (N,) with a peak of 0.9; of the formats that every browser decodes, it has no delay."""
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, _PEAK * peak_normalise(samples), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return base64.b64encode(stream.getvalue()).decode()


def _refuse_long(recording: Path) -> None:
    """Count seconds by decoding, as headers need not know them, before much longer work."""
    for number, _ in enumerate(audio_blocks(recording, SAMPLE_RATE)):
        if number == LONGEST_SECONDS:
            problem = f"lasts more than {LONGEST_SECONDS // 60} minutes, the most that a page holds: cut it"
            raise InputError(recording, "length", problem)
