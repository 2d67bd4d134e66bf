from pathlib import Path

import pytest

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.events import Event, Unusable
from haloy.proxies.haproxy.process.process import StartFailed
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


async def test_after_a_stop_it_serves_what_it_served(tmp_path: Path) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two):
        made = delivery(listeners, HOSTS, [cluster("shop", [local(two.port)])])
        async with haproxy(tmp_path, listeners) as proxy:
            await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])]))
            assert isinstance(await proxy.apply(made), Applied)
        async with haproxy(tmp_path, listeners, events) as proxy:
            assert (await get(http, "a.example")).body == str(two.port).encode(), "also what changed at run time"
            outcome = await proxy.apply(made)
            assert isinstance(outcome, Applied)
            assert (outcome.reload, outcome.commands) == ((), 0)


def damage_configuration(generation: Path) -> None:
    for path in (generation / "30-clusters-00.cfg", *generation.glob("30-*.cfg"), *generation.glob("record/30-*")):
        path.write_bytes(b"\xff not a configuration \x00")


def damage_everything(generation: Path) -> None:
    for path in generation.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


def remove(generation: Path) -> None:
    for path in generation.rglob("*"):
        if path.is_file():
            path.unlink()


def lose_the_index(generation: Path) -> None:
    (generation / "record" / "index.json").unlink()


def flip_one_bit_of_a_map(generation: Path) -> None:
    path = next(path for path in generation.glob("maps/*.map") if b"a.example" in path.read_bytes())
    path.write_bytes(path.read_bytes().replace(b"a.example", b"a.dxample"))


@pytest.mark.parametrize(
    "damage", [damage_configuration, damage_everything, remove, lose_the_index, flip_one_bit_of_a_map]
)
async def test_a_damaged_generation_is_passed_over(tmp_path: Path, damage: object) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two):
        async with haproxy(tmp_path, listeners) as proxy:
            await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])]))
            newer = [cluster("shop", [local(two.port)]), cluster("cart", [])]
            await proxy.reload()
            await proxy.apply(delivery(listeners, HOSTS, newer))
        current = (tmp_path / "haproxy" / "current").resolve()
        for path in [path for path in current.rglob("*") if path.is_file()]:
            content = path.read_bytes()  # hard links to the generation before: damage the one, not the other
            path.unlink()
            path.write_bytes(content)
        assert callable(damage)
        damage(current)
        async with haproxy(tmp_path, listeners, events) as proxy:
            assert (await get(http, "a.example")).body == str(one.port).encode()
            assert [event.generation for event in events if isinstance(event, Unusable)] == [current.name]
            assert isinstance(await proxy.apply(delivery(listeners, HOSTS, newer)), Applied)
            assert (await get(http, "a.example")).body == str(two.port).encode()


async def test_a_damaged_file_is_repaired_from_the_record(tmp_path: Path) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    http = listeners.listeners[0].binds[0].port
    async with upstreams(1) as (one,):
        async with haproxy(tmp_path, listeners) as proxy:
            await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])]))
        current = (tmp_path / "haproxy" / "current").resolve()
        for path in current.glob("30-*.cfg"):
            path.write_bytes(path.read_bytes()[:-20])
        async with haproxy(tmp_path, listeners, events) as proxy:
            assert (await get(http, "a.example")).body == str(one.port).encode()
            assert not [event for event in events if isinstance(event, Unusable)]


async def test_nothing_usable_at_all_answers_404(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with haproxy(tmp_path, listeners):
        pass
    damage_everything((tmp_path / "haproxy" / "current").resolve())
    async with haproxy(tmp_path, listeners):
        assert (await get(http, "a.example")).status == 404


async def test_a_state_directory_that_was_moved_is_told_apart(tmp_path: Path) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    http = listeners.listeners[0].binds[0].port
    (tmp_path / "old").mkdir()
    async with haproxy(tmp_path / "old", listeners):
        pass
    (tmp_path / "old").rename(tmp_path / "new")
    async with haproxy(tmp_path / "new", listeners, events):
        assert (await get(http, "a.example")).status == 404
    assert ["another state directory" in event.reason for event in events if isinstance(event, Unusable)] == [True]


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    async with upstreams(1) as (other,):
        listeners = fleet(other.port)
        with pytest.raises(StartFailed, match=str(other.port)):
            async with haproxy(tmp_path, listeners):
                pass
