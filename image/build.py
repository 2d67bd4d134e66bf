"""From a checkout to the image: the layers of `stages` with labels, user, entry point and settings."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from image import base
from image.debian import Lock, Mirrors, UnavailableError, fetch, newest
from image.oci import Image, Written, write
from image.stages import ROOT, Stage, base_stage, haloy_stage, libraries_stage

LOCK = Path(__file__).with_name("debian.lock")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MAKES_THE_IMAGE = (
    "image",
    "operator",
    "pyproject.toml",
    "requirements.lock",
    "requirements-dev.lock",
    "README.md",
    "LICENSE",
)

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin",
    "LANG": "C.UTF-8",
    "HALOY_HTTP": ":8080",
    "HALOY_HTTPS": ":8443",
    "HALOY_STATE": "/var/lib/haloy/state",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """What the image is made from: `created` in Unix seconds, `revision` a commit (with -dirty for edits) or "unknown"."""

    version: str
    created: int
    revision: str

    def labels(self) -> dict[str, str]:
        """OCI's annotations, image specification, annotations.md."""
        title = "org.opencontainers.image"
        return {
            f"{title}.title": "haloy",
            f"{title}.description": "Routes, Backends and HealthPolicies, made true by a fleet of HAProxy processes",
            f"{title}.url": "https://haloy.dev",
            f"{title}.source": "https://haloy.dev",
            f"{title}.version": self.version,
            f"{title}.revision": self.revision,
            f"{title}.licenses": "Apache-2.0 AND GPL-2.0-or-later",
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to build, and where from. `mirrors` None: those that apt is configured with."""

    architecture: str
    lock: Lock
    cache: Path
    mirrors: Mirrors | None = None


def from_lock(cache: Path, mirrors: Mirrors | None = None, *, or_newest: bool = False) -> Wanted:
    """The packages of debian.lock, for this machine; `or_newest`: if not all can be had, today's. Raises UnavailableError."""
    lock, architecture = Lock.read(LOCK), machine()
    try:
        fetch(lock.of(architecture), lock.suite, cache / "debs", mirrors)
    except UnavailableError:
        if not or_newest:
            raise
        packages = newest(base.PACKAGES, lock.suite, architecture, cache / "debs", mirrors)
        lock = replace(lock, packages=packages)
    return Wanted(architecture, lock, cache, mirrors)


def build(wanted: Wanted, reference: str, path: Path) -> Written:
    """Write the image to `path`. Raises UnavailableError."""
    origin = origin_of_checkout()
    stages = make_stages(wanted, origin)
    try:
        image = Image(
            layers=tuple(stage.layer for stage in stages),
            architecture=wanted.architecture,
            created=origin.created,
            entrypoint=("haloy",),
            user=f"{base.USER}:{base.USER}",
            environment=ENVIRONMENT,
            labels=origin.labels(),
            ports=("8080/tcp", "8443/tcp"),
        )
        return write(image, reference, path)
    finally:
        forget(stages)


def build_tree(wanted: Wanted, to: Path) -> None:
    """Lay the layers out as folders `base`, `libraries` and `haloy` below `to`, for a Containerfile to copy. Raises UnavailableError."""
    stages = make_stages(wanted, origin_of_checkout())
    try:
        for stage in stages:
            shutil.copytree(stage.tree, to / stage.name, symlinks=True)
    finally:
        forget(stages)


def make_stages(wanted: Wanted, origin: Origin) -> tuple[Stage, Stage, Stage]:
    """The layers, lowest first. The last one's tree is temporary: `forget` them. Raises UnavailableError."""
    if wanted.architecture != machine():
        raise UnavailableError(
            f"an image for {wanted.architecture} is built on such a machine: its own Python has to run"
        )
    lowest = base_stage(wanted.lock, wanted.architecture, wanted.cache, wanted.mirrors)
    libraries = libraries_stage(lowest, wanted.lock, wanted.architecture, wanted.cache)
    return lowest, libraries, haloy_stage(lowest, wanted.architecture, wanted.cache, origin.created)


def forget(stages: tuple[Stage, ...]) -> None:
    """Remove the folder of the layer that is not cached."""
    shutil.rmtree(stages[-1].tree.parent)


def origin_of_checkout() -> Origin:
    """Version from the code; time and revision from SOURCE_DATE_EPOCH and REVISION, else from git. Raises UnavailableError."""
    found = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "operator/haloy/__init__.py").read_text(), re.MULTILINE)
    assert found is not None
    epoch, revision = os.environ.get("SOURCE_DATE_EPOCH"), os.environ.get("REVISION")
    if (ROOT / ".git").exists() and not (epoch and revision):
        committed, commit = _git("log", "-1", "--format=%ct %H").split()
        edits = _git("status", "--porcelain", "--", *_MAKES_THE_IMAGE)
        epoch = epoch or committed
        revision = revision or (f"{commit}-dirty" if edits else commit)
    return Origin(found[1], int(epoch or Lock.read(LOCK).at), revision or "unknown")


def machine() -> str:
    """This machine, in Debian's and OCI's words. Raises UnavailableError."""
    name = platform.machine()
    if name not in _MACHINES:
        raise UnavailableError(f"no image is made for {name}: only for {' and '.join(_MACHINES)}")
    return _MACHINES[name]


def _git(*words: str) -> str:
    done = subprocess.run(("git", "-C", str(ROOT), *words), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"git {words[0]}: {done.stderr.strip()} (or set SOURCE_DATE_EPOCH and REVISION)")
    return done.stdout.strip()
