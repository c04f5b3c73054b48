"""Pages of drum kits: what their sounds look like, and what a groove sounds like on them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drummernet import SAMPLE_RATE
from drummernet.audio import write_audio
from drummernet.components import WIDER_COMPONENTS
from drummernet.errors import InputError
from drummernet.grooves.generator import generate_groove
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import Manifest, load_kit
from drummernet.kits.measures import centroid_hz, decay_seconds, power_spectrum
from drummernet.kits.survey import needs, read_manifests
from drummernet.pages import Page, figure_png
from drummernet.stems.render import render_groove

GROOVE_SEED = 9
GROOVE_SECONDS = 12.0
_STROKE_SECONDS = 0.35
_FADE_SECONDS = 0.02
_COLUMNS = 6
_LOWEST_DB = -70.0
_PEAK = 0.9


def write_kits_page(kits: Sequence[str], path: Path) -> None:
    """Write one page with a picture, the numbers and the sounds of each kit.

    Args:
        kits: See :func:`drummernet.kits.bank.resolve_kits`; those whose sounds are missing are named.
        path: The page.

    Raises:
        InputError: if a kit is unknown or broken, or two have one name.
    """
    manifests = read_manifests(kits)
    missing = {manifest.name: needs(manifest) for manifest in manifests if needs(manifest)}
    page = Page("Drum kits")
    page.text(
        "Each kit: the waveform (0 to 1 s, its own scale) and the spectrum (30 Hz to 8 kHz, 70 dB) of the "
        "loudest layer's first take of every component, and all components struck in turn at their levels "
        "in a mix. Grey ones are derived from another component."
    )
    for manifest in manifests:
        if manifest.name not in missing:
            _add_kit(page, manifest, load_kit(manifest.path))
    if missing:
        page.heading("Not on this machine")
        page.table(("kit", "needs"), list(missing.items()))
    page.write(path)


def listen_to_kit(name_or_path: str, out: Path) -> Path:
    """Play a groove on a kit.

    Args:
        name_or_path: The name of a packaged kit or the path of a manifest.
        out: A folder for ``NAME.wav`` with the groove, and ``NAME.html``, which plays it and each component.

    Returns:
        The page.

    Raises:
        InputError: if there is no such kit or its sounds cannot be read.
    """
    (manifest, *others) = read_manifests([name_or_path])
    if others:
        raise InputError("kits", "name", f"{name_or_path!r} means {1 + len(others)} kits; one is played")
    kit = load_kit(manifest.path)
    groove = generate_groove(GROOVE_SEED, GROOVE_SECONDS)
    audio = render_groove(groove, kit, np.random.default_rng(GROOVE_SEED))
    write_audio(out / f"{kit.name}.wav", audio)
    page = Page(f"Drum kit {kit.name}")
    page.audio(audio, f"A groove: {groove.name}")
    _add_kit(page, manifest, kit)
    page.heading("Every component: its layers from soft to loud, then further takes of the loudest")
    for component in _ordered(kit):
        layers = kit.sounds[component]
        strokes = [layer.takes[0] for layer in layers] + list(layers[-1].takes[1:])
        ends = ", ".join(f"{layer.velocity:.2f}" for layer in layers)
        page.audio(
            _peak(_in_turn(strokes, 2 * _STROKE_SECONDS)), f"{component}, layers up to velocity {ends}"
        )
    page.write(out / f"{kit.name}.html")
    return out / f"{kit.name}.html"


def _add_kit(page: Page, manifest: Manifest, kit: Kit) -> None:
    page.heading(kit.name)
    facts = (kit.group, f"family {kit.family}", manifest.source_type, kit.licence, kit.attribution)
    page.text(" · ".join(fact for fact in facts if fact))
    page.picture(_picture(kit), f"Waveforms and spectra of {kit.name}")
    page.table(
        (
            "component",
            "layers",
            "sounds",
            "peak at norm 10",
            "to -20 dB",
            "to -60 dB",
            "centroid",
            "derived from",
        ),
        [_row(kit, component) for component in _ordered(kit)],
    )
    strokes = []
    for component in _ordered(kit):
        sound = kit.one_shots[component]
        strokes.append(sound * 10 ** (kit.mix_level_db[component] / 20) / np.abs(sound).max())
    page.audio(_peak(_in_turn(strokes, _STROKE_SECONDS)), f"In turn: {', '.join(_ordered(kit))}")


def _ordered(kit: Kit) -> list[str]:
    return sorted(kit.sounds, key=WIDER_COMPONENTS.index)


def _row(kit: Kit, component: str) -> tuple[str, ...]:
    sound, layers = kit.one_shots[component], kit.sounds[component]
    length = len(sound) / SAMPLE_RATE
    decays = [decay_seconds(sound, decibels) for decibels in (20, 60)]
    return (
        component,
        str(len(layers)),
        str(sum(len(layer.takes) for layer in layers)),
        f"{np.abs(sound).max():.2f}",
        *(f"{seconds:.2f} s" if seconds < length else f"> {length:.2f} s" for seconds in decays),
        f"{centroid_hz(sound):.0f} Hz",
        kit.filled.get(component, ""),
    )


def _picture(kit: Kit) -> bytes:
    components = _ordered(kit)
    rows = -(-len(components) // _COLUMNS)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    grid = figure.subplots(2 * rows, _COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, component in enumerate(components):
        row, column = divmod(number, _COLUMNS)
        colour = "0.6" if component in kit.filled else "C0"
        _draw_waveform(grid[2 * row][column], kit.one_shots[component], colour)
        _draw_spectrum(grid[2 * row + 1][column], kit.one_shots[component], colour)
        grid[2 * row][column].set_title(component, fontsize=10)
    return figure_png(figure)


def _draw_waveform(axes: Axes, sound: np.ndarray, colour: str) -> None:
    """Draw the extremes of each of 200 parts of a second: a picture of every sample is larger, not finer."""
    axes.set_axis_on()
    padded = np.zeros(SAMPLE_RATE)
    padded[: len(sound)] = sound
    parts = padded.reshape(200, -1)
    axes.fill_between(np.arange(200) / 200, parts.min(axis=1), parts.max(axis=1), color=colour, linewidth=0.5)
    axes.set(xlim=(-0.02, 1), yticks=[])
    axes.set_xticks([0, 0.5], ["0", "0.5 s"])
    axes.tick_params(labelsize=7)


def _draw_spectrum(axes: Axes, sound: np.ndarray, colour: str) -> None:
    axes.set_axis_on()
    frequencies_hz, power = power_spectrum(sound)
    edges_hz = np.geomspace(30, SAMPLE_RATE / 2, 65)
    bands = np.histogram(frequencies_hz, edges_hz, weights=power)[0]
    levels_db = 10 * np.log10(np.maximum(bands / bands.max(), 1e-9))
    axes.fill_between(edges_hz[:-1], _LOWEST_DB, levels_db, color=colour, step="post", alpha=0.7, linewidth=0)
    axes.set(xscale="log", xlim=(30, 8000), ylim=(_LOWEST_DB, 3), yticks=[])
    axes.set_xticks([100, 1000], ["100 Hz", "1 kHz"])
    axes.minorticks_off()
    axes.tick_params(labelsize=7)


def _in_turn(sounds: Sequence[np.ndarray], seconds: float) -> np.ndarray:
    """Return sounds (L,) one after the other, each faded out where the next begins."""
    longest = round(seconds * SAMPLE_RATE)
    fade = round(_FADE_SECONDS * SAMPLE_RATE)
    played = np.zeros((len(sounds), longest), np.float32)
    for row, sound in zip(played, sounds, strict=True):
        row[: len(sound)] = sound[:longest]
    played[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return played.reshape(-1)


def _peak(audio: np.ndarray) -> np.ndarray:
    return audio * (_PEAK / np.abs(audio).max())
