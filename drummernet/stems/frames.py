"""Magnitude spectra of a stream of samples: what stems are judged and recognised by."""

import numpy as np
import scipy.fft

N_FFT = 1024
HOP_SAMPLES = 160
FRAMES_PER_SECOND = 100
BINS = N_FFT // 2 + 1

_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


class MagnitudeFrames:
    """Hann-windowed magnitude spectra of 64 ms, 100 per second, of samples that come in pieces.

    Frame t begins at sample 160 t.
    """

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.float32)

    def add(self, samples: np.ndarray) -> np.ndarray:
        """Take samples (n,) float32 at 16 kHz; return the frames (t, 513) that they complete."""
        pending = np.concatenate((self._pending, samples))
        count = max(0, (len(pending) - N_FFT) // HOP_SAMPLES + 1)
        self._pending = pending[count * HOP_SAMPLES :]
        if not count:
            return np.zeros((0, BINS), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(pending, N_FFT)[::HOP_SAMPLES][:count]
        magnitudes: np.ndarray = np.abs(scipy.fft.rfft(windows * _WINDOW))
        return magnitudes

    def finish(self) -> np.ndarray:
        """Return the last frames: those that hold what is left, zero-padded; every sample is in one."""
        frames = -(-len(self._pending) // HOP_SAMPLES)
        return self.add(np.zeros(max(0, (frames - 1) * HOP_SAMPLES + N_FFT - len(self._pending)), np.float32))
