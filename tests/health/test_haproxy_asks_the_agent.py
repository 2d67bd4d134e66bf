"""A gRPC endpoint's level flows through the agent into a real HAProxy."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from haloy.clock import SystemClock
from haloy.health.agent import AgentServer, answer
from haloy.health.monitor import HealthMonitor
from haloy.model.health import EndpointHealth, EndpointKey, GrpcCheck, Health
from tests.health.grpc_server import NOT_SERVING, SERVING, grpc_health
from tests.health.targets import key, target
from tests.support import binary

CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
backend shop
    server known 127.0.0.1:{port} agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 50ms agent-send {known}
    server other 127.0.0.1:{port} agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 50ms agent-send {other}
"""


def token(found: EndpointKey) -> str:
    return sha256(f"{found.cluster} {found.endpoint}".encode()).hexdigest()[:32]


@pytest.fixture(scope="module")
def haproxy() -> Path:
    return binary.haproxy()


class Stats:
    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def row(self, server: str) -> dict[str, str]:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        writer.write(b"show stat shop 4 -1\n")
        text = (await reader.read()).decode()
        writer.close()
        return next(row for row in csv.DictReader(io.StringIO(text.removeprefix("# "))) if row["svname"] == server)

    async def until(self, server: str, condition: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        row: dict[str, str] = {}
        try:
            async with asyncio.timeout(30):
                while not row or not condition(row):
                    await asyncio.sleep(0.02)
                    try:
                        row = await self.row(server)
                    except OSError:
                        continue
        except TimeoutError:
            pytest.fail(f"not in time: {row}")
        return row


@asynccontextmanager
async def running(binary: Path, folder: Path, agent_port: int, port: int) -> AsyncIterator[Stats]:
    socket = folder / "stats"
    other = "f" * 32
    text = CONFIGURATION.format(socket=socket, agent=agent_port, port=port, known=token(key(port)), other=other)
    (folder / "haproxy.cfg").write_text(text)
    with (folder / "log").open("wb") as log:
        command = [str(binary), "-db", "-f", str(folder / "haproxy.cfg")]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        yield Stats(socket)
    finally:
        process.terminate()
        await process.wait()


async def test_the_grpc_status_takes_the_server_down_and_up(haproxy: Path, tmp_path: Path) -> None:
    monitor = HealthMonitor(SystemClock())
    agent = AgentServer(monitor, token, 32)
    bind = await agent.start()
    task = asyncio.create_task(monitor.run())
    try:
        async with grpc_health() as server, running(haproxy, tmp_path, bind.port, server.port) as stats:
            asked = await stats.until("known", lambda row: row["agent_status"] == "CHECKED")
            assert asked["status"] == "no check"
            monitor.set_targets([target(server.port, GrpcCheck("shop"), interval=50, fall=2, rise=2)])
            server.statuses = {"shop": NOT_SERVING}
            down = await stats.until("known", lambda row: row["status"].startswith("DOWN"))
            assert down["last_agt"] == "via agent : down (L7STS/NOT_SERVING)"
            assert monitor.level(key(server.port)).health is Health.UNHEALTHY
            server.statuses = {"shop": SERVING}
            # HAProxy takes the words down a moment before it acts on them.
            await stats.until("known", lambda row: row["last_agt"] == "via agent : up (L7OK/SERVING)")
            await stats.until("known", lambda row: not row["status"].startswith("DOWN"))
            server.statuses = {}
            await stats.until(
                "known", lambda row: row["last_agt"] == "via agent : down (L7STS/grpc-status 5 NOT_FOUND)"
            )
            monitor.set_targets([])
            kept = await stats.until("known", lambda row: row["agent_status"] == "CHECKED")
            assert kept["status"].startswith("DOWN")
            await agent.stop()
            kept = await stats.until("known", lambda row: row["agent_status"] == "L4CON")
            assert kept["status"].startswith("DOWN")
            assert (await stats.row("other"))["status"] == "no check"
    finally:
        await agent.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("health", "reason", "line"),
    [
        (Health.HEALTHY, "L7OK/SERVING", b"up #L7OK/SERVING\n"),
        (Health.UNHEALTHY, "two\nlines \u2713", b"down #two?lines ?\n"),
        (Health.UNKNOWN, "no result yet", b"\n"),
    ],
)
def test_answers(health: Health, reason: str, line: bytes) -> None:
    assert answer(EndpointHealth(health, reason, SystemClock().now())) == line


async def test_a_caller_who_says_nothing_is_not_waited_for_when_it_stops() -> None:
    agent = AgentServer(HealthMonitor(SystemClock()), token, 32)
    bind = await agent.start()
    reader, writer = await asyncio.open_connection(bind.address, bind.port)
    await asyncio.sleep(0)
    await agent.stop()
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
