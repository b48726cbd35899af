"""Python, the package itself, and the packages that it and its extras need."""

import platform
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from detector.doctor.findings import Finding, fault, ok, warning
from detector.errors import BackendError

NAME = "scam-recruitment-detector"
_FOLDER = Path(__file__).parents[1]
_PURPOSES = {
    "cases": "campaigns, reports, exchange and review",
    "ray": "score --engine ray",
    "serve": "the service",
    "train": "training, evaluation and --backend torch",
}
"""What extras are for, as far as a user asks for them; ``dev`` is for who changes the package."""

_MODULE = re.compile(r"^(\w+)/__init__\.py,", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the package says it needs.

    :ivar python: Versions of Python, as ``>=3.11``.
    :ivar base: Requirements of the base install.
    :ivar extras: Those of each extra.
    """

    python: str
    base: Sequence[Requirement]
    extras: Mapping[str, Sequence[Requirement]]


def check_packages() -> Iterator[Finding]:
    """Yield what there is of Python, the package and the packages of the base install."""
    needs = _needs()
    if needs is None:
        yield _python("")
        yield warning("package", f"{_FOLDER}, not installed", "run in its folder, to have its requirements checked: pip install .")
        return
    yield _python(needs.python)
    yield _package()
    yield from judge_packages(needs.base)


def check_extras() -> Iterator[Finding]:
    """Yield which extras are there. One that is not is no fault, one that is there in part is a warning."""
    needs = _needs()
    for extra in sorted(_PURPOSES.keys() & (needs.extras.keys() if needs else ())):
        yield judge_extra(extra, needs.extras[extra] if needs else ())


def judge_packages(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    """Yield each package of the base install that is wrong, and then all that are right."""
    whole = []
    for requirement in requirements:
        reason = _fault_of(requirement, load=True)
        if reason is None:
            whole.append(f"{requirement.name} {distribution(requirement.name).version}")
        else:
            advice = f"pip install --force-reinstall '{requirement.name}{requirement.specifier}'"
            yield fault(requirement.name, reason, advice, BackendError)
    yield ok("packages", ", ".join(whole))


def judge_extra(extra: str, requirements: Sequence[Requirement]) -> Finding:
    """Return whether the packages of an extra are there."""
    check, install = f"extra {extra}", f"pip install '{NAME}[{extra}]'"
    reasons = {requirement.name: _fault_of(requirement, load=False) for requirement in requirements}
    wrong = [f"{name} {reason}" for name, reason in reasons.items() if reason is not None]
    if not wrong:
        return ok(check, f"installed, for {_PURPOSES[extra]}")
    if all(_installed(name) is None for name in reasons):
        return ok(check, f"not installed; only needed for {_PURPOSES[extra]}", install)
    return warning(check, f"in part, for {_PURPOSES[extra]}: {', '.join(wrong)}", install)


def _python(needed: str) -> Finding:
    version = platform.python_version()
    found = f"{platform.python_implementation()} {version} on {platform.system()} {platform.machine()}"
    if SpecifierSet(needed).contains(version, prereleases=True):
        return ok("python", found)
    return fault("python", f"{found}; {needed} is needed", "make a new environment with a newer Python", BackendError)


def _package() -> Finding:
    try:
        return ok("package", f"{NAME} {distribution(NAME).version} in {_FOLDER}")
    except PackageNotFoundError:
        return ok("package", f"{_FOLDER}, a source folder that is not installed", "to have the command everywhere: pip install .")


def _fault_of(requirement: Requirement, *, load: bool) -> str | None:
    """Return what is wrong with an installed package, or nothing.

    :param load: Whether to import it too: of a package for another processor or system all is there, and nothing works. Those of
        the extras are only looked for, since some take seconds.
    """
    found = _installed(requirement.name)
    if found is None:
        return "not installed"
    if not requirement.specifier.contains(found.version, prereleases=True):
        return f"expected {requirement.specifier}, got {found.version}"
    return next(filter(None, (_import_fault(name, load=load) for name in _modules(found))), None)


def _import_fault(module: str, *, load: bool) -> str | None:
    try:
        spec = import_module(module) if load else find_spec(module)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return f"cannot be imported: {error}"
    return None if spec is not None else "cannot be imported: its files are missing"


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _modules(found: Distribution) -> list[str]:
    """Return the module that a distribution is imported as, if it can be told: not all have the name of their distribution."""
    # Not its property 'files': that takes seconds for a package of ten thousand.
    modules = set(_MODULE.findall(found.read_text("RECORD") or ""))
    plain = found.name.replace("-", "").replace("_", "").lower()
    same = sorted(module for module in modules if module.replace("_", "").lower() == plain)
    return (same or sorted(module for module in modules if not module.startswith("_")))[:1]


def _needs() -> Needs | None:
    """Return what ``pyproject.toml`` says in a source folder, also an installed one, and the installed metadata elsewhere.

    Metadata of a source folder are as old as its last ``pip install``.
    """
    return _from_source(_FOLDER.parent / "pyproject.toml") or _from_metadata()


def _from_source(path: Path) -> Needs | None:
    try:
        project = tomllib.loads(path.read_text("utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return None
    # Beside an installed package may lie the file of another project.
    if project.get("name") != NAME:
        return None
    extras = {extra: _parsed(lines) for extra, lines in project["optional-dependencies"].items()}
    return Needs(project["requires-python"], _parsed(project["dependencies"]), extras)


def _from_metadata() -> Needs | None:
    found = _installed(NAME)
    if found is None:
        return None
    requirements = _parsed(found.requires or ())
    extras = {extra: _belonging(requirements, extra) for extra in found.metadata.get_all("Provides-Extra") or ()}
    base = _belonging(requirements, "")
    only = {extra: [each for each in listed if each not in base] for extra, listed in extras.items()}
    return Needs(found.metadata["Requires-Python"] or "", base, only)


def _parsed(lines: Sequence[str]) -> list[Requirement]:
    """Return the requirements of other packages; ``dev`` names extras of this one."""
    requirements = map(Requirement, lines)
    return [requirement for requirement in requirements if canonicalize_name(requirement.name) != NAME]


def _belonging(requirements: Sequence[Requirement], extra: str) -> list[Requirement]:
    return [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": extra})]
