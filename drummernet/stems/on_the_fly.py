"""Crops that are rendered when they are asked for: training without stems on disk, labels included."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from drummernet import SAMPLE_RATE
from drummernet.audio import peak_normalise
from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.grooves.groove import Groove
from drummernet.grooves.midi import read_grooves
from drummernet.hits import Hit
from drummernet.kits.bank import resolve_kits
from drummernet.kits.kit import ONE_SHOT_SECONDS, Kit
from drummernet.kits.manifest import load_kit
from drummernet.score import Beat
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.render import render_groove, rendered_hits

_LEAD_SAMPLES = round(ONE_SHOT_SECONDS * SAMPLE_RATE)
"""What is played before a crop, for what still rings when it starts."""

_MOST_DRAWS = 100


class RenderedCrop(NamedTuple):
    """What was drawn.

    Attributes:
        audio: (N,) float32 with a peak of 1.
        hits: Those that begin within the crop, in order of time, counted from its start; at least one.
        beats: Those within the crop, counted likewise; None where nobody knows them.
        groove: The name of the groove.
        kit: The name of the kit.
    """

    audio: np.ndarray
    hits: list[Hit]
    beats: list[Beat] | None
    groove: str
    kit: str


class Rendering:
    """What training renders in place of stems.

    Args:
        grooves: ``"generator"``, or a folder of MIDI performances.
        kits: Groups, names, paths or patterns of kits.
        split: Which performances of a folder that lists its splits.
        augmentation: Varies drums, room and equipment from item to item.
    """

    def __init__(
        self,
        grooves: str = "generator",
        kits: str | list[str] = "stems",
        split: str | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.grooves = grooves
        self.kits = kits
        self.split = split
        self.augmentation = augmentation

    def crops(self, seed: int, crop_seconds: float) -> "RenderedCrops":
        """Return the crops of a run.

        Raises:
            InputError: as :class:`RenderedCrops`.
        """
        return RenderedCrops(self.grooves, self.kits, seed, crop_seconds, self.split, self.augmentation)


class RenderedCrops(Dataset[dict[str, Any]]):
    """Crops of N = crop_seconds · 16000 samples of grooves on kits, as many as anybody asks for.

    Item n depends on the arguments and n alone. Its groove is generated, or drawn from a folder together
    with its start, uniformly over time; only what the crop hears is rendered. Crops without a hit are drawn
    again; a performance shorter than a crop rings out.

    Args:
        grooves: ``"generator"``, or a folder of MIDI performances.
        kits: Groups, names, paths or patterns of kits.
        seed: Together with n it decides item n.
        crop_seconds: Length of a crop.
        split: Which performances of a folder that lists its splits.
        augmentation: Varies drums, room and equipment from item to item.

    Raises:
        InputError: if there is no such kit or groove, or a split is asked of the generator.
    """

    def __init__(
        self,
        grooves: str,
        kits: str | Sequence[str],
        seed: int,
        crop_seconds: float = 2.0,
        split: str | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        if grooves == "generator" and split is not None:
            raise InputError("crops", "split", f"{split!r}: the generator has no splits")
        self.samples = round(crop_seconds * SAMPLE_RATE)
        self._seed = seed
        self._augmentation = augmentation
        self._kits = [load_kit(name) for name in resolve_kits(kits)]
        self._grooves = [] if grooves == "generator" else read_grooves(Path(grooves), split)
        self._ends_seconds = np.cumsum([groove.duration_seconds for groove in self._grooves])

    def __getitem__(self, n: int) -> dict[str, Any]:
        """Return {"audio": (N,) float32 with a peak of 1, "item": n, "hits": [...], "beats": [...] or None}.

        Raises:
            InputError: as :meth:`draw`.
        """
        crop = self.draw(n)
        return {"audio": torch.from_numpy(crop.audio), "item": n, "hits": crop.hits, "beats": crop.beats}

    def draw(self, n: int) -> RenderedCrop:
        """Return the crop of item n and its hits.

        Raises:
            InputError: if no draw out of a hundred has a hit that the kit can play.
        """
        rng = np.random.default_rng((self._seed, n))
        for _ in range(_MOST_DRAWS):
            groove, lead_samples = self._draw_groove(rng)
            kit = self._kits[int(rng.integers(len(self._kits)))]
            hits = _hits_from(groove, kit, lead_samples)
            if hits:
                audio = render_groove(groove, kit, rng, self._augmentation)[lead_samples:]
                beats = _beats_from(groove, lead_samples)
                return RenderedCrop(peak_normalise(audio), hits, beats, groove.name, kit.name)
        raise InputError(f"item {n}", "crop", f"none of {_MOST_DRAWS} draws has a hit; last: {groove.name}")

    def _draw_groove(self, rng: np.random.Generator) -> tuple[Groove, int]:
        """Return what is played from before the crop to its end, and how many samples are before it."""
        if not self._grooves:
            seconds = (_LEAD_SAMPLES + self.samples) / SAMPLE_RATE
            return generate_groove(int(rng.integers(2**62)), seconds), _LEAD_SAMPLES
        at_seconds = rng.uniform(0, self._ends_seconds[-1])
        groove = self._grooves[int(np.searchsorted(self._ends_seconds, at_seconds, side="right"))]
        last_start = max(0, int(groove.duration_seconds * SAMPLE_RATE) - self.samples)
        start = int(rng.integers(last_start + 1))
        lead_samples = min(start, _LEAD_SAMPLES)
        part = groove.part((start - lead_samples) / SAMPLE_RATE, (start + self.samples) / SAMPLE_RATE)
        return part, lead_samples


def _hits_from(groove: Groove, kit: Kit, start_sample: int) -> list[Hit]:
    """Return the hits that sound from ``start_sample`` on, their onsets counted from there."""
    start_seconds = start_sample / SAMPLE_RATE
    return [
        replace(hit, onset_seconds=max(0.0, hit.onset_seconds - start_seconds))
        for hit in rendered_hits(groove, kit)
        if round(hit.onset_seconds * SAMPLE_RATE) >= start_sample
    ]


def _beats_from(groove: Groove, start_sample: int) -> list[Beat] | None:
    """Return the beats from ``start_sample`` on, counted from there."""
    if not groove.beats:
        return None
    start_seconds = start_sample / SAMPLE_RATE
    return [
        Beat(beat.seconds - start_seconds, beat.number)
        for beat in groove.beats
        if beat.seconds >= start_seconds
    ]
