"""The comparison of speeds: what it cannot be asked for."""

import pytest
from typer.testing import CliRunner

from training.__main__ import app


@pytest.mark.parametrize("option", ["--number", "--rounds"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_bench_of_nothing_is_refused_by_name(option: str, value: str) -> None:
    done = CliRunner().invoke(app, ["bench", option, value], color=False)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output
    assert "greater than or equal to 1" in done.output
