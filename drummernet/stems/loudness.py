"""Integrated loudness of a stream: ITU-R BS.1770-4 and EBU R 128, mono at any rate."""

from array import array

import numpy as np
from scipy.signal import sosfilt

CHUNKS_PER_SECOND = 10
"""Gating blocks of 400 ms start every 100 ms: each is the mean of four chunks."""

_BLOCK_CHUNKS = 4
_SETTLED_CHUNKS = 5
"""The high-pass has forgotten a constant after 0.5 s (by e^-119)."""
_OFFSET_DB = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0


def k_weighting(rate: int) -> np.ndarray:
    """Return the two second-order sections (2, 6) of BS.1770's K-weighting at any sample rate.

    The standard lists coefficients for 48 kHz alone. These are the analogue prototypes behind them (De Man,
    "Evaluation of implementations of the EBU R128 loudness measurement", AES 2018), a shelf of 4 dB above
    1.7 kHz and a high-pass at 38 Hz, brought to ``rate`` by the bilinear transform. The standard's high-pass
    is a little more than 1 at high frequencies, and so is it here, equally at all rates. At 16 kHz the gain
    is within 0.07 dB of that at 48 kHz.
    """
    k = np.tan(np.pi * 1681.974450955533 / rate)
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416 * k / 0.7071752369554196
    poles, scale = _poles(k, 0.7071752369554196)
    shelf = np.array([high + middle + k * k, 2 * (k * k - high), high - middle + k * k]) / scale
    high_pass_hz, quality = 38.13547087602444, 0.5003270373238773
    _, standard = _poles(np.tan(np.pi * high_pass_hz / 48_000), quality)
    slow_poles, scale = _poles(np.tan(np.pi * high_pass_hz / rate), quality)
    high_pass = np.array([1, -2, 1]) * standard / scale
    return np.array([[*shelf, *poles], [*high_pass, *slow_poles]])


def _poles(k: float, quality: float) -> tuple[np.ndarray, float]:
    """Return the denominator (3,) of a bilinear second-order section, and what it was divided by."""
    scale = 1 + k / quality + k * k
    return np.array([scale, 2 * (k * k - 1), 1 - k / quality + k * k]) / scale, scale


class Loudness:
    """The loudness of what comes in chunks of 100 ms, as if a constant had been subtracted before.

    It remembers 80 bytes per second.

    Args:
        rate: In Hz, a multiple of 10.
    """

    def __init__(self, rate: int) -> None:
        self._sections = k_weighting(rate)
        self._state = np.zeros((2, 2))
        self._first = np.zeros((0, rate // CHUNKS_PER_SECOND))
        self._energies = array("d")

    def add(self, chunks: np.ndarray) -> None:
        """Take whole chunks (n, rate / 10)."""
        weighted, self._state = sosfilt(self._sections, chunks.reshape(-1), zi=self._state)
        weighted = weighted.reshape(chunks.shape)
        # Denormal numbers, which silence would end in, are a hundred times slower.
        self._state[np.abs(self._state) < 1e-30] = 0.0
        missing = _SETTLED_CHUNKS - len(self._first)
        if missing > 0:
            self._first = np.concatenate((self._first, weighted[:missing]))
        self._energies.frombytes(np.square(weighted).mean(axis=1).tobytes())

    def integrated(self, constant: float) -> float | None:
        """Return LUFS of what came, less a constant; None below the absolute gate or 400 ms."""
        energies = np.array(self._energies)
        if len(energies) < _BLOCK_CHUNKS:
            return None
        step = sosfilt(self._sections, np.full(self._first.size, constant)).reshape(self._first.shape)
        energies[: len(step)] = np.square(self._first - step).mean(axis=1)
        blocks = np.lib.stride_tricks.sliding_window_view(energies, _BLOCK_CHUNKS).mean(axis=1)
        blocks = blocks[blocks > _energy(_ABSOLUTE_GATE_LUFS)]
        if not blocks.size:
            return None
        gate = blocks.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
        return float(_OFFSET_DB + 10 * np.log10(blocks[blocks > gate].mean()))


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))
