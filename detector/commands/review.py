"""``scam-detector review``: the posts whose answer teaches most, for readers."""

from pathlib import Path
from typing import Annotated

import typer

from detector.bundle import DEFAULT_BUNDLE
from detector.commands.options import Scored, TextColumns
from detector.errors import SOME_REFUSED


def review(
    inputs: Scored,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File ending in .csv, a sheet to fill in, or in .json, tasks for Label Studio.")
    ],
    number: Annotated[int, typer.Option("--number", min=1, help="Posts to ask about, at most.")] = 200,
    random_share: Annotated[
        float, typer.Option("--random-share", min=0, max=1, help="Of these, rows taken at random: they measure precision.")
    ] = 0.1,
    confident_share: Annotated[
        float, typer.Option("--confident-share", min=0, max=1, help="Of these, rows at random among confident verdicts.")
    ] = 0.1,
    leave_out: Annotated[
        list[Path] | None,
        typer.Option("--leave-out", help="An earlier queue, or feedback.jsonl: its posts are not asked about again; repeatable."),
    ] = None,
    with_verdict: Annotated[
        bool, typer.Option("--with-verdict", help="Show what the model holds of each post; readers follow such suggestions.")
    ] = False,
    mask: Annotated[
        bool, typer.Option("--mask", help="Hide contacts; the answers then need the scored file to be taken back.")
    ] = False,
    label_studio_config: Annotated[
        Path | None,
        typer.Option(
            "--label-studio-config",
            help="Where to write the labelling interface; by default beside a .json output, ending in .xml.",
            show_default=False,
        ),
    ] = None,
    text_column: TextColumns = None,
    model: Annotated[
        Path,
        typer.Option(
            "--model", help="Model folder with the operating points, by default the one in the package.", show_default=False
        ),
    ] = DEFAULT_BUNDLE,
) -> int:
    """Choose posts for readers to answer: doubtful ones, unlike each other, one of each campaign, and a share at random.

    'python -m training corpus add' takes the answers back. What the model holds of a post is not shown by default.

    \b
    Examples:
      scam-detector review scored.jsonl -o queue.csv
      scam-detector review march.csv april.parquet -o queue.json --number 500 --mask --leave-out queue.csv
    """
    from rich.console import Console

    from detector.review import Options, make_queue
    from detector.review.terminal import show_outcome

    options = Options(
        number=number,
        random_share=random_share,
        confident_share=confident_share,
        leave_out=leave_out or (),
        with_verdict=with_verdict,
        mask=mask,
        config=label_studio_config,
        text_columns=text_column or (),
        model=model,
    )
    outcome = make_queue(inputs, output, options=options)
    show_outcome(Console(stderr=True, highlight=False), outcome, output)
    return SOME_REFUSED if outcome.refused else 0
