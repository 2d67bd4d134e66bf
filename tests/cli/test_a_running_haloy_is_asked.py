import asyncio
import json
from pathlib import Path

import pytest
import yaml

from haloy.status.desired import COMPILED
from haloy.status.rules import COMPILED_RULES
from tests.cli.command import EXAMPLES, Outcome, haloy
from tests.cli.manifests import route, write
from tests.cli.running import admin_port

QUICKSTART = [EXAMPLES / "quickstart"]


async def ask(admin: str, *arguments: str) -> Outcome:
    return await asyncio.to_thread(haloy, *arguments, "--admin", admin)


async def test_status_lists_routes_and_backends(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        outcome = await ask(admin, "status")
    assert "Traceback" not in outcome.err
    assert [line.split()[0] for line in outcome.out.splitlines() if line.startswith("default/")] == [
        *(f"default/{name}" for name in ("canary", "secure", "shop")),
        *(f"default/{name}" for name in ("api", "shop", "v1", "v2")),
    ]


async def test_status_names_the_endpoints_that_are_not_healthy(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        shown = (await ask(admin, "status")).out
    (line,) = [line for line in shown.splitlines() if "L4CON" in line and "1/2" in line]
    assert line.split()[:3] == ["default/shop", "True", "1/2"]
    assert "127.0.0.1:9003 Unhealthy (L4CON)" in line


async def test_status_says_why_a_backend_is_not_well(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        found = json.loads((await ask(admin, "status", "-o", "json")).out)
        shown = (await ask(admin, "status")).out
    (shop,) = [one for one in found["objects"] if one["kind"] == "Backend" and one["metadata"]["name"] == "shop"]
    (healthy,) = [one for one in shop["status"]["conditions"] if one["type"] == "Healthy"]
    (line,) = [line for line in shown.splitlines() if "L4CON" in line and "1/2" in line]
    assert healthy["reason"] == "SomeUnhealthy"
    assert line.endswith(healthy["message"])


async def test_status_exits_with_1_while_something_is_not_ready(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path, live=False) as admin:
        assert (await ask(admin, "status")).code == 1


async def test_the_admin_port_may_be_a_url(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        assert (await ask(f"http://{admin}/", "status")).out == (await ask(admin, "status")).out


async def test_status_is_also_json_and_yaml(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        found = json.loads((await ask(admin, "status", "-o", "json")).out)
        assert found == yaml.safe_load((await ask(admin, "status", "-o", "yaml")).out)
    assert {item["kind"] for item in found["objects"]} == {"Route", "Backend", "HealthPolicy"}


async def test_status_says_that_rules_are_compiled_and_on_which_routes(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path, compiled=True) as admin:
        found = json.loads((await ask(admin, "status", "-o", "json")).out)
        shown = (await ask(admin, "status")).out
    assert found["notes"] == [COMPILED_RULES]
    assert COMPILED_RULES in shown
    concerned = {
        one["metadata"]["name"]
        for one in found["objects"]
        if any(COMPILED in condition["message"] for condition in one["status"]["conditions"])
    }
    assert concerned == {"secure", "shop"}
    async with admin_port(QUICKSTART, tmp_path) as admin:
        assert json.loads((await ask(admin, "status", "-o", "json")).out)["notes"] == []


async def test_status_shows_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", route("bad", "rules: []"))
    async with admin_port([path], tmp_path) as admin:
        outcome = await ask(admin, "status")
    assert outcome.code == 1
    assert f"{path}:" in outcome.out.replace("\n", "")


async def test_reloads_are_listed_with_their_reasons(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        outcome = await ask(admin, "reloads")
        found = json.loads((await ask(admin, "reloads", "-o", "json")).out)
    assert outcome.code == 0
    assert "first start" in outcome.out
    assert "failed: no room" in outcome.out
    assert [record["success"] for record in found["reloads"]] == [True, False]


async def test_route_test_asks_with_live(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        outcome = await ask(admin, "route", "test", "GET", "http://shop.localhost/api", "-H", "x-a: b&c", "--live")
        refused = await ask(admin, "route", "test", "GET", "/nothing", "--live")
    assert (outcome.code, outcome.err) == (0, "")
    assert "wins   default/shop rule api" in outcome.out
    assert refused.code == 2
    assert "is not a URL" in refused.err


async def test_explain_asks_with_live(tmp_path: Path) -> None:
    async with admin_port(QUICKSTART, tmp_path) as admin:
        outcome = await ask(admin, "explain", "backend/default/shop", "--live")
        missing = await ask(admin, "explain", "backend/default/none", "--live")
    assert (outcome.code, outcome.err) == (0, "")
    assert "endpoint 127.0.0.1:9001 Healthy (L7OK/200)" in outcome.out
    assert "endpoint 127.0.0.1:9003 Unhealthy (L4CON)" in outcome.out
    assert "Programmed=True" in outcome.out
    assert missing.code == 1
    assert "there is no backend/default/none" in missing.err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": 5}'])
async def test_something_else_on_the_port_is_said(body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        outcome = await ask(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "status")
    assert outcome.code == 2
