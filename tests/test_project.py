"""The repository keeps the promises it makes about itself: lock files, file sizes, make targets, one test command."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import haloy

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "operator" / "haloy"
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return {found["name"]: found["version"] for found in PIN.finditer((ROOT / lock).read_text())}


def normalised(requirement: str) -> str:
    """The project's name in a requirement, spelt as PEP 503 says: "types-PyYAML>=6" is types-pyyaml."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def longer_than(limit: int, files: list[Path]) -> dict[str, int]:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    return {file: length for file, length in lengths.items() if length > limit}


def test_the_operator_folder_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.splitlines()[0] for entry in entries if not PIN.match(entry) or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [*LOCKS, "bench/requirements.lock"])
def test_a_lock_file_names_no_registry(lock: str) -> None:
    if not (ROOT / lock).exists():
        pytest.fail(f"{lock} is missing: make lock")
    assert re.findall(r"\S*://\S*|^-\S+|^.*index-url.*$", (ROOT / lock).read_text(), flags=re.MULTILINE) == []


def test_both_lock_files_agree() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_the_lock_files_hold_every_declared_dependency() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = {normalised(r) for r in declared["project"]["dependencies"]}
    haproxy = {normalised(r) for r in declared["project"]["optional-dependencies"]["haproxy"]}
    dev = {normalised(r) for r in declared["dependency-groups"]["dev"]}
    assert runtime | haproxy <= pins("requirements.lock").keys()
    assert runtime | haproxy | dev <= pins("requirements-dev.lock").keys()


def test_every_declared_dependency_has_its_reason_in_the_docs() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = [*declared["project"]["dependencies"], *declared["project"]["optional-dependencies"]["haproxy"]]
    names += declared["dependency-groups"]["dev"]
    rows = set(re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / "dependencies.md").read_text(), flags=re.MULTILINE))
    assert {normalised(name) for name in names} == {normalised(row) for row in rows}


def test_no_source_file_is_longer_than_400_lines() -> None:
    assert longer_than(400, list(PACKAGE.rglob("*.py"))) == {}


def test_no_template_is_longer_than_80_lines() -> None:
    assert longer_than(80, list(PACKAGE.rglob("*.j2"))) == {}


def test_help_lists_every_target_on_one_line() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert sorted(re.findall(r"^  make ([a-z0-9-]+) +\S", shown, flags=re.MULTILINE)) == sorted(phony[1].split())
    assert max(map(len, shown.splitlines())) <= 120


def test_make_alone_shows_the_help() -> None:
    assert re.search(r"^\.DEFAULT_GOAL := help$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_ci_runs_the_test_command_that_the_readme_gives() -> None:
    in_readme = re.findall(r"^\s*(make test\b[^#\n`]*)", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    in_readme += re.findall(r"`(make test[^`]*)`", (ROOT / "README.md").read_text())
    in_ci = re.findall(r"^(make test[^|&;\n]*)", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert "make test" in {command.strip() for command in in_readme}
    assert [command.strip() for command in in_ci] == ["make test"]


def test_the_installed_version_is_the_one_in_the_source() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert declared["tool"]["hatch"]["version"]["path"] == "operator/haloy/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", haloy.__version__)
    assert Path(haloy.__file__).resolve() == PACKAGE / "__init__.py"
