"""A reload is confirmed by the new worker's own revision; one that fails leaves the old worker serving."""

import socket
from pathlib import Path

from tests.support.ports import free_port
from tests.support.small_haproxy import answering, get, group, small_haproxy


async def test_a_reload_is_done_when_the_new_worker_says_the_new_revision(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        old = await haproxy.start("r1", answering(port, "one"))
        assert await get(port) == (200, "one")
        haproxy.write("r2", answering(port, "two"))
        result = await haproxy.process.reload("r2")
        assert result.success
        assert result.alerts == ()
        assert result.worker_pid != old
        assert await get(port) == (200, "two")


async def test_after_a_reload_the_runtime_api_talks_to_the_new_worker(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        for revision in ("r2", "r3", "r4"):
            haproxy.write(revision, answering(free_port()))
            result = await haproxy.process.reload(revision)
            assert f"Pid: {result.worker_pid}\n" in await haproxy.runtime.call("show", "info")


async def test_a_bad_configuration_keeps_the_old_worker_serving(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        worker = await haproxy.start("r1", answering(port, "one"))
        haproxy.write("r2", answering(port, "two") + "    bogus keyword\n")
        result = await haproxy.process.reload("r2")
        assert (result.success, result.worker_pid) == (False, worker)
        (alert,) = result.alerts[:1]
        assert (alert.file, alert.line) == (haproxy.conf / "haproxy.cfg", 16)
        assert "unknown keyword 'bogus'" in alert.text
        assert await get(port) == (200, "one")

        haproxy.write("r3", answering(port, "three"))
        assert (await haproxy.process.reload("r3")).success
        assert await get(port) == (200, "three")


async def test_a_port_that_is_taken_keeps_the_old_worker_serving(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        worker = await haproxy.start("r1", answering(port, "one"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            haproxy.write("r2", answering(port, "two") + answering(taken.getsockname()[1]))
            result = await haproxy.process.reload("r2")
        assert (result.success, result.worker_pid) == (False, worker)
        assert any("Address already in use" in alert.text for alert in result.alerts)
        assert await get(port) == (200, "one")


async def test_a_worker_with_another_revision_than_expected_is_no_success(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        haproxy.write("r2", answering(free_port()))
        result = await haproxy.process.reload("r3")
        assert not result.success
        assert "runs revision r2, not r3" in result.alerts[-1].text


async def test_old_workers_are_gone_after_many_reloads(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r0", answering(port))
        for number in range(1, 6):
            haproxy.write(f"r{number}", answering(port))
            assert (await haproxy.process.reload(f"r{number}")).success
            await haproxy.runtime.call("show", "info")
        master = haproxy.process.pid
        assert master is not None
        processes = await haproxy.process.master.processes()
        assert (processes.master.pid, processes.master.reloads, processes.failed_reloads) == (master, 5, 0)
        await haproxy.process.stop(drain=5)
        assert group(master) == []
