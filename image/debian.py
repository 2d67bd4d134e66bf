"""The Debian packages of the base layer: named with version and hash in debian.lock, fetched by apt, kept by their hash.

apt runs with a state of its own, as any user, against the Debian mirrors the machine is configured with, and verifies signatures as
always. A mirror drops a version when it has a newer one; then snapshot.debian.org still has it (`--mirror`), or `--relock` takes today's.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = ("amd64", "arm64")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_WITHIN = 300.0
_HEADER = re.compile(r"^suite (?P<suite>[a-z]+) at (?P<at>\d+)$", re.MULTILINE)
_LINE = re.compile(
    r"^(?P<architecture>\w+) (?P<name>[a-z0-9.+-]+)=(?P<version>\S+) sha256:(?P<sha256>[0-9a-f]{64})$", re.M
)


class UnavailableError(Exception):
    """Something that the image is made of cannot be had on this machine; the message says what, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package at one version. `architecture` is the image's: an `all` package has a line for each."""

    architecture: str
    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """What debian.lock says. `at` (Unix seconds) is when it was written: the time of every file of the layers made from it."""

    suite: str
    at: int
    packages: tuple[Package, ...]

    @classmethod
    def read(cls, path: Path) -> "Lock":
        """Raises ValueError for a file that is no lock."""
        text = path.read_text()
        header = _HEADER.search(text)
        if header is None:
            raise ValueError(f"{path} has no line `suite NAME at SECONDS`")
        return cls(
            header["suite"], int(header["at"]), tuple(Package(**found.groupdict()) for found in _LINE.finditer(text))
        )

    def write(self, path: Path) -> None:
        """Replaces the file."""
        lines = [f"{p.architecture} {p.name}={p.version} sha256:{p.sha256}" for p in self.packages]
        comment = "# Written by `make image-lock`: the Debian packages of the image's base layer."
        path.write_text("\n".join([comment, f"suite {self.suite} at {self.at}", *lines, ""]))

    def of(self, architecture: str) -> tuple[Package, ...]:
        """The packages of one image."""
        return tuple(package for package in self.packages if package.architecture == architecture)


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where Debian's archive and its security updates are. `snapshot`: of a day in the past, so their Release files have run out."""

    archive: str
    security: str
    snapshot: bool = False


def fetch(packages: Iterable[Package], suite: str, cache: Path, mirrors: Mirrors | None) -> list[Path]:
    """The packages' files, each with the hash it must have; without network if the cache has all. Raises UnavailableError."""
    packages = list(packages)
    paths = [cache / f"{package.sha256}.deb" for package in packages]
    missing = [package for package, path in zip(packages, paths, strict=True) if not path.exists()]
    if missing:
        with _apt(suite, missing[0].architecture, mirrors, cache) as apt:
            for path in apt.download([f"{package.name}={package.version}" for package in missing]):
                _keep(path, cache)
    for package, path in zip(packages, paths, strict=True):
        if not path.exists():
            raise UnavailableError(
                f"the mirror's {package.name}={package.version} does not have the hash of the lock file"
            )
    return paths


def newest(
    names: Iterable[str], suite: str, architecture: str, cache: Path, mirrors: Mirrors | None
) -> tuple[Package, ...]:
    """What the mirrors have now, fetched into the cache. Raises UnavailableError."""
    with _apt(suite, architecture, mirrors, cache) as apt:
        kept = []
        for path in sorted(apt.download(sorted(names))):
            name, version, _ = path.stem.split("_", 2)
            kept.append(Package(architecture, name, version.replace("%3a", ":"), _keep(path, cache)))
    return tuple(kept)


def _keep(path: Path, cache: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.replace(cache / f"{digest}.deb")
    return digest


class _apt:
    """apt with an empty status and lists of its own, in a temporary folder. Entering it runs `apt-get update`."""

    def __init__(self, suite: str, architecture: str, mirrors: Mirrors | None, cache: Path) -> None:
        self._suite, self._architecture, self._mirrors = suite, architecture, mirrors
        cache.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=cache, prefix=".apt-")
        self._home = Path(self._folder.name)

    def __enter__(self) -> "_apt":
        if shutil.which("apt-get") is None:
            self._folder.cleanup()
            raise UnavailableError("there is no apt-get: build with the Containerfile instead (docs/image.md)")
        for name in ("state/lists/partial", "cache/archives/partial", "packages"):
            (self._home / name).mkdir(parents=True)
        (self._home / "status").touch()
        try:
            (self._home / "sources.list").write_text(self._sources(self._mirrors or configured_mirrors()))
            self._run("update", "-o", "APT::Update::Error-Mode=any")
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def download(self, wanted: list[str]) -> list[Path]:
        """The files, below the temporary folder."""
        folder = self._home / "packages"
        self._run("download", *wanted, cwd=folder)
        return list(folder.glob("*.deb"))

    def _sources(self, mirrors: Mirrors) -> str:
        options = ["target=Packages", *([f"signed-by={_KEYRING}"] if _KEYRING.exists() else [])]
        options += ["check-valid-until=no"] if mirrors.snapshot else []
        places = (
            (mirrors.archive, self._suite),
            (mirrors.archive, f"{self._suite}-updates"),
            (mirrors.security, f"{self._suite}-security"),
        )
        return "".join(f"deb [{' '.join(options)}] {uri} {suite} main\n" for uri, suite in places)

    def _run(self, *words: str, cwd: Path | None = None) -> None:
        options = {
            "Dir::State": self._home / "state",
            "Dir::State::status": self._home / "status",
            "Dir::Cache": self._home / "cache",
            "Dir::Etc::sourcelist": self._home / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": self._architecture,
            "APT::Architectures": self._architecture,
            "Acquire::Retries": 3,
            "Acquire::http::Timeout": 30,
        }
        if os.geteuid() == 0:
            options["APT::Sandbox::User"] = "root"
        _checked(("apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items()), *words), cwd)


def configured_mirrors() -> Mirrors:
    """The Debian archive and security archive among the machine's own apt sources. Raises UnavailableError."""
    listed = _checked(("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"))
    found = {
        label: uri for origin, label, uri in (line.split("|", 2) for line in listed.splitlines()) if origin == "Debian"
    }
    if "Debian" not in found:
        raise UnavailableError("apt has no Debian archive among its sources (or was never updated: apt-get update)")
    return Mirrors(found["Debian"], found.get("Debian-Security", found["Debian"].rstrip("/") + "-security"))


def _checked(words: tuple[str, ...], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-800:]
        raise UnavailableError(
            f"apt-get failed: {said}\nIf the mirror has newer versions than image/debian.lock: `make image-lock` takes them, or "
            '`make image ARGS="--snapshot URL"` gets the locked ones from an archive of that day (docs/image.md)'
        )
    return done.stdout
