"""A real HAProxy with a tiny hand-written configuration."""

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.proxies.haproxy.process.alerts import Alert
from haloy.proxies.haproxy.process.process import HaproxyProcess, RunFiles
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

GLOBAL = """\
global
    default-path config
    stats socket {socket} mode 600 level admin
    set-var proc.haloy_revision str({revision})
    maxconn 200
    hard-stop-after 20s
    {extra}
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
"""


def answering(port: int, body: str = "hello") -> str:
    """A frontend that answers everything itself."""
    return f"frontend f{port}\n    bind 127.0.0.1:{port}\n    http-request return status 200 content-type text/plain string {body}\n"


class SmallHaproxy:
    """A directory with a configuration and the process on top of it; nothing runs until `process.start`."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary = binary
        self.conf = directory / "conf"
        self.conf.mkdir(exist_ok=True)
        self.files = RunFiles(directory / "run")
        self.files.directory.mkdir(exist_ok=True, mode=0o700)
        self.runtime = RuntimeApi(self.files.worker_socket)
        self.messages: list[Alert] = []
        self.process = HaproxyProcess(binary, self.conf, self.files, self.runtime, self.messages.append)

    def write(self, revision: str, sections: str, extra: str = "") -> None:
        text = GLOBAL.format(socket=self.files.worker_socket, revision=revision, extra=extra) + sections
        (self.conf / "haproxy.cfg").write_text(text)

    async def start(self, revision: str, sections: str, *, extra: str = "") -> int:
        self.write(revision, sections, extra)
        log = os.open(os.devnull, os.O_WRONLY)
        try:
            return await self.process.start(revision, log, timeout=20)
        finally:
            os.close(log)


@asynccontextmanager
async def small_haproxy(binary: Path, directory: Path) -> AsyncIterator[SmallHaproxy]:
    """A SmallHaproxy that is stopped in the end, whatever happened to it."""
    small = SmallHaproxy(binary, directory)
    try:
        yield small
    finally:
        await small.process.stop(drain=0)


async def get(port: int, path: str = "/") -> tuple[int, str]:
    """Status and body of one request on a connection of its own. Raises OSError if nobody listens."""
    return await asyncio.to_thread(_get, f"http://127.0.0.1:{port}{path}")


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    """Poll until `condition` holds; fails the test with `what` otherwise."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def group(leader: int) -> list[int]:
    """Living processes whose process group is `leader`'s."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and alive(int(entry.name)) and _group_of(int(entry.name)) == leader
    ]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error
