"""The rows of the table: what each is trained with, and which two are compared for each idea."""

from typing import NamedTuple


class Row(NamedTuple):
    """What a row is trained with.

    Attributes:
        about: What the table calls it.
        configs: The packaged config that it begins with, then overlays of this folder.
        grooves: What is rendered: None, ``"generator"``, ``"played"``, or ``"own"``: played ones and the
            teacher's transcriptions of the unlabelled stems.
        stems: Whether unlabelled stems are heard.
    """

    about: str
    configs: tuple[str, ...]
    grooves: str | None = None
    stems: bool = False


_CYCLE = ("cycle", "items.yaml", "cycle.yaml")
_SAMPLED = (*_CYCLE, "sampled.yaml")
_REST = ("quickstart", "items.yaml", "blend.yaml")
_PUBLISHED = ("quickstart", "items.yaml", "published.yaml")

ROWS = {
    "wave_published": Row(
        "reconstruction: wave network, published gates", (*_PUBLISHED, "wave.yaml"), stems=True
    ),
    "wave_rest": Row("reconstruction: wave network, rest and blending", (*_REST, "wave.yaml"), stems=True),
    "spectral_published": Row("reconstruction: spectral network, published gates", _PUBLISHED, stems=True),
    "spectral_rest": Row("reconstruction: spectral network, rest and blending", _REST, stems=True),
    "hits_rest": Row(
        "reconstruction: hit network, rest and blending, value times velocity²",
        (*_REST, "hits.yaml"),
        stems=True,
    ),
    "amplitude": Row(
        "cycle: amplitude, generated grooves, procedural kits", (*_CYCLE, "amplitudes.yaml"), "generator"
    ),
    "generated": Row(
        "cycle: probability and velocity, generated grooves, procedural kits", _CYCLE, "generator"
    ),
    "played": Row("cycle: played grooves, procedural kits", _CYCLE, "played"),
    "sampled": Row("cycle: played grooves, procedural and sampled kits (**base**)", _SAMPLED, "played"),
    "learnable": Row("base with learnable bands", (*_SAMPLED, "learnable.yaml"), "played"),
    "reconstruction": Row(
        "base and reconstruction of stems", (*_SAMPLED, "reconstruction.yaml"), "played", stems=True
    ),
    "consistency": Row(
        "base and consistency on stems", (*_SAMPLED, "consistency.yaml"), "played", stems=True
    ),
    "own": Row("base and self-training", _SAMPLED, "own"),
    "all": Row("base and all three", (*_SAMPLED, "all.yaml"), "own", stems=True),
}

TEACHER = "sampled"
"""The row whose model transcribes the stems for rows with ``"own"`` grooves."""

IDEAS = (
    ("spectral for wave, published gates", "spectral_published", "wave_published"),
    ("spectral for wave, rest and blending", "spectral_rest", "wave_rest"),
    ("rest and blending for published gates, wave", "wave_rest", "wave_published"),
    ("rest and blending for published gates, spectral", "spectral_rest", "spectral_published"),
    ("hit network for spectral, reconstruction", "hits_rest", "spectral_rest"),
    ("probability and velocity for amplitude", "generated", "amplitude"),
    ("played for generated grooves", "played", "generated"),
    ("sampled kits beside procedural ones", "sampled", "played"),
    ("learnable bands for mel", "learnable", "sampled"),
    ("cycle only for reconstruction only, hit network", "sampled", "hits_rest"),
    ("both for cycle only", "reconstruction", "sampled"),
    ("both for reconstruction only, hit network", "reconstruction", "hits_rest"),
    ("with consistency", "consistency", "sampled"),
    ("with self-training", "own", "sampled"),
    ("with all three", "all", "sampled"),
)
"""Each idea, the row with it and the row without."""
