"""The notebooks: they import, call and show, hold nothing else, and run."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from detector.bundle import DEFAULT_BUNDLE, MANIFEST

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDS_MODEL = {"01_score_a_file"}
DEFINITION = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s", re.MULTILINE)
ABSOLUTE = re.compile(r"(?<![\w./-])(?:/(?:home|root|tmp|work|Users|usr|opt|mnt|var|etc|content|data)\b|[A-Za-z]:\\|file://)")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def _code(path: Path) -> list[NotebookNode]:
    return [cell for cell in _read(path).cells if cell.cell_type == "code"]


def test_there_are_the_notebooks_that_the_readme_names() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(re.findall(r"notebooks/(\w+)\.ipynb", (ROOT / "README.md").read_text("utf-8")))


@each
def test_a_notebook_defines_nothing(path: Path) -> None:
    assert not [cell.source for cell in _code(path) if DEFINITION.search(cell.source)]


@each
def test_a_notebook_stores_no_output(path: Path) -> None:
    assert not [cell.id for cell in _code(path) if cell.outputs or cell.execution_count is not None]


@each
def test_a_notebook_names_no_absolute_path(path: Path) -> None:
    assert not [cell.source for cell in _read(path).cells if ABSOLUTE.search(cell.source)]


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.model if path.stem in NEEDS_MODEL else ()) for path in NOTEBOOKS],
    ids=[path.stem for path in NOTEBOOKS],
)
def test_a_notebook_runs(path: Path) -> None:
    if path.stem in NEEDS_MODEL and not (DEFAULT_BUNDLE / MANIFEST).exists():
        pytest.skip("no bundled model yet")
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(_read(path), timeout=600, startup_timeout=300, kernel_name="python3", resources=where)
    # The checkout itself, whether it is installed or not.
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert all(cell.execution_count for cell in client.nb.cells if cell.cell_type == "code")
