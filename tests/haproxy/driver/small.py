"""Transactions on a real HAProxy, with a hand-written configuration: the driver without render."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.clock import SystemClock
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.apply.generations import Generations
from haloy.proxies.haproxy.apply.reload_log import ReloadLog
from haloy.proxies.haproxy.apply.reloading import Target
from haloy.proxies.haproxy.apply.transaction import Transactions
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section
from haloy.proxies.haproxy.events import Event
from haloy.proxies.haproxy.plan.running import CRT_LIST
from haloy.proxies.haproxy.process.alerts import Alert
from haloy.proxies.haproxy.process.process import RunFiles
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.certificates import line_text
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

FALLBACK = "certs/fallback.pem"


def config_files(artifacts: Artifacts) -> dict[str, bytes]:
    files = {
        fragment.filename: "\n".join(
            "\n".join([section.text.rstrip("\n"), *(f"    {server.line}" for server in section.servers)])
            for section in fragment.sections
        ).encode()
        + b"\n"
        for fragment in artifacts.fragments
    }
    maps = {
        name: "".join(f"{key} {value}\n" for key, value in content.items()).encode()
        for name, content in artifacts.maps.items()
    }
    lines = "".join(f"{line_text(line)}\n" for line in artifacts.certificates).encode()
    return {**files, **maps, **artifacts.files, CRT_LIST: lines}


class Small:
    """Everything of one installation in `directory`. `artifacts` writes a configuration; `target` completes it."""

    def __init__(
        self, binary: Path, directory: Path, port: int, *, drain: float = 5.0, api: type[RuntimeApi] = RuntimeApi
    ) -> None:
        self.port = port
        self.binary = binary
        self.root = directory / "haproxy"
        self.root.mkdir(mode=0o700, exist_ok=True)
        self.files = RunFiles(directory / "run")
        self.files.directory.mkdir(mode=0o700, exist_ok=True)
        self.events: list[Event] = []
        self.api = api(self.files.worker_socket)
        self.generations = Generations(self.root)
        self.reload_log = ReloadLog(directory / "reloads.jsonl")
        clock, lock = SystemClock(), asyncio.Lock()
        self.transactions = Transactions(
            self.api, self.generations, self.reload_log, config_files, clock, asyncio.sleep, lock, self.events.append,
            0.0, drain,
        )  # fmt: skip
        self.supervisor = Supervisor(
            binary, self.api, self.generations, self.files, self.root / "server-state", Path("/dev/null"), clock,
            asyncio.sleep, lock, self.events.append, lambda alert: None, self.transactions.repair,
            self.transactions.came_up,
        )  # fmt: skip

    def artifacts(
        self,
        *clusters: Section,
        revision: str = "r1",
        maps: Mapping[str, Mapping[str, str]] | None = None,
        pem: Mapping[str, str] | None = None,
        lines: tuple[CertificateLine, ...] = (),
        tls: int | None = None,
        extra: str = "",
    ) -> Artifacts:
        settings = f"""global
    default-path config
    stats socket unix@{self.files.worker_socket} mode 600 level admin
    server-state-file {self.root / "server-state"}
    maxconn 500
    hard-stop-after 20s
"""
        defaults = """defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
    timeout queue 1s
    option redispatch
    option idle-close-on-response
    load-server-state-from-file global
"""
        frontend = f"frontend http\n    bind 127.0.0.1:{self.port}\n"
        if tls is not None:
            frontend += f"    bind 127.0.0.1:{tls} ssl crt {FALLBACK} crt-list {CRT_LIST}\n"
        frontend += f"{extra}    use_backend %[path,field(2,/),map_str(maps/rules.map)]\n    default_backend notfound\n"
        return Artifacts(
            revision,
            (
                Fragment("00-global.cfg", (Section("global", settings),)),
                Fragment("10-defaults.cfg", (Section("defaults", defaults),)),
                Fragment("20-frontends.cfg", (Section("http", frontend),)),
                Fragment(
                    "25-rules.cfg", (Section("notfound", "backend notfound\n    http-request return status 404\n"),)
                ),
                Fragment("30-clusters-00.cfg", clusters),
            ),
            {"maps/rules.map": {}} | dict(maps or {}),
            {},
            dict(pem or {}),
            lines,
        )

    def target(self, artifacts: Artifacts, materials: Mapping[str, bytes] | None = None) -> Target:
        def blame(alerts: object) -> tuple[Refusal, ...]:
            assert isinstance(alerts, tuple)
            return tuple(Refusal(None, str(alert)) for alert in alerts if isinstance(alert, Alert))

        return Target(artifacts, materials or {}, blame)

    async def open(self) -> None:
        await self.transactions.open(self.supervisor, self.target(self.artifacts(revision="zero")), ())


@asynccontextmanager
async def small(binary: Path, directory: Path, port: int, *, drain: float = 5.0) -> AsyncIterator[Small]:
    """A running Small, stopped in the end."""
    made = Small(binary, directory, port, drain=drain)
    try:
        await made.open()
        yield made
    finally:
        await made.transactions.close(0)


def backend(name: str, *, text: str = "balance roundrobin", checks: str = "") -> Section:
    """A section without servers."""
    return Section(name, f"backend {name}\n    {text}\n{checks}", ObjectRef("Backend", "web", name))
