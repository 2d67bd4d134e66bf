"""Finding the culprits where HAProxy (or render) complains without saying about whom: by halves.

One object must not hurt another, and whoever is to leave objects out has to be told which.
"""

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
from haloy.proxies.haproxy.apply.candidate import ConfigFiles
from haloy.proxies.haproxy.artifacts import Artifacts, Section
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.plan.running import sections
from haloy.proxies.haproxy.process.alerts import CheckResult
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.render.tokens import UnsafeValueError

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


async def unwritable(model: Model, options: HaproxyOptions, error: UnsafeValueError) -> tuple[Refusal, ...]:
    """The objects of `model` that render refuses; never empty."""
    messages: dict[Cluster | VirtualHost, str] = {}

    async def fails(some: Sequence[Cluster | VirtualHost]) -> bool:
        hosts = tuple(item for item in some if isinstance(item, VirtualHost))
        clusters = tuple(item for item in some if isinstance(item, Cluster))
        try:
            render(replace(model, virtual_hosts=hosts, clusters=clusters), options)
        except UnsafeValueError as refused:
            messages.update({item: str(refused) for item in some})
            return True
        return False

    hosts = [replace(vhost, candidates=(candidate,)) for vhost in model.virtual_hosts for candidate in vhost.candidates]
    units: list[Cluster | VirtualHost] = [*model.clusters, *hosts]
    found = await offenders(units, fails)
    refusals = [
        Refusal(FieldRef(item.source) if isinstance(item, Cluster) else item.candidates[0].source, messages[item])
        for item in found
    ]
    return tuple(dict.fromkeys(refusals)) or (Refusal(None, str(error)),)


async def unacceptable(
    artifacts: Artifacts,
    pem: Mapping[str, bytes],
    config_files: ConfigFiles,
    check: Callable[[Path], Awaitable[CheckResult]],
    folder: Path,
) -> tuple[Refusal, ...]:
    """The objects whose sections `haproxy -c` refuses by themselves; () if none does. `folder` is made and removed."""
    messages: dict[str, str] = {}

    async def fails(some: Sequence[Section]) -> bool:
        names = {section.name for section in some}
        fragments = tuple(
            replace(
                fragment,
                sections=tuple(one for one in fragment.sections if one.source is None or one.name in names),
            )
            for fragment in artifacts.fragments
        )
        files = {**config_files(replace(artifacts, fragments=fragments)), **pem}
        _write(folder, files)
        verdict = await check(folder)
        complaint = "; ".join(alert.text for alert in verdict.alerts) or "haproxy -c refuses it without saying why"
        messages.update(dict.fromkeys(names, complaint))
        return not verdict.ok

    try:
        if await fails([]):
            return ()
        blamed = await offenders([one for one in sections(artifacts).values() if one.source is not None], fails)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tuple(
        Refusal(FieldRef(section.source), messages[section.name]) for section in blamed if section.source is not None
    )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
