"""Pieces of documents that commands write: what stands between ``<!-- name -->`` and ``<!-- /name -->``."""

from pathlib import Path

from detector.errors import InputError


def replace_marked(path: Path, name: str, text: str) -> None:
    """Replace what stands between a document's markers.

    :raises InputError: if it lacks them.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = path.read_text("utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise InputError(f"{path}: expected the markers {start.strip()} and {end}, each on a line")
    path.write_text(f"{before}{start}{text}\n{end}{after}", "utf-8")
