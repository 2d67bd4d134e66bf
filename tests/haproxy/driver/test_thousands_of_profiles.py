"""Thousands of Backends that all differ in their settings: few files, a reload that works, and a bound."""

from pathlib import Path

import pytest

from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.base import Applied, Failed
from haloy.proxies.haproxy.apply.crowd import MOST_PROFILES
from haloy.proxies.haproxy.process.file_names import LIMIT, length
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, novel
from tests.support.ports import free_port


@pytest.mark.parametrize(
    "most", [300, pytest.param(MOST_PROFILES, marks=[pytest.mark.proof, pytest.mark.timeout(300)])]
)
async def test_haproxy_reloads_with_them_again_and_again(tmp_path: Path, most: int) -> None:
    listeners = fleet(free_port())
    clusters = [novel(cluster(f"c{number:04}", []), number) for number in range(most)]
    async with haproxy(tmp_path, listeners, max_spare_slots=4096) as proxy:
        first = await proxy.apply(delivery(listeners, (), clusters))
        assert isinstance(first, Applied), first
        master = (await proxy.measure()).info.pids[0]
        for _ in range(2):
            assert isinstance(await proxy.reload(), Applied)
        assert (await proxy.measure()).info.pids[0] == master
        assert proxy.deaths == 0
        current = tmp_path / "haproxy" / "current"
        files = {path.name: path.stat().st_size for path in current.glob("*.cfg")}
        assert length(current, list(files)) < LIMIT / 4
        assert max(files.values()) < 65_536


@pytest.mark.proof
@pytest.mark.timeout(300)
async def test_those_beyond_the_bound_are_refused_and_nobody_else(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    clusters = [novel(cluster(f"c{number:04}", []), number) for number in range(MOST_PROFILES + 2)]
    async with haproxy(tmp_path, listeners) as proxy:
        assert isinstance(await proxy.apply(delivery(listeners, (), clusters[2:])), Applied)
        refused = await proxy.apply(delivery(listeners, (), clusters))
        assert isinstance(refused, Failed)
        sources = [refusal.source for refusal in refused.refusals]
        assert sources == [FieldRef(ObjectRef("Backend", "web", name)) for name in ("c0000", "c0001")], (
            "the last to come"
        )
        assert "2500 are the most" in refused.refusals[0].message
        assert proxy.deaths == 0
