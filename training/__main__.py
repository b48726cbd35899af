"""``python -m training``: from posts to a bundle, one command a step."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from detector.bundle import DEFAULT_BUNDLE
from detector.errors import SOME_REFUSED, DetectorError, InputError, exit_code
from training.config import FLOAT_LAYERS

app = typer.Typer(
    help="Retrain the detector: corpus, prepare, finetune, export, evaluate.", no_args_is_help=True, add_completion=False
)
corpus_app = typer.Typer(help="Work on data/corpus.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")

Corpus = Annotated[Path, typer.Option(help="Folder of <language>.jsonl files.")]
Readings = Annotated[Path, typer.Option(help="Folder of second readings, <reader>.jsonl.")]
Card = Annotated[Path | None, typer.Option(help="Data card that is brought up to date.")]
Sources = Annotated[Path, typer.Option(help="Declarations of the public sets.")]
Public = Annotated[Path | None, typer.Option(help="Folder of the public sets; without it, only the corpus is used.")]
Config = Annotated[Path | None, typer.Option(help="TOML file over the default settings.")]
Run = Annotated[Path, typer.Option(help="Run folder.")]
Folder = Annotated[Path, typer.Option(help="Bundle folder.")]

CORPUS = Path("data/corpus")
READINGS = Path("data/readings")
SOURCES = Path("data/sources.toml")
FEEDBACK_FOLDER = Path(".feedback")
RUN = Path("runs/default")


@corpus_app.command("check")
def corpus_check(corpus: Corpus = CORPUS) -> None:
    """Check format, quotes, ids, near-duplicates and give-aways; exit 1 if something must be mended."""
    from training.audit import audit

    found = audit(corpus)
    typer.echo(found)
    raise typer.Exit(1 if found.faults else 0)


@corpus_app.command("blind")
def corpus_blind(corpus: Corpus = CORPUS, readings: Readings = READINGS) -> None:
    """Print what a second reader has still to read, as JSONL without labels and under made-up names."""
    import json

    from training.agreement import read_readings, reader_name, unread
    from training.examples import read_corpus

    for example in unread(read_corpus(corpus), read_readings(readings)):
        typer.echo(json.dumps({"id": reader_name(example.id), "text": example.text}, ensure_ascii=False))


@corpus_app.command("agreement")
def corpus_agreement(corpus: Corpus = CORPUS, readings: Readings = READINGS, card: Card = None) -> None:
    """Compare second readings with the writers' labels: Cohen's kappa by language, and the posts they differ on."""
    from training.agreement import agreement, read_readings
    from training.examples import read_corpus

    found = agreement(read_corpus(corpus), read_readings(readings))
    _show(str(found), card, "agreement")
    for name, writer, reader in found.differing:
        typer.echo(f"{name}: {writer}, read as {reader}")


@corpus_app.command("counts")
def corpus_counts(
    corpus: Corpus = CORPUS,
    card: Card = None,
) -> None:
    """Count posts by label, language, hardness, noise, indicator and length, as the tables of the data card."""
    from training.tally import tally

    _show(tally(corpus), card, "counts")


@corpus_app.command("statistics")
def corpus_statistics(corpus: Corpus = CORPUS, sources: Sources = SOURCES, public: Public = None, card: Card = None) -> None:
    """Report variety (self-BLEU, distinct-n), and how well source, writer, language and batch tell the lures."""
    from training.examples import read_corpus
    from training.provenance import guess_table, guesses
    from training.sources import read_public, read_sources
    from training.variety import variety, variety_table

    examples = read_corpus(corpus)
    declared = read_sources(sources) if public else {}
    rows = [row for source in declared.values() for row in read_public(public or Path(), source)]
    parts = {"variety": variety_table(variety(examples)), "provenance": guess_table(guesses(examples, rows, sources=declared))}
    for name, table in parts.items():
        # Without the public sets the card's figures on sources would be lost.
        _show(table, card if name != "provenance" or public else None, name)
        typer.echo()


@corpus_app.command("telling")
def corpus_telling(
    corpus: Corpus = CORPUS,
    language: Annotated[list[str] | None, typer.Option(help="Name of a corpus file, repeatable; all of them without it.")] = None,
    number: Annotated[int, typer.Option(min=1, help="N-grams for lures, and n-grams against them.")] = 20,
    unquoted: Annotated[bool, typer.Option("--unquoted", help="Leave out the words quoted as evidence.")] = False,
) -> None:
    """Print the character n-grams that tell the lures best, with the posts that have them by label: read them for artefacts."""
    from detector.records import LABELS
    from training.examples import corpus_example, corpus_files, corpus_rows
    from training.telling import tell_apart

    paths = {path.stem: path for path in corpus_files(corpus)}
    if unknown := sorted(set(language or ()) - set(paths)):
        raise InputError(f"expected languages out of {', '.join(paths)}, got {', '.join(unknown)}")
    for name in language or paths:
        typer.echo(f"{name}: z, posts that are {', '.join(LABELS)}, n-gram, commonest surroundings")
        for found in tell_apart(list(map(corpus_example, corpus_rows(paths[name]))), number=number, unquoted=unquoted):
            typer.echo(found)


@corpus_app.command("add")
def corpus_add(
    labelled: Annotated[Path, typer.Argument(help="Sheet of scam-detector review, filled in, or Label Studio's JSON export.")],
    into: Annotated[Path, typer.Option(help="Folder for real posts and their answers; git ignores it.")] = FEEDBACK_FOLDER,
    original: Annotated[
        list[Path] | None,
        typer.Option(help="Scored file, or folder of them, that the queue was made of; needed if it was masked; repeatable."),
    ] = None,
    writer: Annotated[str | None, typer.Option(help="Reader of the answers that name none.")] = None,
    corpus: Corpus = CORPUS,
) -> None:
    """Take readers' answers back into a folder beside the corpus, with provenance; exit 2 if some were refused or in conflict.

    What fails a check is named with its row and its reason, and can be mended in the file: adding it again adds what is new.
    'prepare --feedback' trains on the folder.
    """
    from training.feedback import add_answers

    report = add_answers(labelled, into, corpus=corpus, originals=original or (), writer=writer)
    typer.echo(report)
    raise typer.Exit(SOME_REFUSED if report.faults or report.conflicts else 0)


@app.command()
def prepare(
    base: Annotated[str | None, typer.Option(help="Encoder: a folder or a Hugging Face id.")] = None,
    start: Annotated[Path | None, typer.Option(help="Run to go on from; or bundle, with its encoder as --base.")] = None,
    run: Run = RUN,
    corpus: Corpus = CORPUS,
    sources: Sources = SOURCES,
    public: Public = None,
    feedback: Annotated[
        Path | None, typer.Option(help="Folder of the posts that readers answered, as corpus add wrote it.")
    ] = None,
    config: Config = None,
) -> None:
    """Split the posts, trim the vocabulary and cut the texts into windows."""
    from training.config import read_config
    from training.prepare import prepare as run_prepare
    from training.starts import read_start

    with tempfile.TemporaryDirectory() as scratch:
        origin = base if start is None else read_start(start, base, Path(scratch))
        if origin is None:
            raise InputError("expected --base, an encoder, or --start, a run or bundle to go on from")
        prepared = run_prepare(
            run / "prepared",
            base=origin,
            corpus=corpus,
            sources=sources,
            public=public,
            config=read_config(config),
            feedback=feedback,
        )
    for source, row in prepared.facts["counts"].items():
        typer.echo(f"{source}: " + ", ".join(f"{number} {part}" for part, number in sorted(row.items())))


@app.command()
def vocabulary(
    base: Annotated[str, typer.Option(help="Encoder: a folder or a Hugging Face id.")],
    texts: Annotated[Path, typer.Option(help="Folder of <language>.txt files.")],
) -> None:
    """Measure what trimming the vocabulary costs: tokens before and after, by language."""
    from training.vocabulary_report import report

    report(base, texts, say=typer.echo)


@app.command()
def finetune(run: Run = RUN) -> None:
    """Train a model for each seed; goes on where it was interrupted."""
    from training.finetune import finetune as run_finetune
    from training.prepare import load_prepared

    best = run_finetune(load_prepared(run / "prepared"), run / "finetune", report=typer.echo)
    typer.echo(f"best by validation: {best}")


@app.command()
def screen(
    variants: Annotated[Path, typer.Option(help="TOML file: a table of settings a variant, each with why.")],
    run: Run = RUN,
    part: Annotated[str, typer.Option(help="Which share of the variants, as in 0/4.")] = "0/1",
) -> None:
    """Train variants of the settings, with each of their seeds, and compare them on validation."""
    from training.prepare import load_prepared
    from training.screen import RESULTS, read_variants, table
    from training.screen import screen as run_screen

    shared = re.fullmatch(r"(\d+)/(\d+)", part)
    if shared is None:
        raise InputError(f"expected a part such as 0/4, got {part!r}")
    place, number = map(int, shared.groups())
    listed = read_variants(variants)
    run_screen(load_prepared(run / "prepared"), run / "screen", listed, part=(place, number), report=typer.echo)
    typer.echo(table(run / "screen" / RESULTS))


@app.command()
def export(
    run: Run = RUN,
    out: Folder = DEFAULT_BUNDLE,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "0.6.0",
    float_layers: Annotated[int, typer.Option(min=0, help="Lower layers whose arithmetic stays in float32.")] = FLOAT_LAYERS,
) -> None:
    """Write the best model as a bundle: calibrated, rounded to 8 bits, and compared with torch before it is accepted."""
    from training.export import export as run_export

    parity = run_export(run, out, version=version, float_layers=float_layers)
    typer.echo(parity)


@app.command()
def baselines(run: Run = RUN) -> None:
    """Score the test posts by a keyword rule, TF-IDF and a frozen encoder; evaluate does so if this was not run before."""
    from training.baselines import baseline_scores

    typer.echo(", ".join(baseline_scores(run)))


@app.command()
def evaluate(
    run: Run = RUN,
    bundle: Folder = DEFAULT_BUNDLE,
    sources: Sources = SOURCES,
    public: Public = None,
    beyond: Annotated[Path, typer.Option(help="Folder of the texts in other languages and about other things.")] = Path(
        "data/reach"
    ),
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.md and the plots.")] = Path("training/report"),
    readme: Annotated[Path | None, typer.Option(help="README whose figures are brought up to date.")] = None,
) -> None:
    """Run the exported bundle on the test split and the held-out sets, beside the baselines."""
    from training.evaluate import evaluate as run_evaluate
    from training.model_card import write_readme_figures

    report = run_evaluate(run, bundle, out, sources=sources, public=public, beyond=beyond)
    if readme is not None:
        write_readme_figures(readme, report)
    typer.echo((out / "report.md").read_text("utf-8"))


@app.command()
def compare(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle folders, the earlier ones first.")],
    run: Run = RUN,
    corpus: Corpus = CORPUS,
    card: Card = None,
) -> None:
    """Score the corpus' test posts with several bundles, apart by when they were written."""
    from training.compare import comparison

    _show(comparison(run, corpus, bundles), card, "comparison")


@app.command()
def unread(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    run: Run = RUN,
    corpus: Corpus = CORPUS,
    card: Card = None,
) -> None:
    """Score the posts of the corpus that a bundle's run did not hold, by writer: those written after it was prepared."""
    from training.compare import unread as score_unread

    _show(score_unread(run, corpus, bundle), card, "unread")


@app.command()
def measured(
    evaluated: Annotated[Path, typer.Option(help="report.json of an evaluation.")] = Path("training/report/report.json"),
    out: Annotated[Path, typer.Option(help="File that scam-detector report reads.")] = Path("detector/report/page/measured.json"),
) -> None:
    """Bring the figures of the indicators that 'scam-detector report' shows up to those of the last evaluation."""
    import json

    from detector.outputs import whole_file, writing
    from detector.tables import reading
    from training.model_card import indicator_figures

    with reading(str(evaluated)):
        report = json.loads(evaluated.read_text("utf-8"))
    with whole_file(out) as stream, writing(str(out)):
        stream.write(indicator_figures(report).encode())


@app.command("campaigns-quality")
def campaigns_quality(
    reworded: Annotated[Path, typer.Option(help="JSONL file of posts and their reworded copies.")] = Path(
        "data/campaigns/reworded.jsonl"
    ),
    corpus: Corpus = CORPUS,
    card: Card = None,
) -> None:
    """Measure how well near-duplicate wording finds reworded copies, by shingle and threshold, and what it joins wrongly."""
    from training.campaigns_quality import quality_table

    _show(quality_table(reworded, corpus), card, "quality")


@app.command("facts-quality")
def facts_quality(
    corpus: Corpus = CORPUS,
    checked: Annotated[Path, typer.Option(help="What a reader found in posts of the corpus.")] = Path("data/facts/checked.jsonl"),
    card: Card = None,
) -> None:
    """Compare route, role and pay as found with what a reader found: precision and recall, by part of the sample."""
    from training.facts_quality import quality_table

    _show(quality_table(corpus, checked), card, "quality")


def _show(table: str, card: Path | None, name: str) -> None:
    """Print a table, and put it between the marks of that name in a data card, if one is named."""
    from training.marked import replace_marked

    if card is not None:
        replace_marked(card, name, table)
    typer.echo(table)


@app.command()
def bench(
    posts: Annotated[Path, typer.Option(help="Folder of <language>.jsonl files to take 500 posts from.")] = CORPUS,
    bundle: Folder = DEFAULT_BUNDLE,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; medians are shown.")] = 5,
    number: Annotated[int, typer.Option(min=1, help="Posts a round.")] = 500,
) -> None:
    """Compare speed and memory with what one would use instead; prints ratios."""
    from training.bench import bench as run_bench

    typer.echo(run_bench(posts, bundle, rounds=rounds, number=number))


def main() -> None:
    """Run the command line; errors raised on purpose become one line and the exit status of their kind."""
    try:
        app(prog_name="python -m training")
    except DetectorError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
