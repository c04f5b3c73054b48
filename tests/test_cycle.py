"""The transcriber that tells whether, how hard and when, and the objective that asks for the groove back."""

import numpy as np
import pytest
import torch

from drummernet.audio import write_audio
from drummernet.components import COMPONENTS
from drummernet.errors import InputError
from drummernet.hits import Hit, write_midi
from drummernet.kits.kit import NORM, Kit, Layer, single
from drummernet.kits.manifest import load_kit
from drummernet.stems.drawn_kits import MIXED, DrawnKits, KitPool, layered
from drummernet.stems.on_the_fly import RenderedCrops, Rendering
from drummernet.training.objectives import Cycle, Reconstruction, groove_steps
from drummernet.training.recipe import build_model, read_recipe
from drummernet.transcriber.contract import Activations, Windows
from drummernet.transcriber.gates import SparsemaxGates
from drummernet.transcriber.hit_network import HitTranscriber
from drummernet.transcriber.part import build
from drummernet.transcription.files import activations_of_audio, transcribe_file
from drummernet.transcription.picking import Picker

ROWS = [{"KD"}, {"SD"}, {"CHH", "OHH", "PHH"}]


def small(**more: object) -> HitTranscriber:
    torch.manual_seed(0)
    return HitTranscriber(bands=24, width=2, hidden=7, layers=2, components=("KD", "SD", "HH"), **more).eval()


def noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def test_a_groove_is_hits_velocities_and_places_between_the_steps():
    hits = [Hit(0.0, "KD", 0.5), Hit(0.0252, "PHH", 0.25), Hit(0.0281, "CRC"), Hit(0.05, "SD", 1.0)]
    groove = groove_steps(hits, ROWS, 6, 160)
    assert torch.nonzero(groove[0]).tolist() == [[0, 0], [1, 5], [2, 3]]
    torch.testing.assert_close(groove[1, 2, 3], torch.tensor(0.25))
    torch.testing.assert_close(groove[2, 2, 3], torch.tensor(-0.48), atol=1e-5, rtol=0)
    assert groove[2, 0, 0] == 0
    late = groove_steps([Hit(0.0599, "SD")], ROWS, 6, 160)  # nearest to a step beyond the end
    assert late[2, 1, 5] == 0.5


def test_the_terms_are_those_written_out():
    objective = Cycle(velocity_weight=0.5, offset_weight=2.0, beside=0.25)
    objective.check(small())
    torch.manual_seed(1)
    logits, velocities, offsets = torch.randn(2, 3, 6), torch.rand(2, 3, 6), torch.rand(2, 3, 6) - 0.5
    heard = Activations(logits.sigmoid(), 160, logits=logits, velocities=velocities, offsets=offsets)
    hits = [[Hit(0.0252, "SD", 0.25)], [Hit(0.001, "KD", 1.0), Hit(0.04, "OHH", 0.5)]]
    terms = objective({"hits": hits}, heard, 0)
    marked = torch.zeros(2, 3, 6)
    marked[0, 1, 3] = marked[1, 0, 0] = marked[1, 2, 4] = 1
    asked = marked.clone()
    for n, k, step in ((0, 1, 2), (0, 1, 4), (1, 0, 1), (1, 2, 3), (1, 2, 5)):
        asked[n, k, step] = 0.25
    p = logits.sigmoid()
    torch.testing.assert_close(terms["hits"], -(asked * p.log() + (1 - asked) * (1 - p).log()).mean())
    amplitudes = Cycle(beside=0.0, amplitudes=True)
    amplitudes.check(small())
    marked[0, 1, 3], marked[1, 2, 4] = 0.0625, 0.25
    expected = -(marked * p.log() + (1 - marked) * (1 - p).log()).mean()
    torch.testing.assert_close(amplitudes({"hits": hits}, heard, 0)["hits"], expected)
    with pytest.raises(InputError, match="beside: 1 is not in"):
        Cycle(beside=1)
    struck = [velocities[0, 1, 3] - 0.25, velocities[1, 0, 0] - 1, velocities[1, 2, 4] - 0.5]
    torch.testing.assert_close(terms["velocity"], 0.5 * torch.stack(struck).abs().mean())
    moved = [offsets[0, 1, 3] + 0.48, offsets[1, 0, 0] - 0.1, offsets[1, 2, 4]]
    torch.testing.assert_close(terms["offset"], 2.0 * torch.stack(moved).abs().mean())


def test_no_hit_is_no_error():
    objective = Cycle()
    model = small()
    objective.check(model)
    terms = objective({"hits": [[]]}, model(noise(1, 2_000)), 0)
    assert terms["velocity"] == terms["offset"] == 0
    assert torch.isfinite(terms["hits"])


def test_what_cannot_be_trained_so_is_refused():
    with pytest.raises(InputError, match="SpectralTranscriber does not tell"):
        Cycle().check(build_model(read_recipe(["quickstart"])).transcriber)
    objective = Cycle()
    objective.check(small())
    with pytest.raises(InputError, match="only rendered crops have"):
        objective({"audio": noise(1, 2_000)}, small()(noise(1, 2_000)), 0)
    with pytest.raises(InputError, match="bands: 20 is no multiple of 8"):
        HitTranscriber(bands=20)


def test_shapes_ranges_and_the_same_at_any_batch_size():
    model = small()
    audio = noise(3, 7_001)
    heard = model(audio)
    assert heard.values.shape == heard.velocities.shape == heard.offsets.shape == (3, 3, 55)
    assert heard.offsets.abs().max() <= 0.5
    assert 0 <= heard.velocities.min() <= heard.velocities.max() <= 1
    torch.testing.assert_close(heard.amplitudes, heard.values * heard.velocities**2)
    for n in range(3):
        alone = model(audio[n : n + 1])
        for one, all_ in zip(alone[3:], heard[3:], strict=True):
            torch.testing.assert_close(one, all_[n : n + 1], rtol=1e-4, atol=1e-5)
    again = build(model.describe(), "here")
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval()(audio).logits, heard.logits)


def test_recordings_of_half_a_minute_are_heard_at_once_but_for_networks_with_gates():
    model = small()
    audio = noise(1, 200_000)[0].numpy()
    at_once = model(torch.from_numpy(audio / np.abs(audio).max())[None]).values[0].detach()
    np.testing.assert_allclose(activations_of_audio(model, audio).values, at_once, atol=1e-5)
    assert small(gates=SparsemaxGates()).windows == Windows() != model.windows


def test_gradients_of_each_term_reach_the_first_filters():
    objective = Cycle()
    for term in ("hits", "velocity", "offset"):
        model = small().train()
        objective.check(model)
        objective({"hits": [[Hit(0.1, "SD", 0.3)]]}, model(noise(1, 4_000)), 0)[term].backward()
        assert all(filters.weight.grad.abs().max() > 0 for filters in model.first), term


def test_the_synthesizer_plays_probability_times_velocity_squared():
    model = build_model(
        read_recipe(["quickstart"], {"model.objective.init_args.synthesizer.init_args.kits": "rock_maple"})
    )
    objective = model.objective
    assert isinstance(objective, Reconstruction)
    values, velocities = torch.rand(1, 11, 50), torch.rand(1, 11, 50)
    drawn = objective.synthesizer.drawn_kits(0, [0])
    told = objective.reconstruct(Activations(values, 128, velocities=velocities), drawn)
    torch.testing.assert_close(told, objective.reconstruct(Activations(values * velocities**2, 128), drawn))


def test_it_learns_a_groove_by_heart(tmp_path):
    torch.manual_seed(0)
    model = HitTranscriber(bands=24, width=4, hidden=16, layers=1, components=("KD", "SD")).train()
    objective = Cycle(1.0, 1.0)
    objective.check(model)
    hits = [Hit(0.1003, "KD", 0.9), Hit(0.3461, "SD", 0.4), Hit(0.6, "KD", 0.5)]
    audio = torch.zeros(1, 16_000)
    times = torch.arange(2_000) / 16_000
    sounds = {"KD": torch.sin(2 * np.pi * 60 * times), "SD": torch.randn(2_000)}
    for hit in hits:
        start = round(hit.onset_seconds * 16_000)
        audio[0, start : start + 2_000] += hit.velocity**2 * sounds[hit.component] * torch.exp(-times * 30)
    audio /= audio.abs().max()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(500):
        loss = torch.stack(list(objective({"hits": [hits]}, model(audio), 0).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    write_audio(tmp_path / "a.wav", audio[0].numpy())
    picker = Picker(threshold=0.3, max_half_width_seconds=0.024, wait_seconds=0.03, guard=1.0)
    found = transcribe_file(model, tmp_path / "a.wav", picker).hits
    assert [hit.component for hit in found] == ["KD", "SD", "KD"]
    np.testing.assert_allclose([h.onset_seconds for h in found], [h.onset_seconds for h in hits], atol=0.003)
    np.testing.assert_allclose([h.velocity for h in found], [h.velocity for h in hits], atol=0.15)


def kit(name: str, family: str, *components: str) -> Kit:
    sounds = {c: np.full(3, float(len(name) + n), np.float32) for n, c in enumerate(components)}
    return Kit(name, family, "stems", "MIT", "", single(sounds), dict.fromkeys(components, -6.0))


KITS = [
    kit("a", "one", "KD", "SD"),
    kit("bb", "one", "KD"),
    kit("ccc", "one", "KD"),
    kit("dddd", "two", "KD", "TMB"),
]


def shares(drawn: DrawnKits, draws: int = 2_000) -> dict[str, float]:
    rng = np.random.default_rng(0)
    names = [drawn.draw(rng).name for _ in range(draws)]
    return {name: names.count(name) / draws for name in sorted(set(names))}


def test_kits_of_a_pool_are_drawn_equally_often_and_pools_by_their_shares():
    assert shares(DrawnKits([KitPool(2.0, KITS)], 0.0)) == pytest.approx(
        dict.fromkeys(("a", "bb", "ccc", "dddd"), 0.25), abs=0.04
    )
    expected = {"a": 1 / 12, "bb": 1 / 12, "ccc": 1 / 12, "dddd": 3 / 4}
    assert shares(DrawnKits([KitPool(0.5, KITS[:3]), KitPool(1.5, KITS[3:])], 0.0)) == pytest.approx(
        expected, abs=0.04
    )


def test_a_mixed_kit_has_every_component_from_some_kit():
    drawn = DrawnKits([KitPool(1.0, KITS[:3]), KitPool(1.0, KITS[3:])], 0.4)
    assert shares(drawn)[MIXED] == pytest.approx(0.4, abs=0.04)
    rng = np.random.default_rng(1)
    mixed = [one for one in (drawn.draw(rng) for _ in range(400)) if one.name == MIXED]
    sources = {float(one.one_shots["KD"][0]) for one in mixed}
    assert sources == {1.0, 2.0, 3.0, 4.0}
    for one in mixed:
        assert set(one.sounds) == set(one.mix_level_db) == {"KD", "SD", "TMB"}
        assert one.one_shots["TMB"][0] == 5.0


def test_kits_that_lack_drums_have_them_lent():
    pools = [KitPool(1.0, KITS[:3]), KitPool(1.0, KITS[3:])]
    drawn = DrawnKits(pools, 0.0, lent=True)
    assert shares(drawn) == pytest.approx(shares(DrawnKits(pools, 0.0)), abs=0.04)
    rng = np.random.default_rng(1)
    own = {one.name: one.sounds for one in KITS}
    for one in (drawn.draw(rng) for _ in range(200)):
        assert set(one.sounds) == set(one.mix_level_db) == {"KD", "SD", "TMB"}
        assert own[one.name].items() <= one.sounds.items()
        assert (one.one_shots["SD"][0], one.one_shots["TMB"][0]) == (2.0, 5.0)


def test_layered_drums_keep_their_energy_and_lie_between_two_kits():
    kits = [
        Kit(name, name, "stems", "MIT", "", single({"SD": sound, "KD": sound}), {"SD": -6.0, "KD": -6.0})
        for name, sound in (("low", np.eye(1, 50, 0)[0] * NORM), ("high", np.eye(1, 80, 1)[0] * NORM))
    ]
    drawn = DrawnKits([KitPool(1.0, kits)], 0.0, layered=0.5)
    rng = np.random.default_rng(0)
    shares = []
    for one in (drawn.draw(rng) for _ in range(400)):
        for sound in one.one_shots.values():
            assert np.linalg.norm(sound) == pytest.approx(NORM, rel=1e-5)
            shares.append(min(np.abs(sound[:2])) ** 2 / NORM**2)
    # Half of the drums are layered, half of those with the other kit.
    assert np.mean(np.array(shares) > 0) == pytest.approx(0.25, abs=0.05)
    assert max(shares) > 0.45


def test_soft_layers_are_layered_at_their_own_level():
    sounds = (Layer(0.5, (np.eye(1, 9, 0)[0],)), Layer(1.0, (np.eye(1, 9, 0)[0] * NORM,)))
    soft, loud = layered(sounds, np.eye(1, 9, 3)[0] * NORM, np.random.default_rng(0))
    np.testing.assert_allclose(NORM * soft.takes[0], loud.takes[0], rtol=1e-5)
    assert loud.takes[0][3] > 0


def test_a_share_of_the_grooves_is_generated_and_items_stay_pure(tmp_path):
    write_midi(tmp_path / "a.mid", [Hit(0.1 * n, "KD") for n in range(60)])
    rendering = Rendering({str(tmp_path): 1, "generator": 1}, "rock_maple", mixed=0.5)
    crops = RenderedCrops(rendering, 3, 0.5)
    names = [crops.draw(n).groove for n in range(60)]
    assert 15 < sum(name.startswith("generated") for name in names) < 45
    np.testing.assert_array_equal(crops.draw(7).audio, RenderedCrops(rendering, 3, 0.5).draw(7).audio)


def test_a_share_of_the_crops_has_side_sticks_for_snares(tmp_path):
    write_midi(tmp_path / "a.mid", [Hit(0.1 * n, "SD" if n % 2 else "KD") for n in range(60)])
    rendering = Rendering(str(tmp_path), "rock_maple", varied=2, side_sticks=0.5)
    crops = RenderedCrops(rendering, 3, 0.5)
    heard = [(crop.kit, {hit.component for hit in crop.hits}) for crop in map(crops.draw, range(60))]
    assert 15 < sum("SD" in drums for _, drums in heard) < 45
    for kit, drums in heard:
        wanted = {"KD", "SST"} if "varied" in kit else {"KD"}  # which rock_maple lacks
        assert drums in ({"KD", "SD"}, wanted)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grooves", {}),
        ("grooves", {"generator": 0.0}),
        ("mixed", -0.1),
        ("layered", 1.5),
        ("side_sticks", 2),
        ("varied", -1),
        ("kits", {}),
    ],
)
def test_a_rendering_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(InputError, match=f"rendering: {field}"):
        Rendering(**{field: value})


def test_all_components_of_the_paper_are_in_the_packaged_config():
    model = build_model(read_recipe(["cycle"]))
    assert set(COMPONENTS) < set(model.transcriber.components)
    assert set(load_kit("rock_maple").sounds) <= set(model.transcriber.components)
    assert sum(p.numel() for p in model.transcriber.parameters()) == 466_608
