"""The end of the master is noticed, with the reason, and nothing of it goes on."""

import os
import signal
from pathlib import Path

from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, answering, get, group, small_haproxy


async def test_kill_9_of_the_worker_is_the_end_and_is_named(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        worker = await haproxy.start("r1", answering(free_port()))
        master = haproxy.process.pid
        assert master is not None
        os.kill(worker, signal.SIGKILL)
        death = await haproxy.process.wait()
        assert (death.pid, death.status, death.expected) == (master, 128 + signal.SIGKILL, False)
        assert death.reason == f"HAProxy's worker (pid {worker}) was killed by SIGKILL"
        assert haproxy.process.pid is None


async def test_kill_9_of_the_master_is_the_end_of_all(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        master = haproxy.process.pid
        assert master is not None
        os.kill(master, signal.SIGKILL)
        death = await haproxy.process.wait()
        assert (death.status, death.expected) == (-signal.SIGKILL, False)
        assert death.reason == f"HAProxy (pid {master}) was killed by SIGKILL"
        assert group(master) == []


async def test_after_a_death_the_next_one_gets_the_ports(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(port, "first"))
        master = haproxy.process.pid
        assert master is not None
        os.kill(master, signal.SIGKILL)
        await haproxy.process.wait()
        await haproxy.process.stop(drain=0)
        successor = SmallHaproxy(haproxy_binary, tmp_path)
        await successor.start("r2", answering(port, "second"))
        assert await get(port) == (200, "second")
        await successor.process.stop(drain=0)
