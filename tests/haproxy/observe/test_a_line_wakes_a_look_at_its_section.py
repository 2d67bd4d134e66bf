import asyncio
import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from haloy.model.health import Health
from tests.haproxy.observe.slots import PATIENCE, artifacts, clusters, key, level, slot, watched
from tests.support.small_haproxy import eventually


def listening(port: int = 0) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


async def test_an_endpoint_that_dies_is_unhealthy_without_a_look_at_everything(
    tmp_path: Path, haproxy_binary: Path
) -> None:
    with listening() as one, listening() as two:
        ports = port_of(one), port_of(two)
        async with watched(haproxy_binary, tmp_path, slot(1, ports[:1]), slot(2, ports[1:])) as haproxy:
            before = await haproxy.until_all_have_results()
            one.close()
            await haproxy.until_hints_tell(Health.UNHEALTHY, ports[:1])
            haproxy.log.wake()
            _, after = await haproxy.hinted()
            assert after.endpoints[key(2, ports[1])] is before.endpoints[key(2, ports[1])]
            assert after.endpoints[key(1, ports[0])].reason == "L4CON"
            assert before.endpoints[key(1, ports[0])].health is Health.HEALTHY, "an Observation does not change"
            with listening(ports[0]):
                await haproxy.until_hints_tell(Health.HEALTHY, ports[:1])


async def test_many_at_once_are_all_seen(tmp_path: Path, haproxy_binary: Path) -> None:
    """More than the kernel keeps for a reader, and more sections than are read one by one."""
    with ExitStack() as stack:
        servers = [stack.enter_context(listening()) for _ in range(300)]
        ports = [port_of(server) for server in servers]
        slots = [slot(number, ports[number * 3 : number * 3 + 3]) for number in range(100)]
        async with watched(haproxy_binary, tmp_path, *slots) as haproxy:
            await haproxy.until_all_have_results()
            for server in servers:
                server.close()
            await haproxy.until_hints_tell(Health.UNHEALTHY, ports)


async def test_what_was_said_while_nobody_listened_is_made_good_by_a_look_at_everything(
    tmp_path: Path, haproxy_binary: Path
) -> None:
    with listening() as one:
        port = port_of(one)
        async with watched(haproxy_binary, tmp_path, slot(1, [port])) as haproxy:
            await haproxy.until_all_have_results()
            haproxy.log_path.unlink()
            one.close()

            async def dead() -> bool:
                seen = await haproxy.observer.observe(haproxy.small.runtime, haproxy.slots, "r1", datetime.now(UTC))
                return level(seen, port) is Health.UNHEALTHY

            await eventually(dead, "the endpoint is down")
            await haproxy.whole()
            with listening(port):
                await haproxy.until_hints_tell(Health.HEALTHY, [port])


async def test_haproxy_speaks_although_nobody_listened_when_it_started(tmp_path: Path, haproxy_binary: Path) -> None:
    with listening() as one:
        port = port_of(one)
        async with watched(haproxy_binary, tmp_path, slot(1, [port]), deaf=True) as haproxy:
            one.close()

            async def complained() -> bool:
                return any("sendmsg" in alert.text for alert in haproxy.small.messages)

            await eventually(complained, "HAProxy says that nobody listens")
            haproxy.log.open()
            assert level(await haproxy.until_all_have_results(), port) is Health.UNHEALTHY
            with listening(port):
                await haproxy.until_hints_tell(Health.HEALTHY, [port])


async def test_a_forged_line_changes_nothing(tmp_path: Path, haproxy_binary: Path) -> None:
    with listening() as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as forger:
        port = port_of(one)
        async with watched(haproxy_binary, tmp_path, slot(1, [port])) as haproxy:
            before = await haproxy.until_all_have_results()
            for line in (
                f"Server slot.1.1/127.0.0.1:{port} is DOWN, reason: a lie.",
                "Server slot.9.9/nobody is DOWN",
                "Server ;shutdown sessions server slot.1.1/x is DOWN",
                "\x00\xff\n",
                "",
            ):
                forger.sendto(line.encode("latin-1"), str(haproxy.log_path))
            hints, after = await asyncio.wait_for(haproxy.hinted(), PATIENCE)
            assert hints.sections <= {"slot.1.1", "slot.9.9"}
            assert after.endpoints == before.endpoints


async def test_a_flood_of_lines_is_one_look_at_everything(tmp_path: Path, haproxy_binary: Path) -> None:
    with listening() as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as forger:
        async with watched(haproxy_binary, tmp_path, slot(1, [port_of(one)])) as haproxy:
            before = await haproxy.until_all_have_results()
            try:
                for _ in range(100_000):
                    forger.sendto(b"Server slot.1.1/x is DOWN", str(haproxy.log_path))
            except BlockingIOError:
                pass
            hints, after = await asyncio.wait_for(haproxy.hinted(), PATIENCE)
            assert hints.everything
            assert after.endpoints == before.endpoints


async def test_first_results_are_looked_for_although_haproxy_says_nothing_of_them(
    tmp_path: Path, haproxy_binary: Path
) -> None:
    with listening() as one:
        port = port_of(one)
        async with watched(haproxy_binary, tmp_path, slot(1, [port])) as haproxy:
            observer, api = haproxy.observer, haproxy.small.runtime
            observation = await observer.observe(api, haproxy.slots, "r1", datetime.now(UTC))
            async with asyncio.timeout(PATIENCE):
                while level(observation, port) is Health.UNKNOWN:
                    patience = observer.patience(datetime.now(UTC))
                    assert patience is not None
                    await asyncio.sleep(patience)
                    observation = await observer.observe_some(api, haproxy.slots, "r1", datetime.now(UTC), ())
            assert level(observation, port) is Health.HEALTHY
            assert observer.patience(datetime.now(UTC)) is None


async def test_what_is_known_of_an_endpoint_moves_with_its_cluster(tmp_path: Path, haproxy_binary: Path) -> None:
    """Between slots, and no slot's next user gets what its last one had."""
    with listening() as one, listening() as two:
        ports = port_of(one), port_of(two)
        async with watched(haproxy_binary, tmp_path, slot(1, ports[:1]), slot(2, ports[:1])) as haproxy:
            api, observer = haproxy.small.runtime, haproxy.observer
            haproxy.slots = artifacts(slot(1, ports[:1]))
            before = await haproxy.until_all_have_results()
            moved = artifacts(slot(2, ports[:1], cluster="web/s1"))
            after = await observer.observe_some(api, moved, "r1", datetime.now(UTC), ())
            assert after.endpoints == before.endpoints
            reused = artifacts(slot(2, ports[:1], cluster="web/other"))
            assert clusters(await observer.observe_some(api, reused, "r1", datetime.now(UTC), ())) == {"web/other"}
            assert clusters(await observer.observe(api, reused, "r1", datetime.now(UTC))) == {"web/other"}
            gone = await observer.observe_some(api, artifacts(), "r1", datetime.now(UTC), ())
            assert not gone.endpoints
