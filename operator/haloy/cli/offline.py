"""Files and directories as a Snapshot and its translation, without a running haloy: nothing is watched, kept or written."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path

from haloy.api.snapshot import Place, Rejection, Resolution, Snapshot
from haloy.api.v1alpha1 import Backend
from haloy.api.v1alpha1.host import is_ip
from haloy.clock import SystemClock
from haloy.settings import Settings
from haloy.sources.directory import Directory
from haloy.sources.loss import Reading
from haloy.sources.manifest import read_manifest
from haloy.sources.store import Store
from haloy.sources.tls_files import read_tls_files
from haloy.text import printable
from haloy.translate import Context, Translation, translate

STDIN = "-"
STDIN_NAME = "<stdin>"
_DOCUMENTATION = IPv6Address("2001:db8::1")
"""RFC 3849: addresses that nobody has."""

Resolve = Callable[[Collection[str]], Mapping[str, Resolution]]


class PathError(Exception):
    """A path that a person named cannot be read; the message says which and why."""


def read_paths(paths: Iterable[Path]) -> Snapshot:
    """What all `paths` hold together, by the readers that `haloy serve` has. `-` is standard input, as YAML.

    Places name files as they can be opened from here. What is wrong inside of a directory or a file is among the
    rejections. Generations count from 1; nothing is resolved.

    Raises:
        PathError: a path is not there, may not be read, or is neither file nor directory.
    """
    clock = SystemClock()
    chosen = _without_overlap(paths)
    store = Store(clock, [str(path) for path in chosen])
    for path in chosen:
        store.replace(str(path), _read(path))
    return store.snapshot()


def translate_paths(
    paths: Iterable[Path], config: Path | None = None, resolve: Resolve | None = None
) -> tuple[Snapshot, Translation]:
    """What `haloy serve` with the settings of `config` and the environment would make of `paths`.

    `resolve` looks up DNS names; without it each stands for a documentation address, so that nothing depends on a network.

    Raises:
        PathError: as `read_paths`.
        SettingsError: a setting is wrong.
    """
    chosen = list(paths)
    settings = settings_for(chosen, config)
    snapshot = with_addresses(read_paths(chosen), resolve or placeholders)
    return snapshot, translate(snapshot, context_of(settings))


def settings_for(paths: Iterable[Path], config: Path | None) -> Settings:
    """The settings of a `haloy serve` of the first directory among `paths`. Raises SettingsError."""
    directory = next((path for path in paths if path.is_dir()), Path())
    return Settings.load({"directory": directory}, config)


def context_of(settings: Settings) -> Context:
    """What a `haloy serve` with these settings would translate with, now."""
    return Context(fleet=settings.fleet, now=SystemClock().now(), proxy_class=settings.proxy_class)


def with_addresses(snapshot: Snapshot, resolve: Resolve) -> Snapshot:
    """The snapshot with an answer for every DNS name in it."""
    return replace(snapshot, resolutions=resolve(dns_names(snapshot)))


def dns_names(snapshot: Snapshot) -> tuple[str, ...]:
    """The names that Backends have for addresses, sorted."""
    backends = [item for item in snapshot.objects.values() if isinstance(item, Backend)]
    addresses = {endpoint.address for backend in backends for endpoint in backend.spec.endpoints}
    return tuple(sorted(address for address in addresses if not is_ip(address)))


def placeholders(names: Collection[str]) -> Mapping[str, Resolution]:
    """An address of its own for each name, that belongs to nobody."""
    return {name: Resolution((str(_DOCUMENTATION + number),)) for number, name in enumerate(names)}


def rejection_lines(snapshot: Snapshot) -> list[str]:
    """One line for each file or object that is left out, for those who asked for something else than lint."""
    return [
        f"left out: {printable(str(rejection.place))}: {rejection.problems[0]}" for rejection in snapshot.rejections
    ]


@cache
def standard_input() -> bytes:
    """All of standard input, which can be read only once."""
    return sys.stdin.buffer.read()


def _without_overlap(paths: Iterable[Path]) -> list[Path]:
    """Each path once, without those that a directory among them holds already."""
    chosen: dict[str, Path] = {}
    for path in paths:
        chosen.setdefault(STDIN if str(path) == STDIN else os.path.realpath(path), path)
    real = [Path(name) for name, path in chosen.items() if path.is_dir()]
    return [path for name, path in chosen.items() if not any(folder in Path(name).parents for folder in real)]


def _read(path: Path) -> Reading:
    if str(path) == STDIN:
        return _read_one(STDIN_NAME, standard_input(), Path())
    if path.is_dir():
        return _read_directory(path)
    try:
        if path.exists() and not path.is_file():
            raise PathError(f"{printable(str(path))} is neither a file nor a directory")
        data = path.read_bytes()
    except OSError as error:
        raise PathError(f"{printable(str(path))} cannot be read: {error.strerror or error}") from None
    return _read_one(str(path), data, path.parent)


def _read_directory(path: Path) -> Reading:
    if not os.access(path, os.R_OK | os.X_OK):
        raise PathError(f"{printable(str(path))} cannot be read: Permission denied")
    reading = Directory(path.absolute(), SystemClock(), {}).read().reading
    return replace(
        reading,
        places={ref: _below(path, place) for ref, place in reading.places.items()},
        rejections=tuple(_rejection_below(path, rejection) for rejection in reading.rejections),
    )


def _read_one(name: str, data: bytes, folder: Path) -> Reading:
    manifest = read_manifest(name, data, {})
    files = read_tls_files(manifest, folder, {})
    read = {**manifest.objects, **files.secrets}
    return Reading(
        objects={ref: item.item for ref, item in read.items()},
        places={ref: item.place for ref, item in read.items()},
        rejections=(*manifest.rejections, *files.rejections),
    )


def _below(folder: Path, place: Place) -> Place:
    return replace(place, file=str(folder / place.file))


def _rejection_below(folder: Path, rejection: Rejection) -> Rejection:
    return replace(rejection, place=_below(folder, rejection.place))
