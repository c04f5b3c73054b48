"""Onsets in a stream of magnitude frames, and how percussive they are: what tells drums from other stems."""

from array import array

import numpy as np
from scipy.ndimage import median_filter

from drummernet.stems.frames import BINS, FRAMES_PER_SECOND

_LAG = 3
"""Frames over which levels rise."""
_NEIGHBOURS = 3
"""An onset rises more than so many frames before it, and no less than as many after it."""
_RISE_DB = 5.0
"""The least rise that is an onset: noise of any colour stays below 3.8 dB, a faint tambourine makes
7.8 dB."""
_MOST_DB = 30.0
"""More in one band counts as this."""
_FLOOR = 1e-6
"""What lies in one band 60 dB below the loudest frame so far is not heard: a file's level does not count."""
_RANGE = 10.0**-4.5
"""Onsets that stay 45 dB below the loudest are noise between hits."""
_MEDIAN_BINS = 31

_BEFORE = _LAG + _NEIGHBOURS
_AFTER = 8
"""Frames until one holds the onset, but not what was before it (64 ms, rounded up)."""
_SEGMENT = FRAMES_PER_SECOND
_DYING_FRAMES = 50
_DYING = 0.1
"""What is there when a file begins dies away if it falls by 10 dB within half a second."""

_FIRST_BIN = 2
"""Below it lies whatever a constant makes in a Hann window."""


def _band_starts() -> np.ndarray:
    """Return the first bins of bands a quarter of an octave, but at least 125 and at most 500 Hz wide."""
    starts = [_FIRST_BIN]
    while starts[-1] < BINS - 32:
        starts.append(starts[-1] + min(max(8, round(0.19 * starts[-1])), 32))
    return np.array(starts[:-1])


_BANDS = _band_starts()


class Percussion:
    """Finds onsets and measures their percussive share; remembers 16 bytes per onset and a second of frames.

    An onset is a local maximum of the rise in level over 30 ms: the root mean square over bands of the
    decibels by which each rises, a spectral flux (Böck, Krebs & Schedl, "Evaluating the online capabilities
    of onset detection methods", ISMIR 2012). What rises there, bin by bin, is split as Fitzgerald
    ("Harmonic/percussive separation using median filtering", DAFx 2010) splits a spectrum: the median over
    neighbouring frequencies is percussive, what stands out of it is tonal. Only onsets are split: that costs
    a twentieth, and the tails of drums, which are tonal, and steady noise, which is not, are left out.

    A sound that is there when the file begins is an onset only if it dies away; the frames that hold the
    end, where every sound breaks off, are none.
    """

    def __init__(self) -> None:
        self._pending = np.zeros((_BEFORE, BINS), np.float32)
        self._frame = 0
        self._loudest = 0.0
        self._powers = array("d")
        self._shares = array("d")

    def add(self, frames: np.ndarray) -> None:
        """Take magnitudes (n, 513), 100 frames per second."""
        self._pending = np.concatenate((self._pending, frames))
        # Segments are cut where they would be if all frames came at once.
        while len(self._pending) >= _BEFORE + _SEGMENT + _AFTER:
            self._search(self._pending[: _BEFORE + _SEGMENT + _AFTER])
            self._pending = self._pending[_SEGMENT:]
            self._frame += _SEGMENT

    def finish(self) -> tuple[int, float]:
        """Return the number of onsets and their mean percussive share, 0 if there is none."""
        self._search(self._pending)
        powers, shares = np.array(self._powers), np.array(self._shares)
        heard = powers >= _RANGE * powers.max(initial=0.0)
        return int(heard.sum()), float(shares[heard].mean()) if heard.any() else 0.0

    def _search(self, frames: np.ndarray) -> None:
        """Find the onsets of frames (n, 513) but for those at either end that only give context."""
        bands = np.add.reduceat(np.square(frames, dtype=np.float64), _BANDS, axis=1)
        power = bands.sum(axis=1)
        loudest = np.maximum.accumulate(np.maximum(power, self._loudest))[:, np.newaxis]
        self._loudest = float(loudest[:_SEGMENT].max())
        floor = _FLOOR * loudest[_LAG:] + np.finfo(np.float32).tiny
        ratios = (bands[_LAG:] + floor) / (bands[:-_LAG] + floor)
        band_rises_db = np.clip(10 * np.log10(ratios), 0.0, _MOST_DB)
        rises_db = np.zeros(len(frames))
        rises_db[_LAG:] = np.sqrt(np.square(band_rises_db).mean(axis=1))
        for t in np.flatnonzero(rises_db[: len(frames) - _AFTER] > _RISE_DB):
            before, after = rises_db[max(0, t - _NEIGHBOURS) : t], rises_db[t + 1 : t + 1 + _NEIGHBOURS]
            if t < _BEFORE or rises_db[t] <= before.max() or rises_db[t] < after.max():
                continue
            onset_power = power[t : t + _AFTER].max()
            later = power[t + _AFTER : min(t + _DYING_FRAMES, len(frames) - _AFTER)].min(initial=onset_power)
            if self._frame + t < _BEFORE + _AFTER and later > _DYING * onset_power:
                continue
            rise = np.maximum(frames[t] - frames[t - _LAG], 0.0)[_FIRST_BIN:]
            percussive = np.minimum(rise, median_filter(rise, _MEDIAN_BINS))
            self._powers.append(onset_power)
            self._shares.append(percussive.sum() / rise.sum())
