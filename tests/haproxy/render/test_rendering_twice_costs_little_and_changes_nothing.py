"""RenderMemo: the same result as without it, and unchanged units are the very same objects."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import Algorithm, Balance
from haloy.model.filters import (
    Header,
    HeaderModifier,
    PathModifier,
    PathModifierKind,
    RequestHeaderModifier,
    UrlRewrite,
)
from haloy.model.model import Model
from haloy.model.routing import HostTls, Target, VirtualHost
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.slots.layout import EMPTY, Pools
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule

OPTIONS = HaproxyOptions("/run/worker.sock", "/var/state", pools=Pools(2))
FILTERS = [
    (),
    (RequestHeaderModifier(HeaderModifier(set=(Header("X-A", "1"),))),),
    (UrlRewrite(path=PathModifier(PathModifierKind.PREFIX, "/new")),),
]


def hosts() -> st.SearchStrategy[list[VirtualHost]]:
    rules = st.builds(
        lambda name, target, filters, weight: rule(name, Target(f"web/{target}", weight), "web/b", filters=filters),
        st.sampled_from(["r", "s", "t"]),
        st.sampled_from("abc"),
        st.sampled_from(FILTERS),
        st.integers(0, 3),
    )
    candidates = st.builds(candidate, rules, st.sampled_from(["", "/x", "/longer"]))
    names = st.lists(st.sampled_from(["a.b", "c.d", "*.c.d", "*"]), unique=True)
    tls = st.sampled_from([None, HostTls(redirect=True)])
    return names.flatmap(
        lambda chosen: st.tuples(
            *(st.builds(lambda one, secure, name=name: host(name, one, tls=secure), candidates, tls) for name in chosen)
        ).map(list)
    )


models = st.builds(
    lambda fleets, found, names: model(
        fleets, found, [cluster(f"web/{name}", port, balance=Balance(kind)) for name, port, kind in names]
    ),
    st.sampled_from([fleet(80), fleet(80, 443), fleet(81, 8443)]),
    hosts(),
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from([80, 81]),
            st.sampled_from([Algorithm.RANDOM, Algorithm.ROUND_ROBIN]),
        ),
        unique_by=lambda one: one[0],
    ),
)


@given(st.lists(models, min_size=2, max_size=6), st.data())
def test_a_memo_never_changes_the_result(sequence: list[Model], data: st.DataObject) -> None:
    memo, layout = RenderMemo(), EMPTY
    for one in sequence:
        before = data.draw(st.sampled_from(sequence))
        shared = replace(one, clusters=before.clusters)  # the very same objects, elsewhere
        for wanted in (one, shared):
            made = render(wanted, OPTIONS, memo, layout)
            assert made == render(wanted, OPTIONS, None, layout)
            rests = data.draw(st.booleans())
            layout = made.layout if rests else replace(made.layout, resting=frozenset())


def sections(made) -> dict[str, Section]:  # type: ignore[no-untyped-def]
    return {section.name: section for fragment in made.fragments for section in fragment.sections}


def test_what_did_not_change_is_not_made_again() -> None:
    memo = RenderMemo()
    first = model(fleet(80), [host("a.b", candidate(rule("r", "web/a")))], [cluster("web/a", 80), cluster("web/b", 80)])
    second = replace(first, clusters=(first.clusters[0], cluster("web/b", 81)))
    one = render(first, OPTIONS, memo)
    other = render(second, OPTIONS, memo, one.layout)
    before, after = sections(one), sections(other)
    a, b = (one.layout.placements[name].slot for name in ("web/a", "web/b"))
    assert {name for name in after if name.startswith("slot.") and after[name] is not before[name]} == {b}
    assert after[b].servers != before[b].servers
    assert other.layout.placements["web/a"] is one.layout.placements["web/a"]
    assert (after[a].cluster, after[b].cluster) == ("web/a", "web/b")
    files = {fragment.filename for fragment in one.fragments if fragment.filename.startswith("30-")}
    kept = {new.filename for new, old in zip(other.fragments, one.fragments, strict=True) if new is old}
    assert len(files - kept) == 1


def test_a_change_changes_the_revision_and_nothing_else_does() -> None:
    one = model(fleet(80), [], [cluster("web/a", 80)])
    assert render(one, OPTIONS).revision == render(one, OPTIONS).revision
    others = [
        model(fleet(81), [], [cluster("web/a", 80)]),
        model(fleet(80), [], [cluster("web/a", 81)]),
        model(fleet(80), [host("a.b")], [cluster("web/a", 80)]),
    ]
    assert len({render(other, OPTIONS).revision for other in (one, *others)}) == 4
