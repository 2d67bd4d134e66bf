"""What HAProxy does with a server-state file, and what haloy therefore writes into it."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process import server_state
from haloy.proxies.haproxy.process.server_state import ConfiguredServer, OperationalState, StateFormatError
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow, parse_stat
from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, eventually, get, small_haproxy

SECTIONS = """\
    load-server-state-from-file global
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 127.0.0.1:{upstream} id 1 weight {weight} check inter {inter} rise 2 fall 2
"""


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Upstream(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A check of HAProxy ends in a reset."""


@contextmanager
def upstream() -> Iterator[int]:
    """A server that answers 200; its port."""
    server = Upstream(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sections(port: int, upstream: int, *, weight: int = 1, inter: str = "200ms") -> str:
    return SECTIONS.format(port=port, upstream=upstream, weight=weight, inter=inter)


def state_file(haproxy: SmallHaproxy) -> Path:
    return haproxy.files.directory / "servers"


async def boot(haproxy: SmallHaproxy, text: str, sections: str) -> None:
    state_file(haproxy).write_text(text)
    await haproxy.start("r1", sections, extra=f"server-state-file {state_file(haproxy)}")


async def reload(haproxy: SmallHaproxy, text: str, sections: str) -> None:
    state_file(haproxy).write_text(text)
    haproxy.write("r2", sections, f"server-state-file {state_file(haproxy)}")
    assert (await haproxy.process.reload("r2")).success


async def stat(haproxy: SmallHaproxy) -> StatRow:
    (row,) = parse_stat(await haproxy.runtime.call("show", "stat", "b", "4", "-1"))
    return row


async def test_an_initially_down_server_gets_nothing_until_its_checks_passed(
    haproxy_binary: Path, tmp_path: Path
) -> None:
    port = free_port()
    with upstream() as target:
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            servers = [ConfiguredServer("b", "s1", "127.0.0.1", target, initially_down=True)]
            await boot(haproxy, server_state.carried_over("", servers), sections(port, target, inter="1s"))
            assert (await get(port))[0] == 503
            row = await stat(haproxy)
            assert (row.status.split(" ")[0], row.proxy, row.server) == ("DOWN", "b", "s1")
            assert row.check_status.removeprefix("* ") in ("INI", "L4OK")

            async def up() -> bool:
                return (await get(port))[0] == 200

            await eventually(up, "the checks passed and the server serves")
            assert (await stat(haproxy)).check_status == "L4OK"


async def test_without_a_line_a_server_serves_at_once(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    with upstream() as target:
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            servers = [ConfiguredServer("b", "s1", "127.0.0.1", target)]
            await boot(haproxy, server_state.carried_over("", servers), sections(port, target, inter="60s"))
            assert (await get(port))[0] == 200


async def test_a_server_that_is_down_stays_down_over_a_reload(haproxy_binary: Path, tmp_path: Path) -> None:
    port, dead = free_port(), free_port()
    servers = [ConfiguredServer("b", "s1", "127.0.0.1", dead)]
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await boot(haproxy, server_state.carried_over("", servers), sections(port, dead, inter="50ms"))

        async def down() -> bool:
            return (await stat(haproxy)).status == "DOWN"

        await eventually(down, "the dead server is found out")
        saved = await server_state.save(haproxy.runtime)
        text = server_state.carried_over(saved, servers)
        await reload(haproxy, text, sections(port, dead, inter="60s"))
        assert (await stat(haproxy)).status == "DOWN"
        assert (await get(port))[0] == 503


async def test_a_server_known_by_its_agent_alone_begins_down_and_stays_so(haproxy_binary: Path, tmp_path: Path) -> None:
    port, silent = free_port(), free_port()
    agent = f"agent-check agent-addr 127.0.0.1 agent-port {silent} agent-inter 60s"
    with upstream() as target:
        text = sections(port, target).replace("check inter 200ms rise 2 fall 2", agent)
        server = ConfiguredServer("b", "s1", "127.0.0.1", target, checked=False, agent=True)
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            await boot(haproxy, server_state.carried_over("", [replace(server, initially_down=True)]), text)
            assert (await get(port))[0] == 503
            saved = await server_state.save(haproxy.runtime)
            await reload(haproxy, server_state.carried_over(saved, [server]), text)
            assert (await get(port))[0] == 503


async def test_the_weight_the_port_and_the_drain_come_from_the_configuration(
    haproxy_binary: Path, tmp_path: Path
) -> None:
    port = free_port()
    with upstream() as target, upstream() as moved:
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            first = [ConfiguredServer("b", "s1", "127.0.0.1", target, weight=5)]
            await boot(haproxy, server_state.carried_over("", first), sections(port, target, weight=5))
            await haproxy.runtime.run(["set server b/s1 weight 9", "set server b/s1 state drain"])
            raw = await server_state.save(haproxy.runtime)

            await reload(haproxy, raw, sections(port, moved, weight=5))
            row = await stat(haproxy)
            assert (row.status, row.text("uweight"), row.text("addr")) == ("DRAIN", "9", f"127.0.0.1:{target}"), (
                "the trap: HAProxy takes all three from the file as it was saved"
            )

            wanted = [ConfiguredServer("b", "s1", "127.0.0.1", moved, weight=5)]
            await reload(haproxy, server_state.carried_over(raw, wanted), sections(port, moved, weight=5))
            row = await stat(haproxy)
            assert (row.status, row.number("uweight"), row.text("addr")) == ("UP", 5, f"127.0.0.1:{moved}")


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("9 b 7 s1 127.0.0.1 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0", "DOWN"),
        ("2 b 1 s1 127.0.0.9 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0", "DOWN"),
        ("2 b 1 other 127.0.0.1 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0", "UP"),
        ("2 other 1 s1 127.0.0.1 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0", "UP"),
        ("broken\n2 b 1 s1 127.0.0.1 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0", "UP"),
    ],
    ids=["other ids", "other address", "other server name", "other backend name", "after a broken line"],
)
async def test_haproxy_goes_by_the_names(haproxy_binary: Path, tmp_path: Path, line: str, outcome: str) -> None:
    with upstream() as target:
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            text = f"1\n{server_state.HEADER}\n{line.format(port=target)}\n"
            await boot(haproxy, text, sections(free_port(), target, inter="60s"))
            assert (await stat(haproxy)).status.split()[0] == outcome
            assert (await stat(haproxy)).text("addr") == f"127.0.0.1:{target}"


async def test_what_haproxy_prints_is_read_and_written_unchanged(haproxy_binary: Path, tmp_path: Path) -> None:
    with upstream() as target:
        async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
            await boot(haproxy, server_state.render(()), sections(free_port(), target, inter="60s"))
            saved = await server_state.save(haproxy.runtime)
    (state,) = server_state.parse(saved)
    assert (state.backend, state.name, state.id, state.operational) == ("b", "s1", 1, OperationalState.RUNNING)
    assert server_state.render([state]).split() == saved.split()


def test_another_spelling_of_an_address_is_the_same_server() -> None:
    known = ConfiguredServer("b", "s1", "2001:db8::1", 80, initially_down=True)
    saved = server_state.carried_over("", [known]).replace(" 0 1 0 0 6 ", " 0 6 3 4 6 ")
    again = ConfiguredServer("b", "s1", "2001:0db8:0:0::1", 80)
    assert [state.check_health for state in server_state.parse(server_state.carried_over(saved, [again]))] == [4]


@pytest.mark.parametrize("text", ["", "2\n", "1\nb s1\n", f"1\n{' x' * 25}\n"])
def test_another_format_is_refused(text: str) -> None:
    with pytest.raises(StateFormatError):
        server_state.parse(text)


def test_a_name_that_would_break_the_file_is_refused() -> None:
    with pytest.raises(StateFormatError, match="white space"):
        server_state.carried_over("", [ConfiguredServer("b x", "s1", "10.0.0.1", 80, initially_down=True)])
