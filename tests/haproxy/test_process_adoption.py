"""An HAProxy whose haloy was killed with -9 goes on serving, and the next haloy takes it over or replaces it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from haloy.proxies.haproxy.process.process import Adoption, HaproxyProcess
from haloy.proxies.haproxy.runtime.master_api import MasterApi
from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, alive, answering, eventually, get, group

PARENT = """\
import asyncio, os, signal, sys
from pathlib import Path
from tests.support.small_haproxy import SmallHaproxy

async def main() -> None:
    haproxy = SmallHaproxy(Path(sys.argv[1]), Path(sys.argv[2]))
    await haproxy.start("r1", sys.argv[3])
    await haproxy.runtime.call("show", "info")
    print(haproxy.process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def orphan(binary: Path, directory: Path, sections: str) -> int:
    """Start HAProxy below a haloy that kills itself; the orphaned master's pid."""
    root = Path(__file__).resolve().parents[2]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, binary, directory, sections, cwd=root, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await parent.communicate()
    assert parent.returncode == -signal.SIGKILL
    return int(output)


async def adopt(haproxy: SmallHaproxy, log_to: str = os.devnull) -> Adoption:
    log = os.open(log_to, os.O_WRONLY | os.O_CREAT)
    try:
        return await haproxy.process.adopt(log)
    finally:
        os.close(log)


async def test_an_orphan_is_adopted_reloaded_and_stopped(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    master = await orphan(haproxy_binary, tmp_path, answering(port, "one"))
    assert await get(port) == (200, "one")
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    assert await adopt(haproxy) is Adoption.ADOPTED
    assert haproxy.process.pid == master
    haproxy.write("r2", answering(port, "two"))
    assert (await haproxy.process.reload("r2")).success
    assert await get(port) == (200, "two")
    assert haproxy.process.pid == master
    await haproxy.process.stop(drain=5)
    assert group(master) == []


async def test_the_death_of_an_adopted_one_is_noticed(haproxy_binary: Path, tmp_path: Path) -> None:
    master = await orphan(haproxy_binary, tmp_path, answering(free_port()))
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    assert await adopt(haproxy) is Adoption.ADOPTED
    (worker,) = (await haproxy.process.master.processes()).workers
    os.kill(worker.pid, signal.SIGKILL)
    death = await haproxy.process.wait()
    assert (death.pid, death.status, death.expected) == (master, None, False)
    assert death.reason == f"HAProxy's worker (pid {worker.pid}) was killed by SIGKILL"
    await haproxy.process.stop(drain=0)


async def test_without_a_pid_file_the_master_socket_tells(haproxy_binary: Path, tmp_path: Path) -> None:
    master = await orphan(haproxy_binary, tmp_path, answering(free_port()))
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    haproxy.files.pid_file.unlink()
    assert await adopt(haproxy) is Adoption.ADOPTED
    assert haproxy.process.pid == master
    await haproxy.process.stop(drain=0)


async def test_one_that_reads_another_directory_is_replaced(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    master = await orphan(haproxy_binary, tmp_path, answering(port, "old"))
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    haproxy.write("r2", answering(port, "new"))
    other = tmp_path / "other"
    haproxy.conf.rename(other)
    haproxy.process = HaproxyProcess(haproxy_binary, other, haproxy.files, haproxy.runtime, haproxy.messages.append)
    assert await adopt(haproxy) is Adoption.REPLACED
    assert not alive(master)
    log = os.open(os.devnull, os.O_WRONLY)
    await haproxy.process.start("r2", log)
    os.close(log)
    assert await get(port) == (200, "new")
    await haproxy.process.stop(drain=0)


async def test_one_that_hangs_is_replaced(haproxy_binary: Path, tmp_path: Path) -> None:
    master = await orphan(haproxy_binary, tmp_path, answering(free_port()))
    os.kill(master, signal.SIGSTOP)
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    haproxy.process.master = MasterApi(haproxy.files.master_socket, timeout=0.5)
    assert await adopt(haproxy) is Adoption.REPLACED
    assert group(master) == []
    await haproxy.process.stop(drain=0)


async def test_one_whose_access_log_would_be_lost_is_replaced(haproxy_binary: Path, tmp_path: Path) -> None:
    master = await orphan(haproxy_binary, tmp_path, answering(free_port()))
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    assert await adopt(haproxy, str(tmp_path / "access.log")) is Adoption.REPLACED
    assert group(master) == []
    await haproxy.process.stop(drain=0)


async def test_a_start_never_runs_beside_an_orphan(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    master = await orphan(haproxy_binary, tmp_path, answering(port, "old"))
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    await haproxy.start("r2", answering(port, "new"))
    assert not alive(master)
    assert await get(port) == (200, "new")
    await haproxy.process.stop(drain=0)


async def test_a_pid_that_is_another_process_by_now_is_left_alone(haproxy_binary: Path, tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    haproxy.files.pid_file.write_text(f"{bystander.pid} 1\n")
    assert await adopt(haproxy) is Adoption.NONE
    await haproxy.start("r1", answering(free_port()))
    assert alive(bystander.pid)
    await haproxy.process.stop(drain=0)
    bystander.kill()
    await bystander.wait()


async def test_an_orphan_survives_without_readers_of_its_messages(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    flapping = f"backend b\n    server s 127.0.0.1:{free_port()} check inter 10ms fastinter 10ms downinter 10ms\n"
    master = await orphan(haproxy_binary, tmp_path, answering(port) + flapping)
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)

    async def goes_on() -> bool:
        return (await get(port))[0] == 200 and alive(master)

    await eventually(goes_on, "the orphan answers")
    for _ in range(3):
        success, _log = await haproxy.process.master.reload(20)
        assert success
        assert await get(port) == (200, "hello")
    assert await adopt(haproxy) is Adoption.ADOPTED
    await haproxy.process.stop(drain=0)
    assert any("ew worker" in message.text for message in haproxy.messages), "what it said meanwhile is told now"
