"""Runs of the command line inside the test's own process."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from entroprod.cli.app import app

SCALAR = ["--transition", "0.9", "--emission", "1", "--process-cov", "1", "--obs-cov", "1"]
STATE_SPACE = {
    "transition": [[0.8, 0.3], [0.0, 0.5]],
    "emission": [[1.0, 0.5], [0.0, 1.0]],
    "process_cov": [[1.0, 0.0], [0.0, 1.0]],
    "obs_cov": [[1.0, 0.0], [0.0, 1.0]],
}


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def strict_json(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    value: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return value


def assert_error(result: Any, *words: str) -> None:
    """Exit code 2, one line on stderr with all the words, nothing on stdout."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def options_of(matrices: dict[str, Any]) -> list[str]:
    words = []
    for name, value in matrices.items():
        words += [f"--{name.replace('_', '-')}", json.dumps(value)]
    return words
