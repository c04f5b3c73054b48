"""Prepared corpora written by hand, as ``drummernet prepare`` would."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from drummernet.stems.prepared import INDEX, SAMPLE_TYPE, Entry, PreparedCorpus, samples_path


def write_prepared(
    folder: Path,
    stems: Sequence[tuple[str, np.ndarray, float]],
    sources: Sequence[str] | None = None,
    styles: Sequence[str] | None = None,
) -> PreparedCorpus:
    """Write stems (path, samples as whole numbers, scale)."""
    lines = []
    for n, (path, samples, scale) in enumerate(stems):
        data = samples.astype(SAMPLE_TYPE).tobytes()
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        samples_path(folder, digest).parent.mkdir(parents=True, exist_ok=True)
        samples_path(folder, digest).write_bytes(data)
        entry = Entry(
            path=path,
            source=sources[n] if sources else "here",
            style=styles[n] if styles else "",
            licence="",
            provenance="",
            format="WAV PCM_16",
            source_rate=16_000,
            channels=1,
            duration_seconds=len(samples) / 16_000,
            samples=len(samples),
            peak=32_767 * scale,
            loudness_lufs=None,
            silence_share=0.0,
            clipped_share=0.0,
            percussive_share=0.5,
            onsets_per_second=2.0,
            scale=scale,
            hash=digest,
        )
        lines.append(json.dumps(asdict(entry)) + "\n")
    (folder / INDEX).write_text("".join(lines), encoding="utf-8")
    return PreparedCorpus(folder)
