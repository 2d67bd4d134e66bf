"""Spare slots on a real HAProxy: servers added at run time are checked as the maps say now, and tell the health log."""

import asyncio
import socket
from pathlib import Path

from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.artifacts import Artifacts, clusters_by_section
from haloy.proxies.haproxy.render.checks import check_target
from haloy.proxies.haproxy.render.maps import CHECK_HOSTS, CHECK_PATHS, CLUSTERS, PATHS, RULES
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.slots.layout import Pools
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.running_haproxy import DEADLINE, Running, options
from tests.support.upstream import Reply, Upstream, upstream

SETTINGS = {"pools": Pools(4)}


def checked(path: str, host: str) -> HealthCheck:
    return HealthCheck(HttpCheck(path, host=host), interval=50, timeout=1000, fall=1, rise=1)


async def until_asked(up: Upstream, target: str, host: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if any((one.target, one.one("host")) == (target, host) for one in up.requests):
                return
            await asyncio.sleep(0.02)


async def add_servers(running: Running, artifacts: Artifacts, name: str) -> None:
    placement = artifacts.layout.placements[name]
    for one in placement.servers:
        line = one.line.removeprefix(f"server {one.name} ")
        answer = await running.ask(f"add server {placement.slot}/{one.name} {line}")
        assert "New server registered" in answer, answer
        assert (await running.ask(f"enable health {placement.slot}/{one.name}")).strip() == ""
        assert (await running.ask(f"enable server {placement.slot}/{one.name}")).strip() == ""


async def test_a_new_cluster_is_checked_by_the_maps_and_follows_them(serve: Serve, tmp_path: Path) -> None:
    port = free_port()
    hosts = [host("a.b", candidate(rule("all", "web/new")))]
    async with upstream() as up:
        old = cluster("web/old", health_check=checked("/", "old.example"))
        first = model(fleet(port), hosts, [old])
        before = render(first, options(tmp_path, **SETTINGS))
        new = cluster("web/new", up.port, health_check=checked("/one", "one.example"))
        after = render(model(fleet(port), hosts, [old, new]), options(tmp_path, **SETTINGS), None, before.layout)
        assert after.layout.structure == before.layout.structure
        slot = after.layout.placements["web/new"].slot
        assert clusters_by_section(after)[slot] == "web/new"
        async with serve(first, **SETTINGS) as running:
            assert (await get(port, "a.b")).status == 500
            for name in (CHECK_PATHS, CHECK_HOSTS):
                await running.ask(f"add map {name} {slot} {after.maps[name][slot]}")
            await add_servers(running, after, "web/new")
            await running.ask(f"add map {CLUSTERS} web/new {after.maps[CLUSTERS]['web/new']}")
            key = after.maps[PATHS]["a.b/"]
            await running.ask(f"add map {RULES} {key} {after.maps[RULES][key]}")
            await running.ask(f"set map {PATHS} a.b/ {key}")
            assert (await get(port, "a.b")).status == 200
            await until_asked(up, "/one", "one.example")
            await running.ask(f"set map {CHECK_PATHS} {slot} /two?a=%20b")
            await running.ask(f"set map {CHECK_HOSTS} {slot} two.example")
            await until_asked(up, "/two?a=%20b", "two.example")
            await running.ask(f"del map {CHECK_PATHS} {slot}")
            await until_asked(up, "/", "two.example")


async def test_a_change_of_health_is_told_to_the_health_log(serve: Serve, tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "health.sock"
    said = {"status": 200}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.setblocking(False)
        async with upstream(reply=lambda request: Reply(said["status"])) as up:
            wanted = model(fleet(port), [], [cluster("web/a", up.port, health_check=checked("/", "a"))])
            slot = render(wanted, options(tmp_path, **SETTINGS, health_log=str(path))).layout.placements["web/a"].slot
            async with serve(wanted, **SETTINGS, health_log=str(path)) as running, asyncio.timeout(DEADLINE):
                await up.has_received(1)
                said["status"] = 500
                line = await asyncio.get_running_loop().sock_recv(log, 4096)
                assert line.decode().startswith(f"Server {slot}/127.0.0.1:{up.port} is DOWN")
                assert "is DOWN" not in running.log_text()


def test_equal_needs_have_one_profile_whatever_paths_hosts_and_servers_are(tmp_path: Path) -> None:
    clusters = [
        cluster("web/a", 80, health_check=checked("/a", "a")),
        cluster("web/b", 81, 82, health_check=checked("/b", "b")),
        cluster("web/c", 83, health_check=HealthCheck(HttpCheck("/c"), interval=50, timeout=1000)),
    ]
    layout = render(model(fleet(80), [], clusters), options(tmp_path)).layout
    a, b, c = (layout.placements[name].slot.split(".")[1] for name in ("web/a", "web/b", "web/c"))
    assert a == b != c  # without a host the address stands for it: another text


def test_a_path_is_encoded_and_blanks_around_a_host_mean_nothing() -> None:
    target = check_target(cluster("web/a", health_check=checked("/a b/ü", " a.example ")))
    assert (target.path, target.host) == ("/a%20b/%C3%BC", "a.example")


def test_the_object_whose_cluster_a_slot_holds_is_its_source(tmp_path: Path) -> None:
    made = render(model(fleet(80), [], [cluster("web/a", 80)]), options(tmp_path, **SETTINGS))
    slot = made.layout.placements["web/a"].slot
    found = {one.name: one for fragment in made.fragments for one in fragment.sections if one.name.startswith("slot.")}
    assert found.pop(slot).source == ObjectRef("Backend", "web", "a")
    assert {(one.source, one.cluster, one.servers) for one in found.values()} == {(None, None, ())}
    assert len(found) == 4
