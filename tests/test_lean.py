"""Training from prepared stems and kits where only torch, lightning and what comes with them is installed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import drummernet
from drummernet.audio import write_audio
from drummernet.kits.pack import pack_kits
from drummernet.stems.prepare import prepare

SCRIPT = '''
import importlib.metadata
import pkgutil
import sys

ABSENT = ("mido", "soundfile", "soxr", "librosa", "mir_eval", "entmax", "madmom", "jsonargparse")
find = importlib.metadata.distribution


class Absent:
    """Says of some modules that they are not there, as does the look-up of distributions."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def distribution(self, name):
        if name.partition("[")[0].replace("-", "_") in ABSENT:
            raise importlib.metadata.PackageNotFoundError(name)
        return find(name)


absent = Absent()
sys.meta_path.insert(0, absent)
importlib.metadata.distribution = absent.distribution

import pytorch_lightning as pl
import torch

import drummernet.similarity
import drummernet.transcriber
import drummernet.transcription.files
from drummernet.training.recipe import build_callbacks, build_data, build_model, read_recipe

for package in (drummernet.transcriber, drummernet.similarity):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

corpus, kits = sys.argv[1:]
overrides = {
    "data.corpus": corpus,
    "data.batch_size": 2,
    "model.transcriber.init_args.bands": 20,
    "model.transcriber.init_args.channels": 2,
    "model.objective.init_args.synthesizer.init_args.kits": ["rock_garage", kits],
}
recipe = read_recipe(["quickstart"], overrides)
pl.seed_everything(0)
model = build_model(recipe)
assert model.objective.synthesizer.bank.shape[0] == 2
before = [parameter.clone() for parameter in model.parameters()]
trainer = pl.Trainer(
    accelerator="cpu",
    max_steps=2,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    use_distributed_sampler=False,
    callbacks=build_callbacks(recipe)[:2],
)
trainer.fit(model, build_data(recipe))
assert trainer.global_step == 2
assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
assert not set(ABSENT) & sys.modules.keys()
print("trained")
'''


def test_a_step_needs_no_decoder_no_cli_and_no_scores(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_audio(tmp_path / "stems" / f"{name}.flac", rng.normal(0, 0.1, 50_000))
    prepare([str(tmp_path / "stems")], tmp_path / "corpus", accept=["not drums"], processes=1)
    write_audio(tmp_path / "sounds" / "kick.wav", rng.normal(0, 0.1, 4_000))
    manifest = "name: mine\nfamily: odd\ngroup: synthesizer\nlicence: MIT\n"
    manifest += "source: {type: folder, path: sounds, components: {KD: kick.wav}}\n"
    (tmp_path / "mine.yaml").write_text(manifest, encoding="utf-8")
    pack_kits([str(tmp_path / "mine.yaml")], tmp_path / "kits")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "corpus"), str(tmp_path / "kits" / "*.yaml")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(drummernet.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "trained"
