"""One picture of a transcription: waveform, activations, hits."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drummernet import SAMPLE_RATE
from drummernet.resources import replaced_file
from drummernet.transcription.files import Transcription
from drummernet.transcription.picking import normalise

_DPI = 100
_INCHES_PER_SECOND = 0.5
_WIDTH_INCHES = (12.0, 60.0)
_LANE_INCHES = 0.45
_ACTIVATION_HEIGHT = 0.75
"""Of a lane; the marks of the hits are above."""


def draw_transcription(path: Path, transcription: Transcription) -> None:
    """Write a PNG: the waveform, below it one lane per component with its activation and its hits.

    Activations are normalised as they are picked; a hit's mark is the darker the higher its velocity. The
    picture grows with the recording up to two minutes, beyond that time is compressed.

    Args:
        path: The file to write; its stem is the title.
        transcription: What to draw.
    """
    low, high = _WIDTH_INCHES
    width = min(max(transcription.duration_seconds * _INCHES_PER_SECOND, low), high)
    height = 2 + _LANE_INCHES * len(transcription.components)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    wave, lanes = figure.subplots(
        2, 1, sharex=True, height_ratios=(1.5, _LANE_INCHES * len(transcription.components))
    )
    columns = round(width * _DPI)
    _draw_waveform(wave, transcription, columns)
    _draw_lanes(lanes, transcription, columns)
    name = path.stem.encode("utf-8", "replace").decode("utf-8")  # a name on disk may be any bytes
    wave.set_title(f"{name}: {len(transcription.hits)} hits", loc="left", parse_math=False)
    with replaced_file(path) as temporary:
        figure.savefig(temporary)


def _draw_waveform(axes: Axes, transcription: Transcription, columns: int) -> None:
    starts = _column_starts(len(transcription.audio), columns)
    lowest = np.minimum.reduceat(transcription.audio, starts)
    highest = np.maximum.reduceat(transcription.audio, starts)
    axes.fill_between(starts / SAMPLE_RATE, lowest, highest, linewidth=0.6, color="tab:blue")
    axes.set_xlim(0, transcription.duration_seconds)
    axes.set_ylabel("waveform")


def _draw_lanes(axes: Axes, transcription: Transcription, columns: int) -> None:
    count = len(transcription.components)
    starts = _column_starts(transcription.activations.shape[-1], columns)
    for k, component in enumerate(transcription.components):
        bottom = count - 1 - k
        activation = normalise(transcription.activations[k], transcription.picker.guard)
        top = bottom + _ACTIVATION_HEIGHT * np.maximum.reduceat(activation, starts)
        color = f"C{k % 10}"
        axes.fill_between(starts / transcription.rate_hz, bottom, top, linewidth=0.6, color=color)
        hits = [hit for hit in transcription.hits if hit.component == component]
        shades = np.zeros((len(hits), 4))
        shades[:, 3] = [hit.velocity for hit in hits]
        onsets = [hit.onset_seconds for hit in hits]
        axes.scatter(onsets, np.full(len(hits), bottom + 0.86), s=14, marker="v", c=shades, linewidths=0)
    axes.hlines(np.arange(count), 0, transcription.duration_seconds, linewidth=0.4, color="grey")
    axes.set_yticks(np.arange(count) + 0.4, transcription.components[::-1])
    axes.tick_params(axis="y", labelright=True)
    axes.set_ylim(0, count)
    axes.set_xlabel("seconds")
    axes.locator_params(axis="x", nbins=columns // 100)


def _column_starts(length: int, columns: int) -> np.ndarray:
    """Return where each of at most ``columns`` equal parts of ``length`` values starts."""
    return np.unique(np.linspace(0, length, columns, endpoint=False).astype(np.int64))
