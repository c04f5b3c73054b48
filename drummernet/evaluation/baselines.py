"""Systems that others are compared with, by the name that ``--baseline`` takes."""

from collections.abc import Sequence

from drummernet import SAMPLE_RATE
from drummernet.components import THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.estimators import Baseline, Estimator
from drummernet.evaluation.nmf.systems import NMF_BASELINES
from drummernet.evaluation.tracks import ClassOnsets, Recording
from drummernet.evaluation.trained import trained_baselines

# librosa's own 32 ms hop and 128 ms window, meant for higher sample rates, misplace drums by more than
# the tolerance: with them this baseline loses .2 of F1, and would be too easy to beat.
_HOP_SAMPLES = 160
_WINDOW_SAMPLES = 1024


def every_class_at_every_onset(recording: Recording) -> ClassOnsets:
    """Claim all three classes at every onset of librosa's detector: what listening for time alone gives."""
    import librosa

    strength = librosa.onset.onset_strength(
        y=recording.audio, sr=SAMPLE_RATE, hop_length=_HOP_SAMPLES, n_fft=_WINDOW_SAMPLES
    )
    onsets_seconds = librosa.onset.onset_detect(
        onset_envelope=strength, sr=SAMPLE_RATE, hop_length=_HOP_SAMPLES, units="time", backtrack=False
    )
    return dict.fromkeys(THREE_CLASSES, onsets_seconds)


def find_baseline(name: str) -> Baseline:
    """Return a baseline by its name, in upper or lower case.

    Raises:
        InputError: if there is none of that name.
    """
    if name.lower() not in BASELINES:
        raise InputError("baseline", name, f"unknown; known baselines are {', '.join(BASELINES)}")
    return BASELINES[name.lower()]


def _make_onsets(kits: Sequence[str] | None) -> Estimator:
    if kits is not None:
        raise InputError("baseline", "kits", f"'onsets' takes none, got {','.join(kits)}")
    return every_class_at_every_onset


BASELINES: dict[str, Baseline] = {
    "onsets": Baseline(
        _make_onsets,
        "librosa's onset detector (McFee et al. 2015)",
        "all classes at every onset: what listening for time alone gives",
    ),
    **NMF_BASELINES,
    **trained_baselines(),
}
"""The baselines by name."""
