"""An entry of a map that no command can carry. The API's limits keep below it; a Model may go beyond."""

from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied, ReloadCause
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

PATH = "/" + "\\" * 9_000
"""Each of these characters takes two in a command, and one in the file."""


async def test_entry_too_large(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        clusters = [cluster("shop", [local(one.port)])]
        small = host("small.example", {"": (Target("web/shop"),)})
        assert isinstance(await proxy.apply(delivery(listeners, [small], clusters)), Applied)
        large = host("large.example", {PATH: (Target("web/shop"),)})
        outcome = await proxy.apply(delivery(listeners, [small, large], clusters))
        assert isinstance(outcome, Applied)
        causes = {reason.cause for reason in outcome.reload}
        assert causes == {ReloadCause.ENTRY_TOO_LARGE}
        assert {reason.cause for reason in proxy.reload_log.read()[-1].reasons} == causes
        answer = await get(listeners.listeners[0].binds[0].port, "large.example", PATH)
        assert (answer.status, answer.body) == (200, str(one.port).encode())
