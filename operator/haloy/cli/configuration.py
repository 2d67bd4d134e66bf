"""The configuration directory that a translation comes to, as values and on disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from haloy.clock import SystemClock
from haloy.model.model import Delivery, Model
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.process.fallback import fallback_pem
from haloy.proxies.haproxy.process.process import RunFiles
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.slots.layout import Pools
from haloy.settings import Settings

AGENT = ("127.0.0.1", 1)
"""Stands for the port of haloy's own checker (gRPC), which `haloy serve` chooses when it starts."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """`files`: every file but PEM, by name below the directory. `pem`: what stands in those, `digests` beside it.

    haloy's own fallback certificate is in neither: `write` makes it.
    """

    model: Model
    options: HaproxyOptions
    artifacts: Artifacts
    files: Mapping[str, bytes]
    pem: Mapping[str, bytes]

    @property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of each PEM file, by name."""
        return self.artifacts.pem_files


def configuration(delivery: Delivery, settings: Settings, state: Path) -> Configuration:
    """What HAProxy would run for `delivery`, without spare slots. `state` is where its sockets would be; nothing is made there.

    Raises:
        UnsafeValueError: a value that validation should have refused.
    """
    run = RunFiles(state.absolute() / "run")
    options = HaproxyOptions(
        stats_socket=str(run.worker_socket),
        server_state=str(state.absolute() / "haproxy" / "server-state"),
        max_connections=settings.max_connections,
        agent=AGENT,
        lua=settings.lua,
        health_log=str(run.health_socket),
        pools=Pools(spare=0),
    )
    artifacts = render(delivery.model, options)
    pem = {name: delivery.materials[digest].pem.reveal() for name, digest in artifacts.pem_files.items()}
    return Configuration(delivery.model, options, artifacts, config_files(artifacts), pem)


def write(configuration: Configuration, directory: Path) -> list[str]:
    """Write everything below `directory` and return the names. Only the owner may read it: there are keys, and a check may
    send a token. The fallback certificate is made if it is not there yet. Raises OSError.
    """
    fallback = configuration.options.fallback_certificate
    for name, content in configuration.files.items():
        _write(directory / name, content)
    for name, content in configuration.pem.items():
        _write(directory / name, content)
    (directory / fallback).parent.mkdir(parents=True, exist_ok=True)
    made = fallback_pem(directory / fallback, SystemClock().now())
    if DEFAULT_CERTIFICATE not in configuration.pem:
        _write(directory / DEFAULT_CERTIFICATE, made)
    return sorted({*configuration.files, *configuration.pem, fallback, DEFAULT_CERTIFICATE})


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)
