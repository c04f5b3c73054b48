"""``drummernet prepare``: crawled files to a corpus, in steps that may be killed, repeated and shared out."""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from time import monotonic

from tqdm import tqdm

from drummernet.errors import InputError
from drummernet.stems.decode import decode
from drummernet.stems.finish import Verdict, judge_all, latest, missing, remove_leftovers, write_corpus
from drummernet.stems.journal import (
    JOURNALS,
    Decoded,
    Key,
    Record,
    key_of,
    locked,
    opened_journal,
    read_journals,
)
from drummernet.stems.processes import outcomes, usable_cores
from drummernet.stems.report import corpus_report, write_report
from drummernet.stems.sources import Source, list_sources

ACCEPTABLE = ("too short", "clipped", "not drums", "near duplicate")
"""Reasons that a user may set aside: what they tell of can be trained on."""

NAMED_AT_MOST = 20
"""Files that are refused are named one by one up to here; all are in the list of what was put aside."""

SCRATCH = "scratch"
_logger = logging.getLogger(__name__)
_CRASHED = ("undecodable", "decoder: the process that decoded it died")


def prepare(
    sources: Sequence[str],
    corpus: Path,
    *,
    accept: Sequence[str] = (),
    shard: tuple[int, int] = (1, 1),
    finish: bool = True,
    dry_run: bool = False,
    processes: int | None = None,
) -> list[Verdict]:
    """Decode what the corpus does not have yet, then judge everything and write the index.

    Args:
        sources: Folders, files, patterns, manifests and URLs; none to finish what shards have decoded.
        corpus: The folder; it may hold a corpus, which grows then.
        accept: Some of ``ACCEPTABLE``: nothing is put aside for these reasons.
        shard: (i, n): decode only the i-th of n disjoint parts of the files.
        finish: Judge and write the index, too.
        dry_run: Write nothing.
        processes: That decode; one per core if None.

    Returns:
        What becomes of each file that the corpus knows; empty if it is not to be finished.

    Raises:
        InputError: if the request cannot be met; files that cannot be used are put aside instead.
        OSError: if the corpus cannot be written; what was written stays, and the next run goes on.
    """
    _check(sources, corpus, accept, shard, finish, processes)
    accepted = frozenset(accept)
    listed = [source for source in _listed(sources, corpus) if _in_shard(source, *shard)]
    if not listed and shard == (1, 1) and not (corpus / JOURNALS).is_dir():
        raise InputError(" ".join(sources), "files", "there are none")
    with _run(corpus, f"{shard[0] or shard[1]}-of-{shard[1]}", dry_run) as (scratch, append):
        work = partial(decode, scratch=scratch, corpus=None if dry_run else corpus, accepted=accepted)
        hashes: set[str] = set()
        records = latest(_noted(read_journals(corpus), hashes))
        renamed = [record for source in listed if (record := _renamed(source, records))]
        for record in renamed:
            append(record)
        new = _decode_all([s for s in listed if _is_news(s, records)], work, append, processes)
        if not finish:
            return []
        records = latest([*records.values(), *renamed, *_noted(new, hashes)])
        if dry_run:
            return judge_all(records, accepted)
        _warn_of_missing_shards(corpus)
        with locked(corpus / JOURNALS / "finish.lock"):
            verdicts = judge_all(records, accepted)
            wanted = {record.key for record in missing(verdicts, corpus)}
            again = [source for source in listed if key_of(source) in wanted]
            if again:
                found = _noted(_decode_all(again, work, append, processes), hashes)
                verdicts = judge_all(latest([*records.values(), *found]), accepted)
            remove_leftovers(corpus)
            write_corpus(verdicts, corpus, hashes)
            write_report(corpus_report(verdicts), corpus)
        return verdicts


def _noted(records: Iterable[Record], hashes: set[str]) -> Iterator[Record]:
    """Yield records and note the hashes of their samples, also of those that do not count any more."""
    for record in records:
        if isinstance(record.result, Decoded):
            hashes.add(record.result.hash)
        yield record


def _renamed(source: Source, records: dict[Key, Record]) -> Record | None:
    """Return the record of a file that is the same, but called or described otherwise than before."""
    record = records.get(key_of(source))
    if record is None or record.source == source or _is_news(source, records):
        return None
    return Record(source, source.problem or record.result)


def parse_shard(text: str) -> tuple[int, int]:
    """Read a part of the files, ``i/n``.

    Raises:
        InputError: if it is none.
    """
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal()):
        raise InputError("prepare", "shard", f"{text!r} is not i/n, such as 1/4")
    return int(part), int(parts)


def _check(
    sources: Sequence[str],
    corpus: Path,
    accept: Sequence[str],
    shard: tuple[int, int],
    finish: bool,
    processes: int | None,
) -> None:
    if not all(source.strip() for source in sources) or not (sources or finish):
        raise InputError("prepare", "sources", "name a folder, file, pattern, manifest or URL")
    if not sources and not (corpus / JOURNALS).is_dir():
        raise InputError(corpus, "out", "holds nothing to finish, and no source is named")
    unknown = [reason for reason in accept if reason not in ACCEPTABLE]
    if unknown:
        raise InputError("prepare", "accept", f"{unknown[0]!r} is none of {', '.join(ACCEPTABLE)}")
    if not 0 <= shard[0] <= shard[1] or shard[1] < 1:
        raise InputError("prepare", "shard", f"{shard[0]}/{shard[1]} is no part: the first of four is 1/4")
    if processes is not None and processes < 1:
        raise InputError("prepare", "workers", f"{processes} is less than 1")
    if corpus.exists() and not corpus.is_dir():
        raise InputError(corpus, "out", "is no folder")
    if corpus.is_dir() and any(corpus.iterdir()) and not (corpus / JOURNALS).is_dir():
        raise InputError(corpus, "out", "holds something already, but no corpus that can grow")


def _listed(sources: Sequence[str], corpus: Path) -> Iterator[Source]:
    """Yield the files of the sources, but those of the corpus itself."""
    own = f"{corpus.resolve()}{os.sep}"
    return (source for source in list_sources(sources) if not source.location.startswith(own))


def _in_shard(source: Source, part: int, parts: int) -> bool:
    """Return whether a file belongs to a part; 0 and ``parts`` mean the same one.

    Name and size decide, so that it does not matter under which path a machine sees the file.
    """
    name = f"{PurePosixPath(source.location).name}\0{source.size_bytes}".encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(name, digest_size=8).digest()
    return int.from_bytes(digest) % parts == part % parts


def _warn_of_missing_shards(corpus: Path) -> None:
    """Name the parts that no machine has begun, of those that others belong to."""
    journals = list((corpus / JOURNALS).glob("*-of-*.jsonl"))
    begun = {path.stem for path in journals}
    if any(path.stem == "1-of-1" and path.stat().st_size for path in journals):
        return  # a run over all files; to finish alone opens an empty journal
    for parts in sorted({int(name.rpartition("-")[2]) for name in begun}):
        missing_parts = [part for part in range(1, parts + 1) if f"{part}-of-{parts}" not in begun]
        if missing_parts:
            names = ", ".join(f"{part}/{parts}" for part in missing_parts)
            _logger.warning("%s: no journal of shard %s: its files are not in the corpus", corpus, names)


@contextmanager
def _run(corpus: Path, name: str, dry_run: bool) -> Iterator[tuple[Path, Callable[[Record], None]]]:
    """Yield a folder for temporary files and what records go to; no other run has them."""
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder), lambda _: None
        return
    with opened_journal(corpus, name) as journal:
        scratch = corpus / f"{SCRATCH}-{name}"
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir()
        try:
            yield scratch, journal.append
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _is_news(source: Source, records: dict[Key, Record]) -> bool:
    """Return whether a file is unknown, has changed, or could not be read and is tried again."""
    record = records.get(key_of(source))
    if record is None or (record.source.size_bytes, record.source.modified) != (
        source.size_bytes,
        source.modified,
    ):
        return True
    return isinstance(record.result, tuple) and record.result[0] == "unreadable" and not source.problem


def _decode_all(
    sources: list[Source],
    work: Callable[[Source], Record],
    append: Callable[[Record], None],
    processes: int | None,
) -> list[Record]:
    """Decode files in several processes and put on record what became of each as soon as it is known."""
    done, seconds, refused, begin = [], 0.0, 0, monotonic()
    workers = min(processes or usable_cores(), max(1, len(sources)))
    bar = tqdm(total=len(sources), unit="file", disable=None)
    with bar, closing(outcomes(work, sources, workers)) as done_one_by_one:
        for source, outcome in done_one_by_one:
            record = outcome or Record(source, _CRASHED)
            append(record)
            done.append(record)
            if isinstance(record.result, tuple) and record.result[0] == "refused":
                refused += 1
                if refused <= NAMED_AT_MOST:
                    _logger.warning("refused: %s: %s", source.location, record.result[1])
            if isinstance(record.result, Decoded):
                seconds += record.result.measures.duration_seconds
            rate = seconds / (monotonic() - begin) / 60
            bar.set_postfix_str(f"{seconds / 3600:.2f} hours, {rate:.2f} hours per minute", refresh=False)
            bar.update()
    return done
