"""Lines of the log: JSON, and no message of an exception."""

import json
import logging

from serve.logs import JsonFormatter

SECRET = "kerjadikamboja"


def written(record: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert SECRET not in line
    found: dict[str, object] = json.loads(line)
    return found


def record(message: str, *arguments: object, **members: object) -> logging.LogRecord:
    found = logging.LogRecord("serve", logging.WARNING, __file__, 1, message, arguments, None)
    vars(found).update(members)
    return found


def test_a_line_has_time_level_and_message() -> None:
    line = written(record("scored %d", 3, created=1_800_000_000.5, fields={"items": 3}))
    assert line["time"] == "2027-01-15T08:00:00.500+00:00"
    assert (line["level"], line["logger"], line["message"], line["items"]) == ("warning", "serve", "scored 3", 3)


def fail() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"expected a number, got {SECRET}") from error


def test_an_exception_is_named_with_its_places_and_without_its_message() -> None:
    try:
        fail()
    except ValueError as error:
        line = written(record("failed", exc_info=(type(error), error, error.__traceback__)))
    assert line["error"] == "ValueError"
    assert str(line["where"]).count("test_logs.py") == 2
    assert " fail'" in str(line["where"])


def test_of_a_message_the_first_line_is_written_as_asyncio_quotes_exceptions_below() -> None:
    assert written(record("Task exception was never retrieved\nfuture: %r", KeyError(SECRET)))["message"] == (
        "Task exception was never retrieved"
    )
