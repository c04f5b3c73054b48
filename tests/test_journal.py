"""Journals: what is written is read, whatever a killed run left; the later record of a file counts."""

import os
from dataclasses import replace

import numpy as np
import pytest

from drummernet.errors import InputError
from drummernet.stems.finish import judge_all, latest
from drummernet.stems.journal import JOURNALS, Decoded, Record, opened_journal, read_journals
from drummernet.stems.measures import Measures
from drummernet.stems.sources import Source

MEASURES = Measures(
    peak=0.7,
    dc=0.001,
    duration_seconds=3.5,
    loudness_lufs=None,
    silence_share=0.1,
    clipped_share=0.0,
    percussive_share=0.8,
    onsets_per_second=3.0,
)


def source(path: str = "a.wav", modified: str = "1000", origin: str = "crawl") -> Source:
    return Source(origin, path, f"/somewhere/{path}", 123, modified, style="rock")


def decoded(hash_: str = "ab" * 16, samples: int = 56_000, tokens: np.ndarray | None = None) -> Decoded:
    if tokens is None:
        tokens = np.random.default_rng(int(hash_[:8], 16)).integers(0, 2**32, (9, 2), np.uint32)
        tokens[:, 1] = np.arange(9) * 37
    return Decoded("WAV PCM_16", 44_100, 2, samples, 2e-5, hash_, MEASURES, tokens)


def same(one: Record, other: Record) -> bool:
    return one.source == other.source and one.to_line() == other.to_line()


def written(corpus, *records: Record, name: str = "1-of-1") -> list[Record]:
    with opened_journal(corpus, name) as journal:
        for record in records:
            journal.append(record)
    return list(read_journals(corpus))


def test_records_are_read_as_they_were_written(tmp_path):
    strange = replace(source(os.fsdecode(b"\xff\n\xc3\xa9.wav")), problem=("refused", "line 3: outside"))
    records = [
        Record(source(), decoded()),
        Record(source("日本.wav"), ("silent", "peak of 0")),
        Record(strange, ("refused", "line 3: outside")),
    ]
    found = written(tmp_path, *records)
    assert all(map(same, found, records))
    np.testing.assert_array_equal(found[0].result.tokens, records[0].result.tokens)
    assert found[0].result.measures == MEASURES
    assert found[2].source == strange
    assert len(written(tmp_path, records[0], name="2-of-4")) == 4


def test_a_line_that_was_not_finished_is_passed_over_and_cut_off(tmp_path):
    first, second = Record(source("a"), decoded()), Record(source("b"), ("not audio", "text"))
    written(tmp_path, first, second)
    path = tmp_path / JOURNALS / "1-of-1.jsonl"
    whole = path.read_bytes()
    for cut in (len(first.to_line()) + 1, len(whole) - 1, 7):
        path.write_bytes(whole[:cut])
        assert len(list(read_journals(tmp_path))) == (cut > 7)
    path.write_bytes(whole[:-1])
    assert [record.source.path for record in written(tmp_path, second)] == ["a", "b"]
    assert path.read_bytes() == whole


def test_a_damaged_line_is_named(tmp_path):
    written(tmp_path, Record(source(), decoded()))
    path = tmp_path / JOURNALS / "1-of-1.jsonl"
    for line in (b"{}\n", b"nonsense\n", b'{"source": {"origin": "x"}, "problem": ["a", "b"]}\n'):
        path.write_bytes(line + path.read_bytes())
        with pytest.raises(InputError, match=r"1-of-1\.jsonl: line 1: damaged"):
            list(read_journals(tmp_path))


def test_a_journal_has_one_writer(tmp_path):
    with opened_journal(tmp_path, "1-of-2"):
        with (
            pytest.raises(InputError, match=r"1-of-2\.jsonl: journal: another run"),
            opened_journal(tmp_path, "1-of-2"),
        ):
            pass
        with opened_journal(tmp_path, "2-of-2"):
            pass
    with opened_journal(tmp_path, "1-of-2"):
        pass


def test_the_record_of_the_later_state_counts_and_then_the_one_decoded():
    gone = Record(source(modified="2000"), ("undecodable", "cut short"))
    unread = Record(source(), ("unreadable", "Permission denied"))
    read = Record(source(), decoded())
    for records, expected in (((read, unread), read), ((read, gone), gone), ((unread, read, gone), gone)):
        for order in (records, records[::-1]):
            assert same(latest(order)["/somewhere/a.wav"], expected)


def test_verdicts_do_not_depend_on_the_order():
    tokens = decoded().tokens
    records = [
        Record(source("b", origin="x"), decoded("11" * 16, 900_000)),
        Record(source("c", origin="x"), decoded("11" * 16, 900_000)),
        Record(source("a", origin="y"), decoded("33" * 16, 56_000, tokens)),
        Record(source("d", origin="x"), decoded("44" * 16, 56_001, tokens)),
        Record(source("e", origin="x"), ("not audio", "text")),
        Record(source("f", origin="x"), replace(decoded("55" * 16), measures=replace(MEASURES, peak=1e-5))),
    ]
    expected = {
        "/somewhere/b": None,
        "/somewhere/c": ("duplicate", "the same samples as x/b"),
        "/somewhere/d": None,
        "/somewhere/e": ("not audio", "text"),
        "/somewhere/f": "silent",
        "/somewhere/a": ("near duplicate", "sounds like x/d"),
    }
    for order in (records, records[::-1], records[2:] + records[:2]):
        verdicts = judge_all(latest(order), frozenset())
        found = {verdict.record.key: verdict.aside for verdict in verdicts}
        assert found["/somewhere/f"][0] == "silent"
        assert {**found, "/somewhere/f": "silent"} == expected
        assert [key[-1] for key in found] == list("bcdefa")  # by source, then path
    accepted = judge_all(latest(records), frozenset({"near duplicate"}))
    assert {v.record.key for v in accepted if v.aside is None} == {
        "/somewhere/b",
        "/somewhere/d",
        "/somewhere/a",
    }
