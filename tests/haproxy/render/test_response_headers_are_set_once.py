"""A response header that is only set is set by HAProxy itself where its name is compiled, and by the program where it is not."""

from haloy.model.filters import Header, HeaderModifier, ResponseHeaderModifier
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

SET = ResponseHeaderModifier(HeaderModifier(set=(Header("X-Set", "new; a=\"%[src]\" 'b'"), Header("X-Other", "2"))))


async def test_a_known_and_an_unknown_name_are_each_set_once(serve: Serve) -> None:
    port = free_port()
    reply = Reply(headers=(("X-Set", "old"), ("X-Set", "older"), ("X-New", "old")))
    async with upstream(reply=lambda request: reply) as up:
        filtered = [candidate(rule(name, "web/up", filters=(SET,)), f"/{name}") for name in ("known", "unknown")]
        plain = candidate(rule("plain", "web/up"), "/plain")
        wanted = model(fleet(port), [host("a.b", *filtered, plain)], [cluster("web/up", up.port)])
        async with serve(wanted) as running:
            known = await get(port, "a.b", "/known")
            # No reload: the name is new to this HAProxy, as is the program.
            entries = (await running.ask("show map maps/rules.map")).splitlines()
            record = next(line.split()[2] for line in entries if "unknown" in line)
            new = "!p0123456789abcdef"
            text = "1\\ after\\ x-set%20replace%201%20mixed%20x-new%20replace%201%20new"
            await running.ask(f"add map maps/programs.map {new} {text}")
            name = next(line.split()[1] for line in entries if "unknown" in line)
            await running.ask(f"set map maps/rules.map {name} {new}:{record.rpartition(':')[2]}")
            unknown = await get(port, "a.b", "/unknown")
            untouched = await get(port, "a.b", "/plain")
    assert known.all("x-set") == ["new; a=\"%[src]\" 'b'"]
    assert (known.all("x-other"), known.all("x-new")) == (["2"], ["old"])
    assert (unknown.all("x-set"), unknown.all("x-new")) == (["mixed"], ["new"])
    assert (untouched.all("x-set"), untouched.all("x-new")) == (["old", "older"], ["old"])


async def test_an_answer_of_haproxys_own_gets_them_too(serve: Serve) -> None:
    port = free_port()
    down = candidate(rule("down", "web/down", filters=(SET,)))
    wanted = model(fleet(port), [host("a.b", down)], [cluster("web/down", free_port())])
    async with serve(wanted):
        answer = await get(port, "a.b", "/")
    assert (answer.status, answer.all("x-other")) == (503, ["2"])
