"""Whatever is said in place of what was asked for, those who ask regularly hear RuntimeUnavailable and ask again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section, Server
from haloy.proxies.haproxy.observe.measure import measure
from haloy.proxies.haproxy.observe.observe import Observer
from haloy.proxies.haproxy.process.server_state import parse
from haloy.proxies.haproxy.runtime import cli_parsers
from haloy.proxies.haproxy.runtime.master_api import Processes, ProcessRow, parse_processes
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi, RuntimeUnavailable, understood

PARSERS: list[Callable[[str], object]] = [
    parse,
    parse_processes,
    cli_parsers.parse_info,
    cli_parsers.parse_stat,
    cli_parsers.parse_map,
    cli_parsers.parse_certificate_names,
    cli_parsers.parse_crt_list,
    cli_parsers.parse_tables,
    cli_parsers.parse_variable,
]
BEGINNINGS = st.sampled_from(["", "1\n", "# pxname,svname\n", "# table: t, type: string, size:1, used:1\n0x1: key=a "])
SERVER = Server("s", "127.0.0.1", 80, 1, 1, "127.0.0.1:80", ())
NOBODY = Processes(ProcessRow(1, 0, 0, ""), 0, (), ())
ODD = [
    "Unknown command: 'show', but maybe one of the following ones is a better match:",
    "Permission denied",
    "1\n# heading\n7 cluster.a.b 1 s 127.0.0.1 2 x 1 1 1 1 1 1 1 0 0 0 - 80 - 0 0 - - 0",
    "1\n# heading\n7 cluster.a.b 1 s 127.0.0.1 99 0 1 1 1 1 1 1 1 0 0 0 - 80 - 0 0 - - 0",
    "1\n# heading\n7 cluster.a.b 1 s 127.0.0.1 2 0 1 1 1 1",
    "# pxname,svname\n" + "x" * 200_000 + ",y",
]


@given(BEGINNINGS, st.text())
def test_a_parser_refuses_with_a_valueerror_or_not_at_all(beginning: str, text: str) -> None:
    for parser in PARSERS:
        with contextlib.suppress(ValueError):
            parser(beginning + text)


@pytest.mark.parametrize("error", [CommandFailed("show x", "no"), ValueError("no"), KeyError("no"), IndexError("no")])
def test_every_misunderstanding_is_told_in_its_words(error: Exception) -> None:
    with pytest.raises(RuntimeUnavailable, match=r"the counters cannot be read: .*no"), understood("the counters"):
        raise error


@contextlib.asynccontextmanager
async def saying(path: Path, answer: str) -> AsyncIterator[RuntimeApi]:
    """A socket that says `answer` to every line."""

    conversations: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(f"{answer}\n\n> ".encode())
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.append(asyncio.create_task(serve(reader, writer)))

    api = RuntimeApi(path)
    async with await asyncio.start_unix_server(accept, path):
        try:
            yield api
        finally:
            await api.disconnect()
            await asyncio.wait(conversations)


@pytest.mark.parametrize("answer", ODD)
async def test_health_and_counters_are_unavailable(tmp_path: Path, answer: str) -> None:
    artifacts = Artifacts("r1", (Fragment("30-clusters-00.cfg", (Section("cluster.a.b", "", servers=(SERVER,)),)),))
    async with saying(tmp_path / "odd.sock", answer) as api:
        with contextlib.suppress(RuntimeUnavailable), understood("health"):
            found = await Observer().observe(api, artifacts, "r1", datetime.now(UTC))
            assert not found.endpoints or "99" in answer
        with pytest.raises(RuntimeUnavailable, match="counters cannot be read"), understood("counters"):
            await measure(api, NOBODY, clusters={}, baselines={}, routes=bool(names.ROUTES), reloads=0)
