"""haloy is killed before each of its side effects in turn: HAProxy serves on, and the next haloy makes it right."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from haloy.proxies.base import Applied, ReloadCause, ReloadReason
from haloy.proxies.haproxy.events import Started
from haloy.proxies.haproxy.process.run_files import read_pid_file
from tests.haproxy.driver.crashing import Orders, materials
from tests.haproxy.driver.pem import pem
from tests.haproxy.driver.truth import expected, truth
from tests.haproxy.driver.upstreams import upstreams
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually, get

ROOT = Path(__file__).parents[3]


async def crash(directory: Path, point: int) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.haproxy.driver.crashing", directory, str(point),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    return output.decode()


async def check(binary: Path, directory: Path, structural: bool, point: int) -> int:
    """One crash at `point`; returns how many points there are if that one was never reached."""
    directory.mkdir()
    async with upstreams(3) as members:
        ports = tuple(one.port for one in members)
        orders = Orders(directory, binary, free_port(), free_port(), ports, structural)
        orders.save()
        for name, stage in (("fallback", 1), ("a", 1), ("a", 2), ("b", 1), ("c", 1)):
            (directory / f"certs-{name}.pem.{stage}").write_bytes(pem(f"{name}.example"))
        output = await crash(directory, point)
        proxy = orders.small()
        try:
            status, body = await get(orders.port, "/shop")
            assert (status, int(body) in ports) == (200, True), output
            await proxy.open()
            started = [event for event in proxy.events if isinstance(event, Started)]
            assert [event.adopted for event in started] == [True], proxy.events
            assert (await get(orders.port, "/shop"))[0] == 200
            assert (await get(orders.port, "/moved"))[0] == 200
            artifacts, content = orders.after(proxy)
            outcome = await proxy.transactions.change(proxy.target(artifacts, materials(artifacts, content)))
            assert isinstance(outcome, Applied), (output, outcome)
            assert outcome.revision == "after"

            async def settled() -> bool:
                async with proxy.transactions.lock:  # nothing is deleted between two answers
                    return await truth(proxy.api) == expected(artifacts, content)

            await eventually(settled, f"HAProxy does what is wanted after a crash at {point}")
            again = await proxy.transactions.reload(
                ReloadReason(ReloadCause.REQUESTED, None, "to see that nothing changes")
            )
            assert isinstance(again, Applied), again
            assert await truth(proxy.api) == expected(artifacts, content)
        finally:
            await proxy.transactions.close(0)
            left = read_pid_file(proxy.files.pid_file)  # only if the test failed before it took the orphan up
            if left is not None:
                os.killpg(left, signal.SIGKILL)
    count = directory / "count"
    return int(count.read_text()) if count.exists() else 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("structural", [False, True], ids=["at run time", "by a reload"])
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.proof)], ids=["some", "each"])
async def test_from_any_point(haproxy_binary: Path, tmp_path: Path, structural: bool, every: int) -> None:
    """`every`: so many points are one step; the proof takes each."""
    points = await check(haproxy_binary, tmp_path / "0", structural, 0)
    assert points > 10
    for point in range(1, points + 1, every):
        await check(haproxy_binary, tmp_path / str(point), structural, point)
