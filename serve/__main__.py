"""``python -m serve``: run the service until SIGTERM or Ctrl-C."""

import argparse
import sys

from detector import Detector, DetectorError, MissingExtraError
from detector.errors import exit_code
from serve.settings import Settings, describe

GRACE_S = 30
"""How long requests that are being answered may go on after SIGTERM."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return the exit status.

    :param arguments: Command-line arguments instead of those of this process.
    """
    _parser().parse_args(arguments)
    try:
        run(Settings.from_environment())
    except DetectorError as error:
        sys.stderr.write(f"serve: {error}\n")
        return exit_code(error)
    return 0


def run(settings: Settings) -> None:
    """Load the model, then serve it.

    :raises BundleError: if the model cannot be loaded; nothing has listened by then.
    :raises MissingExtraError: if the web framework is not installed.
    """
    try:
        import uvicorn

        from serve.app import create_app
        from serve.connections import PromptProtocol
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "serve") from error
    detector = Detector.load(settings.model, backend=settings.backend, threads=settings.threads)
    uvicorn.run(
        create_app(lambda: detector, settings),
        host=settings.host,
        port=settings.port,
        http=PromptProtocol,
        # Lines of access would show query strings, and someone will put a post into one.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m serve",
        description="Serve the detector over HTTP. All settings come from the environment.",
        epilog=describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    sys.exit(main())
