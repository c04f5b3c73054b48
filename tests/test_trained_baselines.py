"""The supervised baselines by name: which there are, which have weights, what the others say."""

import shlex

import numpy as np
import pytest

from drummernet.errors import InputError
from drummernet.evaluation.baselines import find_baseline
from drummernet.evaluation.estimators import TranscriberEstimator
from drummernet.evaluation.tracks import Recording
from drummernet.evaluation.trained import trained_baselines
from drummernet.resources import resource_folder
from drummernet.training.recipe import build_model, read_recipe

NAMES = list(trained_baselines())
SHIPPED = ["gruts", "crnn_small_dt", "crnn_small_mt"]


def test_all_networks_sizes_and_variants_have_names():
    variants = [
        f"{n}_{s}_{v}" for n in ("rnn", "cnn", "crnn") for s in ("small", "large") for v in ("dt", "bf", "mt")
    ]
    assert sorted(NAMES) == sorted(["rnn", "tanhb", "reluts", "lstmpb", "gruts", *variants])


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SHIPPED)))
def test_a_baseline_without_weights_names_the_command_that_trains_it(name):
    with pytest.raises(InputError, match="comes without weights") as caught:
        find_baseline(name).make(None)
    command = shlex.split(str(caught.value).partition("; ")[2].partition(" trains it")[0])
    assert command[:2] == ["drummernet", "train"]
    configs = command[3::2]
    assert set(command[2::2]) == {"--config"}
    network = build_model(read_recipe(configs)).transcriber
    assert network.hears_beats == name.endswith("_bf")
    assert network.tells_beats == name.endswith("_mt")
    assert (network.convolutions is not None) == ("cnn" in name or "crnn" in name)


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_loaded_by_name_in_any_case_and_say_what_they_learned_from(name):
    estimator = find_baseline(name.upper()).make(None)
    assert isinstance(estimator, TranscriberEstimator)
    assert estimator.provenance["objective"] == "FramewiseCrossEntropy"
    assert estimator.provenance["selected_on"] == []
    card = (resource_folder("weights") / "README.md").read_text(encoding="utf-8")
    assert name in card


def test_a_shipped_network_hears_a_kick_and_not_silence():
    estimator = find_baseline("crnn_small_dt").make(None)
    times = np.arange(4_000) / 16_000
    kick = np.sin(2 * np.pi * 60 * times) * np.exp(-times * 20)
    audio = np.zeros(48_000, np.float32)
    audio[16_000:20_000] = kick
    audio[32_000:36_000] = kick
    onsets = estimator(Recording(audio))
    np.testing.assert_allclose(onsets["KD"], [1.0, 2.0], atol=0.03)
    silent = estimator(Recording(np.zeros(48_000, np.float32)))
    assert all(len(times) == 0 for times in silent.values())


def test_no_kits_are_taken():
    with pytest.raises(InputError, match=r"kits: 'gruts' takes none, got rock_maple"):
        find_baseline("gruts").make(["rock_maple"])
