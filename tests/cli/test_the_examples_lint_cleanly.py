import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, haloy

NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def test_there_is_an_example_for_every_need() -> None:
    assert {"quickstart", "tls", "grpc", "canary", "single-server"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_lints_cleanly(name: str, tmp_path: Path) -> None:
    example = tmp_path / name
    shutil.copytree(EXAMPLES / name, example, ignore=shutil.ignore_patterns("*.crt", "*.key"))
    if (script := example / "make_certificate.py").exists():
        subprocess.run([sys.executable, script], check=True, capture_output=True, timeout=60)
    outcome = haloy("lint", example)
    assert (outcome.code, outcome.err) == (0, "")
    assert "nothing found" in outcome.out


def test_the_settings_of_the_single_server_are_settings() -> None:
    folder = EXAMPLES / "single-server"
    outcome = haloy("render", folder / "routes", "--config", folder / "settings.yaml")
    assert outcome.code == 0
    assert "bind 0.0.0.0:80\n" in outcome.out


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_an_example_says_what_it_is_for(name: str) -> None:
    for path in (EXAMPLES / name).rglob("*.yaml"):
        assert path.read_text().startswith("# "), path


def test_no_key_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.key", "*.pem", "*.crt"], cwd=EXAMPLES, capture_output=True, text=True, check=False
    )
    assert listed.stdout == ""
