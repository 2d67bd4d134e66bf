"""Get the HAProxy of another Debian suite without installing it: `python tests/haproxy3/get.py [SUITE]` prints its path.

Asks the Debian mirror that apt is configured with, under the suite's name, for the package and the libraries it needs; checks them as
apt does; unpacks them below the user's cache folder and makes the program run with exactly these libraries. Neither root nor
debootstrap is needed, and the system stays as it is. A real executable comes out, not a wrapper: HAProxy runs itself anew on a reload.

Exit code 0: the path is on standard output, cached for the next time. 3: it cannot be had here, standard error has the reason.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CANNOT = 3
_ORIGIN = "Debian"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_WITHIN = 240.0
_WANTED = re.compile(r"^Inst (lib\S*|haproxy|patchelf) ", re.MULTILINE)
"""Of what would be installed: libraries and the two programs. The rest (adduser, perl-base, ...) is for installing only."""


class CannotError(Exception):
    """The suite's HAProxy is not to be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Apt:
    """apt with an empty dpkg status and lists of its own, all below `directory`. `suite` False: with the machine's own sources."""

    directory: Path
    suite: bool = True

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Standard output. Raises CannotError."""
        options = {
            "Dir::State": self.directory / "state",
            "Dir::State::status": self.directory / "status",
            "Dir::Cache": self.directory / "cache",
            "Acquire::Retries": 2,
            "Acquire::http::Timeout": 30,
        }
        if self.suite:
            options |= {
                "Dir::Etc::sourcelist": self.directory / "suite.list",
                "Dir::Etc::sourceparts": "/dev/null",
                "Dir::Etc::preferences": self.directory / "preferences",
                "Dir::Etc::preferencesparts": "/dev/null",
            }
        if os.geteuid() == 0:
            options["APT::Sandbox::User"] = "root"
        flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
        return _run("apt-get", "-q", *flags, *words, cwd=cwd)


def get(suite: str, cache: Path) -> Path:
    """The path of the suite's HAProxy, from the cache or fetched into it. Raises CannotError."""
    home = cache / suite
    program = home / "haproxy"
    if program.exists():
        return program
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CannotError(f"there is no {tool}: this is for Debian and what descends from it")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{suite}-") as folder:
        work = Path(folder)
        _fetch(work, suite)
        root = work / "root"
        for package in sorted(work.glob("packages/*.deb")):
            _run("dpkg-deb", "--extract", str(package), str(root))
        shutil.rmtree(home, ignore_errors=True)
        root.rename(home)
    made = _made_to_run(home)
    made.rename(program)
    return program


def _fetch(work: Path, suite: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    signed = f" signed-by={_KEYRING}" if _KEYRING.exists() else ""
    mirror = _mirror(work)
    # experimental is not whole by itself: it stands on unstable.
    suites = (suite, "sid") if suite == "experimental" else (suite,)
    lines = "".join(f"deb [target=Packages{signed}] {mirror} {each} main\n" for each in suites)
    (work / "suite.list").write_text(lines)
    (work / "preferences").write_text(f"Package: haproxy\nPin: release a={suite}\nPin-Priority: 990\n")
    apt = Apt(work)
    apt.run("update", "-o", "APT::Update::Error-Mode=any")
    planned = apt.run("install", "--simulate", "--no-install-recommends", "haproxy", "patchelf")
    apt.run("download", *_WANTED.findall(planned), cwd=work / "packages")


def _mirror(work: Path) -> str:
    """The first Debian archive among the machine's own sources. Where apt was never updated, that is done here, for here only."""
    words = ("indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages")
    listed = _run("apt-get", *words)
    if not listed:
        own = Apt(work, suite=False)
        own.run("update")
        listed = own.run(*words)
    for line in listed.splitlines():
        origin, label, uri = line.split("|", 2)
        if origin == label == _ORIGIN:
            return uri
    raise CannotError("apt has no Debian archive among its sources")


def _made_to_run(root: Path) -> Path:
    """A copy of the program that is started by the suite's own loader and finds the suite's own libraries."""
    loaders = [path for path in sorted(root.rglob("ld-linux*.so.*")) if path.is_file() and not path.is_symlink()]
    if not loaders:
        raise CannotError("the suite's C library has no loader where one is expected")
    folders = sorted({str(path.parent) for path in root.rglob("lib*.so.*") if path.parent.name.endswith("-linux-gnu")})
    libraries = ":".join(folders)
    made = root / ".haproxy"
    shutil.copy2(root / "usr" / "sbin" / "haproxy", made)
    loader = str(loaders[0])
    patchelf = (loader, "--library-path", libraries, str(root / "usr" / "bin" / "patchelf"))
    # RPATH, not RUNPATH: it holds for what the libraries need in turn, too.
    _run(*patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries, str(made))
    _run(str(made), "-vv")
    return made


def _run(*words: str, cwd: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise CannotError(f"{words[0]} failed: {' '.join((done.stderr or done.stdout).split())[-600:]}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="get.py", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "suite", nargs="?", default="sid", help="a suite's name: trixie, sid, experimental [%(default)s]"
    )
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--cache", type=Path, default=base / "haloy" / "haproxy", help="[%(default)s]")
    parser.add_argument("--again", action="store_true", help="fetch it anew even if it is in the cache")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[a-z][a-z-]*", options.suite):
        parser.error(f"{options.suite!r} is not the name of a suite")
    if options.again:
        shutil.rmtree(options.cache / options.suite, ignore_errors=True)
    try:
        print(get(options.suite, options.cache.absolute()))
    except CannotError as error:
        print(f"HAProxy of Debian {options.suite} cannot be had: {error}", file=sys.stderr)
        return CANNOT
    return 0


if __name__ == "__main__":
    sys.exit(main())
