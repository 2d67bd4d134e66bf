"""HAProxy starts completely or not at all, and says why."""

import os
import socket
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.process import HaproxyProcess, RunDirectoryBusy, StartFailed
from haloy.proxies.haproxy.process.run_files import read_pid_file
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, get, group, small_haproxy


async def test_a_started_haproxy_serves_and_is_remembered(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        worker = await haproxy.start("r1", answering(port))
        assert await get(port) == (200, "hello")
        master = haproxy.process.pid
        assert master is not None
        assert read_pid_file(haproxy.files.pid_file) == master
        assert sorted(group(master)) == sorted([master, worker])


async def test_its_environment_is_empty_and_its_session_its_own(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        master = haproxy.process.pid
        assert master is not None
        names = {entry.split("=")[0] for entry in Path(f"/proc/{master}/environ").read_text().split("\0") if entry}
        assert all(name.startswith("HAPROXY_") for name in names), "only what HAProxy itself puts there"
        assert os.getsid(master) == master


async def test_a_port_that_is_taken_is_named(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(StartFailed) as failure:
                await haproxy.start("r1", answering(port))
        assert any(
            f"[127.0.0.1:{port}]" in alert.text and "Address already in use" in alert.text
            for alert in failure.value.alerts
        )
        assert str(failure.value) == (
            f"127.0.0.1:{port} cannot be opened: Address already in use; choose another with --http or --https"
        )
        assert failure.value.alerts[0].line == 14
        assert haproxy.process.pid is None
        assert not haproxy.files.pid_file.exists()


async def test_a_bad_configuration_is_told_with_file_and_line(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        with pytest.raises(StartFailed, match="unknown keyword 'bogus'") as failure:
            await haproxy.start("r1", "frontend f\n    bogus\n")
        assert failure.value.alerts[0].file == haproxy.conf / "haproxy.cfg"
        assert haproxy.messages, "what HAProxy said also went to the log"


async def test_a_configuration_with_another_revision_is_not_the_one_wanted(
    haproxy_binary: Path, tmp_path: Path
) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        haproxy.write("r2", answering(free_port()))
        log = os.open(os.devnull, os.O_WRONLY)
        with pytest.raises(StartFailed, match="runs revision r2, not r1"):
            await haproxy.process.start("r1", log)
        os.close(log)


async def test_two_cannot_share_a_run_directory(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        second = HaproxyProcess(haproxy_binary, haproxy.conf, haproxy.files, haproxy.runtime, haproxy.messages.append)
        log = os.open(os.devnull, os.O_WRONLY)
        with pytest.raises(RunDirectoryBusy, match="another haloy uses"):
            await second.adopt(log)
        await second.stop(drain=0)
        assert haproxy.process.pid is not None
        assert read_pid_file(haproxy.files.pid_file) == haproxy.process.pid, "the loser takes nothing away"
        os.close(log)
