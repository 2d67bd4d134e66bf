"""What holds for any objects whatsoever: no order matters, no circle, no shared owner, no half sentence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from haloy.api.snapshot import Object
from haloy.translate import translate
from tests.translate.pools import objects
from tests.translate.world import context, snapshot


def worlds() -> st.SearchStrategy[list[Object]]:
    return st.lists(objects(), max_size=10, unique_by=lambda item: item.ref)


@settings(max_examples=60)
@given(worlds(), st.data(), st.booleans())
def test_any_permutation_gives_the_same(world: list[Object], data: st.DataObject, cluster: bool) -> None:
    settings = context(require_grants=cluster, host_ownership=cluster, max_regexes=2)
    shuffled = data.draw(st.permutations(world))
    one, other = translate(snapshot(world), settings), translate(snapshot(shuffled), settings)
    assert one == other
    assert list(one.reports) == list(other.reports) == sorted(one.reports)
    hosts = [vhost.host for vhost in one.delivery.model.virtual_hosts]
    assert hosts == sorted(hosts)


@settings(max_examples=60)
@given(worlds(), st.booleans())
def test_no_redirect_leads_in_a_circle(world: list[Object], cluster: bool) -> None:
    model = translate(snapshot(world), context(require_grants=cluster, host_ownership=cluster)).delivery.model
    redirects = {vhost.host: vhost.redirect_host for vhost in model.virtual_hosts if vhost.redirect_host is not None}
    for start in redirects:
        seen, host = set(), start
        while host in redirects:
            assert host not in seen
            seen.add(host)
            host = redirects[host] or ""


@settings(max_examples=60)
@given(worlds(), st.booleans())
def test_in_a_cluster_no_host_is_shared_by_two_namespaces(world: list[Object], cluster: bool) -> None:
    model = translate(snapshot(world), context(host_ownership=cluster)).delivery.model
    for vhost in model.virtual_hosts:
        namespaces = {candidate.rule.route.namespace for candidate in vhost.candidates}
        assert len(namespaces) <= (1 if cluster else 2)


@settings(max_examples=60)
@given(worlds(), st.booleans())
def test_every_finding_is_said_in_whole_sentences(world: list[Object], cluster: bool) -> None:
    reports = translate(snapshot(world), context(require_grants=cluster, host_ownership=cluster, max_regexes=2)).reports
    for report in reports.values():
        for finding in report.findings:
            assert finding.message.endswith("."), finding
            assert ".." not in finding.message, finding
            assert finding.field in finding.message
