"""A run small enough for tests, and what it left behind."""

import csv
from pathlib import Path

from drummernet.grooves.generator import generate_groove
from drummernet.kits.manifest import kit_names, load_kit
from drummernet.stems.render import render_stems

TINY = """
model:
  transcriber:
    class_path: drummernet.transcriber.spectral.SpectralTranscriber
    init_args:
      gates: {class_path: drummernet.transcriber.gates.SparsemaxGates, init_args: {rest: true, blended: true}}
      bands: 20
      channels: 2
      hidden: 8
  objective:
    class_path: drummernet.training.objectives.Reconstruction
    init_args:
      synthesizer:
        class_path: drummernet.synthesizer.Synthesizer
        init_args: {kits: rock_maple, level: mix}
      similarity:
        class_path: drummernet.similarity.onset_spectrum.OnsetSpectrumSimilarity
        init_args:
          spectrum: {class_path: drummernet.similarity.spectra.MelSpectrum, init_args: {bands: 30}}
data: {batch_size: 2, crop_seconds: 0.6}
trainer:
  accelerator: cpu
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  check_val_every_n_epoch: null
  callbacks:
    - {class_path: drummernet.training.callbacks.GateBlend, init_args: {steps: 4}}
    - {class_path: drummernet.training.callbacks.ActivationStatistics, init_args: {every_n_steps: 1}}
    - {class_path: drummernet.training.callbacks.RunCheckpoint, init_args: {every_n_train_steps: 2}}
"""


def render_three_stems(out: Path) -> Path:
    render_stems([generate_groove(seed, 3.0) for seed in range(3)], [load_kit(kit_names("stems")[0])], out, 0)
    return out


def write_tiny(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


def logged(out: Path, column: str) -> dict[int, float]:
    """Return what a run logged, by step."""
    values = {}
    for path in sorted(out.glob("csv/version_*/metrics.csv")):
        with path.open(newline="") as stream:
            values.update({int(r["step"]): float(r[column]) for r in csv.DictReader(stream) if r.get(column)})
    return values
