"""A real HAProxy on rendered files, without any of haloy's process handling."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.render import config_files

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """`directory` holds `conf`, the stats socket and `log`, the access log."""

    directory: Path
    process: asyncio.subprocess.Process

    def log_text(self) -> str:
        return (self.directory / "log").read_bytes().decode("utf-8", "strict")

    async def log_records(self, count: int) -> list[dict[str, Any]]:
        """The access log as soon as it has `count` lines; every line must be JSON."""
        async with asyncio.timeout(DEADLINE):
            while True:
                lines = self.log_text().splitlines()
                if len(lines) >= count:
                    return [json.loads(line) for line in lines]
                await asyncio.sleep(0.02)

    async def ask(self, command: str) -> str:
        """One command of the Runtime API."""
        reader, writer = await asyncio.open_unix_connection(str(self.directory / "worker.sock"), limit=1 << 24)
        writer.write(command.encode() + b"\n")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer.decode()


def options(directory: Path, **changes: Any) -> HaproxyOptions:
    """Sockets and state in `directory`."""
    values = {"stats_socket": str(directory / "worker.sock"), "server_state": str(directory / "state"), **changes}
    return HaproxyOptions(**values)


def write_files(directory: Path, artifacts: Artifacts, pem: Mapping[str, bytes] | None = None) -> Path:
    """`directory/conf` with everything that HAProxy reads; the fallback certificate is made up unless given."""
    conf = directory / "conf"
    own = fallback_pem()
    files = {"certs/fallback.pem": own, "certs/default.pem": own, **config_files(artifacts), **(pem or {})}
    (directory / "state").touch()
    for name, content in files.items():
        path = conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return conf


def check(binary: Path, conf: Path, environment: Mapping[str, str] | None = None) -> str:
    """What `haproxy -c` complains about, warnings included; empty: nothing."""
    done = subprocess.run(
        [str(binary), "-c", "-f", str(conf)],
        capture_output=True,
        text=True,
        env=dict(environment or {}),
        check=False,
    )
    told = "\n".join(
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "[NOTICE]" not in line and line != "Configuration file is valid"
    )
    return told if done.returncode == 0 else told or f"exit status {done.returncode}"


@asynccontextmanager
async def running_haproxy(
    binary: Path,
    directory: Path,
    artifacts: Artifacts,
    *,
    pem: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Running]:
    """Starts in the foreground and waits until the stats socket answers; fails with HAProxy's own words."""
    conf = write_files(directory, artifacts, pem)
    with (directory / "log").open("wb") as log, (directory / "messages").open("wb") as messages:
        process = await asyncio.create_subprocess_exec(
            *(str(binary), "-db", "-f", str(conf)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=messages,
            env=dict(environment or {}),
        )
    running = Running(directory, process)
    try:
        async with asyncio.timeout(DEADLINE):
            while not await _answers(running):
                assert process.returncode is None, (directory / "messages").read_text()
                await asyncio.sleep(0.02)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), DEADLINE)


async def _answers(running: Running) -> bool:
    try:
        return "Uptime" in await running.ask("show info")
    except OSError:
        return False


def fallback_pem() -> bytes:
    """A certificate nobody trusts, with its key."""
    return pem_for(trustme.CA(), "fallback.invalid")


def pem_for(authority: trustme.CA, *hosts: str) -> bytes:
    """Chain and key in one, as HAProxy wants it."""
    issued = authority.issue_cert(*hosts)
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    return chain + issued.private_key_pem.bytes()
