"""Every command shows in its help how it is called, and what it shows there is a command line that it takes."""

import re
import shlex

import pytest
from typer.main import get_command

from detector.cli import app, main


def commands() -> dict[str, object]:
    """Return every command by the words that call it; of a command with commands in it, those."""
    found: dict[str, object] = {}
    pending = [((), get_command(app))]
    while pending:
        words, command = pending.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            found[" ".join(words)] = command
        else:
            pending += [((*words, name), each) for name, each in inner.items()]
    return found


COMMANDS = commands()


def examples(name: str, shown: str) -> list[str]:
    """Return the lines of a help text that begin with the command, as a person copies them."""
    return re.findall(rf"^ *scam-detector ({name} .*|{name})$", shown, re.MULTILINE)


def test_all_commands_are_walked_over() -> None:
    assert {"score", "explain", "model", "campaigns", "facts", "doctor"} <= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_has_an_example_that_the_command_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    found = examples(name, capsys.readouterr().out)
    assert found, f"no line of the help of {name} begins with: scam-detector {name}"
    for example in found:
        # What a shell does with the rest is its own.
        words = shlex.split(re.split(r" [<>|] ", example)[0])[len(name.split()) :]
        context = COMMANDS[name].make_context(name, words)  # type: ignore[attr-defined]
        assert not context.args


def test_an_example_with_an_option_that_is_not_there_is_found_out() -> None:
    with pytest.raises(Exception, match="No such option"):
        COMMANDS["score"].make_context("score", ["posts.csv", "--no-such-option"])  # type: ignore[attr-defined]
