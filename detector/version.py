"""Which version of the package runs."""

from importlib.metadata import PackageNotFoundError, version


def package_version() -> str | None:
    """Return the version of the installed package; nothing for a source folder that is not installed."""
    try:
        return version("scam-recruitment-detector")
    except PackageNotFoundError:
        return None
