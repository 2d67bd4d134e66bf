import subprocess
import sys

import pytest

from haloy import __version__
from tests.cli.command import SCRIPT, environment, haloy

VERBS = ("serve", "lint", "render", "status", "reloads", "explain", "route test")
SLOW = ("aiohttp", "cryptography", "jinja2", "prometheus_client", "watchfiles")


def modules_after(*arguments: str) -> set[str]:
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sorted(sys.modules))))\n"
        f"sys.argv = ['haloy', *{arguments!r}]\n"
        "from haloy.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("lint", "--help")])
def test_help_loads_nothing_slow(arguments: tuple[str, ...]) -> None:
    loaded = modules_after(*arguments)
    assert "typer" in loaded
    assert loaded.isdisjoint(SLOW)


def test_the_overview_loads_no_model_either() -> None:
    assert "pydantic" not in modules_after("--help")


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_examples(verb: str) -> None:
    shown = haloy(*verb.split(), "--help")
    assert shown.code == 0
    assert f"haloy {verb}" in shown.out.partition("Examples:")[2]


def test_the_overview_names_every_verb_and_the_exit_codes() -> None:
    shown = haloy("--help").out
    assert all(verb.split()[0] in shown for verb in VERBS)
    assert "Exit codes: 0 well, 1 findings or not ready, 2 it could not be done." in shown


def test_the_version_is_printed() -> None:
    done = subprocess.run(
        [SCRIPT, "--version"], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"haloy {__version__}\n"
