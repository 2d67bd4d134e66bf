"""What people read speaks of Backends, Routes and fields: never of slots, sections and lines of HAProxy's."""

import logging
import re
from pathlib import Path

import pytest

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.events import Event, Reloaded
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.test_a_reload_that_waits_holds_back_only_what_needs_it import marked
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

SLOT = re.compile(r"slot\.[0-9a-f]{4}")


async def test_a_command_that_haproxy_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "haloy")
    listeners = fleet(port := free_port())
    events: list[Event] = []
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners, events) as proxy:
        hosts = [host(f"{name}.example", {"": (Target(f"web/{name}"),)}) for name in "ab"]
        clusters = [cluster(name, [local(up.port)]) for name, up in (("a", one), ("b", two))]
        await proxy.apply(delivery(listeners, hosts[:1], clusters[:1]))
        api = RuntimeApi(run_dir(tmp_path) / "worker.sock")
        taken = (await api.call("show", "map", "maps/clusters.map")).split("web/a ")[1].split()[0]
        spare = f"{taken.removesuffix('.0')}.1"
        await api.call("add", "server", f"{spare}/127.0.0.1:{two.port}", "127.0.0.1:1")
        await api.disconnect()
        done = await proxy.apply(delivery(listeners, hosts, clusters))
        assert isinstance(done, Applied)
        (reason,) = done.reload
        assert reason.cause.value == "runtime-failed"
        assert f"web/b/127.0.0.1:{two.port}" in reason.detail
        assert (await get(port, "b.example")).body == str(two.port).encode()
        assert [event.reasons for event in events if isinstance(event, Reloaded)][-1] == done.reload
        read = [*caplog.messages, (tmp_path / "reloads.jsonl").read_text(), str(done)]
        assert not [text for text in read if SLOT.search(text)]
        assert any("runtime-failed" in text and "web/b/" in text for text in caplog.messages)


async def test_rules_that_are_compiled(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, lua=0) as proxy:
        shop = cluster("shop", [local(one.port)])
        plain = host("a.example", {"/known": (Target("web/shop"),)})
        await proxy.apply(delivery(listeners, [plain], [shop]))
        done = await proxy.apply(delivery(listeners, [marked(plain)], [shop]))
        assert isinstance(done, Applied)
        assert list(map(str, done.reload)) == [
            "compiled-rules: route/web/a-example: spec.rules[0].matches[0], spec.rules[0].filters[0] changed: "
            "HAProxy compiles them"
        ]
        back = await proxy.apply(delivery(listeners, [plain], [shop]))
        assert isinstance(back, Applied)
        assert list(map(str, back.reload)) == list(map(str, done.reload))
        assert (await get(port, "a.example", "/known")).status == 200
