"""The access log has a descriptor of its own, and a reader that blocks stalls neither haloy nor the traffic."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.process import open_log_target
from haloy.proxies.haproxy.runtime.cli_parsers import parse_info
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, small_haproxy

REQUESTS = 20_000
CONNECTIONS = 8

PROGRAM = """\
import os, sys
from haloy.proxies.haproxy.process.process import open_log_target
fd = open_log_target("stdout")
os.set_blocking(fd, False)
os.write(fd, b"from haproxy\\n")
os.write(1, b"from haloy\\n")
print(os.get_blocking(1), file=sys.stderr)
"""


async def ask(port: int, times: int) -> int:
    """So many requests with a long path on one connection; how many were answered 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    for _ in range(times):
        writer.write(b"GET /" + b"x" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        answered += head.startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(len("hello"))
    writer.close()
    await writer.wait_closed()
    return answered


@pytest.mark.slow
async def test_a_pipe_that_is_never_read_loses_lines_not_requests(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    never_read, log = os.pipe()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        frontend = answering(port) + "    log global\n    option httplog\n    log-format %{+Q}r\n"
        haproxy.write("r1", frontend, "log stdout len 16384 format raw local0")
        await haproxy.process.start("r1", log)
        answered = await asyncio.gather(*(ask(port, REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))
        assert sum(answered) == REQUESTS
        assert int(parse_info(await haproxy.runtime.call("show", "info"))["DroppedLogs"]) > REQUESTS // 2
    assert os.read(never_read, 100).startswith(b'"GET /xxx')
    os.close(never_read)
    os.close(log)


def test_a_pipe_gets_a_description_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    assert done.stdout == "from haproxy\nfrom haloy\n"
    assert done.stderr.strip() == "True", "haloy's own standard output still blocks"


def test_in_a_regular_file_nobody_overwrites_the_other(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", PROGRAM], stdout=out, stderr=subprocess.DEVNULL, check=True)
    assert (tmp_path / "out").read_text() == "from haproxy\nfrom haloy\n"


def test_a_file_of_its_own_is_appended_to(tmp_path: Path) -> None:
    target = tmp_path / "access.log"
    for line in (b"one\n", b"two\n"):
        descriptor = open_log_target(target)
        os.write(descriptor, line)
        os.close(descriptor)
    assert target.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(target.stat().st_mode) & 0o007 == 0
