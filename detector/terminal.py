"""What the command line shows a person: evidence in the post, tables, progress.

Posts are written by strangers: nothing of them reaches the terminal as a control character, a change of direction or markup.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from detector.bundle import Bundle
from detector.records import Evidence, Verdict

if TYPE_CHECKING:
    from detector.files import OnProgress
    from detector.summary import Kept, Summary

BAND_STYLES = {"high": "bold red", "review": "bold yellow", "low": "green", "abstain": "dim"}
_HEADLINE = "bold red reverse"
_INDICATOR = "yellow underline"
_OPEN, _CLOSE = "[[", "]]"
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHOWN_LANGUAGES = 12
_SHOWN_INPUTS = 10


def safe(text: str) -> str:
    """Return a text with a visible stand-in for each character that would steer the terminal; lengths stay."""
    return _UNSAFE.sub(_stand_in, text)


def _stand_in(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in "\t\r":
        return " "
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def show_verdict(console: Console, text: str, verdict: Verdict) -> None:
    """Print a verdict with its evidence marked in the post.

    :param text: The post as it was scored.
    """
    _print(console, _headline(verdict))
    for line in (verdict.reason and f"abstained: {verdict.reason}", verdict.note):
        if line:
            _print(console, Text(line, style="italic"))
    _print(console, Text())
    _print(console, marked(text, verdict, coloured=_is_coloured(console)))
    _print(console, Text())
    shares = sorted(verdict.label_scores.items(), key=lambda item: -item[1])
    _print_aligned(console, [(label, f"{score:.3f}") for label, score in shares])
    if verdict.indicators:
        _print(console, Text())
        _print_aligned(console, [(f.code, f"{f.score:.3f}", _quotes(f.evidence)) for f in verdict.indicators])
    if verdict.contacts:
        _print(console, Text("\ncontacts  " + "  ".join(f"{c.kind}:{safe(c.value)}" for c in verdict.contacts)))
    _print(console, Text(f"\nmodel  {verdict.model}", style="dim"))


def marked(text: str, verdict: Verdict, *, coloured: bool) -> Text:
    """Return the post with its evidence in colour, or in brackets where there is none."""
    shown = safe(text)
    if coloured:
        styled = Text(shown)
        for finding in verdict.indicators:
            _stylise(styled, finding.evidence, _INDICATOR)
        _stylise(styled, verdict.evidence, _HEADLINE)
        return styled
    for piece in sorted(verdict.evidence, key=lambda piece: -piece.start):
        shown = f"{shown[: piece.start]}{_OPEN}{shown[piece.start : piece.end]}{_CLOSE}{shown[piece.end :]}"
    return Text(shown)


def show_bundle(console: Console, bundle: Bundle) -> None:
    """Print what a bundle says of itself."""
    manifest = bundle.manifest
    points = manifest.operating_points
    lines = [
        ("model", f"{manifest.name} {manifest.version}"),
        ("identity", bundle.identity),
        ("folder", str(bundle.folder)),
        ("languages", " ".join(manifest.languages)),
        ("operating points", f"high from {points.high:.4f}, review from {points.review:.4f}"),
        ("labels", " ".join(manifest.labels)),
        ("indicators", str(len(manifest.indicators))),
        ("window", f"{manifest.max_tokens} tokens, {manifest.overlap} shared by neighbours"),
        ("base model", manifest.base_model),
        ("training data", manifest.data_hash),
        ("commit", manifest.commit),
        ("text version", str(manifest.text_version)),
        ("sha256 bundle.json", bundle.sha256),
        *((f"sha256 {file}", digest) for file, digest in manifest.files.items()),
    ]
    print_lines(console, lines)


def show_summary(console: Console, summary: "Summary") -> None:
    """Print what became of the rows of a run, in a few lines."""
    rate = f"{summary.rows} in {summary.seconds:.1f} s, {summary.rows_per_second:.1f} rows/s"
    languages = summary.languages.most_common()
    shown = [f"{language} {count}" for language, count in languages[:_SHOWN_LANGUAGES]]
    if rest := sum(count for _, count in languages[_SHOWN_LANGUAGES:]):
        shown.append(f"others {rest}")
    lines = [
        *(("input", line) for line in summary.inputs[:_SHOWN_INPUTS]),
        *(("", f"… and {more} more") for more in [len(summary.inputs) - _SHOWN_INPUTS] if more > 0),
        ("rows", rate),
        *(("", f"{summary.resumed} of them scored by the run that was interrupted") for _ in range(summary.resumed > 0)),
        ("copies", f"{summary.copies} read in another row"),
        ("bands", "  ".join(f"{band} {summary.bands[band]}" for band in BAND_STYLES)),
        ("languages", "  ".join(shown)),
        ("refused", str(summary.refused)),
        *(("", f"{source}, row {number}: {reason}") for source, number, reason in summary.refusals),
    ]
    if summary.refused > len(summary.refusals):
        lines.append(("", "… for the others see 'error' in the output"))
    if summary.kept is not None:
        lines += _kept_lines(summary.kept)
    if summary.unread:
        lines.append(("unread", f"{len(summary.unread)} files, or what is left of them"))
        lines += [("", reason) for _, reason in summary.unread[:_SHOWN_INPUTS]]
    print_lines(console, lines)


def _kept_lines(kept: "Kept") -> list[tuple[str, str]]:
    return [
        ("evidence", f"{kept.added} posts kept in {kept.folder}, {kept.known} were there already"),
        *(("", kept.mended) for _ in range(kept.mended is not None) if kept.mended),
        ("head", f"{kept.head} of {kept.entries} lines; note it elsewhere, for verify --head"),
    ]


@contextmanager
def progress_on(console: Console) -> Iterator["OnProgress | None"]:
    """Show a progress bar for as long as the block runs, if a person is looking; yield what moves it."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[rows]} rows  {task.fields[rate]:.1f} rows/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("score", total=None, rows=0, rate=0.0)

        def move(rows: int, position: int, size: int | None) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            progress.update(task, completed=position, total=size or None, rows=rows, rate=rows / elapsed if elapsed else 0.0)

        yield move


def _headline(verdict: Verdict) -> Text:
    band = str(verdict.band)
    line = Text(f"score {verdict.score or 0:.3f}   band ")
    line.append(band, style=BAND_STYLES.get(band, ""))
    line.append(f"   language {verdict.language}   windows {verdict.windows}")
    return line


def _quotes(evidence: tuple[Evidence, ...]) -> str:
    return "  ".join(f"“{safe(piece.text)}”".replace("\n", " ") for piece in evidence)


def print_lines(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Print names and what belongs to them, one below the other; a line without a name goes on with the one before."""
    _print_aligned(console, [(name, safe(value)) for name, value in lines])


def _print_aligned(console: Console, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of as many cells, each column but the last as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for *cells, last in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        _print(console, Text("  ".join([*padded, last]).rstrip()))


def _print(console: Console, line: Text) -> None:
    # Lines are not broken: they may be read by a program, and a terminal breaks them by itself.
    console.print(line, soft_wrap=True)


def _stylise(styled: Text, evidence: tuple[Evidence, ...], style: str) -> None:
    for piece in evidence:
        styled.stylize(style, piece.start, piece.end)


def _is_coloured(console: Console) -> bool:
    return console.color_system is not None and not console.no_color
