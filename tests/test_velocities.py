"""Velocities that are told beside those that were played."""

import numpy as np
import pytest
import torch

from drummernet.components import FIVE_CLASSES
from drummernet.evaluation.datasets import read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.protocol import evaluate
from drummernet.evaluation.report import format_table
from drummernet.evaluation.tracks import Recording, Track
from drummernet.evaluation.velocities import velocity_agreement
from drummernet.hits import Hit, write_midi
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcription.picking import Picker

NOTHING = {name: np.empty(0) for name in (*FIVE_CLASSES, "OT")}


def track(name: str, **played: list[tuple[float, float]]) -> Track:
    onsets = {key: np.array([at for at, _ in hits]) for key, hits in played.items()}
    velocities = {key: np.array([velocity for _, velocity in hits]) for key, hits in played.items()}
    return Track(name, None, NOTHING | onsets, 0, velocities=NOTHING | velocities)


def test_the_agreement_is_that_of_matched_pairs_of_all_tracks():
    tracks = [
        track("a", KD=[(0.1, 0.5), (0.5, 1.0), (0.9, 0.7)], SD=[(0.3, 0.4)]),
        track("b", KD=[(0.2, 0.2)], HH=[(0.1, 0.5), (0.4, 0.5), (0.8, 0.5)]),
        Track("c", None, NOTHING | {"KD": np.array([0.1])}, 0),
    ]
    onsets = {
        "a": {"KD": np.array([0.12, 0.3, 0.52]), "SD": np.empty(0)},
        "b": {"KD": np.array([0.19]), "HH": np.array([0.1, 0.4, 0.8])},
        "c": {"KD": np.array([0.1])},
    }
    velocities = {
        "a": {"KD": np.array([0.6, 0.9, 0.8]), "SD": np.empty(0)},
        "b": {"KD": np.array([0.4]), "HH": np.array([0.3, 0.5, 0.9])},
        "c": {"KD": np.array([0.1])},
    }
    found = velocity_agreement(tracks, onsets, velocities)
    kick = np.array([(0.5, 0.6), (1.0, 0.8), (0.2, 0.4)])
    assert found["KD"]["pairs"] == 3
    assert found["KD"]["correlation"] == pytest.approx(np.corrcoef(kick.T)[0, 1])
    assert found["KD"]["mean_absolute_error"] == pytest.approx((0.1 + 0.2 + 0.2) / 3)
    assert found["SD"] == {"pairs": 0, "correlation": None, "mean_absolute_error": None}
    assert found["HH"]["correlation"] is None  # every hit was played alike
    assert found["HH"]["mean_absolute_error"] == pytest.approx((0.2 + 0 + 0.4) / 3)
    assert velocity_agreement(tracks[2:], onsets, velocities) is None
    assert velocity_agreement(tracks, onsets, {}) is None


class Fixed(Transcriber):
    """Hears the same in any second: a kick, and a closed beside an open hi-hat."""

    components, hop_samples = ("KD", "CHH", "OHH"), 160

    def __init__(self, tells: bool) -> None:
        super().__init__()
        self.tells, self.calls = tells, 0

    def forward(self, audio: torch.Tensor) -> Activations:
        self.calls += 1
        values = torch.zeros(len(audio), 3, audio.shape[1] // 160)
        values[:, 0, 50::100], values[:, 1, 20::100], values[:, 2, 20::100] = 0.64, 0.3, 0.4
        told = torch.zeros_like(values)
        told[:, 0, 50::100], told[:, 1, 20::100], told[:, 2, 20::100] = 0.9, 0.1, 0.7
        return Activations(values, 160, velocities=told if self.tells else None)


@pytest.mark.parametrize(("tells", "kick", "hat"), [(True, 0.9, 0.7), (False, 0.8, 0.7**0.5)])
def test_a_class_has_the_velocity_of_its_strongest_component(tells, kick, hat):
    model = Fixed(tells)
    estimator = TranscriberEstimator(model, Picker(0.2, 0.024, 0.05, 0.03, 1.0))
    recording = Recording(np.full(16_000, 0.5, np.float32))
    onsets = estimator.onsets(estimator.activations(recording))
    velocities = estimator.velocities(recording, onsets)
    assert model.calls == 1
    assert {name: len(times) for name, times in velocities.items()} == {
        name: len(times) for name, times in onsets.items()
    }
    assert velocities["KD"] == pytest.approx(kick, abs=1e-3)
    assert velocities["HH"] == pytest.approx(hat, abs=1e-3)
    estimator.activations(Recording(recording.audio))
    assert model.calls == 2


def test_evaluation_tells_how_velocities_agree(tmp_path):
    from drummernet.audio import write_audio

    hits = [Hit(0.5 + n, "KD", 0.2 + 0.2 * n) for n in range(4)] + [
        Hit(0.2 + n, "CHH", 0.7) for n in range(4)
    ]
    write_midi(tmp_path / "a.mid", hits)
    write_audio(tmp_path / "a.wav", np.full(64_000, 0.5, np.float32))
    dataset = read_dataset("e-gmd", tmp_path)
    np.testing.assert_allclose(dataset.tracks[0].velocities["KD"], [0.2, 0.4, 0.6, 0.8], atol=0.005)
    result = evaluate(dataset, "fixed", TranscriberEstimator(Fixed(True), Picker(0.2, guard=1.0)))
    assert result["velocities"]["KD"]["pairs"] >= 3
    assert result["velocities"]["KD"]["correlation"] is None  # told alike
    errors = np.abs(np.array([0.2, 0.4, 0.6, 0.8]) - 0.9)
    assert result["velocities"]["KD"]["mean_absolute_error"] == pytest.approx(errors.mean(), abs=0.01)
    assert "velocities, correlation (mean error): KD - (0.40), HH - (0.00)" in format_table(result)
