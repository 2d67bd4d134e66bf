"""A Cluster that comes, changes or goes costs itself: what is made of the others is the same, and known to be the same."""

from dataclasses import replace

from haloy.model.model import Model
from haloy.model.revised import Revised
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.observe.observe import Sections
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.slots.layout import Pools
from tests.haproxy.render.models import cluster, fleet, model

OPTIONS = HaproxyOptions("/run/worker.sock", "/var/state", pools=Pools(64))
BEFORE = model(fleet(80), [], [cluster(f"web/c{number:03d}", 80) for number in range(200)])
AFTER = {
    "comes": replace(BEFORE, clusters=(*BEFORE.clusters, cluster("web/new", 80))),
    "changes": replace(BEFORE, clusters=(*BEFORE.clusters[:7], cluster("web/c007", 81), *BEFORE.clusters[8:])),
    "goes": replace(BEFORE, clusters=(*BEFORE.clusters[:7], *BEFORE.clusters[8:])),
}
"""By what happens, the Model afterwards."""


def known_to_differ(old: object, new: object) -> set[str]:
    assert isinstance(old, Revised)
    assert isinstance(new, Revised)
    keys = new.since(old)
    assert keys is not None, "it would be compared as a whole"
    return set(keys)


def followed(wanted: Model) -> tuple[Artifacts, Artifacts]:
    memo = RenderMemo()
    one = render(BEFORE, OPTIONS, memo)
    other = render(wanted, OPTIONS, memo, one.layout)
    assert other == render(wanted, OPTIONS, None, one.layout)
    return one, other


def test_only_its_placement_and_its_entry_may_differ() -> None:
    names = {"comes": "web/new", "changes": "web/c007", "goes": "web/c007"}
    for what, wanted in AFTER.items():
        one, other = followed(wanted)
        assert known_to_differ(one.layout.placements, other.layout.placements) == {names[what]}
        if what != "changes":
            assert known_to_differ(one.maps[maps.CLUSTERS], other.maps[maps.CLUSTERS]) == {names[what]}
        else:
            assert other.maps[maps.CLUSTERS] is one.maps[maps.CLUSTERS]


def test_only_its_section_is_looked_at_for_its_health() -> None:
    for wanted in AFTER.values():
        one, other = followed(wanted)
        before = Sections().of(one)
        after = before.of(other)
        assert after.all == Sections().of(other).all
        assert len(known_to_differ(before.all, after.all)) == 1
        same = sum(old is new for old, new in zip(one.fragments, other.fragments, strict=True))
        assert same >= len([fragment for fragment in one.fragments if fragment.filename.startswith("30-")]) - 1
