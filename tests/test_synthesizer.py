"""The synthesizer against scipy's convolution of the zero-filled signal."""

import numpy as np
import pytest
import scipy.signal
import torch

from drummernet.audio import write_audio
from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.kits.augmentation import KitAugmentation
from drummernet.kits.manifest import load_kit
from drummernet.synthesizer import (
    TURN_SAMPLES,
    VARIANTS,
    Synthesizer,
    fast_length,
    polyphase_spectra,
    synthesize,
)


def zero_filled(activations: np.ndarray, hop_samples: int) -> np.ndarray:
    upsampled = np.zeros((*activations.shape[:-1], activations.shape[-1] * hop_samples))
    upsampled[..., ::hop_samples] = activations
    return upsampled


@pytest.mark.parametrize("hop_samples", [1, 16, 128])
@pytest.mark.parametrize("one_shot_samples", [7, 1_000, 1_601])
def test_equals_scipys_convolution(hop_samples, one_shot_samples):
    rng = np.random.default_rng(1)
    activations = rng.random((2, 3, 53)) * (rng.random((2, 3, 53)) > 0.7)
    one_shots = rng.standard_normal((3, one_shot_samples))
    result = synthesize(torch.from_numpy(activations), torch.from_numpy(one_shots), hop_samples)
    dense = zero_filled(activations, hop_samples)
    expected = scipy.signal.fftconvolve(dense, one_shots[None], axes=-1).sum(1)[:, : dense.shape[-1]]
    assert result.shape == (2, 53 * hop_samples)
    np.testing.assert_allclose(result, expected, atol=1e-9)


def test_a_kit_per_item():
    rng = np.random.default_rng(2)
    activations, one_shots = (
        torch.from_numpy(rng.random((4, 3, 20))),
        torch.from_numpy(rng.random((4, 3, 50))),
    )
    result = synthesize(activations, one_shots, 16)
    for item in range(4):
        alone = synthesize(activations[item : item + 1], one_shots[item], 16)
        torch.testing.assert_close(result[item], alone[0])


def test_an_impulse_plays_the_one_shot_at_its_sample():
    one_shot = torch.arange(1.0, 41.0)[None]
    activations = torch.zeros(1, 1, 10)
    activations[0, 0, 3] = 0.5
    audio = synthesize(activations, one_shot, 16)[0]
    assert audio[:48].abs().max() < 1e-5
    torch.testing.assert_close(audio[48:88], 0.5 * one_shot[0], atol=1e-5, rtol=1e-5)


def test_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(3)
    activations = torch.from_numpy(rng.random((2, 3, 11))).requires_grad_()
    one_shots = torch.from_numpy(rng.standard_normal((3, 37)))
    assert torch.autograd.gradcheck(lambda a: synthesize(a, one_shots, 4), (activations,))


@pytest.mark.parametrize("draw", ["batch", "item", "component"])
def test_kits_are_a_pure_function_of_seed_and_item(draw):
    synthesizer = Synthesizer("synthesizer", draw=draw)
    kits = synthesizer.drawn_kits(5, range(40, 60))
    assert kits.shape == (20, len(COMPONENTS))
    torch.testing.assert_close(kits, synthesizer.drawn_kits(5, range(40, 60)))
    assert not torch.equal(kits, synthesizer.drawn_kits(6, range(40, 60)))
    if draw == "item":
        torch.testing.assert_close(kits[7:9], synthesizer.drawn_kits(5, [47, 48]))
    rows_differ = bool((kits != kits[:1]).any())
    columns_differ = bool((kits != kits[:, :1]).any())
    assert (rows_differ, columns_differ) == {
        "batch": (False, False),
        "item": (True, False),
        "component": (False, True),
    }[draw]


def test_forward_plays_the_drawn_kits():
    synthesizer = Synthesizer("synthesizer", draw="component")
    kits = synthesizer.drawn_kits(1, [3, 4])
    activations = torch.zeros(2, len(COMPONENTS), 200)
    activations[1, 2, 0] = 1
    audio = synthesizer(activations, 16, kits)
    torch.testing.assert_close(audio[1], synthesizer.bank[kits[1, 2], 2, :3200], atol=1e-4, rtol=1e-3)
    assert audio[0].abs().max() < 1e-4


def test_wrong_number_of_components_is_named():
    synthesizer = Synthesizer("synthesizer")
    with pytest.raises(InputError, match=r"activations: 3 components, the kits have 11"):
        synthesizer(torch.zeros(1, 3, 10), 16, torch.zeros(1, 3, dtype=torch.long))


def test_fast_lengths():
    assert [fast_length(n) for n in (1, 2, 7, 11, 2_537, 3_001)] == [2, 2, 8, 12, 2_560, 3_072]


def sparse(items: int, steps: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(items, len(COMPONENTS), steps) * (torch.rand(items, len(COMPONENTS), steps) > 0.8)


@pytest.fixture(scope="module")
def synthesizer():
    return Synthesizer("synthesizer", draw="item", one_shot_seconds=0.1)


@pytest.mark.parametrize("draw", ["batch", "item", "component"])
@pytest.mark.parametrize("cache_bytes", [0, 1 << 28])
def test_kept_spectra_play_what_the_one_shots_play(draw, cache_bytes, monkeypatch):
    monkeypatch.setattr("drummernet.synthesizer.CACHE_BYTES", cache_bytes)
    player = Synthesizer("synthesizer", draw=draw, one_shot_seconds=0.1).double()
    kits = player.drawn_kits(3, range(7))
    activations = sparse(7, 53).double().requires_grad_()
    audio = player(activations, 16, kits)
    dense = zero_filled(activations.detach().numpy(), 16)
    one_shots = player.bank[kits, torch.arange(len(COMPONENTS))]
    expected = scipy.signal.fftconvolve(dense, one_shots.numpy(), axes=-1).sum(1)[:, : dense.shape[-1]]
    np.testing.assert_allclose(audio.detach(), expected, atol=1e-9)
    # The gradient of a linear map: <audio, w> = <activations, gradient>.
    weights = torch.randn_like(audio)
    (gradient,) = torch.autograd.grad(audio, activations, weights)
    torch.testing.assert_close((gradient * activations).sum(), (audio * weights).sum())
    assert (player._cache is None) == (cache_bytes == 0)


def test_spectra_are_computed_once_and_of_one_length_only(synthesizer, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments[1:])
        return polyphase_spectra(*arguments)

    monkeypatch.setattr("drummernet.synthesizer.polyphase_spectra", counted)
    synthesizer._cache = None
    kits = synthesizer.drawn_kits(0, range(2))
    for steps in (100, 100, 100, 60, 100):
        synthesizer(sparse(2, steps), 16, kits)
    assert calls == [(16, 200), (16, 160), (16, 200)]
    assert not synthesizer.state_dict()


def test_another_bank_has_other_spectra(synthesizer):
    kits = synthesizer.drawn_kits(0, range(2))
    activations = sparse(2, 50)
    first = synthesizer(activations, 16, kits)
    bank = synthesizer.bank
    try:
        synthesizer.bank = 2 * bank
        torch.testing.assert_close(synthesizer(activations, 16, kits), 2 * first)
        synthesizer.bank *= 2
        torch.testing.assert_close(synthesizer(activations, 16, kits), 4 * first)
        assert synthesizer.double()(activations.double(), 16, kits).dtype == torch.float64
    finally:
        synthesizer.float().bank = bank


def test_spectra_of_an_inference_serve_training(synthesizer):
    synthesizer._cache = None
    kits = synthesizer.drawn_kits(0, range(2))
    activations = sparse(2, 50)
    with torch.inference_mode():
        expected = synthesizer(activations, 16, kits)
    audio = synthesizer(activations.requires_grad_(), 16, kits)
    audio.sum().backward()
    torch.testing.assert_close(audio.detach(), expected.clone())
    assert activations.grad.abs().max() > 0


def test_a_bank_that_was_moved_in_inference_mode_serves_training():
    player = Synthesizer("synthesizer", one_shot_seconds=0.1)
    kits = player.drawn_kits(0, range(2))
    activations = sparse(2, 50)
    expected = player(activations, 16, kits)
    with torch.inference_mode():
        player.double()
    audio = player(activations.double().requires_grad_(), 16, kits)
    audio.sum().backward()
    torch.testing.assert_close(audio, expected.double(), atol=1e-5, rtol=1e-5)


@pytest.fixture
def varied(tmp_path) -> str:
    """A kit whose snare has three sounds: two takes of a loud layer and a soft one, of different lengths."""
    rng = np.random.default_rng(0)
    for name, samples in (("kick", 900), ("loud", 400), ("again", 500), ("soft", 600)):
        write_audio(tmp_path / "sounds" / f"{name}.wav", 0.1 * rng.standard_normal(samples), "FLOAT")
    layers = "[{velocity: 0.5, takes: soft.wav}, {velocity: 1, takes: [loud.wav, again.wav]}]"
    source = f"{{type: folder, path: sounds, components: {{KD: kick.wav, SD: {layers}}}}}"
    head = "name: varied\nfamily: odd\ngroup: test\nlicence: MIT\n"
    (tmp_path / "varied.yaml").write_text(f"{head}source: {source}\n")
    return str(tmp_path / "varied.yaml")


def test_takes_are_drawn_for_the_batch(varied):
    player = Synthesizer([varied, "rock_maple"], takes="batch", components=("KD", "SD"))
    kit = load_kit(varied)
    snares = [kit.one_shot("SD", 1, 0), kit.one_shot("SD", 0.5, 0), kit.one_shot("SD", 1, 1)]
    assert [len(snare) for snare in snares] == [400, 600, 500]
    played = set()
    for item in range(60):
        (rows,) = player.drawn_kits(0, [item])
        assert len(set((rows // VARIANTS).tolist())) == 1  # of one kit
        impulse = torch.zeros(1, 2, 1000)
        impulse[0, 1, 0] = 1
        audio = player(impulse, 1, rows[None])[0]
        if rows[1] < VARIANTS:
            expected = snares[rows[1] % 3]
            torch.testing.assert_close(audio[: len(expected)], torch.from_numpy(expected), atol=1e-4, rtol=0)
            played.add(len(expected))
    assert played == {400, 500, 600}


def test_takes_take_turns_from_hit_to_hit(varied):
    player = Synthesizer(varied, takes="hit", components=("KD", "SD")).double()
    activations = torch.zeros(2, 2, 6 * TURN_SAMPLES // 16, dtype=torch.float64)
    activations[:, 1, :: TURN_SAMPLES // 16] = 1
    kits = player.drawn_kits(0, [3, 4])
    audio = player(activations, 16, kits)
    sounds = player.bank[:, 1]
    expected = torch.zeros(6 * TURN_SAMPLES + 16_000, dtype=torch.float64)
    for turn in range(6):
        sound = sounds[(kits[0, 1] + turn % 4) % VARIANTS]
        expected[turn * TURN_SAMPLES :][: len(sound)] += sound
    torch.testing.assert_close(audio[0], expected[: audio.shape[1]])
    assert len({tuple(sound.tolist()) for sound in sounds}) == 3
    activations = torch.rand(2, 2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: player(a, 800, kits)[:, ::97], (activations,))


def test_classes_sound_like_their_members():
    player = Synthesizer("rock_maple", takes="batch", components=("KD", "SD", "HH"))
    kit = load_kit("rock_maple")
    for row, component in enumerate(("CHH", "OHH", "PHH", "CHH")):
        sound = kit.one_shots[component]
        torch.testing.assert_close(player.bank[row, 2, : len(sound)], torch.from_numpy(sound))
    assert player(torch.rand(1, 3, 10), 16, player.drawn_kits(0, [0])).shape == (1, 160)


@pytest.mark.parametrize("takes", ["first", "batch"])
def test_augmented_kits_follow_the_kits_and_are_drawn_like_them(varied, takes):
    kits, more = [varied, "rock_maple"], {"takes": takes, "components": ("KD", "SD"), "draw": "item"}
    plain = Synthesizer(kits, **more)
    player = Synthesizer(kits, augmentation=KitAugmentation(), augmented=3, **more)
    assert torch.equal(player.bank[: len(plain.bank)], plain.bank)
    assert len(player.bank) == 4 * len(plain.bank)
    assert torch.equal(
        player.bank, Synthesizer(kits, augmentation=KitAugmentation(), augmented=3, **more).bank
    )
    drawn = player.drawn_kits(0, range(200))
    assert torch.equal(drawn[50:60], player.drawn_kits(0, range(50, 60)))  # whatever the batch
    counts = torch.bincount(drawn[:, 0] // player.variants, minlength=8)
    assert len(counts) == 8
    assert counts.min() > 10
    if takes == "batch":
        assert torch.equal(drawn[:, 0] // VARIANTS, drawn[:, 1] // VARIANTS)


def test_augmented_kits_play_and_pass_the_gradient_exactly():
    player = Synthesizer(
        "rock_maple", augmentation=KitAugmentation(), augmented=2, one_shot_seconds=0.1
    ).double()
    kits = torch.tensor([[2] * len(COMPONENTS)] * 2)
    activations = torch.rand(2, len(COMPONENTS), 9, dtype=torch.float64, requires_grad=True)
    expected = synthesize(activations, player.bank[2], 100)
    torch.testing.assert_close(player(activations, 100, kits), expected)
    assert torch.autograd.gradcheck(lambda a: player(a, 100, kits)[:, ::97], (activations,))


def test_a_number_of_augmented_kits_out_of_range_is_named():
    with pytest.raises(InputError, match="synthesizer: augmented: 0 is not from 1 to 100"):
        Synthesizer("rock_maple", augmentation=KitAugmentation(), augmented=0)
