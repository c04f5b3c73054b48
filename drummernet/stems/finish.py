"""From the journals of a crawl to a corpus: what is kept, what is put aside and why."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from drummernet.errors import InputError
from drummernet.resources import replaced_file
from drummernet.stems.duplicates import near_duplicates
from drummernet.stems.journal import Decoded, Key, Record, newer
from drummernet.stems.judging import judge
from drummernet.stems.prepared import INDEX, PUT_ASIDE, Entry, samples_path


class Verdict(NamedTuple):
    """What becomes of a file.

    Attributes:
        record: The file.
        aside: Reason and detail if it is put aside, None if it is kept.
    """

    record: Record
    aside: tuple[str, str] | None


def latest(records: Iterable[Record]) -> dict[Key, Record]:
    """Return the record that counts for each file, in the order of their keys."""
    found: dict[Key, Record] = {}
    for record in records:
        found[record.key] = newer(record, found[record.key]) if record.key in found else record
    return dict(sorted(found.items(), key=lambda item: _place(item[1])))


def judge_all(records: dict[Key, Record], accepted: frozenset[str]) -> list[Verdict]:
    """Judge each file by itself, then beside the others; only the set of records matters.

    Of files with the same samples the first by name stays, of near duplicates the longest, then the one
    with the smallest hash.

    Args:
        records: As :func:`latest` returns them.
        accepted: Reasons for which nothing is put aside.

    Returns:
        A verdict for each record, in the same order.
    """
    aside: dict[Key, tuple[str, str]] = {}
    first: dict[str, Key] = {}
    for key, record in records.items():
        if not isinstance(record.result, Decoded):
            aside[key] = record.result
            continue
        verdict = judge(record.result.measures)
        if verdict is not None and verdict[0] not in accepted:
            aside[key] = verdict
        elif record.result.hash in first:
            aside[key] = "duplicate", f"the same samples as {_name(records[first[record.result.hash]])}"
        else:
            first[record.result.hash] = key
    if "near duplicate" not in accepted:
        keys = list(first.values())
        found = [records[key].result for key in keys]
        stems = [result for result in found if isinstance(result, Decoded)]
        ranks = [(-stem.samples, stem.hash) for stem in stems]
        for lost, kept in near_duplicates([stem.tokens for stem in stems], ranks).items():
            aside[keys[lost]] = "near duplicate", f"sounds like {_name(records[keys[kept]])}"
    return [Verdict(record, aside.get(key)) for key, record in records.items()]


def _place(record: Record) -> tuple[str, str, str]:
    """Return what verdicts and the index are sorted by."""
    return record.source.origin, record.source.path, record.source.location


def _name(record: Record) -> str:
    return " ".join(f"{record.source.origin}/{record.source.path}".split())


def kept(verdicts: Iterable[Verdict]) -> Iterator[tuple[Record, Decoded]]:
    """Yield what is kept, with what was found out about it."""
    for record, aside in verdicts:
        if aside is None and isinstance(record.result, Decoded):
            yield record, record.result


def missing(verdicts: Iterable[Verdict], corpus: Path) -> list[Record]:
    """Return what is kept but has no samples in the corpus, such as a former duplicate of what is gone."""
    return [record for record, decoded in kept(verdicts) if not samples_path(corpus, decoded.hash).is_file()]


def write_corpus(verdicts: list[Verdict], corpus: Path, known_hashes: Iterable[str]) -> None:
    """Write index and list of what was put aside, then remove samples that are not in the index.

    Files that would not change are left alone.

    Args:
        verdicts: Of all files.
        corpus: The folder.
        known_hashes: Of all samples that may be there.

    Raises:
        InputError: if a stem that is kept has no samples.
    """
    for record in missing(verdicts, corpus):
        where = _name(record)
        raise InputError(where, "samples", f"not in {corpus}: prepare this source once more")
    write_if_new(corpus / INDEX, lambda: _lines(_entry(*pair) for pair in kept(verdicts)))
    write_if_new(
        corpus / PUT_ASIDE, lambda: _lines(_put_aside(v.record, v.aside) for v in verdicts if v.aside)
    )
    in_use = {decoded.hash for _, decoded in kept(verdicts)}
    for content_hash in known_hashes:
        if content_hash not in in_use:
            samples_path(corpus, content_hash).unlink(missing_ok=True)


def remove_leftovers(corpus: Path) -> None:
    """Remove the temporary files of runs that were killed while they wrote the index, a list or a report."""
    for path in corpus.glob(".*.*.*"):
        if path.suffix in (".jsonl", ".json", ".html"):
            path.unlink(missing_ok=True)


def _entry(record: Record, decoded: Decoded) -> dict[str, Any]:
    source, measures = record.source, decoded.measures
    return asdict(
        Entry(
            path=source.path,
            source=source.origin,
            style=source.style,
            licence=source.licence,
            provenance=source.provenance,
            format=decoded.format,
            source_rate=decoded.rate,
            channels=decoded.channels,
            duration_seconds=measures.duration_seconds,
            samples=decoded.samples,
            peak=measures.peak,
            loudness_lufs=measures.loudness_lufs,
            silence_share=measures.silence_share,
            clipped_share=measures.clipped_share,
            percussive_share=measures.percussive_share,
            onsets_per_second=measures.onsets_per_second,
            scale=decoded.scale,
            hash=decoded.hash,
        )
    )


def _put_aside(record: Record, aside: tuple[str, str]) -> dict[str, Any]:
    reason, detail = aside
    return {"path": record.source.path, "source": record.source.origin, "reason": reason, "detail": detail}


def _lines(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(entry) + "\n" for entry in entries)


def write_if_new(path: Path, lines: Callable[[], Iterable[str]]) -> None:
    """Write a text file unless it consists of these lines already."""
    if path.is_file():
        with path.open(encoding="utf-8") as old:
            if all(one == other for one, other in zip_longest(old, lines())):
                return
    with replaced_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.writelines(lines())
