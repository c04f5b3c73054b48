"""One threshold for all classes, learnt from rendered stems."""

import numpy as np
import pytest
import torch
from training_runs import render_three_stems

from drummernet.cli import main
from drummernet.errors import InputError
from drummernet.evaluation import calibration
from drummernet.evaluation.calibration import best_thresholds, calibrate
from drummernet.evaluation.datasets import Dataset, read_dataset
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.transcriber.checkpoint import load_provenance, load_transcriber, save_weights
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.spectral import SpectralTranscriber
from drummernet.transcription.picking import Picker

PICKER = Picker(0.3, 0.024, 0.05, 0.03, 1.0)
HEARD = {"KD": 0.9, "SD": 0.5, "HH": 0.08}
"""How high a hit of each class comes out; a third of it stands where nothing was played."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return read_dataset("folder", render_three_stems(tmp_path_factory.mktemp("stems")))


def small() -> HitTranscriber:
    torch.manual_seed(0)
    components = ("KD", "SD", "CHH", "OHH", "TMB")
    return HitTranscriber(bands=24, width=2, hidden=3, layers=1, components=components).eval()


class Knowing(TranscriberEstimator):
    """Hears what was played in the first track, and false hits between."""

    def __init__(self, transcriber, picker, dataset) -> None:
        super().__init__(transcriber, picker)
        self.track = dataset.tracks[0]

    def activations(self, recording):
        heard = {}
        for name, peak in HEARD.items():
            heard[name] = np.zeros(len(recording.audio) // 128 + 1)
            onsets = np.asarray(self.track.onsets[name])
            false = np.concatenate(([0.0], onsets[:-1] + np.diff(onsets) / 2))[
                np.diff(onsets, prepend=-1) > 0.25
            ]
            heard[name][np.rint(false * 125).astype(int)] = peak / 3
            heard[name][np.rint(onsets * 125).astype(int)] = peak
        return heard


def one_track(dataset: Dataset) -> Dataset:
    return Dataset(**{**vars(dataset), "tracks": dataset.tracks[:1]})


def test_the_best_threshold_of_each_class_is_between_hits_and_false_hits(dataset):
    found = best_thresholds(Knowing(small(), PICKER, dataset), one_track(dataset))
    assert set(found) == set(HEARD)
    for name, peak in HEARD.items():
        assert 0.25 * peak < found[name] < peak


def test_logits_are_shifted_by_as_much_as_the_threshold_is_off(dataset, monkeypatch):
    model, before = small(), small()
    monkeypatch.setattr(calibration, "TranscriberEstimator", lambda *args: Knowing(*args, dataset))
    found = calibrate(model, PICKER, one_track(dataset))
    shifts = (model.out.bias - before.out.bias).tolist()
    classes = ["KD", "SD", "HH", "HH"]
    for name, shift in zip(classes, shifts, strict=False):
        moved = 1 / (1 + np.exp(-(np.log(found[name] / (1 - found[name])) + shift)))
        assert moved == pytest.approx(PICKER.threshold, abs=1e-6)
    assert shifts[4:] == [0.0] * 11
    torch.testing.assert_close(model.out.weight, before.out.weight, rtol=0, atol=0)


def test_export_calibrates_and_says_so(dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(calibration, "TranscriberEstimator", lambda *args: Knowing(*args, dataset))
    picking = {"threshold": 0.3, "guard": 1.0, "max_half_width_seconds": 0.024}
    save_weights(small(), picking, {"objective": "Cycle"}, tmp_path / "raw.safetensors")
    out = tmp_path / "out.safetensors"
    assert (
        main(["export", str(tmp_path / "raw.safetensors"), str(out), "--calibrate-on", str(dataset.root)])
        == 0
    )
    printed = dict(line.split("  best threshold ") for line in capsys.readouterr().out.splitlines())
    assert printed.keys() == HEARD.keys()
    assert load_provenance(out) == {"objective": "Cycle", "selected_on": [f"folder:{dataset.root}"]}
    raw, shifted = (load_transcriber(path).state_dict() for path in (tmp_path / "raw.safetensors", out))
    assert [name for name in raw if not torch.equal(raw[name], shifted[name])] == ["out.bias"]


def test_what_gives_no_probabilities_and_what_has_no_tracks_is_refused(dataset):
    with pytest.raises(InputError, match="SpectralTranscriber gives no probabilities"):
        calibrate(SpectralTranscriber(SparsemaxGates()), PICKER, dataset)
    with pytest.raises(InputError, match="none of 0 tracks can be heard"):
        calibrate(small(), PICKER, Dataset(**{**vars(dataset), "tracks": []}))
