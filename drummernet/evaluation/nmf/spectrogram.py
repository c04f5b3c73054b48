"""What is factorised: a mel spectrogram, 100 frames per second."""

import numpy as np
from scipy.fft import rfft

from drummernet import SAMPLE_RATE
from drummernet.transcriber.mel import mel_filterbank

HOP_SAMPLES = 160
RATE_HZ = SAMPLE_RATE / HOP_SAMPLES
BANDS = 64
_WINDOW_SAMPLES = 512
_N_FFT = 1024
_FRAMES_AT_ONCE = 4096


def spectrogram(audio: np.ndarray) -> np.ndarray:
    """Return mel magnitudes (F, T) float32, T = N // 160 + 1, of audio (N,) at 16 kHz.

    The middle of frame t lies at sample 160 t; beyond the audio there are zeros. Magnitudes add up where
    sounds do, roughly, which is why they are neither squared nor logarithmic. A sine of amplitude 1 has
    from 1 (low) to 4 (high) in its band.
    """
    half = _WINDOW_SAMPLES // 2
    window = np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    filters = mel_filterbank(_N_FFT, BANDS).numpy() / (window.sum() / 2)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(audio, half), _WINDOW_SAMPLES)[::HOP_SAMPLES]
    result = np.empty((BANDS, len(frames)), np.float32)
    # By blocks: all frames' complex spectra at once would take ten times the memory of the result.
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        block = frames[start : start + _FRAMES_AT_ONCE] * window
        result[:, start : start + len(block)] = filters @ np.abs(rfft(block, _N_FFT)).T
    return result
