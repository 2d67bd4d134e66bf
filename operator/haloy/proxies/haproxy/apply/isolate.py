"""Finding the culprits where HAProxy (or render) complains without saying about whom: by halves.

One object must not hurt another, and whoever is to leave objects out has to be told which.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from haloy.model.cluster import Cluster
from haloy.model.model import Model
from haloy.model.refs import FieldRef
from haloy.model.routing import VirtualHost
from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.process.alerts import CheckResult
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.render.tokens import UnsafeValueError
from haloy.proxies.haproxy.slots.layout import Pools
from haloy.proxies.haproxy.true_names import TrueNames

T = TypeVar("T")
Fails = Callable[[Sequence[T]], Awaitable[bool]]

MOST_ATTEMPTS = 100


async def offenders(items: Sequence[T], fails: Fails[T], most: int = MOST_ATTEMPTS) -> list[T]:
    """Those of `items` that fail by themselves. Twice the logarithm of attempts for one; at most `most` in all, after
    which the rest is taken for innocent. Nothing is found where only a combination fails."""
    attempts = 0

    async def search(some: Sequence[T]) -> list[T]:
        nonlocal attempts
        if not some or attempts >= most:
            return []
        attempts += 1
        if not await fails(some):
            return []
        if len(some) == 1:
            return [some[0]]
        middle = len(some) // 2
        return [*await search(some[:middle]), *await search(some[middle:])]

    return await search(items)


Unit = Cluster | VirtualHost
"""What can be left out of a Model by itself: a Cluster, or a virtual host of one candidate."""


async def unwritable(model: Model, options: HaproxyOptions, error: UnsafeValueError) -> tuple[Refusal, ...]:
    """The objects of `model` that render refuses; never empty."""
    messages: dict[Unit, str] = {}

    async def fails(some: Sequence[Unit]) -> bool:
        try:
            render(_only(model, some), options)
        except UnsafeValueError as refused:
            messages.update({item: str(refused) for item in some})
            return True
        return False

    found = await offenders(_units(model), fails)
    return _blamed(found, messages) or (Refusal(None, str(error)),)


async def unacceptable(
    model: Model,
    options: HaproxyOptions,
    pem: Mapping[str, bytes],
    check: Callable[[Path], Awaitable[CheckResult]],
    folder: Path,
) -> tuple[Refusal, ...]:
    """The objects of which `haproxy -c` refuses what is made of them alone, be it a section of their own or a line of the
    frontends; () if there is none. `pem`: by file name. `folder` is made and removed."""
    messages: dict[Unit, str] = {}
    bare = replace(options, pools=Pools(0))

    async def fails(some: Sequence[Unit]) -> bool:
        try:
            artifacts = render(_only(model, some), bare)
            files = config_files(artifacts)
        except UnsafeValueError as refused:
            messages.update({item: str(refused) for item in some})
            return True
        await asyncio.to_thread(_write, folder, {**files, **pem})
        verdict = await check(folder)
        complaint = "; ".join(alert.text for alert in verdict.alerts) or "haproxy -c refuses it without saying why"
        messages.update(dict.fromkeys(some, TrueNames(lambda: artifacts.layout).translated(complaint)))
        return not verdict.ok

    try:
        if await fails([]):
            return ()
        return _blamed(await offenders(_units(model), fails), messages)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _units(model: Model) -> list[Unit]:
    hosts = [replace(vhost, candidates=(candidate,)) for vhost in model.virtual_hosts for candidate in vhost.candidates]
    return [*model.clusters, *hosts]


def _only(model: Model, some: Sequence[Unit]) -> Model:
    """`model` with nothing but `some`."""
    clusters = tuple(item for item in some if isinstance(item, Cluster))
    hosts: dict[str, VirtualHost] = {}
    for item in some:
        if isinstance(item, VirtualHost):
            known = hosts.get(item.host)
            hosts[item.host] = (
                item if known is None else replace(known, candidates=(*known.candidates, *item.candidates))
            )
    return replace(model, virtual_hosts=tuple(hosts.values()), clusters=clusters)


def _blamed(found: Sequence[Unit], messages: Mapping[Unit, str]) -> tuple[Refusal, ...]:
    refusals = [
        Refusal(FieldRef(item.source) if isinstance(item, Cluster) else item.candidates[0].source, messages[item])
        for item in found
    ]
    return tuple(dict.fromkeys(refusals))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
