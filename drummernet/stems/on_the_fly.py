"""Crops that are rendered when they are asked for: training without stems on disk, labels included."""

import math
from dataclasses import dataclass, replace
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
from drummernet.grooves.midi import lists_splits, read_grooves
from drummernet.hits import Hit
from drummernet.kits.bank import resolve_kits
from drummernet.kits.kit import ONE_SHOT_SECONDS, Kit
from drummernet.kits.manifest import load_kit, read_manifest
from drummernet.kits.variation import varied_kits
from drummernet.score import Beat
from drummernet.stems.augmentation import Augmentation
from drummernet.stems.drawn_kits import DrawnKits, KitPool
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


@dataclass(frozen=True)
class Rendering:
    """What training renders in place of stems.

    Attributes:
        grooves: ``"generator"``, or a folder of MIDI files: performances, or a transcriber's own
            transcriptions; or several of them, each with its share.
        kits: Groups, names, paths or patterns of kits; or several of these, each with its share. Those of one
            share are drawn equally often.
        varied: So many kits are made of the procedural ones of each share, beside them, see
            :func:`drummernet.kits.variation.varied_kits`.
        split: Which performances of folders that list their splits.
        augmentation: Varies drums, room and equipment from item to item.
        mixed: The share of crops on a kit that was put together: each component is drawn from all kits.
        layered: The share of drums that sound together with another kit's, so that there are drums between
            those of the kits.
        side_sticks: The share of crops whose snares are played as side sticks, which grooves have few of; a
            kit without one is silent there, unless it is lent one.
        lent: Whether kits that lack drums have them from other kits.

    Raises:
        InputError: if a share is no share, or a number is negative.
    """

    grooves: str | dict[str, float] = "generator"
    kits: str | list[str] | dict[str, float] = "stems"
    varied: int = 0
    split: str | None = None
    augmentation: Augmentation | None = None
    mixed: float = 0.0
    layered: float = 0.0
    side_sticks: float = 0.0
    lent: bool = False

    def __post_init__(self) -> None:
        for field in ("mixed", "layered", "side_sticks"):
            share = getattr(self, field)
            if not 0 <= share <= 1:
                raise InputError("rendering", field, f"{share} is not in [0, 1]")
        if self.varied < 0:
            raise InputError("rendering", "varied", f"{self.varied} is negative")
        for field, shares in (("grooves", self.groove_shares), ("kits", self.kit_shares)):
            if not shares:
                raise InputError("rendering", field, "are none")
            for source, share in shares.items():
                if not 0 < share < math.inf:
                    raise InputError("rendering", f"{field}.{source}", f"{share} is no share above 0")
        if list(self.groove_shares) == ["generator"] and self.split is not None:
            raise InputError("rendering", "split", f"{self.split!r}: the generator has no splits")

    @property
    def groove_shares(self) -> dict[str, float]:
        """The sources of grooves, and how often each is drawn relative to the others."""
        return {self.grooves: 1.0} if isinstance(self.grooves, str) else dict(self.grooves)

    @property
    def kit_shares(self) -> dict[str, float]:
        """The kits, words separated by commas, and how often one of them is drawn relative to the others."""
        if isinstance(self.kits, dict):
            return dict(self.kits)
        return {self.kits if isinstance(self.kits, str) else ",".join(self.kits): 1.0}

    def pools(self, seed: int) -> list[KitPool]:
        """Load the kits, and vary them.

        Raises:
            InputError: if there is no such kit, or none that can be varied.
        """
        pools = []
        for words, share in self.kit_shares.items():
            names = resolve_kits(words.split(","))
            pools.append(KitPool(share, [load_kit(name) for name in names]))
            if self.varied and any(read_manifest(name).source_type == "procedural" for name in names):
                pools[-1].kits.extend(varied_kits(names, self.varied, seed))
        return pools


class RenderedCrops(Dataset[dict[str, Any]]):
    """Crops of N = crop_seconds · 16000 samples of grooves on kits, as many as anybody asks for.

    Item n depends on the arguments and n alone. Its groove is generated, or drawn from a folder together
    with its start, uniformly over the folder's time; only what the crop hears is rendered. Crops without a
    hit are drawn again; a performance shorter than a crop rings out.

    Args:
        rendering: What is rendered.
        seed: Together with n it decides item n.
        crop_seconds: Length of a crop.

    Raises:
        InputError: if there is no such kit or groove.
    """

    def __init__(self, rendering: Rendering, seed: int, crop_seconds: float = 2.0) -> None:
        self.samples = round(crop_seconds * SAMPLE_RATE)
        self._seed = seed
        self._rendering = rendering
        self._kits = DrawnKits(rendering.pools(seed), rendering.mixed, rendering.layered, rendering.lent)
        shares = rendering.groove_shares
        self._sources = [_Source(name, rendering.split) for name in shares]
        self._ends = np.cumsum(list(shares.values()))

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
            if self._rendering.side_sticks and rng.random() < self._rendering.side_sticks:
                groove = _with_side_sticks(groove)
            kit = self._kits.draw(rng)
            hits = _hits_from(groove, kit, lead_samples)
            if hits:
                audio = render_groove(groove, kit, rng, self._rendering.augmentation)[lead_samples:]
                beats = _beats_from(groove, lead_samples)
                return RenderedCrop(peak_normalise(audio), hits, beats, groove.name, kit.name)
        raise InputError(f"item {n}", "crop", f"none of {_MOST_DRAWS} draws has a hit; last: {groove.name}")

    def _draw_groove(self, rng: np.random.Generator) -> tuple[Groove, int]:
        """Return what is played from before the crop to its end, and how many samples are before it."""
        place = rng.random() * self._ends[-1] if len(self._ends) > 1 else 0.0
        groove = self._sources[int(np.searchsorted(self._ends, place, side="right"))].draw(rng)
        if groove is None:
            seconds = (_LEAD_SAMPLES + self.samples) / SAMPLE_RATE
            return generate_groove(int(rng.integers(2**62)), seconds), _LEAD_SAMPLES
        last_start = max(0, int(groove.duration_seconds * SAMPLE_RATE) - self.samples)
        start = int(rng.integers(last_start + 1))
        lead_samples = min(start, _LEAD_SAMPLES)
        part = groove.part((start - lead_samples) / SAMPLE_RATE, (start + self.samples) / SAMPLE_RATE)
        return part, lead_samples


class _Source:
    """One source of grooves: the generator, which has none in store, or a folder.

    A folder without a list of splits, such as one's own transcriptions, is used as a whole.
    """

    def __init__(self, name: str, split: str | None) -> None:
        self._grooves: list[Groove] = []
        if name != "generator":
            folder = Path(name)
            self._grooves = read_grooves(folder, split if lists_splits(folder) else None)
        self._ends_seconds = np.cumsum([groove.duration_seconds for groove in self._grooves])

    def draw(self, rng: np.random.Generator) -> Groove | None:
        """Return a groove, each as often as it is long; None from the generator."""
        if not self._grooves:
            return None
        at_seconds = rng.uniform(0, self._ends_seconds[-1])
        return self._grooves[int(np.searchsorted(self._ends_seconds, at_seconds, side="right"))]


def _with_side_sticks(groove: Groove) -> Groove:
    """Return a groove whose snares are side sticks."""
    hits = (replace(hit, component="SST") if hit.component == "SD" else hit for hit in groove.hits)
    return replace(groove, hits=tuple(hits))


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
