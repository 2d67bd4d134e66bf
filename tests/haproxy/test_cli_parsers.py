"""What `show ...` prints is read into types; the texts are HAProxy 2.8.25's own."""

from pathlib import Path

import pytest

from haloy.proxies.haproxy.runtime.cli_parsers import parse_stat, parse_tables, parse_variable
from haloy.proxies.haproxy.runtime.master_api import parse_processes
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, get, small_haproxy

PROCESSES = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
26514           master          2 [failed: 1]   1d02h03m04s     2.8.25-5cf5d0683
# workers
26524           worker          1               0d00h00m01s     2.8.25-5cf5d0683
# old workers
26516           worker          2               0d00h00m02s     2.8.25-5cf5d0683
26510           worker          3               0d00h01m02s     2.8.25-5cf5d0683
# programs

"""


def test_processes_are_told_apart() -> None:
    processes = parse_processes(PROCESSES)
    assert (processes.master.pid, processes.master.uptime, processes.failed_reloads) == (26514, 93_784, 1)
    assert [(row.pid, row.reloads) for row in processes.workers] == [(26524, 1)]
    assert [(row.pid, row.uptime) for row in processes.old_workers] == [(26516, 2), (26510, 62)]


def test_another_text_is_no_list_of_processes() -> None:
    with pytest.raises(ValueError, match="not a `show proc`"):
        parse_processes("Unknown command\n")


async def test_statistics_have_a_row_for_each(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(port) + "backend b\n    server s 127.0.0.1:1\n")
        await get(port)
        rows = parse_stat(await haproxy.runtime.call("show", "stat"))
        assert [(row.proxy, row.server, row.status) for row in rows] == [
            (f"f{port}", "FRONTEND", "OPEN"),
            ("b", "s", "no check"),
            ("b", "BACKEND", "UP"),
        ]
        assert rows[0].number("req_tot") == 1
        assert (rows[1].number("qlimit"), rows[1].text("no_such_column")) == (0, "")


async def test_stick_tables_have_entries(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    table = "    stick-table type string len 64 size 1k expire 1m store http_req_cnt\n    http-request track-sc0 path\n"
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(port).replace("    http-request return", table + "    http-request return"))
        await get(port, "/a")
        await get(port, "/a")
        await get(port, "/b")
        (summary,) = parse_tables(await haproxy.runtime.call("show", "table"))
        assert (summary.name, summary.type, summary.size, summary.used) == (f"f{port}", "string", 1024, 2)
        (full,) = parse_tables(await haproxy.runtime.call("show", "table", f"f{port}"))
        assert {(entry["key"], entry["http_req_cnt"]) for entry in full.entries} == {("/a", "2"), ("/b", "1")}


def test_a_variable_may_hold_anything() -> None:
    assert parse_variable("proc.x: type=str value=<a <b> c>\n") == "a <b> c"
    with pytest.raises(ValueError, match="not a `get var`"):
        parse_variable("Variable not found.")
