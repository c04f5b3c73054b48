"""A dataset's recordings of single strokes, cut into strokes."""

from itertools import pairwise

import numpy as np

from drummernet import SAMPLE_RATE
from drummernet.evaluation.nmf.spectrogram import HOP_SAMPLES, RATE_HZ, spectrogram
from drummernet.transcription.picking import Picker, normalise, pick

_STROKE = Picker(threshold=0.2, max_half_width_seconds=0.1, mean_half_width_seconds=0.2, wait_seconds=0.1)
_SEARCH_SAMPLES = round(0.03 * SAMPLE_RATE)
_ONSET_DB = -30.0


def split_strokes(audio: np.ndarray) -> list[np.ndarray]:
    """Return the strokes (L,) of a recording (n,) at 16 kHz of one drum that is struck again and again.

    Each begins with its onset, the first sample within 30 ms of the rise of the spectrum that is above
    -30 dB of the stroke's peak, and ends where the next begins; silence has none.
    """
    magnitudes = np.sqrt(spectrogram(audio))
    rises = np.maximum(0, np.diff(magnitudes, axis=1, prepend=0)).sum(axis=0)
    # No guard: what counts as a stroke depends on the loudest one alone, not on the recording's level.
    steps = pick(normalise(rises, float(np.finfo(np.float32).tiny)), RATE_HZ, _STROKE)
    starts = [_onset(audio, int(step) * HOP_SAMPLES) for step in steps]
    return [audio[start:end] for start, end in pairwise([*starts, len(audio)])]


def _onset(audio: np.ndarray, near_sample: int) -> int:
    """Return the onset of the stroke whose spectrum rises near a sample."""
    first = max(near_sample - _SEARCH_SAMPLES, 0)
    magnitudes = np.abs(audio[first : near_sample + _SEARCH_SAMPLES])
    return first + int(np.argmax(magnitudes > magnitudes.max() * 10 ** (_ONSET_DB / 20)))
