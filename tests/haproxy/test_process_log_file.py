"""The access log in a regular file loses no line, whatever HAProxy does to its descriptor, and may be truncated."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.kept_log import KeptLog
from haloy.proxies.haproxy.process.process import Adoption, open_log_target
from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, answering, eventually, get, small_haproxy

GLOBAL = "log stdout len 4096 format raw local0"
LOGGED = '    log global\n    log-format {\\"path\\":\\"%HP\\"}\n'

PROGRAM = """\
import fcntl, os
from haloy.proxies.haproxy.process.process import open_log_target
fd = open_log_target("stdout")
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
os.write(fd, b"new\\n")
"""

ORPHAN = """\
import asyncio, os, signal, sys
from pathlib import Path
from haloy.proxies.haproxy.process.process import open_log_target
from tests.support.small_haproxy import SmallHaproxy

async def main() -> None:
    haproxy = SmallHaproxy(Path(sys.argv[1]), Path(sys.argv[2]))
    await haproxy.process.start("r1", open_log_target(Path(sys.argv[2]) / "access.log"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


class Logged:
    """An HAProxy in `directory` that logs to a file there."""

    def __init__(self, haproxy: SmallHaproxy, directory: Path) -> None:
        self.haproxy = haproxy
        self.path = directory / "access.log"
        self.port = free_port()

    def write(self, revision: str) -> None:
        self.haproxy.write(
            revision, answering(self.port).replace("    http-request", LOGGED + "    http-request"), GLOBAL
        )

    async def start(self) -> None:
        self.write("r1")
        log = open_log_target(self.path)
        try:
            await self.haproxy.process.start("r1", log)
        finally:
            os.close(log)

    def paths(self) -> list[str]:
        """Of every line about a request; each must parse."""
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line)["path"] for line in lines if not line.startswith(b"Proxy ")]

    async def request(self, *names: str) -> None:
        """One request for each, until its line is there, at the end."""
        for name in names:
            before = self.path.stat().st_size
            assert (await get(self.port, f"/{name}"))[0] == 200
            await eventually(lambda before=before: self._grown(before), "a line")  # type: ignore[misc]

    async def _grown(self, before: int) -> bool:
        return self.path.stat().st_size > before

    async def appending(self) -> None:
        """Wait until haloy has put right what HAProxy did with its first line."""
        await eventually(self._appending, "the descriptor appends")

    async def _appending(self) -> bool:
        lines = Path(f"/proc/{self.haproxy.process.pid}/fdinfo/1").read_text().splitlines()
        return bool(int(next(line for line in lines if line.startswith("flags:")).split()[1], 8) & os.O_APPEND)

    def rotate(self) -> None:
        """As logrotate's copytruncate does."""
        shutil.copy(self.path, self.path.with_suffix(".1"))
        os.truncate(self.path, 0)


async def test_a_killed_haproxy_leaves_its_lines(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        first = Logged(haproxy, tmp_path)
        await first.start()
        await first.request("1", "2", "3")
        assert haproxy.process.pid is not None
        os.kill(haproxy.process.pid, signal.SIGKILL)
        await haproxy.process.wait()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        second = Logged(haproxy, tmp_path)
        await second.start()
        await second.request("4", "5")
        assert second.paths() == ["/1", "/2", "/3", "/4", "/5"]


async def test_it_may_be_copied_and_truncated_while_it_is_written(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        log = Logged(haproxy, tmp_path)
        await log.start()
        await log.request("1", "2")
        await log.appending()
        log.rotate()
        await log.request("3", "4")
        assert log.paths() == ["/3", "/4"]


async def test_a_reload_keeps_the_lines_and_the_appending(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        log = Logged(haproxy, tmp_path)
        await log.start()
        await log.request("1")
        log.write("r2")
        assert (await haproxy.process.reload("r2")).success
        await log.request("2")
        assert log.paths() == ["/1", "/2"]
        await log.appending()
        log.rotate()
        await log.request("3")
        assert log.paths() == ["/3"]


async def test_an_adopted_one_is_kept_appending_too(haproxy_binary: Path, tmp_path: Path) -> None:
    haproxy = SmallHaproxy(haproxy_binary, tmp_path)
    log = Logged(haproxy, tmp_path)
    log.write("r1")
    root = Path(__file__).resolve().parents[2]
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHAN, haproxy_binary, tmp_path, cwd=root)
    assert await parent.wait() == -signal.SIGKILL
    target = open_log_target(log.path)
    try:
        assert await haproxy.process.adopt(target) is Adoption.ADOPTED
        if any("not to be truncated" in alert.text for alert in haproxy.messages):
            pytest.skip("this kernel lets nobody share the descriptors of another process")
        await log.request("1")
        await log.appending()
        log.rotate()
        await log.request("2")
        assert log.paths() == ["/2"]
    finally:
        os.close(target)
        await haproxy.process.stop(drain=0)


def test_standard_output_in_a_file_goes_on_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old\n")
    with (tmp_path / "out").open("a") as out:
        os.lseek(out.fileno(), 0, os.SEEK_SET)
        subprocess.run([sys.executable, "-c", PROGRAM], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "old\nnew\n"


async def test_what_is_no_file_is_left_alone() -> None:
    read, write = os.pipe()
    assert KeptLog.of(write) is None
    os.close(read)
    os.close(write)
