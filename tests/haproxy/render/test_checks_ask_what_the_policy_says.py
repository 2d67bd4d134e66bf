"""HealthPolicies at real upstreams: what the check asks, and what it believes."""

import asyncio

from haloy.model.cluster import Endpoint
from haloy.model.filters import Header
from haloy.model.health import GrpcCheck, HealthCheck, HttpCheck, OnError, PassiveCheck, TcpCheck
from haloy.proxies.haproxy.names import AGENT_TOKEN_LENGTH, agent_token
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.running_haproxy import DEADLINE, Running
from tests.support.upstream import Received, Reply, upstream

EVERYTHING = [host("a.b", candidate(rule("all", "web/up")))]
HOSTILE = "%[env(CANARY)]${CANARY}\"$CANARY\" '}' \\n"


def quick(kind: HttpCheck | TcpCheck | GrpcCheck, **changes: object) -> HealthCheck:
    return HealthCheck(kind, interval=100, timeout=1000, fall=1, rise=1, **changes)  # type: ignore[arg-type]


async def state(running: Running, wanted: str, check: str = "") -> None:
    """Wait until the only server of web/up shows `wanted`, and that its last check was answered with `check`."""
    async with asyncio.timeout(DEADLINE):
        while True:
            rows = [line.split(",") for line in (await running.ask("show stat")).splitlines()]
            if any(
                row[0].startswith("slot.")
                and ":" in row[1]
                and row[17].startswith(wanted)
                and row[36].startswith(check)
                for row in rows
                if len(row) > 36
            ):
                return
            await asyncio.sleep(0.02)


async def test_the_request_is_the_policys_own_word_for_word(serve: Serve) -> None:
    port = free_port()
    check = HttpCheck("/health?a='b'&%[env(CANARY)]${CANARY}", "HEAD", "check.example", (Header("X-Check", HOSTILE),))
    async with upstream() as up:
        wanted = model(fleet(port), EVERYTHING, [cluster("web/up", up.port, health_check=quick(check))])
        async with serve(wanted, environment={"CANARY": "leaked"}):
            await up.has_received(1)
    request = up.requests[0]
    assert (request.method, request.target) == ("HEAD", "/health?a='b'&%[env(CANARY)]${CANARY}")
    assert request.one("host") == "check.example"
    assert request.one("x-check") == HOSTILE


async def test_without_a_host_the_address_stands_for_it(serve: Serve) -> None:
    port = free_port()
    async with upstream() as up:
        server = await asyncio.start_server(up.serve, "::1", up.port)
        endpoints = (Endpoint("127.0.0.1", up.port), Endpoint("::1", up.port))
        wanted = model(fleet(port), EVERYTHING, [cluster("web/up", *endpoints, health_check=quick(HttpCheck()))])
        async with serve(wanted):
            await up.has_received(4)
        server.close()
    assert {request.one("host") for request in up.requests} == {f"127.0.0.1:{up.port}", f"[::1]:{up.port}"}


async def test_status_and_body_must_be_as_expected(serve: Serve) -> None:
    port = free_port()
    said = {"status": 404, "body": f"all is {HOSTILE} well"}

    def reply(request: Received) -> Reply:
        return Reply(int(said["status"]), body=str(said["body"]).encode())

    check = HttpCheck(statuses=((200, 299), (404, 404)), expected_body=HOSTILE)
    async with upstream(reply=reply) as up:
        wanted = model(fleet(port), EVERYTHING, [cluster("web/up", up.port, health_check=quick(check))])
        async with serve(wanted, environment={"CANARY": "leaked"}) as running:
            await up.has_received(2)
            await state(running, "UP")
            said["body"] = "all is leaked"
            await state(running, "DOWN")
            assert (await get(port, "a.b")).status == 503
            said["body"] = HOSTILE
            await state(running, "UP")
            said["status"] = 500
            await state(running, "DOWN")


async def test_errors_in_live_traffic_mark_an_endpoint_down(serve: Serve) -> None:
    port = free_port()
    async with upstream(reply=lambda request: Reply(500 if request.target == "/bad" else 200)) as up:
        passive = HealthCheck(HttpCheck(), interval=60_000, passive=PassiveCheck(3, OnError.MARK_DOWN))
        wanted = model(fleet(port), EVERYTHING, [cluster("web/up", up.port, health_check=passive)])
        async with serve(wanted) as running:
            await state(running, "UP", "L7OK")  # a check that passes forgives errors, and the next one is a minute away
            for _ in range(3):
                assert (await get(port, "a.b", "/bad")).status == 500
            await state(running, "DOWN")
            assert (await get(port, "a.b")).status == 503


async def test_grpc_asks_haloys_own_checker(serve: Serve) -> None:
    """The checker hears one token per endpoint and decides."""
    port, asked = free_port(), list[str]()
    verdict = b"up\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readexactly(AGENT_TOKEN_LENGTH)).decode())
        writer.write(verdict)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    agent = ("127.0.0.1", server.sockets[0].getsockname()[1])
    async with upstream() as up:
        wanted = model(fleet(port), EVERYTHING, [cluster("web/up", up.port, health_check=quick(GrpcCheck()))])
        async with serve(wanted, agent=agent) as running:
            async with asyncio.timeout(DEADLINE):
                while True:
                    if len(asked) > 1:
                        break
                    await asyncio.sleep(0.02)
            verdict = b"down\n"
            await state(running, "DOWN")
            assert (await get(port, "a.b")).status == 503
            verdict = b"up\n"
            await state(running, "no check")  # how HAProxy calls a server that is up and asks an agent only
            assert (await get(port, "a.b")).status == 200
    server.close()
    assert set(asked) == {agent_token("web/up", f"127.0.0.1:{up.port}")}
