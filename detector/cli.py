"""``scam-detector``: parse, call, print."""

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, NoReturn

import typer

from detector.batches import BATCH_SIZE
from detector.bundle import DEFAULT_BUNDLE, read_bundle
from detector.commands.campaigns import campaigns
from detector.commands.doctor import doctor
from detector.commands.export import export
from detector.commands.facts import facts
from detector.commands.options import Mask
from detector.commands.report import report
from detector.commands.review import review
from detector.commands.verify import verify
from detector.copies import KEPT
from detector.engines import Engine, LocalEngine
from detector.errors import SOME_REFUSED, DetectorError, InputError, exit_code
from detector.files import score_files
from detector.inputs import Reading
from detector.language_tags import canonical_tag
from detector.outputs import writing
from detector.records import Post
from detector.refusals import ErrorFile
from detector.scoring import Detector
from detector.tables import reading

USAGE = 64
"""Exit status for a command line that makes no sense (``EX_USAGE`` of sysexits.h); typer's own 2 means refused rows here."""
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM

# typer carries a copy of click, older versions the real one: the error of both is found by way of the one that is exported.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="scam-detector",
    help="Find online-scam recruitment in job posts: calibrated scores, visible evidence.",
    epilog="Exit status: 0 all good, 2 some rows refused, 3 input, 4 model, 5 runtime, 6 output, 7 missing extra, 8 evidence, "
    "64 usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Model = Annotated[Path, typer.Option("--model", help="Model folder; by default the one in the package.", show_default=False)]
BackendName = Annotated[Literal["onnx", "torch"], typer.Option("--backend", help="Runtime; 'torch' needs the extra 'train'.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Posts read side by side; by default one for each core.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status.

    :param arguments: Command-line arguments instead of those of this process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal of another encoding cannot show is no error, and neither is the name of a file that is no Unicode.
        sys.stdout.reconfigure(errors="backslashreplace")
    with _handled_signals():
        try:
            with writing("standard output"):
                status = int(app(arguments, standalone_mode=False) or 0)
                sys.stdout.flush()
            return status
        except DetectorError as error:
            _drop_output()
            return _failed("; ".join([str(error), *_notes(error)]), exit_code(error))
        except _UsageError as error:
            message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
            return _failed(f"{message}; see scam-detector --help", USAGE)
        except (typer.Abort, KeyboardInterrupt):
            return _INTERRUPTED


def _language_tag(language: str | None) -> str | None:
    """Return a language named on the command line as BCP-47 writes it."""
    tag = None if language is None else canonical_tag(language)
    if language is not None and tag is None:
        raise typer.BadParameter(f"expected a BCP-47 code such as ta or zh-Hant, got {language!r}")
    return tag


def _show_version(wanted: bool) -> None:
    if wanted:
        from detector.version import package_version

        typer.echo(f"scam-detector {package_version() or 'of a source folder, not installed'}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def score(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="CSV, JSONL or Parquet, folders of them, patterns; '-' is standard input.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File ending in .jsonl, .csv or .parquet; by default JSONL to standard output."),
    ] = None,
    text_column: Annotated[
        list[str] | None, typer.Option("--text-column", help="Column with the text; several are joined by line breaks.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", help="Column that names the posts.")] = None,
    language_column: Annotated[
        str | None,
        typer.Option(
            "--language-column",
            help="Column with BCP-47 codes of the posts' languages, by default lang, language, lang_code or language_code; "
            "a hint in each row where it holds one, the language is identified in the others. '' uses no column.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None, typer.Option("--format", help="Of the input; by default found out.")
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of CSV input; by default found out.")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Posts read ahead.")] = BATCH_SIZE,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep progress in OUTPUT.progress until the output is whole, and go on from there.")
    ] = False,
    errors: Annotated[
        Path | None, typer.Option("--errors", help="JSONL file for refused rows: file, row, line, id, reason.")
    ] = None,
    errors_with_text: Annotated[bool, typer.Option("--errors-with-text", help="Write the refused texts there too.")] = False,
    mask: Mask = False,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            help="Folder that keeps every flagged post (high, review) as it came, chained by hashes, for verify to check; later "
            "runs add to it. Only its owner can open it: it holds the originals, with --mask too.",
        ),
    ] = None,
    parts: Annotated[
        int | None, typer.Option("--parts", min=1, help="Make OUTPUT a folder of files with so many rows each.", show_default=False)
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="Score in this process, or on a Ray cluster; 'ray' needs the extra 'ray'."),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", help="Of the cluster's head, host:port or auto; by default --engine ray starts one here."),
    ] = None,
    threads: Threads = None,
    backend: BackendName = "onnx",
    model: Model = DEFAULT_BUNDLE,
) -> int:
    """Score files of posts; every column of the input is carried over, those with the name of a result as input_NAME.

    \b
    Examples:
      scam-detector score posts.csv -o verdicts.csv
      scam-detector score scrape/ 'more/*.parquet' -o verdicts.csv --resume --errors refused.jsonl
      scam-detector score scrape/ -o verdicts.parquet --parts 100000 --engine ray --address auto --resume
    """
    from rich.console import Console

    from detector.terminal import progress_on, show_summary

    console = Console(stderr=True, highlight=False)
    if resume and output is None:
        raise typer.BadParameter("--resume keeps its progress beside the output; name one with --output")
    if parts is not None and output is None:
        raise typer.BadParameter("--parts says what stands in the folder that --output names; name one, such as scored.parquet")
    if errors_with_text and errors is None:
        raise typer.BadParameter("--errors-with-text says what stands in the file that --errors names; name one")
    how = Reading(tuple(text_column or ()), id_column, format, encoding, language_column)
    with (
        _said_how_to_go_on(),
        _engine(engine, address, model, backend, threads) as scorer,
        progress_on(console) as on_progress,
    ):
        summary = score_files(
            scorer,
            inputs,
            output or sys.stdout.buffer,
            reading=how,
            batch_size=batch_size,
            errors=ErrorFile(errors, with_text=errors_with_text) if errors else None,
            resume=resume,
            parts=parts,
            mask=mask,
            evidence=evidence,
            on_progress=on_progress,
        )
    show_summary(console, summary)
    return SOME_REFUSED if summary.refused or summary.unread else 0


@contextmanager
def _engine(name: str, address: str | None, model: Path, backend: str, threads: int | None) -> Iterator[Engine]:
    """Load what scores the posts.

    :raises typer.BadParameter: if an option belongs to another engine.
    """
    if name == "local":
        if address is not None:
            raise typer.BadParameter("--address is the address of a cluster; add --engine ray")
        with closing(Detector.load(model, backend=backend, threads=threads, copies=KEPT)) as detector:
            yield LocalEngine(detector)
        return
    if backend != "onnx":
        raise typer.BadParameter("--engine ray runs the default backend alone; leave out --backend")
    from detector.engines.cluster import cluster

    with cluster(address, model, threads=threads) as engine:
        yield engine


@app.command()
def explain(
    text: Annotated[str, typer.Argument(help="The post; '-' reads it from standard input.")] = "-",
    language: Annotated[
        str | None, typer.Option("--language", help="BCP-47 code such as ta, if you know it.", callback=_language_tag)
    ] = None,
    as_json: AsJson = False,
    backend: BackendName = "onnx",
    model: Model = DEFAULT_BUNDLE,
) -> None:
    """Score one post and show which words carried the score.

    \b
    Examples:
      scam-detector explain "Chat support in Poipet, free flight, no experience"
      scam-detector explain --language km --json - < post.txt
    """
    from rich.console import Console

    from detector.terminal import show_verdict

    post = Post(_from_standard_input() if text == "-" else text, language=language)
    with closing(Detector.load(model, backend=backend, threads=1)) as detector:
        verdict = detector.score([post])[0]
    if verdict.error is not None:
        raise InputError(verdict.error)
    if as_json:
        _print_json(verdict.to_dict())
    else:
        show_verdict(Console(highlight=False), post.text, verdict)


@app.command("model")
def show_model(as_json: AsJson = False, model: Model = DEFAULT_BUNDLE) -> None:
    """Show which model is loaded: version, languages, operating points, hashes.

    \b
    Examples:
      scam-detector model
      scam-detector model --json --model my-model
    """
    from rich.console import Console

    from detector.terminal import show_bundle

    bundle = read_bundle(model)
    if as_json:
        plain = {"identity": bundle.identity, "sha256": bundle.sha256, "folder": str(bundle.folder), **asdict(bundle.manifest)}
        _print_json(plain)
    else:
        show_bundle(Console(highlight=False), bundle)


app.command("campaigns")(campaigns)
app.command("doctor")(doctor)
app.command("facts")(facts)
app.command("report")(report)
app.command("verify")(verify)
app.command("export")(export)
app.command("review")(review)


def _print_json(plain: object) -> None:
    # Escapes of an encoding's own are not those of JSON.
    typer.echo(json.dumps(plain, ensure_ascii=sys.stdout.encoding.lower() != "utf-8", indent=2))


def _from_standard_input() -> str:
    with reading("standard input"):
        raw = sys.stdin.buffer.read()
    # Bytes at fault become half surrogate pairs, which the detector refuses by name.
    return raw.decode("utf-8", "surrogateescape").removesuffix("\n")


def _notes(error: BaseException) -> list[str]:
    """Return what an error says of how to go on."""
    return list(getattr(error, "__notes__", ()))


@contextmanager
def _said_how_to_go_on() -> Iterator[None]:
    """Say so where a signal ends the block; errors are shown with it, and typer keeps only the status of Ctrl-C."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        for note in _notes(error):
            _failed(f"interrupted; {note}", _INTERRUPTED)
        raise


def _failed(message: str, status: int) -> int:
    from detector.terminal import safe

    sys.stderr.write(f"scam-detector: {safe(message)}\n")
    return status


def _drop_output() -> None:
    """Let go of output that cannot be written: Python would try once more at its exit, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _handled_signals() -> Iterator[None]:
    """End quietly when the reader of our output goes away, and in order when asked to end: unfinished files are removed."""
    pipe = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    term = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, pipe)
        signal.signal(signal.SIGTERM, term)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(_TERMINATED)
