"""A transcriber as a system that can be evaluated."""

from pathlib import Path

from drummernet import SAMPLE_RATE
from drummernet.audio import read_audio
from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.tracks import ClassOnsets
from drummernet.transcriber.contract import Transcriber
from drummernet.transcription.files import activations_of_audio
from drummernet.transcription.picking import Picker, class_onsets


class TranscriberEstimator:
    """Onsets of the five classes, three of which are also the three classes.

    Args:
        transcriber: The network.
        picker: The rule by which onsets are picked from each class's summed activations.
    """

    def __init__(self, transcriber: Transcriber, picker: Picker) -> None:
        self.transcriber = transcriber
        self.picker = picker

    def __call__(self, audio_path: Path) -> ClassOnsets:
        """Transcribe a recording.

        Raises:
            InputError: if the audio cannot be read.
        """
        values = activations_of_audio(self.transcriber, read_audio(audio_path))
        rate_hz = SAMPLE_RATE / self.transcriber.hop_samples
        return class_onsets(values, self.transcriber.components, FIVE_CLASSES, rate_hz, 0.0, self.picker)
