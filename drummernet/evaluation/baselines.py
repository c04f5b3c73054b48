"""Systems without training that others are compared with."""

from pathlib import Path

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.components import THREE_CLASSES
from drummernet.evaluation.protocol import Estimator
from drummernet.evaluation.tracks import ClassOnsets

# librosa's own 32 ms hop and 128 ms window, meant for higher sample rates, misplace drums by more than
# the tolerance: with them this baseline loses .2 of F1, and would be too easy to beat.
_HOP_SAMPLES = 160
_WINDOW_SAMPLES = 1024


def every_class_at_every_onset(audio_path: Path) -> ClassOnsets:
    """Claim all three classes at every onset of librosa's detector: what listening for time alone gives.

    Raises:
        InputError: if the audio cannot be read.
    """
    import librosa

    strength = librosa.onset.onset_strength(
        y=read_audio(audio_path), sr=SAMPLE_RATE, hop_length=_HOP_SAMPLES, n_fft=_WINDOW_SAMPLES
    )
    onsets_seconds = librosa.onset.onset_detect(
        onset_envelope=strength, sr=SAMPLE_RATE, hop_length=_HOP_SAMPLES, units="time", backtrack=False
    )
    return dict.fromkeys(THREE_CLASSES, onsets_seconds)


BASELINES: dict[str, Estimator] = {"onsets": every_class_at_every_onset}
"""The baselines by the name that ``--baseline`` takes."""
