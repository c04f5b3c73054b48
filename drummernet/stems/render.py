"""The renderer: grooves played on drum kits, to arrays and to labelled stems on disk."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.errors import InputError
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.kit import Kit
from drummernet.resources import replaced_file

CHOKED = "OHH"
CHOKING = ("CHH", "PHH")
"""A hi-hat that closes silences its open ringing."""

_CHOKE_SAMPLES = round(0.015 * SAMPLE_RATE)
_CHOKE_FADE = np.linspace(1.0, 0.0, _CHOKE_SAMPLES, dtype=np.float32)
_HIT_SPREAD_DB = 1.0
_COMPONENT_SPREAD_DB = 2.0
_MASTER_SPREAD_DB = 3.0
_NOISE_DBFS = (-70.0, -50.0)
_PEAK = 0.9


def render_groove(groove: Groove, kit: Kit, rng: np.random.Generator) -> np.ndarray:
    """Play a groove on a kit.

    Every hit starts at its own sample. Its amplitude is velocity² (the curve of the MIDI and DLS
    standards, 40 log10 v dB) times the kit's mix level, varied by the hit, the component and the whole;
    a faint noise lies beneath. An open hi-hat is faded out when the hat closes.

    Args:
        groove: What is played; components that the kit lacks are left out.
        kit: The one-shots and their levels.
        rng: Draws the variations; the same state gives the same audio.

    Returns:
        (N,) float32 at 16 kHz, N = round(duration · 16000), of peak 0.9 at most.
    """
    N = round(groove.duration_seconds * SAMPLE_RATE)
    hits = rendered_hits(groove, kit)
    one_shots = _voiced(kit, rng)
    hit_gains_db = rng.uniform(-_HIT_SPREAD_DB, _HIT_SPREAD_DB, len(hits))
    closings = [_sample(hit) for hit in hits if hit.component in CHOKING]
    audio = np.zeros(N, np.float32)
    for hit, gain_db in zip(hits, hit_gains_db, strict=True):
        start = _sample(hit)
        sound = one_shots[hit.component][: N - start]
        if hit.component == CHOKED:
            later = bisect_right(closings, start)
            sound = _choked(sound, closings[later] - start) if later < len(closings) else sound
        audio[start : start + len(sound)] += np.float32(hit.velocity**2 * _amplitude(gain_db)) * sound
    audio *= np.float32(_amplitude(rng.normal(0.0, _MASTER_SPREAD_DB)))
    noise = rng.standard_normal(N, np.float32) * np.float32(_amplitude(rng.uniform(*_NOISE_DBFS)))
    room = _PEAK - np.abs(noise).max(initial=0.0)
    peak = np.abs(audio).max(initial=0.0)
    if peak > room:
        audio *= room / peak
    return audio + noise


def rendered_hits(groove: Groove, kit: Kit) -> list[Hit]:
    """Return the hits that sound when the groove is played on the kit, sorted by onset."""
    N = round(groove.duration_seconds * SAMPLE_RATE)
    return sorted(hit for hit in groove.hits if hit.component in kit.one_shots and 0 <= _sample(hit) < N)


def render_stems(grooves: Iterable[Groove], kits: Sequence[Kit], out: Path, seed: int) -> list[Path]:
    """Render each groove on a kit drawn at random to ``audio/`` and ``annotations/`` in a folder.

    Stem n depends on the seed, n, its groove and the kits alone. Its annotation, in place before its
    audio, holds a line ``onset_seconds<TAB>component`` for every hit that sounds.

    Args:
        grooves: One groove per stem.
        kits: What they are played on.
        out: The folder.
        seed: Together with n it decides kit and variations of stem n.

    Returns:
        The paths of the audio files.

    Raises:
        InputError: if there is no kit, or a file cannot be written.
    """
    if not kits:
        raise InputError("kits", "names", "none to render on")
    paths = []
    for n, groove in enumerate(grooves):
        rng = np.random.default_rng((seed, n))
        kit = kits[int(rng.integers(len(kits)))]
        name = f"{n:06d}_{re.sub('[^A-Za-z0-9-]+', '_', kit.name)[:80]}"
        with replaced_file(out / "annotations" / f"{name}.txt") as temporary:
            lines = (f"{hit.onset_seconds:.6f}\t{hit.component}\n" for hit in rendered_hits(groove, kit))
            temporary.write_text("".join(lines), encoding="utf-8")
        paths.append(out / "audio" / f"{name}.flac")
        write_audio(paths[-1], render_groove(groove, kit, rng))
    return paths


def _sample(hit: Hit) -> int:
    return round(hit.onset_seconds * SAMPLE_RATE)


def _amplitude(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def _voiced(kit: Kit, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the kit's one-shots (L,) at their peak levels in the mix, each component's gain varied."""
    voiced = {}
    for component in sorted(kit.one_shots):
        one_shot = kit.one_shots[component]
        level_db = kit.mix_level_db[component] + rng.normal(0.0, _COMPONENT_SPREAD_DB)
        voiced[component] = one_shot * np.float32(_amplitude(level_db) / np.abs(one_shot).max())
    return voiced


def _choked(sound: np.ndarray, after_samples: int) -> np.ndarray:
    """Return a sound (L,) that is faded out from ``after_samples`` on."""
    choked = sound[: after_samples + _CHOKE_SAMPLES].copy()
    fading = choked[after_samples:]
    fading *= _CHOKE_FADE[: len(fading)]
    return choked
