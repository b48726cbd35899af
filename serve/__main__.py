"""``python -m serve``: run the service until SIGTERM or Ctrl-C; ``keys`` and ``reference`` prepare it."""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from detector import DetectorError, InputError, MissingExtraError
from detector.errors import exit_code
from serve.drift import EDGES, Reference, count
from serve.keys import SCOPES, Key, KeyStore
from serve.settings import Settings, describe

_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for, by default serve; return the exit status.

    :param arguments: Command-line arguments instead of those of this process.
    """
    given = _parser().parse_args(arguments)
    command: Callable[[Settings, argparse.Namespace], None] = given.command
    try:
        command(Settings.from_environment(), given)
    except DetectorError as error:
        sys.stderr.write(f"serve: {error}\n")
        return exit_code(error)
    return 0


def run(settings: Settings, _given: argparse.Namespace) -> None:
    """Load the model, then serve it.

    :raises BundleError: if the model cannot be loaded; nothing has listened by then.
    :raises MissingExtraError: if the web framework is not installed.
    """
    try:
        from serve.workers import serve
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "serve") from error
    serve(settings)


def add_key(settings: Settings, given: argparse.Namespace) -> None:
    """Make a key and print it, alone on its line: nobody can see it again."""
    lifetime_s = None if given.expires is None else read_lifetime_s(given.expires)
    scopes = [scope.strip() for scope in given.scopes.split(",")]
    key = KeyStore(settings.data).add(given.name, scopes, rate=given.rate, lifetime_s=lifetime_s)
    sys.stderr.write("keep this key; it is not shown again\n")
    sys.stdout.write(f"{key}\n")


def list_keys(settings: Settings, _given: argparse.Namespace) -> None:
    """Print what is known of each key."""
    now = datetime.now(UTC).timestamp()
    for key in KeyStore(settings.data).keys():
        sys.stdout.write("\t".join(_columns(key, now)) + "\n")


def revoke_key(settings: Settings, given: argparse.Namespace) -> None:
    """Make a key count no more."""
    KeyStore(settings.data).revoke(given.id)


def make_reference(_settings: Settings, given: argparse.Namespace) -> None:
    """Print the reference that the scores of a file make.

    :raises InputError: if the file holds no score, or scores of several models.
    """
    # With these come tables, and each worker loads this module.
    from detector.inputs import files_of
    from detector.scored import ScoredPost, read_all_scored

    posts = [row for row in read_all_scored(files_of(given.scored)) if isinstance(row, ScoredPost)]
    models = {str(post.fields.get("model")) for post in posts}
    if len(models) != 1:
        raise InputError(f"{' '.join(given.scored)}: expected scores of one model, got {len(models)}")
    reference = Reference(models.pop(), given.source, EDGES, count(post.score for post in posts))
    sys.stdout.write(reference.to_json())


def read_lifetime_s(text: str) -> int:
    """Return the seconds that ``12h``, ``90d`` or ``6w`` stand for.

    :raises InputError: if it is none of these.
    """
    shape = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if shape is None:
        raise InputError(f"expected a time such as 12h, 90d or 6w, got {text!r}")
    return int(shape[1]) * _SECONDS[shape[2]]


def _columns(key: Key, now: float) -> tuple[str, ...]:
    rate = "no rate of its own" if key.rate is None else f"{key.rate} items a minute"
    expires = "never expires" if key.expires is None else f"expires {_day(key.expires)}"
    return (key.id, key.state(now), ",".join(key.scopes), rate, f"made {_day(key.created)}", expires, key.name)


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve",
        description="Serve the detector over HTTP. All settings come from the environment.",
        epilog=describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    commands = parser.add_subparsers(title="commands, other than to serve")
    _add_keys(commands.add_parser("keys", help="make, list and revoke API keys"))
    reference = commands.add_parser("reference", help="make the reference of the score drift from a scored file")
    reference.add_argument("scored", nargs="+", help="output of scam-detector score: files, folders of them, patterns")
    reference.add_argument("--source", required=True, help="which posts these are, in words")
    reference.set_defaults(command=make_reference)
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="make a key; it is printed once")
    add.add_argument("name", help="whom or what it is for; keys of one name see each other's batches")
    add.add_argument("--scopes", default="score", help=f"what it is for, with commas between: {', '.join(SCOPES)} (default: score)")
    add.add_argument("--rate", type=int, help="items a minute (default: SCAM_DETECTOR_RATE)")
    add.add_argument("--expires", help="how long it counts, such as 12h, 90d or 6w (default: for ever)")
    add.set_defaults(command=add_key)
    commands.add_parser("list", help="list the keys, without the keys themselves").set_defaults(command=list_keys)
    revoke = commands.add_parser("revoke", help="make a key count no more, from the next request on")
    revoke.add_argument("id", help="as in the list; the second part of the key")
    revoke.set_defaults(command=revoke_key)


if __name__ == "__main__":
    sys.exit(main())
