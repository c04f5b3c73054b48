"""What training minimises."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from drummernet import SAMPLE_RATE
from drummernet.components import members_of
from drummernet.errors import InputError
from drummernet.hits import Hit
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.synthesizer import Synthesizer
from drummernet.transcriber.contract import Activations, Transcriber, beat_steps
from drummernet.transcriber.framewise import FramewiseTranscriber
from drummernet.transcriber.hit_network import HitTranscriber


class Objective(nn.Module):
    """What a transcriber is trained by."""

    def check(self, transcriber: Transcriber) -> None:
        """Check that a transcriber can be trained by this.

        Raises:
            InputError: if not.
        """
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Return, in plain values, what a checkpoint says of it."""
        return {"objective": type(self).__name__}

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss, which is their sum.

        Args:
            batch: ``"audio"`` (B, N) and ``"item"`` (B), the item numbers; of rendered crops also their
                ``"hits"`` and ``"beats"``, None for crops of stems beside them; where there are second views,
                ``"view"`` (B, N) and ``"heard_view"``, what F_a made of them.
            activations: What F_a made of the audio.
            seed: The run's seed.
        """
        raise NotImplementedError


class Reconstruction(Objective):
    """The objective of the paper: F_s(F_a(x)) should sound like x.

    Args:
        synthesizer: F_s.
        similarity: L_x.
    """

    def __init__(self, synthesizer: Synthesizer, similarity: OnsetSpectrumSimilarity) -> None:
        super().__init__()
        self.synthesizer = synthesizer
        self.similarity = similarity

    def reconstruct(self, activations: Activations, kits: torch.Tensor) -> torch.Tensor:
        """Play activations on kits (B, K); return x̂ (B, T * hop), from ``activations.start_sample`` on."""
        audio: torch.Tensor = self.synthesizer(activations.amplitudes, activations.hop_samples, kits)
        return audio

    def provenance(self) -> dict[str, Any]:
        """Return, in plain values, what a checkpoint says of it."""
        return {**super().provenance(), "synthesizer_kits": [Path(kit).name for kit in self.synthesizer.kits]}

    def check(self, transcriber: Transcriber) -> None:
        """Check that F_s plays what F_a hears.

        Raises:
            InputError: if not.
        """
        heard, played = transcriber.components, self.synthesizer.components
        if heard != played:
            problem = f"the transcriber hears {', '.join(heard)}, the synthesizer plays {', '.join(played)}"
            raise InputError("model", "components", problem)

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`Objective`. The item numbers decide the kits."""
        stems: torch.Tensor = batch["audio"]
        kits = self.synthesizer.drawn_kits(seed, [int(item) for item in batch["item"]])
        reconstruction = self.reconstruct(activations, kits)
        heard = stems[:, activations.start_sample :][:, : reconstruction.shape[-1]]
        terms: dict[str, torch.Tensor] = self.similarity(heard, reconstruction[:, : heard.shape[-1]])
        return terms


class FramewiseCrossEntropy(Objective):
    """Supervised training on rendered crops: at every step, is there a hit? Cross entropy, mean over all.

    The objective of the baselines (Vogl et al., ISMIR 2017). It needs labels, so it can learn from rendered
    crops alone.

    Args:
        beats_weight: Factor of the same for beats and downbeats, of a transcriber that tells them; crops
            whose beats nobody knows are left out of it.
    """

    def __init__(self, beats_weight: float = 1.0) -> None:
        super().__init__()
        self.beats_weight = beats_weight

    def check(self, transcriber: Transcriber) -> None:
        """Check that a transcriber gives probabilities.

        Raises:
            InputError: if not.
        """
        if not isinstance(transcriber, FramewiseTranscriber):
            raise InputError("model", "transcriber", f"{type(transcriber).__name__} gives no probabilities")
        self.rows = [set(members_of(name, "transcriber")) for name in transcriber.components]

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`Objective`.

        Raises:
            InputError: if the crops have no labels.
        """
        logits = activations.logits
        assert logits is not None
        steps, hop = logits.shape[-1], activations.hop_samples
        labelled = labelled_crops(batch)
        if not labelled:
            return {"hits": 0 * logits.sum()}
        hits = torch.stack([hit_steps(hits, self.rows, steps, hop) for hits in labelled.values()])
        drums = logits[list(labelled), : len(self.rows)]
        terms = {"hits": F.binary_cross_entropy_with_logits(drums, hits.to(logits))}
        if logits.shape[1] > len(self.rows):
            known = [n for n, beats in enumerate(batch["beats"]) if beats is not None]
            if known:
                beats = torch.stack([beat_steps(batch["beats"][n], steps, hop) for n in known]).to(logits)
                told = logits[known, len(self.rows) :]
                terms["beats"] = self.beats_weight * F.binary_cross_entropy_with_logits(told, beats)
        return terms


class Cycle(Objective):
    """A groove that was rendered must come back: F_a(F_s(y)) should be y.

    The other half of the cycle that :class:`Reconstruction` closes over audio. Labels are those of rendered
    crops, so no recording is annotated.

    Args:
        velocity_weight: Factor of the mean distance of velocities at hits.
        offset_weight: Factor of the mean distance of onsets at hits, in steps.
        beside: What a step beside a hit is asked to be, where the step of the hit is asked to be 1: an onset
            between two steps, or one that is heard a step late, is nearly right.
        amplitudes: Ask for velocity² where there is a hit, in place of 1, as if activations were amplitudes.

    Raises:
        InputError: if ``beside`` is not in [0, 1).
    """

    def __init__(
        self,
        velocity_weight: float = 0.05,
        offset_weight: float = 0.05,
        beside: float = 0.4,
        amplitudes: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= beside < 1:
            raise InputError("cycle", "beside", f"{beside} is not in [0, 1)")
        self.beside = beside
        self.amplitudes = amplitudes
        self.velocity_weight = velocity_weight
        self.offset_weight = offset_weight

    def check(self, transcriber: Transcriber) -> None:
        """Check that a transcriber tells whether, how hard and when.

        Raises:
            InputError: if not.
        """
        if not isinstance(transcriber, HitTranscriber) or transcriber.gates is not None:
            problem = f"{type(transcriber).__name__} does not tell probability and velocity apart"
            raise InputError("model", "transcriber", problem)
        self.rows = [set(members_of(name, "transcriber")) for name in transcriber.components]

    def forward(
        self, batch: Mapping[str, Any], activations: Activations, seed: int
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss; see :class:`Objective`.

        Raises:
            InputError: if the crops have no labels.
        """
        logits, velocities, offsets = activations.logits, activations.velocities, activations.offsets
        assert logits is not None
        assert velocities is not None
        assert offsets is not None
        steps, hop = logits.shape[-1], activations.hop_samples
        labelled = labelled_crops(batch)
        if not labelled:
            return {name: 0 * logits.sum() for name in ("hits", "velocity", "offset")}
        groove = torch.stack([groove_steps(hits, self.rows, steps, hop) for hits in labelled.values()])
        hits, struck, moved = groove.to(logits).unbind(1)
        logits, velocities, offsets = (told[list(labelled)] for told in (logits, velocities, offsets))
        count = hits.sum().clamp_min(1)
        asked = struck.square() if self.amplitudes else hits
        asked = torch.maximum(asked, self.beside * F.max_pool1d(asked, 3, 1, 1))
        return {
            "hits": F.binary_cross_entropy_with_logits(logits, asked),
            "velocity": self.velocity_weight * (hits * (velocities - struck).abs()).sum() / count,
            "offset": self.offset_weight * (hits * (offsets - moved).abs()).sum() / count,
        }


def labelled_crops(batch: Mapping[str, Any]) -> dict[int, list[Hit]]:
    """Return the hits of the rendered crops of a batch, by their places in it.

    Raises:
        InputError: if none can be: there is no rendering.
    """
    if "hits" not in batch:
        raise InputError("data", "rendering", "labels are needed, which only rendered crops have")
    return {n: hits for n, hits in enumerate(batch["hits"]) if hits is not None}


def hit_steps(hits: Sequence[Hit], rows: Sequence[set[str]], steps: int, hop_samples: int) -> torch.Tensor:
    """Return (K, T): 1 in the steps of hits, else 0; see :func:`groove_steps`."""
    return groove_steps(hits, rows, steps, hop_samples)[0]


def groove_steps(hits: Sequence[Hit], rows: Sequence[set[str]], steps: int, hop_samples: int) -> torch.Tensor:
    """Return hits, their velocities and their places between the steps, (3, K, T); 0 where there is no hit.

    Args:
        hits: In seconds from the start of a crop.
        rows: The components of each of the K rows; hits of others are left out.
        steps: T.
        hop_samples: Samples between steps.
    """
    marks = torch.zeros(3, len(rows), steps)
    for hit in hits:
        at = hit.onset_seconds * SAMPLE_RATE / hop_samples
        step = min(round(at), steps - 1)
        for k, components in enumerate(rows):
            if hit.component in components:
                marks[:, k, step] = torch.tensor((1.0, hit.velocity, min(at - step, 0.5)))
    return marks
