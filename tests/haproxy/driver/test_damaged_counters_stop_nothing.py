"""What slots had counted is no more than a metric: a damaged file of it is told, and HAProxy is started and kept alive all the same."""

import os
import signal
from pathlib import Path

import pytest

from haloy.model.routing import Target
from haloy.proxies.haproxy.apply.baselines import Baselines
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Event, Noted
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

DAMAGED = [b'{"wosker": 1, "slots": {}}\n', b"[]\n", b"\xff\n"]
OF_THIS_WORKER = [
    '{"worker": "7", "sluts": {}}',
    '{"worker": "7", "slots": 7}',
    '{"worker": "7", "slots": {"slot.0": {"lost": 1}}}',
]


def worker(proxy: Haproxy) -> int | None:
    """None: unknown, while another one comes."""
    assert proxy._transactions is not None
    return proxy._transactions._present.worker


async def answers(port: int) -> bool:
    try:
        return (await get(port, "a.example")).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("damaged", DAMAGED)
async def test_haproxy_is_brought_back_after_each_death(tmp_path: Path, damaged: bytes) -> None:
    listeners = fleet(port := free_port())
    hosts = [host("a.example", {"": (Target("web/a"),)})]
    told: list[Event] = []
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, told) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        for _ in range(2):
            (tmp_path / "haproxy" / "baselines.jsonl").write_bytes(damaged)
            dead = worker(proxy)
            assert dead is not None
            os.kill(dead, signal.SIGKILL)

            async def back(dead: int = dead) -> bool:
                return worker(proxy) not in (None, dead) and await answers(port)

            await eventually(back, "another worker answers")
        notes = [event.text for event in told if isinstance(event, Noted)]
        assert any("start too high" in note for note in notes), notes


@pytest.mark.parametrize("damaged", OF_THIS_WORKER)
def test_a_damaged_line_of_the_running_worker_is_told(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "baselines.jsonl").write_text(f"{damaged}\n")
    counters = Baselines(tmp_path / "baselines.jsonl")
    assert "start too high" in counters.open("7")
    assert not counters.values
