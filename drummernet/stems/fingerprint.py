"""Fingerprints of stems: where sounds set in, and 32 bits on what is heard around each onset.

Drums are known by when they are struck. The onsets that stand out from their surroundings are found again
within a frame after any coding, resampling, shift or gain; few other features of drums are. Around each, the
signs of random projections of the bands' amplitudes (Charikar 2002) tell two patches apart: the share of
bits that differ is the angle between them over π. The projections ignore what all bands have in common.
"""

import numpy as np
import scipy.ndimage

BITS = 32

_EDGE_BINS = np.concatenate((np.arange(3, 9), np.geomspace(9.4, 157, 23).round().astype(int)))
"""Bins of 15.6 Hz where the bands begin and end: from 47 Hz, above any DC offset, to 2.4 kHz, which coding at
low rates keeps."""
_BANDS = len(_EDGE_BINS) - 1
_GAP_FRAMES = 10
"""An onset is the largest within so many frames."""
_NEIGHBOURHOOD_FRAMES = 200
_SMALLEST_SHARE = 0.1
"""How large an onset is at least, compared with the largest in its neighbourhood."""
_RISE_FRAMES = 2
_SLOTS = 14
_SLOT_FRAMES = 6
_PATCH_FRAMES = _SLOTS * _SLOT_FRAMES
"""The patch around an onset lasts 0.84 s."""
_SEGMENT_FRAMES = 4096
_CONTEXT_FRAMES = 256
"""More than an onset's neighbourhood: what a segment is looked at with on either side."""


def _projections() -> np.ndarray:
    """Return (frames · bands, BITS): random signs, less the mean of each slot's bands.

    The raw stream of a bit generator is the same in every version of numpy.
    """
    raw = np.random.PCG64(0).random_raw(_SLOTS * _BANDS * BITS // 64).astype("<u8").view(np.uint8)
    signs = np.unpackbits(raw).reshape(_SLOTS, _BANDS, BITS) * 2.0 - 1.0
    signs -= signs.mean(axis=1, keepdims=True)
    return np.repeat(signs, _SLOT_FRAMES, axis=0).reshape(-1, BITS).astype(np.float32)


_PROJECTIONS = _projections()


class Fingerprint:
    """Takes magnitude frames in blocks of any size and gives the tokens, which do not depend on the blocks.

    Silence is taken to lie before and behind the stem. Memory does not grow but for the tokens, 8 bytes each
    and some 3 per second.
    """

    def __init__(self) -> None:
        self._blocks = [np.zeros((_CONTEXT_FRAMES, _BANDS), np.float32)]
        self._frames = _CONTEXT_FRAMES
        self._first_frame = 0
        self._tokens = [np.zeros((0, 2), np.uint32)]

    def add(self, frames: np.ndarray) -> None:
        """Take the next magnitude frames (n, 513)."""
        power = np.square(frames[:, : _EDGE_BINS[-1]])
        self._blocks.append(np.sqrt(np.add.reduceat(power, _EDGE_BINS[:-1], axis=1)))
        self._frames += len(frames)
        if self._frames >= _SEGMENT_FRAMES + 2 * _CONTEXT_FRAMES:
            self._use_up()

    def finish(self) -> np.ndarray:
        """Return the tokens (n, 2) uint32, hash and time in frames, sorted by time."""
        total_frames = self._first_frame + self._frames - _CONTEXT_FRAMES
        segments = -(-total_frames // _SEGMENT_FRAMES)
        missing = segments * _SEGMENT_FRAMES - total_frames + _CONTEXT_FRAMES
        self._blocks.append(np.zeros((missing, _BANDS), np.float32))
        self._use_up()
        return np.concatenate(self._tokens)

    def _use_up(self) -> None:
        """Make the tokens of the segments that are there with their context.

        All segments are equally long, so that every sum is rounded alike whatever the blocks were.
        """
        bands = np.concatenate(self._blocks)
        while len(bands) >= _SEGMENT_FRAMES + 2 * _CONTEXT_FRAMES:
            tokens = _tokens(bands[: _SEGMENT_FRAMES + 2 * _CONTEXT_FRAMES])
            tokens[:, 1] += self._first_frame
            self._tokens.append(tokens)
            bands = bands[_SEGMENT_FRAMES:]
            self._first_frame += _SEGMENT_FRAMES
        self._blocks = [bands.copy()]
        self._frames = len(bands)


def _tokens(bands: np.ndarray) -> np.ndarray:
    """Return the tokens (n, 2) of a segment from its bands (context + segment + context, bands)."""
    onsets = _onsets(bands)
    onsets = onsets[(onsets >= _CONTEXT_FRAMES) & (onsets < len(bands) - _CONTEXT_FRAMES)]
    patches = bands[(onsets - _PATCH_FRAMES // 2)[:, None] + np.arange(_PATCH_FRAMES)]
    bits = patches.reshape(-1, _PATCH_FRAMES * _BANDS) @ _PROJECTIONS > 0
    hashes = np.packbits(bits, axis=1).view(">u4").ravel()
    return np.stack((hashes, onsets - _CONTEXT_FRAMES), axis=1).astype(np.uint32)


def _onsets(bands: np.ndarray) -> np.ndarray:
    """Return the frames (n,) where the bands (frames, bands) together rise most, of those around them."""
    smooth = bands.copy()
    smooth[1:] += bands[:-1]
    smooth[:-1] += bands[1:]
    rises = np.zeros(len(bands), np.float32)
    np.maximum(smooth[_RISE_FRAMES:] - smooth[:-_RISE_FRAMES], 0).sum(axis=1, out=rises[_RISE_FRAMES:])
    largest_near = scipy.ndimage.maximum_filter1d(rises, 2 * _GAP_FRAMES + 1)
    largest_around = scipy.ndimage.maximum_filter1d(rises, 2 * _NEIGHBOURHOOD_FRAMES + 1)
    return np.flatnonzero((rises == largest_near) & (rises > _SMALLEST_SHARE * largest_around))
