"""On a running HAProxy with a canary in its environment: values are what users wrote, and nothing of the environment leaks."""

from urllib.parse import quote, unquote

import pytest

from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.hostile import SECRET, SNIPPETS, one_of_everything
from tests.haproxy.render.test_no_string_becomes_configuration import merged
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Received, Reply, Upstream, upstream

VALUES = [value for value in SNIPPETS if value.isascii() and value.strip() == value]
VALUES += ["".join(SNIPPETS[:18]).strip(), "%[env(CANARY)]${CANARY}\"$CANARY\"'%[env(CANARY)]'"]


@BOTH_WAYS
async def test_nothing_expands_and_nothing_is_lost(serve: Serve) -> None:
    port = free_port()
    async with upstream(reply=lambda request: Reply(body="\n".join(VALUES).encode())) as up:
        wanted = merged([one_of_everything(value, port, up.port) for value in VALUES])
        checked = len(VALUES)
        async with serve(wanted, environment={"CANARY": SECRET}) as running:
            await up.has_received(2 * checked)
            checks = {request.target for request in up.requests}
            assert {value for value in VALUES if "/" + value.replace(" ", "%20") not in checks} == set()
            for number, value in enumerate(VALUES):
                await one_value(port, number, value, up)
            log = running.log_text()
    assert SECRET not in log
    assert all(SECRET.encode() not in request.head for request in up.requests)


async def one_value(port: int, number: int, value: str, up: Upstream) -> None:
    """Every place where `value` stands, by a request of its own."""
    name = f"h{number}.example.com"

    answer = await get(port, name, "/full/x?q")
    assert (answer.status, answer.all("x-set"), answer.all("x-add")) == (200, [value], [value])
    request = last(up)
    assert (request.one("x-set"), request.one("x-add")) == (value, value)
    path, _, query = request.target.partition("?")
    assert (unquote(path) if "%" not in value else path.replace("%5B", "[").replace("%5D", "]"), query) == (
        path_of(value),
        "q",
    )

    await get(port, name, "/prefix/x")
    assert last(up).one("host") == value

    answer = await get(port, name, "/moved")
    assert (answer.one("location") or "").startswith(f"http://{value}:{port}/")

    answer = await get(port, name, "/direct")
    assert (answer.body, answer.one("content-type")) == (value.encode(), value)

    matching = (("X-Match", value), ("X-Reg", value))
    parameter = f"/?{value}={quote(value, safe='')}"
    if not set(value) & set(" #?&=%+;|\\\"'{}[],()"):
        assert (await get(port, name, parameter, headers=matching)).status == 200
    assert (await get(port, name, "/?other=1", headers=matching)).status == 404


def last(up: Upstream) -> Received:
    """The last request that was no check."""
    return next(request for request in reversed(up.requests) if request.one("x-forwarded-for"))


def path_of(value: str) -> str:
    """As it arrives: percent-encoded where RFC 3986 wants it, otherwise as written."""
    if "%" not in value:
        return "/" + value.lstrip("/")
    return "/" + quote(value.lstrip("/"), safe="/%:@!$&'()*+,;=~-._").replace("%5B", "[").replace("%5D", "]")


@pytest.mark.parametrize("value", ["a&b", "}", "-f", "'", "x y", "é"])
@BOTH_WAYS
async def test_conditions_compare_what_was_written(serve: Serve, value: str) -> None:
    port = free_port()
    async with upstream(reply=lambda request: Reply(body=value.encode())) as up:
        wanted = one_of_everything(value, port, up.port)
        async with serve(wanted, environment={"CANARY": SECRET}):
            headers = (("X-Match", value), ("X-Reg", value))
            assert (await get(port, "a.b", "/?other=1", headers=headers)).status == 404
            if not set(value) & set(" &é"):
                asked = f"/?{value}={quote(value, safe='')}"
                assert (await get(port, "a.b", asked, headers=headers)).status == 200
                assert (await get(port, "a.b", asked, headers=headers[:1])).status == 404
                assert (await get(port, "a.b", f"/r{value}")).status == 200
