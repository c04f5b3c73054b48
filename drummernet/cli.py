"""The commands. Exit status: 0 done; 1 some inputs failed and were named; 2 the request itself is wrong."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from drummernet import __version__
from drummernet.errors import InputError

DONE, SOME_FAILED, WRONG_REQUEST = 0, 1, 2
INTERRUPTED = 130

# Commands import what they use when they run: --help and --version answer at once.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    logging.basicConfig(format="drummernet: %(message)s", level=logging.WARNING)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["train"]:
            return _train(words[1:])
        parsed = _parser().parse_args(words)
        status: int = parsed.run(parsed)
    except InputError as error:
        print(f"drummernet: {_last_line(error)}", file=sys.stderr)
        return WRONG_REQUEST
    except KeyboardInterrupt:
        print("drummernet: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        known = f"{error.filename}: file: {error.strerror}" if error.filename else _last_line(error)
        print(f"drummernet: {known}", file=sys.stderr)
        return WRONG_REQUEST
    return status


def _last_line(error: Exception) -> str:
    """Return what an error says; that of a worker process comes at the end of its traceback."""
    lines = str(error).splitlines() or [repr(error)]
    return lines[-1].removeprefix("drummernet.errors.InputError: ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "drummernet", description="Transcribe drums; learn it from drum recordings alone."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    commands.add_parser("train", help="train on unlabelled stems; see drummernet train --help")
    parts = (
        _add_prepare,
        _add_render,
        _add_transcribe,
        _add_listen,
        _add_evaluate,
        _add_compare,
        _add_validate,
        _add_export,
        _add_kits,
        _add_bench,
        _add_demo,
    )
    for add in parts:
        add(commands)
    return parser


def _train(words: list[str]) -> int:
    from drummernet.training.cli import train

    train(words)
    return DONE


def _add_prepare(commands: Any) -> None:
    parser = commands.add_parser("prepare", help="crawled audio to a corpus that is fast to train from")
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="a folder, file, pattern, manifest (.txt, .csv) or URL"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--dry-run", action="store_true", help="report what would be kept; write nothing")
    parser.add_argument("--shard", metavar="i/n", help="decode only the i-th of n parts of the files")
    parser.add_argument(
        "--finish", action="store_true", help="judge what all shards decoded, write the index"
    )
    parser.add_argument(
        "--accept", action="append", default=[], metavar="REASON", help="put nothing aside for it; repeatable"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes; else one per core")
    parser.set_defaults(run=_prepare)


def _prepare(parsed: argparse.Namespace) -> int:
    from drummernet.corpus_page import write_corpus_page
    from drummernet.stems.prepare import parse_shard, prepare
    from drummernet.stems.report import corpus_report, format_report

    finish = parsed.finish or parsed.dry_run or not parsed.shard
    verdicts = prepare(
        parsed.sources,
        parsed.out,
        accept=parsed.accept,
        shard=parse_shard(parsed.shard or "1/1"),
        finish=finish,
        dry_run=parsed.dry_run,
        processes=parsed.workers,
    )
    if not finish:
        print(f"shard {parsed.shard} is decoded; --finish writes the index when all are")
        return DONE
    report = corpus_report(verdicts)
    print(format_report(report))
    if not parsed.dry_run:
        print(f"page: {write_corpus_page(report, parsed.out)}")
    return DONE


def _add_render(commands: Any) -> None:
    parser = commands.add_parser("render", help="render stems with labels from grooves and kits")
    parser.add_argument("--grooves", default="generator", help="a folder of MIDI files, or 'generator'")
    parser.add_argument("--split", help="of a MIDI folder with an info.csv")
    parser.add_argument("--kits", default="stems", help="groups, names, patterns; separated by commas")
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--augment",
        action="store_true",
        help="vary the drums of the kit, then room, equaliser, level, noise of the mix",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes; else one per core")
    parser.add_argument("--out", type=Path, required=True)
    parser.set_defaults(run=_render)


def _render(parsed: argparse.Namespace) -> int:
    from drummernet.stems.augmentation import Augmentation
    from drummernet.stems.hours import render_hours
    from drummernet.stems.processes import usable_cores

    paths = render_hours(
        parsed.grooves,
        parsed.split,
        parsed.kits.split(","),
        parsed.hours,
        parsed.seed,
        parsed.out,
        Augmentation() if parsed.augment else None,
        usable_cores() if parsed.workers is None else parsed.workers,
    )
    print(f"{len(paths)} stems in {parsed.out}")
    return DONE


def _add_transcribe(commands: Any) -> None:
    parser = commands.add_parser("transcribe", help="hits of audio files and folders")
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="FILE_OR_FOLDER", help="or - alone for standard input"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="may be left out for -: standard output")
    parser.add_argument("--checkpoint", default="pretrained", help="packaged weights or a path")
    parser.add_argument("--formats", default="midi", help="midi, tsv, json, png; separated by commas")
    parser.add_argument("--beats", default="librosa", help="what tracks them: librosa or madmom")
    parser.add_argument(
        "--quantise", type=int, metavar="N", help="to 8, 12, 16, 24 or 32 places a bar of 4/4"
    )
    parser.add_argument("--components", type=int, metavar="N", help="3, 5 or 11; else all that are heard")
    _add_threshold(parser)
    parser.set_defaults(run=_transcribe)


def _add_threshold(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--threshold", type=float, help="δ of the picking rule; else the checkpoint's own")


def _transcribe(parsed: argparse.Namespace) -> int:
    from drummernet.resources import named_resource
    from drummernet.transcriber.checkpoint import load_transcriber
    from drummernet.transcription.folders import transcribe_many
    from drummernet.transcription.notation import Notation
    from drummernet.transcription.picking import picker_of
    from drummernet.transcription.streams import transcribe_stream

    is_piped = Path("-") in parsed.inputs
    if is_piped and len(parsed.inputs) > 1:
        raise InputError("-", "inputs", "standard input is transcribed alone")
    if not is_piped and parsed.out is None:
        raise InputError("--out", "folder", "is not named")
    notation = Notation(parsed.beats, parsed.quantise, parsed.components)
    weights = named_resource("weights", parsed.checkpoint, ".safetensors")
    transcriber, picker = load_transcriber(weights), picker_of(weights, parsed.threshold)
    formats = parsed.formats.split(",")
    if is_piped:
        out = parsed.out or sys.stdout.buffer
        failures = transcribe_stream(transcriber, sys.stdin.buffer, out, formats, picker, notation)
    else:
        failures = transcribe_many(transcriber, parsed.inputs, parsed.out, formats, picker, notation)
    for _, problem in failures:
        print(f"drummernet: {problem}", file=sys.stderr)
    return SOME_FAILED if failures else DONE


def _add_listen(commands: Any) -> None:
    parser = commands.add_parser("listen", help="a page that plays a recording beside its hits")
    parser.add_argument("recording", type=Path, metavar="FILE")
    parser.add_argument("--checkpoint", default="pretrained", help="packaged weights or a path")
    parser.add_argument("--kit", default="rock_maple", help="what plays the hits: a kit or a manifest")
    parser.add_argument("--out", type=Path, metavar="PAGE.html", help="else STEM.html in this folder")
    _add_threshold(parser)
    parser.set_defaults(run=_listen)


def _listen(parsed: argparse.Namespace) -> int:
    from drummernet.listen_page import listen

    options = {key: value for key, value in vars(parsed).items() if key != "run"}
    print(f"page: {listen(**options)}")
    return DONE


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="scores on an annotated dataset")
    parser.add_argument("--dataset", required=True, help="smt, mdb, enst, e-gmd or folder")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--task", help="DTD, DTP or DTM (full mixes); else the first that the set has")
    parser.add_argument("--split", help="of a set whose table names splits; else all")
    system = parser.add_mutually_exclusive_group(required=True)
    system.add_argument("--checkpoint", help="packaged weights or a path")
    system.add_argument(
        "--predictions", type=Path, metavar="DIR", help="TRACK.tsv: onset_seconds, tab, label"
    )
    system.add_argument("--baseline", metavar="NAME", help="onsets, nmfd, …; an unknown one lists all")
    parser.add_argument(
        "--kits", metavar="LIST", help="of a baseline's templates; groups, names, patterns, with commas"
    )
    parser.add_argument("--name", help="what the result calls the system")
    threshold = parser.add_mutually_exclusive_group()
    _add_threshold(threshold)
    threshold.add_argument("--tune-on", metavar="SET:ROOT", help="choose the threshold on another set")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.set_defaults(run=_evaluate)


def _evaluate(parsed: argparse.Namespace) -> int:
    from drummernet.evaluation.origin import everything_scored
    from drummernet.evaluation.protocol import write_result
    from drummernet.evaluation.report import format_table
    from drummernet.evaluation.systems import evaluate_system
    from drummernet.resources import named_resource, refuse_unwritable

    options = {k: v for k, v in vars(parsed).items() if k not in ("run", "json", "dataset", "root", "kits")}
    kits = parsed.kits.split(",") if parsed.kits is not None else None
    if parsed.json:
        refuse_unwritable(parsed.json)
    if parsed.checkpoint is not None:
        options["checkpoint"] = named_resource("weights", parsed.checkpoint, ".safetensors")
    result = evaluate_system(parsed.dataset, parsed.root, kits=kits, **options)
    print(format_table(result))
    if parsed.json:
        write_result(parsed.json, result)
    return DONE if everything_scored(result) else SOME_FAILED


def _add_validate(commands: Any) -> None:
    parser = commands.add_parser("validate", help="what of an annotated dataset is there and what is not")
    parser.add_argument("--dataset", required=True, help="smt, mdb, enst, e-gmd or folder")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--task", help="DTD, DTP or DTM (full mixes); else the first that the set has")
    parser.add_argument("--split", help="of a set whose table names splits; else all")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.set_defaults(run=_validate)


def _validate(parsed: argparse.Namespace) -> int:
    from drummernet.evaluation.datasets import read_dataset
    from drummernet.evaluation.validation import format_validation, write_validation
    from drummernet.resources import refuse_unwritable

    if parsed.json:
        refuse_unwritable(parsed.json)
    validation = read_dataset(parsed.dataset, parsed.root, parsed.task, parsed.split).validate()
    print(format_validation(validation))
    if parsed.json:
        write_validation(parsed.json, validation)
    return DONE if validation.is_complete else SOME_FAILED


def _add_compare(commands: Any) -> None:
    parser = commands.add_parser("compare", help="results beside each other and beside published numbers")
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT.json", help="from evaluate --json")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.set_defaults(run=_compare)


def _compare(parsed: argparse.Namespace) -> int:
    from drummernet.comparison_page import write_comparison

    if not parsed.out:
        raise InputError("--out", "folder", "is not named")
    print(f"page: {write_comparison(parsed.results, Path(parsed.out))}")
    return DONE


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="the transcriber of a checkpoint as safetensors")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--calibrate-on",
        type=Path,
        metavar="STEMS",
        help="rendered stems with labels: shift the logits so that one threshold suits every class",
    )
    parser.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    from drummernet.transcriber.checkpoint import export_weights

    if parsed.calibrate_on is None:
        export_weights(parsed.checkpoint, parsed.out)
        return DONE
    from drummernet.evaluation.calibration import export_calibrated

    for name, threshold in export_calibrated(parsed.checkpoint, parsed.calibrate_on, parsed.out).items():
        print(f"{name}  best threshold {threshold:g}")
    return DONE


def _add_kits(commands: Any) -> None:
    kits = commands.add_parser("kits", help="the drum kits").add_subparsers(required=True, metavar="ACTION")
    named = {"metavar": "KIT", "help": "groups, names, patterns, manifests, family:NAME, licence:SPDX"}
    parser = kits.add_parser("list", help="which there are, and whether their sounds are here")
    parser.add_argument("kits", nargs="*", default=["*"], **named)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.set_defaults(run=_list_kits)
    parser = kits.add_parser("show", help="a page with pictures, numbers and sounds")
    parser.add_argument("kits", nargs="+", **named)
    parser.add_argument("--out", type=Path, required=True, metavar="PAGE.html")
    parser.set_defaults(run=_show_kits)
    parser = kits.add_parser("check", help="what is wrong with their sounds")
    parser.add_argument("kits", nargs="+", **named)
    parser.set_defaults(run=_check_kits)
    parser = kits.add_parser("import", help="a manifest of sounds that you have")
    parser.add_argument("source", type=Path, help="a folder, a Hydrogen kit's folder, an .sf2 or .sf3 file")
    parser.add_argument("--out", type=Path, required=True, metavar="NAME.yaml")
    parser.add_argument("--preset", help="of a SoundFont: BANK:NUMBER or its name")
    parser.add_argument("--family", help="the recording session or machine; else the kit's name")
    parser.add_argument("--group", default="sampled_train", help="what it may be used for")
    parser.add_argument("--licence", metavar="SPDX")
    parser.set_defaults(run=_import_kit)
    parser = kits.add_parser("listen", help="a groove on a kit, as WAV and as a page")
    parser.add_argument("kit", metavar="KIT")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.set_defaults(run=_listen_to_kit)
    parser = kits.add_parser("pack", help="kits with their sounds, for machines without audio decoders")
    parser.add_argument("kits", metavar="LIST", help="groups, names, patterns; separated by commas")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.set_defaults(run=_pack_kits)


def _list_kits(parsed: argparse.Namespace) -> int:
    from drummernet.kits.survey import format_list, list_kits, write_list

    kits = list_kits(parsed.kits)
    print(format_list(kits))
    if parsed.json:
        write_list(parsed.json, kits)
    return DONE


def _show_kits(parsed: argparse.Namespace) -> int:
    from drummernet.kit_pages import write_kits_page

    write_kits_page(parsed.kits, parsed.out)
    print(f"page: {parsed.out}")
    return DONE


def _check_kits(parsed: argparse.Namespace) -> int:
    from drummernet.kits.check import check_kit
    from drummernet.kits.survey import needs, read_manifests

    findings = 0
    for manifest in read_manifests(parsed.kits):
        if needs(manifest):
            print(f"{manifest.name}: not checked, needs {needs(manifest)}", file=sys.stderr)
            continue
        for finding in check_kit(manifest):
            print(finding)
            findings += 1
    return SOME_FAILED if findings else DONE


def _import_kit(parsed: argparse.Namespace) -> int:
    from drummernet.kits.importing import format_import, import_kit

    imported = import_kit(
        parsed.source, parsed.out, parsed.preset, parsed.family, parsed.group, parsed.licence
    )
    print(format_import(imported))
    return DONE


def _listen_to_kit(parsed: argparse.Namespace) -> int:
    from drummernet.kit_pages import listen_to_kit

    print(f"page: {listen_to_kit(parsed.kit, parsed.out)}")
    return DONE


def _pack_kits(parsed: argparse.Namespace) -> int:
    from drummernet.kits.pack import pack_kits

    paths = pack_kits(parsed.kits.split(","), parsed.out)
    print(f"{len(paths)} kits in {parsed.out}")
    return DONE


def _add_bench(commands: Any) -> None:
    parser = commands.add_parser("bench", help="speed and memory, part by part")
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    for kind, help_ in (("step", "of a training step"), ("similarity", "of the loss alone")):
        measured = kinds.add_parser(kind, help=help_)
        measured.add_argument("--batch", type=int, default=16)
        measured.add_argument("--seconds", type=float, default=2.0, help="length of the items")
        measured.add_argument("--corpus", type=Path, help="stems to draw from; else rendered grooves")
        if kind == "step":
            measured.add_argument("--precision", default="32-true", help="or bf16-mixed")
        _add_measured(measured, kind)
    measured = kinds.add_parser("transcribe", help="of transcribing a whole file")
    measured.add_argument("--checkpoint", type=Path, help="else the config's transcriber, untrained")
    measured.add_argument("--audio", type=Path, metavar="FILE", help="else a rendered groove")
    measured.add_argument("--seconds", type=float, default=180.0, help="length of that groove")
    _add_measured(measured, "transcribe")


def _add_measured(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--config", action="append", help="name or path; may be repeated, as for train")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.set_defaults(run=_bench, kind=kind)


def _bench(parsed: argparse.Namespace) -> int:
    from drummernet.bench.report import format_measurement, write_measurement
    from drummernet.bench.similarity import bench_similarity
    from drummernet.bench.step import bench_step
    from drummernet.bench.transcribe import bench_transcribe

    measure: dict[str, Callable[..., dict[str, Any]]] = {
        "step": bench_step,
        "similarity": bench_similarity,
        "transcribe": bench_transcribe,
    }
    options = {k: v for k, v in vars(parsed).items() if k not in ("run", "kind", "json", "config")}
    result = measure[parsed.kind](parsed.config or ["paper"], **options)
    print(format_measurement(result))
    if parsed.json:
        write_measurement(parsed.json, result)
    return DONE


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="the whole path on generated data, ending in a page")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.set_defaults(run=_demo)


def _demo(parsed: argparse.Namespace) -> int:
    from drummernet.demo import run_demo

    print(f"page: {run_demo(parsed.out)}")
    return DONE
