"""What holds for the whole repository: who imports whom, what is loaded when, what is public."""

import ast
import importlib
import inspect
import pkgutil
import re
import resource
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

import detector
from detector import errors
from detector.errors import DetectorError

ROOT = Path(__file__).parents[1]
PACKAGES = ("detector", "training", "serve")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "transformers", "onnxruntime", "fastapi", "datasets", "sklearn", "ray", "matplotlib", "py3langid", "phonenumbers")
ERRORS = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


def run(code: str) -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def processor_time_s(code: str) -> float:
    """Return the median processor time of five fresh interpreters: other work on the machine lengthens it little."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(times)


@pytest.mark.parametrize("imported", ["detector", "detector.scoring", "detector.contacts", "detector.language"])
def test_the_library_loads_nothing_heavy(imported: str) -> None:
    loaded = run(f"import sys, {imported}; print(*sys.modules)").split()
    assert imported in loaded
    assert not set(HEAVY) & set(loaded)


def test_importing_the_library_takes_less_than_a_third_of_a_second() -> None:
    assert processor_time_s("import detector") - processor_time_s("pass") < 0.3


def test_every_error_has_the_same_root() -> None:
    assert len(ERRORS) > 5
    assert all(issubclass(error, DetectorError) for error in ERRORS)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: dict[str, str | None] = {}
    parents: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"( *)([A-Z]\w*Error)\b", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        parents = [parent for parent in parents if parent[0] < depth]
        drawn[name] = parents[-1][1] if parents else None
        parents.append((depth, name))
    real = {error.__name__: error.__base__.__name__ if error is not DetectorError else None for error in ERRORS}
    assert drawn == real


def test_every_error_is_public() -> None:
    assert {error.__name__ for error in ERRORS} <= set(detector.__all__)


def test_the_public_names_are_sorted_and_there() -> None:
    # Constants, then classes, then functions, as ruff sorts them.
    assert detector.__all__ == sorted(detector.__all__, key=lambda name: (not name.isupper(), name))
    assert len(set(detector.__all__)) == len(detector.__all__)
    assert all(getattr(detector, name) is not None for name in detector.__all__)


def test_a_name_that_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Detectors'"):
        _ = detector.Detectors


def test_packages_keep_to_their_contracts() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([command, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_needs_one_that_needs_it(package: str) -> None:
    names = {_module_name(path) for path in MODULES if path.is_relative_to(ROOT / package)}
    graph = {_module_name(path): _imports(path) & names for path in MODULES if path.is_relative_to(ROOT / package)}
    # A package hands out names of its modules; that its modules are parts of it is no need.
    order = list(TopologicalSorter({name: needs - {name} for name, needs in graph.items()}).static_order())
    assert set(order) == names


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Return the modules that a module imports when it is loaded."""
    found: set[str] = set()
    pending = list(ast.parse(path.read_text("utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Try | ast.With):
            pending += node.body
    packages = {name for name in found if any(other.startswith(f"{name}.") for other in found)}
    return found - packages


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_no_module_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_the_environment_is_read_in_one_place_only(path: Path) -> None:
    names = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    if _module_name(path) != "serve.settings":
        assert not names & {"environ", "getenv"}


def test_every_module_of_the_library_says_what_it_is_for() -> None:
    for info in pkgutil.walk_packages(detector.__path__, "detector."):
        if info.name.endswith(("__main__", "torch_model")):
            continue
        assert importlib.import_module(info.name).__doc__, info.name
