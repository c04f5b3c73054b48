"""The NMF family: factorisations with known answers, templates, and whole systems on rendered stems."""

import tracemalloc

import numpy as np
import pytest

from drummernet import SAMPLE_RATE
from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.nmf import variants
from drummernet.evaluation.nmf.factorise import Part, divergence, model, quotient
from drummernet.evaluation.nmf.spectrogram import BANDS, RATE_HZ, spectrogram
from drummernet.evaluation.nmf.strokes import split_strokes
from drummernet.evaluation.nmf.systems import NMF_BASELINES
from drummernet.evaluation.nmf.templates import LEAD_FRAMES, Templates, kit_templates, stroke_templates
from drummernet.evaluation.scores import count_matches
from drummernet.evaluation.tracks import Recording
from drummernet.grooves.groove import Groove
from drummernet.hits import Hit
from drummernet.kits.manifest import kit_names, load_kit
from drummernet.stems.render import render_groove

KIT = "rock_maple"
NAMES = sorted(NMF_BASELINES)
ONE_FRAME = [name for name in NAMES if name != "nmfd"]


def random_parts(seed, frames=(4, 1), F=12, K=3, T=40):
    rng = np.random.default_rng(seed)
    parts = [Part(rng.uniform(size=(P, F, K)), rng.uniform(size=(K, T))) for P in frames]
    return rng.uniform(size=(F, T)).astype(np.float32) ** 3, parts


def impulses(K, T, seed=0, spacing=25):
    """Activations (K, T) of single strokes far apart."""
    rng = np.random.default_rng(seed)
    H = np.zeros((K, T), np.float32)
    for number, step in enumerate(range(5, T - spacing, spacing)):
        H[number % K, step] = rng.uniform(0.3, 1)
    return H


def plain_model(parts):
    """Λ by the formula, one term at a time."""
    total = np.full((parts[0].W.shape[1], parts[0].H.shape[1]), 1e-6)
    for part in parts:
        P, _, K = part.W.shape
        for t in range(total.shape[1]):
            for p in range(min(P, t + 1)):
                for k in range(K):
                    total[:, t] += part.W[p, :, k] * part.H[k, t - p]
    return total


@pytest.fixture(scope="module")
def kit():
    return load_kit(KIT)


@pytest.fixture(scope="module")
def default():
    return NMF_BASELINES["nmfd"].make(None)


@pytest.fixture(scope="module")
def templates():
    return kit_templates([KIT])


def rendered(kit, hits, seconds=10.0, seed=0):
    return render_groove(Groove("g", tuple(sorted(hits)), seconds), kit, np.random.default_rng(seed))


def strokes_of(kit, component, count=8, velocity=0.9):
    """Strokes that fall between the frames."""
    return [Hit(0.3 + 0.5037 * n, component, velocity) for n in range(count)]


def test_the_model_is_that_of_the_formula():
    _, parts = random_parts(0, T=9)
    np.testing.assert_allclose(model(parts), plain_model(parts), rtol=1e-5)


def test_the_divergence_is_that_of_scipy():
    from scipy.special import kl_div

    V, parts = random_parts(1)
    V[:, 3] = 0
    assert divergence(V, parts) == pytest.approx(kl_div(V.astype(float), plain_model(parts)).sum(), rel=1e-5)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("frames", [(1, 1), (4, 1), (6, 3)])
def test_no_update_lets_the_divergence_grow(seed, frames):
    V, parts = random_parts(seed, frames)
    before = divergence(V, parts)
    for number in range(30):
        ratio = quotient(V, parts)
        if number % 2:
            for part in parts:
                part.W = part.updated_templates(ratio)
        else:
            for part in parts:
                part.update_activations(ratio)
        after = divergence(V, parts)
        assert after <= before * (1 + 1e-5)
        before = after


def test_templates_of_one_frame_are_plain_nmf():
    decomposition = pytest.importorskip("sklearn.decomposition")
    V, (part,) = random_parts(2, (1,))
    V += 0.05
    part.H[:] = np.sqrt(V.mean() / 3)
    for _ in range(50):
        part.update_activations(quotient(V, [part]))
    # scikit-learn keeps its second factor: for the transposed spectrogram those are the templates.
    expected, _, _ = decomposition.non_negative_factorization(
        V.T, None, part.W[0].T.copy(), n_components=3, update_H=False, solver="mu",
        beta_loss="kullback-leibler", max_iter=50, tol=0,
    )  # fmt: skip
    np.testing.assert_allclose(part.H, expected.T, rtol=1e-3, atol=1e-5)


def test_deconvolution_gives_back_what_was_played(templates, monkeypatch):
    monkeypatch.setattr(variants, "ITERATIONS", 300)
    H = impulses(len(templates.components), 600)
    V = model([Part(templates.W, H)])
    found = variants.nmfd(V, templates)
    np.testing.assert_allclose(found[H > 0], H[H > 0], rtol=0.1)
    assert found[H == 0].max() < 0.05


def test_the_free_part_takes_a_steady_tone(templates):
    H = impulses(len(templates.components), 600)
    V = model([Part(templates.W, H)])
    tone = np.zeros_like(V)
    tone[30] = 0.5 * V.max()
    free = variants.pfnmf(V + tone, templates)
    fixed = Part(templates.single_frames(variants.STROKE_FRAMES), np.full_like(H, 0.1))
    for _ in range(variants.ITERATIONS):
        fixed.update_activations(quotient(V + tone, [fixed]))
    between = H.any(axis=0)
    quiet = np.flatnonzero(~np.convolve(between, np.ones(2 * 20 + 1), "same").astype(bool))
    assert quiet.size
    assert free[:, quiet].sum() < 0.25 * fixed.H[:, quiet].sum()


@pytest.mark.parametrize("name", NAMES)
def test_strokes_are_found_without_bias(name, kit):
    drums = ("KD", "SD", "CHH")
    hits = [Hit(0.3 + 0.5037 * n, drums[n % 3], 0.9) for n in range(24)]
    estimate = NMF_BASELINES[name].make([KIT])(Recording(rendered(kit, hits, 13.0)))
    for component, drum in zip(drums, THREE_CLASSES, strict=True):
        true = np.array([hit.onset_seconds for hit in hits if hit.component == component])
        assert count_matches(true, estimate[drum], 0.05).fn == 0
        nearest = estimate[drum][np.abs(estimate[drum][:, None] - true).argmin(axis=0)]
        assert abs(np.mean(nearest - true)) < 0.010, component


def test_a_stroke_at_the_very_start_is_found(kit):
    audio = rendered(kit, [Hit(0.0, "KD"), Hit(1.0, "KD")], 2.0)
    onsets = NMF_BASELINES["nmfd"].make([KIT])(Recording(audio))["KD"]
    np.testing.assert_allclose(onsets, [0.0, 1.0], atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_beat_is_transcribed_with_templates_of_its_kit(name, kit):
    eighths = [0.2 + 0.21 * n for n in range(40)]
    hits = [Hit(at, "CHH", 0.8) for at in eighths]
    hits += [Hit(at, "KD", 0.9) for at in eighths[::4]] + [Hit(at, "SD", 0.9) for at in eighths[2::4]]
    estimate = NMF_BASELINES[name].make([KIT])(Recording(rendered(kit, hits)))
    for drum, members in THREE_CLASSES.items():
        true = np.array(sorted(hit.onset_seconds for hit in hits if hit.component in members))
        # Who claims every class at every eighth gets .4 of kicks and snares.
        least = 0.95 if name == "nmfd" else 0.6
        assert count_matches(true, estimate[drum], 0.05).rates()["f1"] > least, drum


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 16_000])
def test_silence_has_no_onsets(name, samples):
    system = NMF_BASELINES[name].make([KIT])
    for audio in (np.zeros(samples, np.float32), np.full(samples, 2.0**-16, np.float32)):
        activations = system.activations(Recording(audio))
        assert all(np.isfinite(values).all() for values in activations.values())
        assert not any(onsets.size for onsets in system.onsets(activations).values())


@pytest.mark.parametrize("name", NAMES)
def test_the_level_does_not_matter(name, kit):
    audio = rendered(kit, strokes_of(kit, "SD") + strokes_of(kit, "KD", 5), 5.0)
    system = NMF_BASELINES[name].make([KIT])
    loud = system.activations(Recording(audio))
    quiet = system.activations(Recording(audio / 128))
    for drum in FIVE_CLASSES:
        np.testing.assert_allclose(quiet[drum], loud[drum], atol=1e-4)


def test_the_order_of_kits_does_not_matter():
    names = [KIT, "jazz_trio", "electronic_analogue"]
    one, other = kit_templates(names), kit_templates(names[::-1])
    assert one.components == other.components
    np.testing.assert_array_equal(one.W, other.W)


def test_default_templates_are_those_that_the_synthesizer_plays(default):
    assert default.provenance == {"kits": kit_names("synthesizer")}


def test_unknown_kits_are_named():
    with pytest.raises(InputError, match="no_such_kit"):
        NMF_BASELINES["nmfd"].make(["no_such_kit"])


def test_a_template_has_its_stroke_where_it_says(templates):
    level = templates.W.sum(axis=1)
    assert (level[: LEAD_FRAMES - 1] < 1e-3 * level.max(axis=0)).all()
    assert (level[LEAD_FRAMES + 1] > 0.2 * level.max(axis=0)).all()


def test_strokes_are_cut_at_their_onsets(kit):
    hits = strokes_of(kit, "SD", 6)
    audio = rendered(kit, hits, 4.0)
    strokes = split_strokes(audio)
    assert len(strokes) == 6
    starts = len(audio) - np.cumsum([len(stroke) for stroke in strokes[::-1]])[::-1]
    true = [round(hit.onset_seconds * SAMPLE_RATE) for hit in hits]
    np.testing.assert_allclose(starts, true, atol=0.003 * SAMPLE_RATE)
    assert split_strokes(np.zeros(8000, np.float32)) == []


def own_strokes(kit):
    return {
        drum: rendered(kit, strokes_of(kit, members[0], 5), 3.0) for drum, members in THREE_CLASSES.items()
    }


def test_own_strokes_give_the_kits_templates(kit, templates):
    found = stroke_templates(own_strokes(kit))
    assert sorted(found.components) == sorted(THREE_CLASSES)
    for k, drum in enumerate(found.components):
        shape = templates.W[:, :, templates.components.index(THREE_CLASSES[drum][0])]
        cosine = (found.W[:, :, k] * shape).sum() / np.linalg.norm(found.W[:, :, k]) / np.linalg.norm(shape)
        assert cosine > 0.95, drum


def test_own_strokes_are_used_unless_kits_are_named(kit, default):
    audio = rendered(kit, strokes_of(kit, "KD"), 5.0)
    own = own_strokes(kit)
    named = NMF_BASELINES["nmfd"].make([KIT])
    without = default.activations(Recording(audio))["KD"]
    assert not np.allclose(default.activations(Recording(audio, one_shots=own))["KD"], without)
    np.testing.assert_array_equal(
        named.activations(Recording(audio, one_shots=own))["KD"], named.activations(Recording(audio))["KD"]
    )


def test_adapted_templates_follow_the_recording(templates):
    # The snare that sounds is another one: its spectrum is turned by eight bands.
    k = templates.components.index("SD")
    other = Templates(templates.components, templates.W.copy())
    other.W[:, :, k] = np.roll(templates.W[:, :, k], 8, axis=1)
    H = impulses(1, 600)
    V = model([Part(other.W[:, :, [k]], H)])
    alone = Templates(("SD",), templates.W[:, :, [k]])
    fixed = Part(alone.single_frames(variants.STROKE_FRAMES), np.full((1, 600), 0.1))
    for _ in range(variants.ITERATIONS):
        fixed.update_activations(quotient(V, [fixed]))
    strokes = np.flatnonzero(H[0]) + LEAD_FRAMES + 1
    found = variants.sanmf(V, alone)
    best = alone.single_frames(variants.STROKE_FRAMES).sum() * found[0, strokes].mean()
    assert best == pytest.approx(V[:, strokes].sum(axis=0).mean(), rel=0.3)


def test_a_sine_lies_in_its_band_at_its_amplitude():
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (spectrogram(np.sin(2 * np.pi * hertz * seconds).astype(np.float32)) for hertz in (100, 5000))
    assert low.shape == (BANDS, RATE_HZ + 1)
    assert 1 <= low[:, 50].max() <= high[:, 50].max() <= 4
    # Bands are evenly spaced on the mel scale, 30 Hz to 8 kHz, these two 0.793 of it apart.
    assert high[:, 50].argmax() - low[:, 50].argmax() == pytest.approx(0.793 * (BANDS + 1), abs=1)
    np.testing.assert_allclose(
        spectrogram((0.25 * np.sin(2 * np.pi * 100 * seconds)).astype(np.float32)), low / 4, atol=1e-5
    )


def test_ten_minutes_take_bounded_memory(monkeypatch):
    monkeypatch.setattr(variants, "ITERATIONS", 1)
    rng = np.random.default_rng(0)
    audio = rng.standard_normal(600 * SAMPLE_RATE, np.float32)
    system = NMF_BASELINES["nmfd"].make([KIT])
    tracemalloc.start()
    system.activations(Recording(audio))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400e6
