"""Options that several commands have."""

from typing import Annotated

import typer

Mask = Annotated[
    bool,
    typer.Option(
        "--mask", help="Hide contacts and numbers of persons (passports, accounts) in all that is written; pay and dates stay."
    ),
]
