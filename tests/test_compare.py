"""Results side by side: every number from its file, pictures that show the numbers, bad files by name."""

import functools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from made_results import NEWER, made_result, made_tracks, write_results
from test_demo import checked

from drummernet import comparison_page
from drummernet.cli import main
from drummernet.comparison_page import write_comparison
from drummernet.comparison_pictures.bars import draw_bars
from drummernet.comparison_pictures.confusion import draw_confusion
from drummernet.comparison_pictures.example import draw_examples
from drummernet.comparison_pictures.items import draw_items
from drummernet.comparison_pictures.style import parts, wrapped
from drummernet.comparison_pictures.thresholds import draw_thresholds
from drummernet.comparison_pictures.tracks import draw_tracks
from drummernet.components import FIVE_CLASSES, THREE_CLASSES
from drummernet.errors import InputError
from drummernet.evaluation.comparison import ResultSet, result_sets
from drummernet.evaluation.comparison_pairs import compare_with_first, pair_table
from drummernet.evaluation.comparison_tables import score_tables, shown_numbers
from drummernet.evaluation.published import PAPER_AVERAGE, PUBLISHED_PATH, load_published
from drummernet.evaluation.result_reading import read_results
from drummernet.evaluation.statistics import compare_pair
from drummernet.pages import Page

THREE = tuple(THREE_CLASSES)
COLUMNS = (*THREE, "mean")
TRACKS = made_tracks(12)


@functools.cache
def made_files() -> dict[str, dict[str, Any]]:
    """Five results on two sets: a pair, one without activations, an old file, one elsewhere."""
    provenance = {"grooves": ["generator", "groove"], "kits": [f"kit_{k}" for k in range(15)]}
    old = made_result("old", tracks=TRACKS, seed=4, skill=0.5)
    plain = {"threshold_curve": None, "confusion": None, "example": None, "missing_audio": ["gone"]}
    return {
        "a": made_result("nmfd", tracks=TRACKS, seed=1, classes=THREE, tuned_on="e-gmd:e"),
        "b": made_result("net", tracks=TRACKS, seed=2, skill=0.9, items_seen=51200, provenance=provenance),
        "c": made_result("onsets", tracks=TRACKS, seed=3, threshold=None, development=["mdb"]),
        "d": {key: value for key, value in old.items() if key not in NEWER},
        "e": made_result("net", "e-gmd", tracks=TRACKS[:5], seed=5, split="test", **plain),
    }


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    """A folder with results, and ``out`` that compares them."""
    folder = tmp_path_factory.mktemp("compared")
    assert main(["compare", *map(str, write_results(folder, **made_files())), "--out", f"{folder}/out"]) == 0
    return folder


@pytest.fixture(scope="module")
def mdb(compared) -> ResultSet:
    """The set of the first four."""
    return result_sets(read_results(sorted(compared.glob("?.json"))))[0]


def at(content: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        content = content[int(key)] if isinstance(content, list) else content[key]
    return content


def rows_of(text: str, title: str) -> list[list[str]]:
    """Return the cells of a Markdown table, its header first."""
    block = text.split(f"### {title}\n\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
    return [rows[0], *rows[2:]]


def test_every_number_of_the_json_is_in_the_file_it_names(compared):
    content = json.loads((compared / "out" / "compare.json").read_text())
    rows = [row for results in content["sets"] for row in results["results"]]
    assert sorted(row["file"] for row in rows) == [
        "a.json",
        "b.json",
        "c.json",
        "d.json",
        "e.json",
    ]
    for row in rows:
        source = json.loads((compared / row["file"]).read_text())
        assert row["numbers"] == {pointer: at(source, pointer) for pointer in row["numbers"]}
        assert {f"/{a}/{name}/f1" for a in ("track_mean", "pooled") for name in COLUMNS} <= row[
            "numbers"
        ].keys()
    assert {"/intervals/pooled/mean/0", "/at_20_ms/pooled/mean/f1"} <= rows[0]["numbers"].keys()
    for picture in content["pictures"]:
        for source in picture["from"]:
            drawn_from = json.loads((compared / source["file"]).read_text())
            assert all(at(drawn_from, pointer) is not None for pointer in source["pointers"])
    assert {results["dataset"] for results in content["sets"]} == {"mdb", "e-gmd"}
    assert content["published"]["entries"] == json.loads(PUBLISHED_PATH.read_text())["entries"]


def test_every_number_of_the_score_tables_is_that_of_the_result(compared):
    text = (compared / "out" / "table.md").read_text()
    files = made_files()
    for average, title in (("track_mean", "track mean"), ("pooled", "pooled")):
        header, *rows = rows_of(text, f"F1 at 50 ms, {title}")
        assert header[:5] == ["system", *COLUMNS]
        assert [row[0].rstrip(" \\*") for row in rows] == ["nmfd", "net", "onsets", "old"]
        for row, name in zip(rows, "abcd", strict=True):
            result = files[name]
            assert row[1:5] == [f"{result[average][column]['f1']:.3f}" for column in COLUMNS]
            low, high = result.get("intervals", {}).get(average, {}).get("mean", (None, None))
            assert row[5] == ("\u2013" if low is None else f"{low:.3f} to {high:.3f}")
            assert row[6] == f"{result['at_20_ms'][average]['mean']['f1']:.3f}"
            five = result["five_classes"][average]["mean"]["f1"]
            assert row[7] == ("\u2013" if name == "a" else f"{five:.3f}")  # a writes no toms and no cymbals
    marks = [row[0].endswith("\\*") for row in rows]
    assert marks == [False, False, True, False]


def test_what_was_scored_and_how_systems_were_made(compared):
    text = (compared / "out" / "table.md").read_text()
    header, nmfd, net, onsets, old = rows_of(text, "What was scored, and how the systems were made")
    facts = [dict(zip(header, row, strict=True)) for row in (nmfd, net, onsets, old)]
    assert [row["tracks"] for row in facts] == ["12"] * 4
    assert [row["items seen"] for row in facts] == ["\u2013", "51,200", "\u2013", "\u2013"]
    assert [row["threshold"] for row in facts] == ["0.35", "0.35", "\u2013", "0.35"]
    assert [row["chosen on"] for row in facts] == [
        "e-gmd:e",
        *["fixed beforehand", "\u2013"],
        "fixed beforehand",
    ]
    assert facts[1]["trained on"].startswith("grooves: generator, groove; kits: kit\\_0, kit\\_1, ")
    assert facts[1]["trained on"].endswith("kit\\_11 and 3 more")
    assert facts[0]["side sticks"] == str(sum(track.side_sticks for track in TRACKS))
    assert facts[0]["tracks without KD, SD, HH"] == "0, 0, 3"
    assert "Note: d.json does not say its task." in text
    assert "net was not scored on 1 tracks: gone." in text
    assert "With 5 tracks only" in text


def test_differences_are_those_of_the_paired_test(compared):
    files = made_files()
    pairs = json.loads((compared / "out" / "compare.json").read_text())["sets"][0]["pairs"]
    assert [[Path(file).stem for file in pair["files"]] for pair in pairs] == [
        ["b", "a"],
        ["c", "a"],
        ["d", "a"],
    ]
    expected = compare_pair(files["b"], files["a"])
    assert {key: pairs[0][key] for key in expected} == expected
    header, first, *_ = rows_of((compared / "out" / "table.md").read_text(), "Differences to nmfd")
    mean = files["b"]["track_mean"]["mean"]["f1"] - files["a"]["track_mean"]["mean"]["f1"]
    assert header[1] == "track mean, difference"
    assert first[:2] == ["net", f"{mean:+.3f}"]
    assert first[2] == "{:+.3f} to {:+.3f}".format(*expected["track_mean"]["mean"]["interval"])


@pytest.mark.parametrize(("exact", "told"), [(True, "p by all swaps"), (False, "p by random swaps")])
def test_the_note_says_whether_all_swaps_were_tried(exact, told, mdb):
    pairs, _ = compare_with_first(mdb)
    assert (
        told in pair_table([replace(pair, compared=pair.compared | {"exact": exact}) for pair in pairs]).note
    )
    assert "p by all swaps" in pair_table(pairs).note  # of twelve tracks


def test_other_tracks_are_said_and_not_tested(tmp_path):
    files = {
        "a": made_result("one", tracks=TRACKS),
        "b": made_result("two", tracks=TRACKS[:11]),
        "c": made_result("three", tracks=made_tracks(12, seed=9)),
    }
    (results,) = result_sets(read_results(write_results(tmp_path, **files)))
    assert results.notes == [
        "two was scored on other tracks (11) than one (12), with 11 in common: their means do not compare."
    ]
    pairs, notes = compare_with_first(results)
    assert pairs == []
    assert len(notes) == 1
    assert "three was not tested against one" in notes[0]


def test_sets_and_labels(tmp_path):
    first = made_result("net", tracks=TRACKS[:2], seed=1)
    old = {key: value for key, value in first.items() if key not in NEWER}
    files = {
        "a": first | {"items_seen": 100},
        "b": first | {"items_seen": 200},
        "c": first | {"system": "other"},
        "d": first | {"system": "other"},
        "e": first | {"task": "DTM"},
        "f": first | {"dataset": "folder", "root": "x/test", "development": ["folder"]},
        "g": first | {"dataset": "folder", "root": "y/test", "tuned_on": "folder:y/test"},
        "h": old,
    }
    sets = result_sets(read_results(write_results(tmp_path, **files)))
    assert [[row.label for row in results.results] for results in sets] == [
        ["net, 100 items", "net, 200 items", "other (c)", "other (d)"],
        ["net"],
        ["net"],
        ["net"],
        ["net"],  # of two tasks the old one cannot know which is its own
    ]
    assert [results.slug for results in sets] == [
        "mdb_dtp",
        "mdb_dtm",
        "folder_test_dtp",
        "folder_test_dtp_2",
        "mdb",
    ]
    assert "other: several results, told apart by their files." in sets[0].notes
    assert [results.results[0].development for results in sets] == [False, False, False, True, False]


def test_the_page_is_whole_and_needs_no_network(compared):
    page = compared / "out" / "index.html"
    checked(page)
    text = page.read_text()
    assert re.search("https?:|url\\(|<script|@import", text) is None
    pngs = {path.name for path in (compared / "out").glob("*.png")}
    kinds = ("bars", "tracks", "thresholds", "confusion", "example")
    others = {"e-gmd_dtp_test_bars.png", "e-gmd_dtp_test_tracks.png", "items.png"}
    assert pngs == {f"mdb_dtp_{kind}.png" for kind in kinds} | others
    assert text.count("data:image/png;base64,") == len(pngs)
    assert all(len(alt) > 40 for alt in re.findall('<img alt="([^"]*)"', text))
    for name in pngs:
        assert np.ptp(matplotlib.image.imread(compared / "out" / name)[..., :3]) > 0.5


def test_a_column_of_long_texts_is_wide_from_its_title_down(tmp_path):
    page = Page("wide")
    page.table(
        ("name", "short", "long", "longer"), [("a" * 50, "b", "c" * 50, "d" * 300), ("e", "f", "g", "h")]
    )
    page.write(tmp_path / "page.html")
    cells = re.findall('<t[hd](?: class="([a-z ]*)")?>([a-z]+)</t', (tmp_path / "page.html").read_text())
    widths = ["", "", "long", "long longer"]
    assert [width for width, _ in cells] == [*widths, "long", *widths[1:], *widths]


def test_the_same_results_give_the_same_bytes(compared, tmp_path):
    first, second = ([*write_comparison([compared / "d.json"], tmp_path / n).parent.iterdir()] for n in "ab")
    assert [path.name for path in sorted(first)] == [path.name for path in sorted(second)]
    assert len(first) == 5
    assert all((tmp_path / "b" / path.name).read_bytes() == path.read_bytes() for path in first)


def test_bars_are_as_long_as_the_scores(mdb):
    published = load_published().on("mdb")
    figure = draw_bars(mdb, published).figure
    for axes, name in zip(figure.axes, COLUMNS, strict=True):
        drawn = [bar[0].get_width() for bar in axes.containers if bar.get_label() == "track mean"]
        contents = [row.result.content for row in mdb.results]
        assert drawn == [content["track_mean"][name]["f1"] for content in contents]
        lines = {
            gid: [line for line in axes.lines if line.get_gid() == gid]
            for gid in ("interval", "pooled", "paper")
        }
        known = [c["intervals"]["track_mean"][name] for c in contents if "intervals" in c]
        assert [list(line.get_xdata()) for line in lines["interval"]] == known
        assert [line.get_xdata()[0] for line in lines["pooled"]] == [
            c["pooled"][name]["f1"] for c in contents
        ]
        paper = [c["paper_convention"][name]["f1"] for c in contents]
        assert [line.get_xdata()[0] for line in lines["paper"]] == paper
        hatched = [bar[0] for bar in axes.containers if bar.get_label() == "published"]
        entries = [entry for entry in published if entry.average == PAPER_AVERAGE]
        assert [bar.get_width() for bar in hatched] == [entry.f1[name] for entry in entries]
        assert all(bar.get_hatch() for bar in hatched)


def test_every_track_that_has_the_class_is_a_point(mdb):
    figure = draw_tracks(mdb, []).figure
    for axes, name in zip(figure.axes, THREE, strict=True):
        for points, box, row in zip(axes.collections, axes.containers, mdb.results, strict=True):
            tracks = [track[name] for track in row.result.content["per_track"]]
            f1 = [track["f1"] for track in tracks if track["tp"] + track["fn"]]
            assert list(points.get_offsets()[:, 0]) == f1
            low, high = np.percentile(f1, (25, 75))
            assert (box[0].get_x(), box[0].get_x() + box[0].get_width()) == pytest.approx((low, high))
    assert len(figure.axes[2].collections[0].get_offsets()) == 9  # three of twelve tracks have no hi-hat


def test_working_points_lie_at_the_scores_and_on_the_curves(mdb):
    (picture,) = draw_thresholds(mdb)
    with_curve = [row.result.content for row in mdb.results if row.result.content.get("threshold_curve")]
    for axes, name in zip(picture.figure.axes, THREE, strict=True):
        marks = [line for line in axes.lines if line.get_gid() == "working point"]
        curves = [line for line in axes.lines if line.get_gid() == "curve"]
        for mark, row in zip(marks, mdb.results, strict=True):
            rates = row.result.content["pooled"][name]
            assert mark.get_xydata().tolist() == [[rates["recall"], rates["precision"]]]
        for curve, content in zip(curves, with_curve, strict=True):
            expected = [point["pooled"][name] for point in content["threshold_curve"]]
            wanted = [[rates["recall"], rates["precision"]] for rates in expected]
            assert curve.get_xydata().tolist() == wanted[: len(curve.get_xdata())]
            assert [content["pooled"][name]["recall"], content["pooled"][name]["precision"]] in wanted


def test_lines_of_equal_f1_have_that_f1(mdb):
    axes = draw_thresholds(mdb)[0].figure.axes[0]
    for line, f1 in zip(
        [line for line in axes.lines if line.get_gid() is None], (0.2, 0.4, 0.6, 0.8), strict=True
    ):
        recall, precision = line.get_xydata().T
        np.testing.assert_allclose(2 * precision * recall / (precision + recall), f1)


def test_confusion_shows_shares_and_counts(mdb):
    (picture,) = draw_confusion(mdb)
    for axes, row in zip(picture.figure.axes, mdb.results, strict=False):
        confusion = row.result.content["confusion"]
        shades = axes.images[0].get_array()
        assert shades[1, 2] == confusion["heard"]["SD"]["HH"] / confusion["hits"]["SD"]
        written = [text.get_text() for text in axes.texts]
        extra = (confusion["heard"]["nothing"], confusion["again"])
        assert written[-10:] == [str(counts[name]) for counts in extra for name in FIVE_CLASSES]
        assert [label.get_text() for label in axes.get_yticklabels()][-2:] == ["nothing", "again"]
        diagonal = confusion["heard"]["KD"]["KD"]
        assert written[:2] == [f"{100 * diagonal / confusion['hits']['KD']:.0f}", str(diagonal)]
    assert sum(bool(axes.images) for axes in picture.figure.axes) == 3  # the old file has none
    assert "Row again: false hits" in picture.caption


def test_a_confusion_without_hits_heard_again_has_no_row_of_them(tmp_path):
    content = made_result(tracks=TRACKS[:1])
    del content["confusion"]["again"]
    (results,) = result_sets(read_results(write_results(tmp_path, r=content)))
    (picture,) = draw_confusion(results)
    assert [label.get_text() for label in picture.figure.axes[0].get_yticklabels()][-1] == "nothing"
    assert "again" not in picture.caption


def test_the_example_shows_picks_reference_and_activations(mdb):
    (picture,) = draw_examples(mdb)
    assert len(picture.figure.axes) == 3
    for axes, row in zip(picture.figure.axes, mdb.results, strict=False):
        example = row.result.content["example"]
        picks = [c for c in axes.collections if hasattr(c, "get_sizes") and len(c.get_sizes())]
        drawn = sorted(x for points in picks for x in points.get_offsets()[:, 0])
        assert drawn == sorted(x for onsets in example["picks"].values() for x in onsets)
        assert axes.get_xlim() == (5.0, 11.0)
        areas = [c for c in axes.collections if type(c).__name__ == "FillBetweenPolyCollection"]
        lanes = [label.get_text() for label in axes.get_yticklabels()]
        known = [name for name in lanes if example["activations"] and name in example["activations"]]
        tops = [
            area.get_paths()[0].vertices[:, 1].max() - lanes.index(n)
            for area, n in zip(areas, known, strict=True)
        ]
        assert tops == pytest.approx([0.66 * max(example["activations"][name]) for name in known])


def test_checkpoints_of_a_system_form_a_curve_beside_the_published_one(tmp_path):
    seen = {"late": 51200, "early": 3200, "middle": 12800}
    files = {
        name: made_result("net", tracks=TRACKS, seed=items, items_seen=items) for name, items in seen.items()
    }
    files["alone"] = made_result("net", "e-gmd", tracks=TRACKS, items_seen=100)
    trend = load_published().trend
    sets = result_sets(read_results(write_results(tmp_path, **files)))
    picture = draw_items(sets, trend)
    assert picture is not None
    (axes,) = picture.figure.axes  # one point without anything beside it is no curve
    lines = {line.get_label(): line for line in axes.lines}
    order = ("early", "middle", "late")
    expected = [[seen[name], files[name]["track_mean"]["mean"]["f1"]] for name in order]
    assert lines["net"].get_xydata().tolist() == expected
    published = [[point["items"], point["f1"]["mdb"]] for point in trend["points"]]
    assert lines["DrummerNet 2019, published"].get_xydata().tolist() == published
    (dotted,) = [line for line in axes.lines if line.get_gid() == "paper"]
    assert list(dotted.get_ydata()) == [files[name]["paper_convention"]["mean"]["f1"] for name in order]
    assert draw_items(sets[1:], trend) is None


def test_thirty_results_are_compared(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(comparison_page, "figure_png", lambda figure: drawn.append(figure) or b"")
    first = made_result("net 0", tracks=TRACKS[:3])
    less = {"confusion": None, "example": None}
    files = {
        f"r{k}": first | {"system": f"net {k} with $a_name$ of some length"} | (less if k > 9 else {})
        for k in range(30)
    }
    paths = write_results(tmp_path, **files)
    write_comparison(paths, tmp_path / "out")
    (results,) = result_sets(read_results(paths))
    assert [len(p.figure.axes[0].lines) for p in draw_thresholds(results)] == [
        4 + 2 * k for k in (8, 7, 7, 8)
    ]
    assert len(draw_bars(results, []).figure.axes[0].containers) == 30
    assert len(list((tmp_path / "out").glob("*_confusion_*.png"))) == 2
    assert len(drawn) == len(list((tmp_path / "out").glob("*.png")))


def test_one_old_result_is_a_comparison(tmp_path):
    old = {key: value for key, value in made_result(tracks=TRACKS[:1]).items() if key not in NEWER}
    for key in ("at_20_ms", "five_classes", "paper_convention", "side_sticks", "left_out"):
        del old[key]
    page = write_comparison(write_results(tmp_path, old=old), tmp_path / "out")
    checked(page)
    _, row = rows_of((tmp_path / "out" / "table.md").read_text(), "F1 at 50 ms, track mean")
    assert row[5:] == ["\u2013"] * 3


def test_parts_are_even_and_names_are_cut():
    assert [len(part) for part in parts([None] * 17, 8)] == [6, 5, 6]
    assert parts([], 8) == []
    lines = wrapped("a " * 100).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 26


@functools.cache
def of_two_tracks() -> str:
    return json.dumps(made_result(tracks=TRACKS[:2]))


def broken(**changes: Any) -> dict[str, Any]:
    result = json.loads(of_two_tracks())
    for path, value in changes.items():
        *way, last = path.split("__")
        place: Any = result
        for key in way:
            place = place[int(key)] if isinstance(place, list) else place[key]
        if value is None:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": None}, "dataset: is missing"),
        ({"system": 3}, "system: 3 is not a text"),
        ({"pooled__SD__f1": None}, "pooled.SD.f1: is missing"),
        ({"track_mean__mean__f1": 86.9}, "track_mean.mean.f1: 86.9 is not between 0 and 1"),
        ({"per_track": []}, "per_track: is no list of tracks"),
        ({"per_track__1__track": None}, "per_track.1.track: is missing"),
        ({"per_track__1__HH__tp": None}, "per_track.1.HH.tp: is missing"),
        ({"per_track__1__CY__tp": None}, "per_track.1.CY.tp: is missing"),
        ({"threshold": "low"}, "threshold: 'low' is not a number"),
        ({"side_sticks": True}, "side_sticks: True is not a number"),
        ({"confusion": "none"}, "confusion: 'none' is not an object"),
        ({"confusion__heard__nothing__KD": None}, "confusion.heard.nothing.KD: is missing"),
        ({"example__picks__KD": ["x"]}, "example.picks.KD: is no list of numbers"),
        ({"example__rate_hz": None}, "example.rate_hz: is missing"),
        ({"missing_audio": 3}, "missing_audio: 3 is not a list"),
        ({"unscored": [3]}, "unscored.0: 3 is not a text"),
        ({"per_track__1__track": "track 00"}, "per_track.1.track: 'track 00' is there twice"),
        ({"tracks": 99}, "tracks: 99 is not the number of tracks (2)"),
        ({"items_seen": -1}, "items_seen: -1 is no whole number from 0 on"),
        ({"per_track__0__KD__tp": -5}, "per_track.0.KD.tp: -5 is no whole number from 0 on"),
        ({"per_track__0__KD__fn": 3.5}, "per_track.0.KD.fn: 3.5 is no whole number from 0 on"),
        ({"per_track__0__KD__f1": 7}, "per_track.0.KD.f1: 7 is not between 0 and 1"),
        ({"threshold": 10**400}, f"threshold: {10**400} is not a number"),
        ({"left_out__HH": 2}, "left_out.HH: 2 is not 0, as in per_track"),
        ({"left_out__HH": "none"}, "left_out.HH: 'none' is not a number"),
        ({"intervals__pooled__mean": [0.9]}, "intervals.pooled.mean: [0.9] is no pair of numbers"),
        (
            {"intervals__pooled__KD": [0.9, 0.1]},
            "intervals.pooled.KD: [0.9, 0.1] is no interval within 0 and 1",
        ),
        ({"threshold_curve__3": 1}, "threshold_curve.3.threshold: is missing"),
        ({"threshold_curve__3__pooled__SD__recall": None}, "threshold_curve.3.pooled.SD.recall: is missing"),
        ({"confusion": {}}, "confusion.hits.KD: is missing"),
        ({"confusion__heard__KD": [1]}, "confusion.heard.KD.KD: is missing"),
        ({"confusion__again": {}}, "confusion.again.KD: is missing"),
        ({"example__track": "other"}, "example.track: 'other' is none of the tracks"),
        ({"example__duration_seconds": 0}, "example.duration_seconds: 0 is not above 0"),
        ({"example__reference": []}, "example.reference: is no object"),
    ],
)
def test_wrong_results_are_named_and_nothing_is_written(changes, message, tmp_path, capsys):
    (path,) = write_results(tmp_path, r=broken(**changes))
    assert main(["compare", str(path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"drummernet: {path}: {message}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "pointer",
    [
        *("/per_track/1/SD/f1", "/per_track/0/HH/recall", "/track_mean/KD/f1", "/track_mean/mean/precision"),
        *(
            "/pooled/HH/f1",
            "/pooled/mean/recall",
            "/paper_convention/mean/f1",
            "/five_classes/pooled/mean/f1",
        ),
    ],
)
def test_rates_that_the_counts_do_not_give_are_refused(pointer, tmp_path):
    content = broken()
    place, _, last = pointer.rpartition("/")
    at(content, place)[last] -= 1e-8
    field = re.escape(pointer[1:].replace("/", "."))
    with pytest.raises(InputError, match=f"{field}: 0.* is not 0.*, which the counts in per_track give"):
        read_results(write_results(tmp_path, r=content))


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    (path,) = write_results(tmp_path, r=made_result(tracks=TRACKS[:1]))
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert path.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert [result.track_names for result in read_results([path])] == [["track 00"]]


def test_tracks_that_predictions_scored_without_audio_are_scored(tmp_path):
    names = [track.name for track in TRACKS[:2]]
    told = {"unscored": ["gone: neither audio nor predictions"], "unusable": ["bad: no such label"]}
    content = made_result(tracks=TRACKS[:2], missing_audio=["absent", "gone", *names], **told)
    (result,) = read_results(write_results(tmp_path, r=content))
    assert result.unscored == ["absent", *told["unscored"], *told["unusable"]]


def test_published_numbers_of_another_task_are_not_drawn(tmp_path):
    published = load_published()
    entries, trend = published.on("mdb"), published.trend
    for task, shown in (("DTP", 1), ("DTM", 0)):
        content = made_result("net", tracks=TRACKS[:3], items_seen=10, task=task)
        paths = write_results(tmp_path / task, a=content, b=content | {"items_seen": 20})
        (results,) = sets = result_sets(read_results(paths))
        bars = draw_bars(results, entries).figure.axes[0].containers
        assert [bar.get_label() for bar in bars].count("published") == shown
        names = [text.get_text() for text in draw_tracks(results, entries).figure.axes[0].get_yticklabels()]
        assert len(names) == 2 + shown
        items = draw_items(sets, trend)
        assert items is not None
        assert [line.get_gid() for line in items.figure.axes[0].lines].count("published") == shown
        assert ("Dashed" in items.caption) == bool(shown)


def test_outputs_name_no_folder_of_this_machine(tmp_path, monkeypatch):
    made = {"grooves": "/data/made here/grooves", "kits": ["/data/kits/own.yaml"]}
    content = made_result(tracks=TRACKS[:1], tuned_on="folder:/data/made here/my set", provenance=made)
    less = {"confusion": None, "example": None, "threshold_curve": None}
    first = write_results(tmp_path / "one", r=content | less)
    second = write_results(tmp_path / "two" / "deep", r=content | less)
    monkeypatch.chdir(tmp_path / "one")
    monkeypatch.setattr(comparison_page, "figure_png", lambda figure: b"")
    write_comparison([Path("r.json"), *second], tmp_path / "out")
    texts = {p.name: p.read_text() for p in (tmp_path / "out").iterdir() if p.suffix != ".png"}
    for name, text in texts.items():
        assert str(tmp_path) not in text, name
        assert "/data" not in text, name
        assert "two/deep/r.json" in text, name
    assert "| folder:my set |" in texts["table.md"]
    assert "grooves: grooves; kits: own.yaml" in texts["table.md"]
    write_comparison(first, tmp_path / "out")
    (results,) = json.loads((tmp_path / "out" / "compare.json").read_text())["sets"]
    assert results["results"][0]["file"] == "r.json"


def test_pictures_of_an_earlier_comparison_do_not_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison_page, "figure_png", lambda figure: b"png")
    out = tmp_path / "out"
    for dataset in ("mdb", "smt"):
        write_comparison(write_results(tmp_path, r=broken(dataset=dataset)), out)
        (out / "mine.png").write_bytes(b"mine")
    kinds = ("bars", "tracks", "thresholds", "confusion", "example")
    assert {p.name for p in out.glob("*.png")} == {"mine.png", *(f"smt_dtp_{kind}.png" for kind in kinds)}
    (tmp_path / "kept.png").write_bytes(b"kept")
    (out / "compare.json").write_text('{"pictures": [{"file": "../kept.png"}]}')
    old = {key: value for key, value in broken().items() if key not in NEWER}
    write_comparison(write_results(tmp_path, r=old), out)
    assert (tmp_path / "kept.png").exists()


def test_folders_that_cannot_be_written_are_refused_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(comparison_page, "read_results", None)
    monkeypatch.chdir(tmp_path)
    (path,) = write_results(tmp_path, r=made_result(tracks=TRACKS[:1]))
    assert main(["compare", str(path), "--out", ""]) == 2
    assert capsys.readouterr().err == "drummernet: --out: folder: is not named\n"
    assert main(["compare", str(path), "--out", str(path)]) == 2
    assert f"{path} is no folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("text", ["[1]", "{", '{"dataset": NaN}', ""])
def test_what_is_no_result_is_named(text, tmp_path, capsys):
    path = tmp_path / "r.json"
    path.write_text(text)
    assert main(["compare", str(path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"drummernet: {path}: json: ")


def test_files_that_are_not_there_or_given_twice(tmp_path, capsys):
    (path,) = write_results(tmp_path, r=made_result(tracks=TRACKS[:1]))
    assert main(["compare", str(path), str(path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"drummernet: {path}: file: is given twice\n"
    assert main(["compare", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 2
    assert "none.json: file: No such file" in capsys.readouterr().err


def test_published_numbers_agree_with_each_other():
    published = load_published()
    by_name = {(entry.system, entry.dataset): entry for entry in published.entries}
    own = {name: by_name["DrummerNet (2019)", name] for name in ("smt", "mdb", "enst")}
    for name, entry in own.items():
        for rates in (entry.f1, entry.precision, entry.recall):
            assert rates is not None
            assert rates["mean"] == pytest.approx(np.mean([rates[c] for c in THREE]), abs=1.1e-4)
        assert entry.tracks == {"smt": 104, "mdb": 23, "enst": 64}[name]
        # The trend ends, and the ablation begins, at the scores of the reported system.
        assert published.trend["points"][-1]["f1"][name] == pytest.approx(entry.f1["mean"], abs=1.1e-4)
        assert published.ablation["variants"][0]["f1"][name] == pytest.approx(entry.f1["mean"], abs=1.1e-4)
    compared = [e for e in published.on("smt") if e.group == "eval-cross"]
    assert len(compared) == 11
    for entry in compared:
        assert entry.f1["mean"] == pytest.approx(np.mean([entry.f1[c] for c in THREE]), abs=1.1e-4)
    # To five digits, as the bars of the figure were read.
    assert by_name["NMFD (2012)", "smt"].f1["SD"] == 0.8342
    assert by_name["PFNMF (2015)", "smt"].f1["HH"] == 0.7815
    assert {entry.read for entry in published.entries if entry.group == "beats"} == {"seed"}
    assert published.marks.keys() == {"fig*", *(entry.read for entry in published.entries)}
    items = [point["items"] for point in published.trend["points"]]
    assert len(items) == 21
    assert items == sorted(set(items))
    for row in [*published.trend["points"], *published.ablation["variants"]]:
        assert row["f1"]["mean"] == pytest.approx(np.mean([row["f1"][s] for s in own]), abs=2e-4)
    for entry in published.entries:
        assert all(0 < value <= 1 for value in entry.f1.values())
        assert entry.f1.keys() <= {*FIVE_CLASSES, "mean", "all"}
        for spread in (entry.spread or {}).values():
            order = [spread[key] for key in ("min", "q25", "median", "q75", "max")]
            assert order == sorted(order)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, r"entries\[0\]: missing or unknown: colour"),
        ({"source": "nobody"}, r"entries\[0\].source: unknown 'nobody'"),
        ({"read": "guess"}, r"entries\[0\].read: unknown 'guess'"),
    ],
)
def test_unknown_keys_and_marks_of_published_numbers_are_refused(change, message, tmp_path):
    content = json.loads(PUBLISHED_PATH.read_text())
    content["entries"][0] |= change
    path = tmp_path / "published.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_published(path)


def test_published_numbers_stand_below_ours_in_the_same_convention(compared):
    header, *rows = rows_of((compared / "out" / "table.md").read_text(), "Beside published numbers")
    table = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    own, theirs = table["net"], table["DrummerNet (2019)"]
    paper = made_files()["b"]["paper_convention"]
    assert [own[name] for name in COLUMNS] == [f"{paper[name]['f1']:.3f}" for name in COLUMNS]
    assert [theirs[name] for name in COLUMNS] == ["0.963", "0.697", "0.333", "0.664"]
    assert own["average and tolerance"] == theirs["average and tolerance"] == "the paper's; 50 ms"
    assert (own["read"], theirs["read"]) == ("measured", "fig")
    assert (own["classes"], table["CRNN on STAR Drums (2025)"]["classes"]) == ("3", "18")


def test_numbers_that_are_not_there_are_not_shown(tmp_path):
    content = made_result(tracks=TRACKS[:2])
    content["at_20_ms"] = {}
    (result,) = read_results(write_results(tmp_path, r=content))
    numbers = shown_numbers(result)
    assert not any(pointer.startswith("/at_20_ms") for pointer in numbers)
    (results,) = result_sets([result])
    assert [table.rows[0][6] for table in score_tables(results)] == ["\u2013"] * 2
