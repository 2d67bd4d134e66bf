"""A namespace that uses many profiles: Backends of others go on arriving without a reload."""

from dataclasses import replace
from pathlib import Path

from haloy.model.cluster import Cluster
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, novel
from tests.support.ports import free_port


def greedy(number: int) -> Cluster:
    source = ObjectRef("Backend", "greedy", f"b{number}")
    return replace(novel(cluster(source.name, []), number + 1), name=source.key, source=source)


async def test_who_is_in_the_profile_that_most_use(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    many = [greedy(number) for number in range(30)]
    async with haproxy(tmp_path, listeners, spare_slots=32, max_spare_slots=64) as proxy:
        await proxy.apply(delivery(listeners, (), [cluster("c0", [])]))
        done = await proxy.apply(delivery(listeners, (), [*many, cluster("c0", [])]))
        assert isinstance(done, Applied)
        assert done.reload
        spare = sorted((await proxy.measure()).capacity.spare.values())
        assert spare == [1] * 30 + [32]
        new = [cluster(f"c{number}", []) for number in range(28)]
        at_once = await proxy.apply(delivery(listeners, (), [*many, *new]))
        assert isinstance(at_once, Applied)
        assert not at_once.reload
