from dataclasses import replace

from haloy.api.conditions import ConditionType, Reason
from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier
from haloy.model.listener import Fleet
from haloy.model.model import Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, HostKind, Match, PathKind, PathMatch, Rule, VirtualHost
from haloy.proxies.base import ReloadCause
from haloy.status.desired import COMPILED
from haloy.status.rules import with_conditions_or_filters
from haloy.status.values import Status
from tests.status.test_desired import LIVE, ROUTE, state, statuses

POSTPONED = ReloadCause.NEW_REGULAR_EXPRESSION.meaning


def message(status: Status) -> str:
    found = status.condition(ConditionType.PROGRAMMED)
    return "" if found is None else found.message


def test_a_change_that_waits_says_what_for_and_is_on_its_way() -> None:
    found = statuses(programming=replace(LIVE, live={ROUTE: 2}, postponed=POSTPONED))[ROUTE]
    assert state(found, ConditionType.PROGRAMMED) == ("False", Reason.PENDING)
    assert message(found) == f"The change waits for a reload of the proxy: {POSTPONED}"
    assert state(found, ConditionType.RECONCILING)[0] == "True"
    assert state(found, ConditionType.STALLED)[0] == "False"


def test_what_is_live_meanwhile_does_not_wait() -> None:
    found = statuses(programming=replace(LIVE, postponed=POSTPONED))[ROUTE]
    assert state(found, ConditionType.PROGRAMMED) == ("True", Reason.PROGRAMMED)


def route(name: str, match: Match, *filters: RequestHeaderModifier) -> Candidate:
    ref = ObjectRef("Route", "web", name)
    source = FieldRef(ref, "spec.rules[0]")
    return Candidate(match, Rule(f"{ref.key}:0", source, filters=filters), source)


def test_only_routes_with_more_than_hosts_and_paths_are_compiled() -> None:
    prefix = PathMatch(PathKind.PREFIX, "/")
    candidates = (
        route("plain", Match(prefix)),
        route("by-method", Match(prefix, method="GET")),
        route("regex", Match(PathMatch(PathKind.REGEX, "/x.*"))),
        route("filtered", Match(prefix), RequestHeaderModifier(HeaderModifier(set=(Header("x-a", "b"),)))),
    )
    model = Model(Fleet(listeners=()), (VirtualHost("a.example", HostKind.EXACT, candidates),))
    assert sorted(ref.name for ref in with_conditions_or_filters(model)) == ["by-method", "filtered", "regex"]


def test_a_compiled_route_says_what_a_change_of_it_costs() -> None:
    found = statuses(compiled={ROUTE})[ROUTE]
    assert state(found, ConditionType.PROGRAMMED) == ("True", Reason.PROGRAMMED)
    assert message(found).endswith(COMPILED)
    assert COMPILED not in message(statuses()[ROUTE])
