"""A haloy that is killed in the middle: `python -m tests.haproxy.driver.crashing DIRECTORY POINT` applies a first state,
then a second one, and kills itself before the side effect number POINT of that."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from haloy.proxies.haproxy.apply.journal import JOURNAL
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.runtime.runtime_api import Answer, Command, RuntimeApi
from haloy.proxies.haproxy.slots.layout import Layout, Placement, Profile
from tests.haproxy.driver.small import FALLBACK, Small, backend
from tests.haproxy.driver.values import line
from tests.support.small_haproxy import eventually

_WRITES = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "socket.connect", "open"}


class Fuse:
    """Counts side effects once lit, and ends the process at the one that is ordered (0: never)."""

    def __init__(self, point: int) -> None:
        self.point = point
        self.count = 0
        self.lit = False

    def burn(self) -> None:
        if self.lit:
            self.count += 1
            if self.count == self.point:
                os.kill(os.getpid(), signal.SIGKILL)


FUSE = Fuse(int(sys.argv[2]) if __name__ == "__main__" else 0)


class BurningApi(RuntimeApi):
    """Each command is a batch of its own, so that there is a point between any two."""

    async def attempt(self, commands: Sequence[Command | str]) -> list[Answer]:
        answers = []
        for item in commands:
            if not str(item).startswith(("show", "get")):
                FUSE.burn()
            answers += await super().attempt([item])
        return answers


@dataclass(frozen=True)
class Orders:
    """What is applied before the crash and what in the middle of it. `structural`: the change needs a reload."""

    directory: Path
    binary: Path
    port: int
    tls: int
    upstreams: tuple[int, ...]
    structural: bool

    def small(self, api: type[RuntimeApi] = RuntimeApi) -> Small:
        return Small(self.binary, self.directory, self.port, drain=1.0, api=api)

    def pem(self, *names: str) -> dict[str, bytes]:
        return {
            path: (self.directory / f"{path.replace('/', '-')}.{stage}").read_bytes()
            for path, stage in map(_split, names)
        }

    def before(self, proxy: Small) -> tuple[Artifacts, dict[str, bytes]]:
        one, two, _ = (server(port, number) for number, port in enumerate(self.upstreams, 1))
        pem = self.pem(f"{FALLBACK}:1", "certs/a.pem:1", "certs/b.pem:1")
        return self.laid_out(
            proxy,
            replace(backend("shop"), servers=(one, two)),
            slot(0, one),
            slot(1),
            revision="before",
            maps={"maps/rules.map": {"shop": "shop", "old": "shop", "moved": "slot.p.0"}},
            pem={path: content.hex()[-80:] for path, content in pem.items()},
            lines=(line("a", "a.example"), line("b", "b.example")),
            tls=self.tls,
        ), pem

    def after(self, proxy: Small) -> tuple[Artifacts, dict[str, bytes]]:
        """Everything changes at once: a server comes, one goes, one weighs less, a Backend moves to another slot, maps and
        certificates turn over."""
        one, _, three = (server(port, number) for number, port in enumerate(self.upstreams, 1))
        pem = self.pem(f"{FALLBACK}:1", "certs/a.pem:2", "certs/c.pem:1")
        extra = (backend("cart"),) if self.structural else ()
        return self.laid_out(
            proxy,
            replace(backend("shop"), servers=(replace(one, weight=50), three)),
            slot(0),
            slot(1, replace(one, options=(*one.options, "maxconn 50"))),
            *extra,
            revision="after",
            maps={"maps/rules.map": {"shop": "shop", "new": "shop", "moved": "slot.p.1"}},
            pem={path: content.hex()[-80:] for path, content in pem.items()},
            lines=(line("a", "a.example"), line("c", "c.example")),
            tls=self.tls,
        ), pem

    def laid_out(self, proxy: Small, *clusters: Section, **changes: Any) -> Artifacts:
        slots = [one for one in clusters if one.name.startswith("slot.")]
        layout = Layout(
            profiles={"p": Profile("p", "")},
            slots={"p": len(slots)},
            placements={one.cluster: Placement(one.name, one.servers) for one in slots if one.cluster is not None},
        )
        return replace(proxy.artifacts(*clusters, **changes), layout=layout)

    def save(self) -> None:
        values: dict[str, Any] = {
            "binary": str(self.binary), "port": self.port, "tls": self.tls, "upstreams": self.upstreams,
            "structural": self.structural,
        }  # fmt: skip
        (self.directory / "orders.json").write_text(json.dumps(values))


def load(directory: Path) -> Orders:
    values = json.loads((directory / "orders.json").read_text())
    return Orders(
        directory,
        Path(values["binary"]),
        values["port"],
        values["tls"],
        tuple(values["upstreams"]),
        values["structural"],
    )


def server(port: int, number: int) -> Server:
    options = ("check", "inter 200", "fall 2", "rise 2")
    return Server(f"127.0.0.1:{port}", "127.0.0.1", port, number, 100, f"127.0.0.1:{port}", options, checked=True)


def slot(number: int, *members: Server) -> Section:
    """A slot, of the Cluster `web/moved` if it has servers."""
    made = backend(f"slot.p.{number}")
    holds = "web/moved" if members else None
    return replace(made, servers=members, cluster=holds, source=made.source if holds else None)


def materials(artifacts: Artifacts, pem: dict[str, bytes]) -> dict[str, bytes]:
    return {digest: pem[path] for path, digest in artifacts.pem_files.items()}


def _split(name: str) -> tuple[str, str]:
    path, _, stage = name.partition(":")
    return path, stage


async def alone(proxy: Small) -> bool:
    """Whether one worker is left, so that every side effect from now on is the second state's."""
    process = proxy.supervisor.process
    return process is not None and not (await process.master.processes()).old_workers


async def main(directory: Path) -> None:
    orders = load(directory)
    proxy = orders.small(BurningApi)
    await proxy.open()
    artifacts, pem = orders.before(proxy)
    print(await proxy.transactions.change(proxy.target(artifacts, materials(artifacts, pem))))
    await eventually(lambda: alone(proxy), "the worker before the first reload is gone")
    artifacts, pem = orders.after(proxy)
    root = str(proxy.root)
    sockets = str(proxy.files.master_socket)
    sys.addaudithook(lambda event, values: FUSE.burn() if _counts(event, values, root, sockets) else None)
    FUSE.lit = True
    print(await proxy.transactions.change(proxy.target(artifacts, materials(artifacts, pem))))
    for _ in itertools.repeat(None, 250):
        if proxy.transactions.settled:
            break
        await asyncio.sleep(0.02)
    FUSE.lit = False
    (directory / "count").write_text(str(FUSE.count))
    os.kill(os.getpid(), signal.SIGKILL)


def _counts(event: str, values: tuple[Any, ...], root: str, master: str) -> bool:
    if event not in _WRITES:
        return False
    if event == "socket.connect":
        return bool(values[1] == master)
    if event == "open":
        return str(values[0]).endswith(JOURNAL) and bool(values[2] & os.O_WRONLY)
    return any(str(value).startswith(root) for value in values[:2])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
