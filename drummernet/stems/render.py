"""The renderer: grooves played on drum kits, to arrays and to labelled stems on disk."""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from drummernet import SAMPLE_RATE
from drummernet.errors import InputError
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.kit import Kit
from drummernet.resources import replaced_file
from drummernet.stems.augmentation import VELOCITY_POWER, Augmentation
from drummernet.stems.processes import outcomes

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
_TAKES = 5040
"""Draws of a take, of which any common number of takes is a divisor."""


def render_groove(
    groove: Groove, kit: Kit, rng: np.random.Generator, augmentation: Augmentation | None = None
) -> np.ndarray:
    """Play a groove on a kit.

    Every hit starts at its own sample. Its amplitude is velocity² (the curve of the MIDI and DLS
    standards, 40 log10 v dB; augmentation may flatten it) times the kit's mix level, varied by the hit, the
    component and the whole;
    a faint noise lies beneath. An open hi-hat is faded out when the hat closes.

    Args:
        groove: What is played; components that the kit lacks are left out.
        kit: The one-shots and their levels.
        rng: Draws the variations; the same state gives the same audio.
        augmentation: Varies the kit, then the mix, beyond that.

    Returns:
        (N,) float32 at 16 kHz, N = round(duration · 16000), of peak 0.9 at most.
    """
    N = round(groove.duration_seconds * SAMPLE_RATE)
    hits = rendered_hits(groove, kit)
    spreads_db = {component: rng.normal(0.0, _COMPONENT_SPREAD_DB) for component in sorted(kit.one_shots)}
    takes = rng.integers(_TAKES, size=len(hits)) if kit.is_varied else np.zeros(len(hits), int)
    hit_gains_db = rng.uniform(-_HIT_SPREAD_DB, _HIT_SPREAD_DB, len(hits))
    power = VELOCITY_POWER
    if augmentation is not None:
        power = augmentation.velocity_power(rng)
        played = [
            kit.one_shot(hit.component, hit.velocity, take) for hit, take in zip(hits, takes, strict=True)
        ]
        kit = augmentation.kit(kit, rng, played)
    gains = _component_gains(kit, spreads_db)
    closings = [_sample(hit) for hit in hits if hit.component in CHOKING]
    audio = np.zeros(N, np.float32)
    for hit, take, gain_db in zip(hits, takes.tolist(), hit_gains_db, strict=True):
        start = _sample(hit)
        sound = gains[hit.component] * _played(kit, hit, take)[: N - start]
        if hit.component == CHOKED:
            later = bisect_right(closings, start)
            sound = _choked(sound, closings[later] - start) if later < len(closings) else sound
        audio[start : start + len(sound)] += np.float32(hit.velocity**power * _amplitude(gain_db)) * sound
    audio *= np.float32(_amplitude(rng.normal(0.0, _MASTER_SPREAD_DB)))
    noise = rng.standard_normal(N, np.float32) * np.float32(_amplitude(rng.uniform(*_NOISE_DBFS)))
    room = _PEAK - np.abs(noise).max(initial=0.0)
    peak = np.abs(audio).max(initial=0.0)
    if peak > room:
        audio *= room / peak
    audio += noise
    return audio if augmentation is None else augmentation(audio, rng)


def rendered_hits(groove: Groove, kit: Kit) -> list[Hit]:
    """Return the hits that sound when the groove is played on the kit, sorted by onset."""
    N = round(groove.duration_seconds * SAMPLE_RATE)
    return sorted(hit for hit in groove.hits if hit.component in kit.one_shots and 0 <= _sample(hit) < N)


def render_stems(
    grooves: Iterable[Groove],
    kits: Sequence[Kit],
    out: Path,
    seed: int,
    augmentation: Augmentation | None = None,
    workers: int = 1,
) -> list[Path]:
    """Render each groove on a kit drawn at random to ``audio/``, ``annotations/`` and ``beats/`` in a folder.

    Stem n depends on the seed, n, its groove, the kits and the augmentation alone. Its annotation, in place
    before its audio, holds a line ``onset_seconds<TAB>component`` for every hit that sounds; its beats, if
    they are known, a line ``seconds<TAB>number within the bar`` each.

    Args:
        grooves: One groove per stem.
        kits: What they are played on.
        out: The folder.
        seed: Together with n it decides kit and variations of stem n.
        augmentation: See :func:`render_groove`.
        workers: Processes; 1 is this one. They change nothing but the time. They start afresh, so a script
            that asks for more needs its ``if __name__ == "__main__"``.

    Returns:
        The paths of the audio files.

    Raises:
        InputError: if there is no kit, or a process died of a stem.
        OSError: if a file cannot be written.
    """
    if not kits:
        raise InputError("kits", "names", "none to render on")
    stems = _planned(grooves, kits, seed, augmentation)
    paths = []
    done: Generator[tuple[_Stem, bytes | None], None, None] = (
        outcomes(_encoded, stems, workers) if workers > 1 else ((stem, _encoded(stem)) for stem in stems)
    )
    with closing(done):
        for stem, flac in tqdm(done, unit="stem", disable=None):
            if flac is None:
                raise InputError("render", stem.name, "its process died, perhaps for lack of memory")
            paths.append(_write(stem, flac, out))
    return sorted(paths)


class _Stem(NamedTuple):
    """All that a stem depends on, ``rng`` being where the kit's draw left it."""

    name: str
    groove: Groove
    kit: Kit
    rng: np.random.Generator
    augmentation: Augmentation | None


def _planned(
    grooves: Iterable[Groove], kits: Sequence[Kit], seed: int, augmentation: Augmentation | None
) -> Iterator[_Stem]:
    for n, groove in enumerate(grooves):
        rng = np.random.default_rng((seed, n))
        kit = kits[int(rng.integers(len(kits)))]
        name = f"{n:06d}_{re.sub('[^A-Za-z0-9-]+', '_', kit.name)[:80]}"
        yield _Stem(name, groove, kit, rng, augmentation)


def _encoded(stem: _Stem) -> bytes:
    """Return the stem's audio as a FLAC file: workers touch no disk, so killing them leaves no trace."""
    import soundfile

    stream = BytesIO()
    samples = render_groove(stem.groove, stem.kit, stem.rng, stem.augmentation)
    soundfile.write(stream, samples, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
    return stream.getvalue()


def _write(stem: _Stem, flac: bytes, out: Path) -> Path:
    hits = rendered_hits(stem.groove, stem.kit)
    lines = {"annotations": [f"{hit.onset_seconds:.6f}\t{hit.component}\n" for hit in hits]}
    if stem.groove.beats:
        lines["beats"] = [f"{beat.seconds:.6f}\t{beat.number}\n" for beat in stem.groove.beats]
    for folder, text in lines.items():
        with replaced_file(out / folder / f"{stem.name}.txt") as temporary:
            temporary.write_text("".join(text), encoding="utf-8")
    path = out / "audio" / f"{stem.name}.flac"
    with replaced_file(path) as temporary:
        temporary.write_bytes(flac)
    return path


def _sample(hit: Hit) -> int:
    return round(hit.onset_seconds * SAMPLE_RATE)


def _amplitude(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def _component_gains(kit: Kit, spreads_db: dict[str, float]) -> dict[str, np.float32]:
    """Return the factors that bring the one-shots to their peak levels in the mix, each varied."""
    gains = {}
    for component, spread_db in spreads_db.items():
        level_db = kit.mix_level_db[component] + spread_db
        gains[component] = np.float32(_amplitude(level_db) / np.abs(kit.one_shots[component]).max())
    return gains


def _played(kit: Kit, hit: Hit, take: int) -> np.ndarray:
    """Return the sound (L,) of a stroke at the energy of the loudest: its velocity decides the level."""
    sound, loudest = kit.one_shot(hit.component, hit.velocity, take), kit.one_shots[hit.component]
    if sound is loudest:
        return sound
    return sound * np.float32(np.linalg.norm(loudest) / np.linalg.norm(sound))


def _choked(sound: np.ndarray, after_samples: int) -> np.ndarray:
    """Return a sound (L,) that is faded out from ``after_samples`` on."""
    choked = sound[: after_samples + _CHOKE_SAMPLES].copy()
    fading = choked[after_samples:]
    fading *= _CHOKE_FADE[: len(fading)]
    return choked
