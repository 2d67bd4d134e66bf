"""What is in the image, and what is not."""

import gzip
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from e2e.image.unpacked import read
from image.build import machine
from image.oci import Written
from image.stages import SITE, python_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
MOST = 45_000_000
"""Bytes of the whole tar: 41 MB when this was written."""

IMPORT_ALL = """
import importlib, pkgutil, sys, haloy
failed = []
for found in pkgutil.walk_packages(haloy.__path__, "haloy."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(len(sys.modules))
"""


def in_the_image(root: Path, *words: str) -> str:
    """What the image's Python prints, started by its own loader, with the image's libraries and modules only."""
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(root / SITE), "LC_ALL": "C.UTF-8"}
    command = (*python_of(root, machine()), *words)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def test_every_library_finds_those_it_names(root: Path) -> None:
    loader, *_ = python_of(root, machine())
    libraries = next(iter((root / "usr/lib").glob("*-linux-gnu")))
    missing = []
    for path in files(root):
        if path.read_bytes()[:4] == b"\x7fELF" and path.resolve() != Path(loader).resolve():
            words = (loader, "--library-path", str(libraries), "--list", str(path))
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            missing += [(str(path.relative_to(root)), line) for line in done.stdout.splitlines() if "not found" in line]
            missing += [(str(path.relative_to(root)), done.stderr)] if "cannot open" in done.stderr else []
            outside = [line for line in done.stdout.splitlines() if "=> /" in line and f"=> {root}/" not in line]
            missing += [(str(path.relative_to(root)), line) for line in outside]
    assert missing == []


def test_every_module_of_haloy_is_imported(root: Path) -> None:
    assert int(in_the_image(root, "-B", "-c", IMPORT_ALL)) > 500


def test_every_module_has_its_byte_code(root: Path) -> None:
    without = [
        path
        for path in files(root)
        if path.suffix == ".py" and not any((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))
    ]
    assert without == []


def test_there_is_no_shell_and_no_program_but_python_and_haloy(root: Path) -> None:
    programs = {path.name for folder in ("usr/bin", "usr/sbin", "usr/local/bin") for path in (root / folder).glob("*")}
    assert programs == {"python3", "python3.13", "haloy"}
    assert [
        path for path in files(root) if path.name in {"sh", "bash", "dash", "busybox", "pip", "apt-get", "dpkg"}
    ] == []


def test_no_file_is_writable_for_others_or_runs_as_somebody_else(root: Path) -> None:
    wrong = {}
    for path in root.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and mode not in ({0o755} if path.is_dir() else {0o644, 0o755}):
            wrong[str(path.relative_to(root))] = oct(mode)
    assert wrong == {"tmp": "0o1777", "var/lib/haloy": "0o1777"}


def test_nothing_in_it_names_this_machine(root: Path) -> None:
    here = [str(ROOT).encode(), str(Path.home() / ".cache").encode()]
    assert [path for path in files(root) if any(name in path.read_bytes() for name in here)] == []


def test_scanners_find_the_packages(root: Path) -> None:
    described = sorted((root / "var/lib/dpkg/status.d").iterdir())
    assert {"libc6", "libssl3t64", "python3.13-minimal"} <= {path.name for path in described}
    assert all(re.search(r"^Version: \S+$", path.read_text(), re.MULTILINE) for path in described)
    assert "VERSION_CODENAME=trixie" in (root / "etc/os-release").read_text()
    assert len(list((root / SITE).glob("*.dist-info/METADATA"))) > 30


def test_every_package_brings_its_licence(root: Path) -> None:
    for path in (root / "var/lib/dpkg/status.d").iterdir():
        assert (root / "usr/share/doc" / path.name / "copyright").exists(), path.name
    assert (root / "usr/share/common-licenses/GPL-2").exists()


def test_its_label_and_settings(image: Written) -> None:
    config = read(image.path).config["config"]
    assert config["Entrypoint"] == ["haloy"]
    assert config["User"] == "65532:65532"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert {"title", "description", "url", "source", "version", "revision", "licenses"} == labels.keys()
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["revision"]) or "REVISION" in os.environ


def test_it_is_small_and_a_change_of_code_changes_the_smallest_layer(image: Written) -> None:
    assert image.path.stat().st_size < MOST
    layers = read(image.path).layers
    assert [len(layer) == min(map(len, layers)) for layer in layers] == [False, False, True]
    assert len(layers[-1]) < 2_000_000
    assert b"haloy/__init__.py" not in b"".join(gzip.decompress(layer) for layer in layers[:-1])
