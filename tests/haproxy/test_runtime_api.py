"""The Runtime API client keeps one connection, frames answers strictly and tells success from failure."""

import asyncio
from pathlib import Path

import pytest

from haloy.proxies.haproxy.runtime.cli_parsers import parse_info, parse_map
from haloy.proxies.haproxy.runtime.runtime_api import (
    CommandFailed,
    PayloadTooLarge,
    RuntimeApi,
    RuntimeUnavailable,
    UnsafeCommand,
    command,
    map_commands,
)
from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, answering, small_haproxy

ROUTED = "    http-request set-header x %[path,map(maps/a.map)]\nbackend b\n    server s1 127.0.0.1:1\n"


async def started(haproxy: SmallHaproxy, extra: str = "") -> RuntimeApi:
    (haproxy.conf / "maps").mkdir()
    (haproxy.conf / "maps" / "a.map").write_text("start 1\n")
    await haproxy.start("r1", answering(free_port()) + ROUTED, extra=extra)
    return haproxy.runtime


async def test_many_commands_give_as_many_answers_in_order(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        await api.run([command("add", "map", "maps/a.map", f"key{n}", f"value{n}") for n in range(2000)])
        answers = await api.run([command("show", "map", "maps/a.map"), "get var proc.haloy_revision", "show info"])
        assert len(parse_map(answers[0])) == 2001
        assert parse_map(answers[0])["key1999"] == "value1999"
        assert answers[1] == "proc.haloy_revision: type=str value=<r1>"
        assert parse_info(answers[2])["Name"] == "HAProxy"


async def test_payloads_and_plain_commands_may_be_mixed(haproxy_binary: Path, tmp_path: Path) -> None:
    entries = [(f"key{n}", f"value {n} ; # \\ ' \" <<") for n in range(3000)]
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        (version,) = await api.run(["prepare map maps/a.map"])
        name = f"@{version.rsplit(' ', 1)[-1]}"
        commands = map_commands(("add", "map", name, "maps/a.map"), entries, api.limit)
        assert len(commands) > 1
        await api.run([*commands, command("commit", "map", name, "maps/a.map")])
        assert parse_map(await api.call("show", "map", "maps/a.map")) == dict(entries)


async def test_a_failure_names_the_command_and_the_others_are_still_carried_out(
    haproxy_binary: Path, tmp_path: Path
) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        with pytest.raises(CommandFailed) as failure:
            await api.run(["disable server b/s1", "disable server b/none", "set server b/s1 weight 7"])
        assert (failure.value.command, failure.value.answer) == ("disable server b/none", "No such server.")
        assert " 7 1 " in await api.call("show", "servers", "state", "b")


async def test_calls_from_many_tasks_do_not_mix(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        answers = await asyncio.gather(*(api.call("get", "map", "maps/a.map", f"k{n}") for n in range(50)))
        assert all(answer.startswith("type=str") for answer in answers)


async def test_a_connection_that_haproxy_ended_is_made_anew(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        for _ in range(3):
            with pytest.raises(RuntimeUnavailable, match="closed the connection"):
                await api.run(["quit"])
            assert parse_info(await api.call("show", "info"))["Name"] == "HAProxy"


async def test_a_reading_command_survives_a_lost_connection(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        sockets = await api.call("show", "sess")
        mine = next(line.split(":")[0] for line in sockets.splitlines() if "proto=unix_stream" in line)
        other = RuntimeApi(haproxy.files.worker_socket)
        await other.run([f"shutdown session {mine}"])
        assert parse_info(await api.call("show", "info"))["Name"] == "HAProxy"
        await other.disconnect()


async def test_nobody_listening_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match=r"none\.sock"):
        await RuntimeApi(tmp_path / "none.sock").call("show", "info")


async def test_a_silent_socket_times_out_and_the_next_call_starts_afresh(tmp_path: Path) -> None:
    connections = 0
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()
        if connections == 2:
            closed.set()

    path = tmp_path / "silent.sock"
    server = await asyncio.start_unix_server(silent, path)
    api = RuntimeApi(path, timeout=0.1)
    for _ in range(2):
        with pytest.raises(RuntimeUnavailable, match=r"no answer within 0\.1 s"):
            await api.call("show", "info")
    assert connections == 2
    await closed.wait()
    server.close()


async def test_too_large_a_payload_is_never_sent(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy)
        sent = api.sent
        with pytest.raises(PayloadTooLarge, match="at most 16128"):
            await api.call("add", "map", "maps/a.map", payload=f"key {'x' * 16_200}\n")
        assert api.sent == sent
        await api.call("add", "map", "maps/a.map", payload=f"key {'x' * 16_080}\n")
        assert len(parse_map(await api.call("show", "map", "maps/a.map"))["key"]) == 16_080


@pytest.mark.parametrize(
    "line", ["show info;show stat", "show info\nshow stat", "show info\\", "", "add map a <<", "x\0", "a\\\\;b"]
)
async def test_a_line_that_is_more_than_one_command_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeCommand):
        await RuntimeApi(tmp_path / "none.sock").run([line])
