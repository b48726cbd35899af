"""From the contents of a report to one HTML file that needs nothing beside it."""

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources

from detector.errors import MissingExtraError


def render(contents: Mapping[str, object]) -> bytes:
    """Return the page.

    Its Content-Security-Policy allows the one style sheet in it, by hash, and nothing else: no script, no request.

    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise MissingExtraError("jinja2", "cases") from error
    environment = Environment(loader=PackageLoader("detector.report", "page"), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    # Only what was escaped before, in detector.report.limits.
    environment.filters |= {"number": "{:,}".format, "share": _share, "trusted": Markup}
    page_folder = resources.files("detector.report").joinpath("page")
    style = "".join(page_folder.joinpath(name).read_text("utf-8") for name in ("colours.css", "report.css"))
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page: str = environment.get_template("report.html").render(contents, style=Markup(style), style_hash=style_hash)
    return page.lstrip().encode("utf-8", "replace") + b"\n"


def check_installed() -> None:
    """Say now what is missing, not after all rows are read.

    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("jinja2", "cases") from error


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
