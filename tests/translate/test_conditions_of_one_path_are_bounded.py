"""Many Routes with many conditions on one path: the older keep theirs, the others are told the numbers, plain ones lose nothing."""

from typing import Any

from haloy.api.conditions import ConditionType, Finding
from haloy.api.snapshot import Object
from haloy.model.refs import ObjectRef
from haloy.translate import Memo, Translation, translate
from tests.translate.world import context, route, snapshot

ANSWER = [{"type": "DirectResponse", "directResponse": {"status": 200}}]


def matching(name: str, count: int, path: str = "/", year: int = 2025, headers: int = 1) -> Object:
    def match(number: int) -> dict[str, Any]:
        told = [{"name": f"x-{one}", "value": f"{name}{number}"} for one in range(headers)]
        return {"path": {"value": path}, "headers": told}

    rules = [
        {"filters": ANSWER, "matches": [match(number) for number in range(start, min(start + 16, count))]}
        for start in range(0, count, 16)
    ]
    return route(name, {"hosts": ["a.test"], "rules": rules}, creationTimestamp=f"{year}-01-01T00:00:00Z")


PLAIN = route("plain", {"hosts": ["a.test"], "rules": [{"filters": ANSWER}]}, creationTimestamp="2026-06-01T00:00:00Z")


def findings(translation: Translation, name: str) -> list[Finding]:
    return list(translation.reports[ObjectRef("Route", "web", name)].findings)


def kept(translation: Translation) -> dict[str, int]:
    (vhost,) = translation.delivery.model.virtual_hosts
    names = [candidate.rule.route.name for candidate in vhost.candidates]
    return {name: names.count(name) for name in sorted(set(names))}


def test_older_routes_keep_their_matches_and_plain_ones_cost_nothing() -> None:
    world = [matching("new", 300, year=2026), matching("old", 200, year=2024), matching("late", 3, year=2027), PLAIN]
    found = translate(snapshot(world), context())
    assert kept(found) == {"old": 200, "new": 56, "plain": 1}
    assert [finding.type for finding in findings(found, "old") + findings(found, "plain")] == []
    partial = findings(found, "new")[1]
    assert (partial.type, partial.field) == (ConditionType.PARTIALLY_INVALID, "spec.rules[3].matches[8]")
    assert "and 243 more of the Route's matches on a.test: no room, left out" in partial.message
    assert "256 matches, 2,048 conditions, and 65,536 characters" in partial.message
    (refused,) = findings(found, "late")
    assert (refused.type, refused.reason.value) == (ConditionType.ACCEPTED, "UnsupportedValue")
    assert refused.message.endswith("Nothing is left of the Route.")


def test_conditions_are_counted_too() -> None:
    found = translate(snapshot([matching("many", 200, headers=16), PLAIN]), context())
    assert kept(found) == {"many": 128, "plain": 1}


def test_whoever_is_not_asked_on_longer_paths_is_told() -> None:
    world = [
        matching("root", 200),
        matching("api", 100, "/api"),
        matching("deep", 100, "/api/v1"),
        matching("b", 1, "/b"),
    ]
    found = translate(snapshot(world), context())
    assert kept(found) == {"root": 200, "api": 100, "deep": 100, "b": 1}
    (_, partial) = findings(found, "root")
    assert "44 more" not in partial.message
    assert (
        "spec.rules[3].matches[8] and 143 more of the Route's matches do not count for /api/v1 and 1 more path on"
        in (partial.message)
    )
    assert findings(found, "api") == findings(found, "deep") == findings(found, "b") == []


def test_what_is_remembered_changes_nothing() -> None:
    memo = Memo()
    world = {
        item.ref: item
        for item in (matching("root", 200), matching("api", 100, "/api"), matching("more", 300, year=2026), PLAIN)
    }
    steps = [
        world,
        {ref: item for ref, item in world.items() if ref.name != "api"},
        {**world, (item := matching("api", 60, "/api")).ref: item},
        {ref: item for ref, item in world.items() if ref.name != "root"},
        world,
    ]
    for step in steps:
        now = snapshot(step.values())
        assert translate(now, context(), memo) == translate(now, context())
