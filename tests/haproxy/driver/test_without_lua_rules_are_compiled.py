from dataclasses import replace
from pathlib import Path

from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.events import Event, Noted
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port


async def test_and_haloy_says_so(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    events: list[Event] = []
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, events, lua=0) as proxy:
        assert [event.text for event in events if isinstance(event, Noted) and "Lua" in event.text]
        shop, plain = cluster("shop", [local(one.port)]), host("a.example", {"": (Target("web/shop"),)})
        await proxy.apply(delivery(listeners, [plain], [shop]))
        (candidate,) = plain.candidates
        modifier = RequestHeaderModifier(HeaderModifier(set=(Header("x-a", "1"),)))
        rule = replace(candidate.rule, filters=(modifier,))
        filtered = replace(plain, candidates=(replace(candidate, rule=rule),))
        outcome = await proxy.apply(delivery(listeners, [filtered], [shop]))
        assert isinstance(outcome, Applied)
        assert [(reason.cause.value, str(reason.source)) for reason in outcome.reload] == [
            ("compiled-rules", "route/web/a-example")
        ]
        assert (await get(port, "a.example")).status == 200
        more = [filtered, host("b.example", {"": (Target("web/shop"),)})]
        ordinary = await proxy.apply(delivery(listeners, more, [shop]))
        assert isinstance(ordinary, Applied)
        assert not ordinary.reload, "hosts, paths and Backends are data all the same"
