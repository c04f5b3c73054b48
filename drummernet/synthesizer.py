"""F_s: plays sparse activations on the one-shots of drum kits (DrummerNet, section 2).

The activations run at N / hop steps, the one-shots at the audio rate. Filling the gaps with zeros and
convolving is the same as convolving the activations with each of the ``hop`` polyphase parts of a one-shot
and interleaving the results, which needs no zero-filled signal and lets the components be summed before the
inverse transforms.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.augmentation import KitAugmentation
from drummernet.kits.bank import load_bank
from drummernet.kits.fields import check_choice, check_number
from drummernet.kits.versions import augmented_versions

KitDraw = Literal["batch", "item", "component"]
TakeDraw = Literal["first", "batch", "hit"]

VARIANTS = 8
"""The most sounds of a component that are drawn from, see :func:`drummernet.kits.bank.load_bank`."""

TURNS = 4
"""Sounds that take turns when hits have their own."""

TURN_SAMPLES = 1024
"""How long a turn lasts: 64 ms, a block of the gates, in which a component has hardly two hits."""


MOST_AUGMENTED = 100
"""The most versions of a kit: 0.6 GB for nine kits of eleven components."""


def fast_length(samples: int) -> int:
    """Return the smallest even length ≥ ``samples`` whose prime factors are 2, 3 and 5."""
    length = max(2, samples + samples % 2)
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2


def transform_length(steps: int, one_shot_samples: int, hop_samples: int) -> int:
    """Return a length of Fourier transforms at which so many steps meet one-shots without wrapping around."""
    return fast_length(steps + -(-one_shot_samples // hop_samples) - 1)


def polyphase_spectra(one_shots: torch.Tensor, hop_samples: int, n_fft: int) -> torch.Tensor:
    """Return the spectra (F, …, hop) of the polyphase parts of one-shots (…, L)."""
    missing = -one_shots.shape[-1] % hop_samples
    phases = nn.functional.pad(one_shots, (0, missing)).unflatten(-1, (-1, hop_samples))
    return torch.fft.rfft(phases.transpose(-1, -2), n_fft).movedim(-1, 0).contiguous()


def _mixed(spectra: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum spectra (B, C, F) over C with weights (F, C, D) or (F, B, C, D); return (B, D, F)."""
    # A batched product takes contiguous operands in one call and loops over any others.
    spectra = spectra.permute(2, 0, 1).contiguous()
    if weights.dim() == 3:
        return torch.bmm(spectra, weights).permute(1, 2, 0)
    return torch.matmul(spectra.unsqueeze(2), weights).squeeze(2).permute(1, 2, 0)


class _Play(torch.autograd.Function):
    """Play activations (B, K, T) on polyphase spectra; the gradient is the correlation with the same."""

    @staticmethod
    def forward(ctx: Any, activations: torch.Tensor, spectra: torch.Tensor, n_fft: int) -> torch.Tensor:
        ctx.save_for_backward(spectra)
        ctx.n_fft, ctx.steps = n_fft, activations.shape[-1]
        phases = torch.fft.irfft(_mixed(torch.fft.rfft(activations, n_fft), spectra), n_fft)
        return phases[..., : ctx.steps].transpose(1, 2).flatten(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (spectra,) = ctx.saved_tensors
        phases = torch.fft.rfft(grad.unflatten(1, (ctx.steps, -1)).transpose(1, 2), ctx.n_fft)
        correlated = _mixed(phases.conj(), spectra.transpose(-1, -2)).conj()
        return torch.fft.irfft(correlated, ctx.n_fft)[..., : ctx.steps], None, None


def synthesize(activations: torch.Tensor, one_shots: torch.Tensor, hop_samples: int) -> torch.Tensor:
    """Sum over components the causal convolution of activations with one-shots.

    Args:
        activations: (B, K, T); the value at step t sounds from sample ``t * hop_samples``.
        one_shots: (K, L), one kit for the whole batch, or (B, K, L); fixed, no gradient reaches them.
        hop_samples: Samples per step.

    Returns:
        Audio (B, T * hop_samples); tails beyond the last step are cut.
    """
    n_fft = transform_length(activations.shape[-1], one_shots.shape[-1], hop_samples)
    audio: torch.Tensor = _Play.apply(activations, polyphase_spectra(one_shots, hop_samples, n_fft), n_fft)
    return audio


CACHE_BYTES = 1 << 28
"""The largest spectra of a whole bank that are kept; beyond it those of the drawn kits are computed."""


class Synthesizer(nn.Module):
    """F_s with a bank of kits, of which each forward pass plays those that are drawn.

    Args:
        kits: A kit group, or names or paths of manifests.
        draw: One kit per ``"batch"`` (the paper), one per ``"item"``, or one per ``"component"``, the same
            for the whole batch (the release).
        level: ``"energy"``: every one-shot has ‖h‖₂ = 10; ``"mix"``: it has the peak at which its drum stands
            in the kit's mix, so that an activation near 1 is a full hit of any component.
        takes: Which sound of a component is played where a kit has several: the ``"first"`` of the loudest,
            one that is drawn for the ``"batch"`` (or item), or, at four times the cost, that one and the
            three after it, which take turns from ``"hit"`` to hit.
        one_shot_seconds: Longer one-shots are cut there.
        components: The K components, or classes of them, such as HH.
        augmentation: Makes further kits of the kits, at the start; none without it.
        augmented: How many of each kit, drawn like kits of their own: 64 kB per kit and component in memory,
            times ``VARIANTS`` unless ``takes`` is ``"first"``.

    Attributes:
        kits: What was asked for.

    Raises:
        InputError: if a kit or component is unknown, or a number out of range.
    """

    bank: torch.Tensor

    def __init__(
        self,
        kits: str | Sequence[str] = "synthesizer",
        draw: KitDraw = "batch",
        level: Literal["energy", "mix"] = "energy",
        takes: TakeDraw = "first",
        one_shot_seconds: float = 1.0,
        components: Sequence[str] = COMPONENTS,
        augmentation: KitAugmentation | None = None,
        augmented: int = 7,
    ) -> None:
        super().__init__()
        check_choice(draw, get_args(KitDraw), "synthesizer", "draw")
        check_choice(takes, get_args(TakeDraw), "synthesizer", "takes")
        self.draw = draw
        self.variants = 1 if takes == "first" else VARIANTS
        self.turns = TURNS if takes == "hit" else 1
        self.components = tuple(components)
        self.kits = [kits] if isinstance(kits, str) else list(kits)
        # The kits are named by the config, so the checkpoint need not carry their samples.
        bank = load_bank(kits, self.components, one_shot_seconds, level, self.variants)
        if augmentation is not None:
            check_number(augmented, 1, MOST_AUGMENTED, "synthesizer", "augmented")
            more = augmented_versions(bank, self.components, augmentation, augmented, level, self.variants)
            bank = torch.cat((bank, more))
        self.register_buffer("bank", bank, persistent=False)
        # The spectra of the last hop and length alone: items of one training run are equally long.
        self._cache: tuple[torch.Tensor, tuple[int, int, int], torch.Tensor] | None = None

    def drawn_kits(self, seed: int, items: Sequence[int]) -> torch.Tensor:
        """Return rows of the bank (B, K), a pure function of the seed and the item numbers.

        Kits for a whole batch are decided by its first item, so that ranks draw their own.
        """
        components = self.bank.shape[1]
        rows = []
        for item in items if self.draw == "item" else items[:1]:
            rng = np.random.default_rng((seed, item, 1))
            size = components if self.draw == "component" else 1
            drawn = rng.integers(len(self.bank) // self.variants, size=size) * self.variants
            if self.variants > 1:
                drawn = drawn + rng.integers(self.variants, size=components)
            rows.append(np.broadcast_to(drawn, (components,)))
        numbers = torch.from_numpy(np.array(rows))
        return numbers.expand(len(items), components)

    def forward(self, activations: torch.Tensor, hop_samples: int, kits: torch.Tensor) -> torch.Tensor:
        """Play activations (B, K, T) on rows of the bank (B, K); return audio (B, T * hop_samples).

        Raises:
            InputError: if the activations do not have the bank's K components.
        """
        if activations.shape[1] != self.bank.shape[1]:
            problem = f"{activations.shape[1]} components, the kits have {self.bank.shape[1]}"
            raise InputError("synthesizer", "activations", problem)
        steps = activations.shape[-1]
        n_fft = transform_length(steps, self.bank.shape[-1], hop_samples)
        if self.turns == 1:
            audio: torch.Tensor = _Play.apply(activations, self._spectra(hop_samples, n_fft, kits), n_fft)
            return audio
        turn = torch.arange(steps, device=activations.device) * hop_samples // TURN_SAMPLES % self.turns
        parts = []
        for number in range(self.turns):
            rows = kits - kits % self.variants + (kits + number) % self.variants
            spectra = self._spectra(hop_samples, n_fft, rows)
            parts.append(_Play.apply(activations * (turn == number), spectra, n_fft))
        return torch.stack(parts).sum(0)

    def _spectra(self, hop_samples: int, n_fft: int, kits: torch.Tensor) -> torch.Tensor:
        """Return the polyphase spectra (F, K, hop), or (F, B, K, hop) by item, of the drawn kits (B, K)."""
        # From pageable memory so few bytes are staged at once: the host need not wait for the device.
        kits = kits.to(self.bank.device, non_blocking=True)
        columns = torch.arange(kits.shape[1], device=kits.device)
        kits = kits if self.draw == "item" else kits[0]
        if self.bank.shape[:2].numel() * n_fft * hop_samples * self.bank.itemsize > CACHE_BYTES:
            return polyphase_spectra(self.bank[kits, columns], hop_samples, n_fft)
        # A bank that was moved is another tensor. One that was moved in inference mode counts no versions.
        key = (hop_samples, n_fft, 0 if self.bank.is_inference() else self.bank._version)
        if self._cache is None or self._cache[0] is not self.bank or self._cache[1] != key:
            with torch.inference_mode(False), torch.no_grad():
                self._cache = (self.bank, key, polyphase_spectra(self.bank, hop_samples, n_fft))
        return self._cache[2][:, kits, columns]
