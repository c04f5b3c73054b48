"""Onset enhancement: the percussive part of a median-filter separation (FitzGerald 2010)."""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from drummernet.errors import InputError
from drummernet.similarity.median import MedianGradient, RunningMedian

N_FFT = 1024
HOP_SAMPLES = 256
MEDIAN_LENGTH = 31

_OVERLAP = N_FFT // HOP_SAMPLES
# The reflection by 15 frames reads 16.
_LEAST_SAMPLES = (MEDIAN_LENGTH // 2) * HOP_SAMPLES
# What one item needs fits the caches of a CPU core; a GPU wants few and large operations.
_ITEMS_ON_CPU = 1
_ITEMS_ON_GPU = 64


def _by_bin(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(0, 1).t()


def _by_frame(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)


def _ratios(percussive: torch.Tensor, harmonic: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return L = max(P, H), P / L, H / L and the sum and the first of the squares of these ratios."""
    tiny = torch.finfo(percussive.dtype).tiny
    # Squares of small powers leave the range of float32; those of ratios to the larger one do not.
    larger = torch.maximum(percussive, harmonic).clamp_(min=tiny)
    p, h = percussive / larger, harmonic / larger
    # The larger square is 1 wherever there is sound: there the addend is lost. Of silence it makes 1/2.
    square = p.square().add_(tiny)
    return larger, p, h, h.square().add_(tiny).add_(square), square


class PercussiveMask:
    """The soft mask P² / (P² + H²) of power spectrograms (T, B, F) of one shape.

    P is the power's median over 31 bins, H over 31 frames. Where both are 0 the mask is 1/2.

    Args:
        like: A power spectrogram of the shape and type of those to come; T and F are at least 16.
    """

    def __init__(self, like: torch.Tensor) -> None:
        self._over_bins = RunningMedian(MEDIAN_LENGTH, _by_bin(like))
        self._over_frames = RunningMedian(MEDIAN_LENGTH, _by_frame(like))

    def __call__(self, power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the mask, P and H (T, B, F) of a contiguous ``power`` (T, B, F)."""
        percussive, harmonic = torch.empty_like(power), torch.empty_like(power)
        self._over_bins(_by_bin(power), _by_bin(percussive))
        self._over_frames(_by_frame(power), _by_frame(harmonic))
        *_, total, square = _ratios(percussive, harmonic)
        return square.div_(total), percussive, harmonic


class _MaskGradient:
    """The gradient of ``PercussiveMask``."""

    def __init__(self, like: torch.Tensor) -> None:
        self._over_bins = MedianGradient(MEDIAN_LENGTH, _by_bin(like))
        self._over_frames = MedianGradient(MEDIAN_LENGTH, _by_frame(like))

    def __call__(
        self, power: torch.Tensor, percussive: torch.Tensor, harmonic: torch.Tensor, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mask once more and, from the ``gradient`` of it, that of the power; all (T, B, F)."""
        larger, p, h, total, square = _ratios(percussive, harmonic)
        # d mask / dP = 2 p h · h / (total² L), and the same with -p for H. In this order nothing overflows.
        shared = (gradient * p).mul_(h).div_(total).div_(total).div_(larger).mul_(2)
        result = torch.zeros_like(power)
        self._over_bins(_by_bin(power), _by_bin(percussive), _by_bin(h.mul_(shared)), _by_bin(result))
        to_harmonic = p.mul_(shared).neg_()
        self._over_frames(_by_frame(power), _by_frame(harmonic), _by_frame(to_harmonic), _by_frame(result))
        return square.div_(total), result


def _frames(signal: torch.Tensor) -> torch.Tensor:
    """Return a view (T, B, 1024) of the frames of a signal (B, P)."""
    return signal.unfold(-1, N_FFT, HOP_SAMPLES).transpose(0, 1)


def _overlap_add(frames: torch.Tensor) -> torch.Tensor:
    """Return the sum (B, P) of frames (T, B, 1024): the adjoint of ``_frames``."""
    steps, items, _ = frames.shape
    hops = frames.new_zeros(steps + _OVERLAP - 1, items, HOP_SAMPLES)
    for i, part in enumerate(frames.split(HOP_SAMPLES, -1)):
        hops[i : i + steps] += part
    return hops.transpose(0, 1).flatten(1)


def _parts(signal: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the items of a batch (B, P) that are worked on together."""
    return signal.split(_ITEMS_ON_CPU if signal.device.type == "cpu" else _ITEMS_ON_GPU)


def _scalar_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return Re(a* b) of complex numbers."""
    return (a.real * b.real).add_(a.imag * b.imag).contiguous()


class _MaskedFrames(torch.autograd.Function):
    """The overlap-added frames (B, P) of a signal (B, P), each times its percussive mask.

    A few items pass through all of it before the next ones, forward and backward, to stay in cache.
    """

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor) -> torch.Tensor:
        masks: dict[int, PercussiveMask] = {}
        kept, results = [], []
        for part in _parts(signal):
            spectrum = torch.fft.rfft(_frames(part))
            power = _scalar_product(spectrum, spectrum)
            if len(part) not in masks:
                masks[len(part)] = PercussiveMask(power)
            mask, percussive, harmonic = masks[len(part)](power)
            if ctx.needs_input_grad[0]:
                kept += [spectrum, power, percussive, harmonic]
            results.append(_overlap_add(torch.fft.irfft(spectrum * mask)))
        ctx.save_for_backward(*kept)
        return torch.cat(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        # The inverse transform counts every bin but the first and the last twice, and divides.
        share = gradient.new_full((N_FFT // 2 + 1,), 2 / N_FFT)
        share[:: N_FFT // 2] = 1 / N_FFT
        masks: dict[int, _MaskGradient] = {}
        results = []
        for i, part in enumerate(_parts(gradient)):
            spectrum, power, percussive, harmonic = ctx.saved_tensors[4 * i : 4 * i + 4]
            masked = torch.fft.rfft(_frames(part))
            if len(part) not in masks:
                masks[len(part)] = _MaskGradient(power)
            to_mask = _scalar_product(spectrum, masked).mul_(share)
            mask, to_power = masks[len(part)](power, percussive, harmonic, to_mask)
            to_frames = masked.mul_(mask).add_(spectrum * to_power.mul_(2 / share))
            results.append(_overlap_add(torch.fft.irfft(to_frames)))
        return torch.cat(results)


class OnsetEnhancement(nn.Module):
    """E(x): the STFT (1,024, hop 256, rectangular window) times its percussive mask, back to audio.

    The gradient passes through the mask too. Without that it points elsewhere.
    """

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Return the percussive part (B, N) of audio (B, N).

        Raises:
            InputError: N is less than 15 hops of 256 samples, which give the 16 frames of a reflected median.
        """
        samples = audio.shape[-1]
        if samples < _LEAST_SAMPLES:
            raise InputError(
                "audio", "samples", f"{samples}, onset enhancement needs {_LEAST_SAMPLES} or more"
            )
        half = N_FFT // 2
        padded = F.pad(audio, (half, half), mode="reflect")
        steps = samples // HOP_SAMPLES + 1
        summed = _MaskedFrames.apply(padded[:, : (steps + _OVERLAP - 1) * HOP_SAMPLES])
        # Every sample is the mean of the frames that cover it.
        hops = torch.arange(1, steps + _OVERLAP, dtype=audio.dtype, device=audio.device)
        frames = torch.minimum(hops, hops.flip(0)).clamp(max=_OVERLAP).repeat_interleave(HOP_SAMPLES)
        return (summed / frames)[:, half : half + samples]
