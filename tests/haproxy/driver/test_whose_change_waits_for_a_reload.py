"""From what is live meanwhile and what is wanted: whose change is not live yet. Never one too few."""

from collections.abc import Mapping
from dataclasses import replace

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.waiting import waiting
from tests.haproxy.driver.values import laid_out, line, server, slot

PATHS, RULES, PROGRAMS = "maps/paths.map", "maps/rules.map", "maps/programs.map"
HOSTS, HSTS, CHECKS = "maps/hosts.http.map", "maps/hsts.map", "maps/check-paths.map"
FOR_B = ReloadReason(ReloadCause.NEW_REGULAR_EXPRESSION, ObjectRef("Route", "web", "b"), "it is new")
MAPS: Mapping[str, Mapping[str, str]] = {
    PATHS: {"a.example/": "web/a:0:11111111", "b.example/": "?77", ">": "redirect"},
    RULES: {"web/a:0:11111111": "web/shop", "web/b:0:22222222": "web/shop", "web/c:0:33333333": "web/shop"},
    PROGRAMS: {"?77": "1 fits e1 rule web/b:0:22222222 rule web/c:0:33333333"},
    HOSTS: {"a.example": "a.example", "b.example": "b.example"},
    HSTS: {},
    CHECKS: {"slot.p.0": "/"},
}
LIVE = replace(laid_out(slot(0, server(1), holds="web/shop"), slot(1)), maps=MAPS)


def names(wanted: Artifacts, *reasons: ReloadReason, live: Artifacts = LIVE) -> list[str] | None:
    found = waiting(live, wanted, reasons)
    return None if found is None else [str(ref) for ref in found]


def having(name: str, **entries: str) -> Artifacts:
    """`LIVE` with entries added or changed; `__` stands for a dot, `_` for a slash."""
    new = {key.replace("__", ".").replace("_", "/"): value for key, value in entries.items()}
    return replace(LIVE, maps={**MAPS, name: {**MAPS[name], **new}})


def test_who_a_reason_names() -> None:
    assert names(LIVE) == []
    assert names(LIVE, FOR_B) == ["route/web/b"]


def test_a_reason_that_names_nobody_may_stand_for_anybody() -> None:
    assert names(LIVE, FOR_B, ReloadReason(ReloadCause.COMPILED_RULES, None, "shared")) is None
    assert names(LIVE, FOR_B, ReloadReason(ReloadCause.POOL_REFILL, None, "few")) == ["route/web/b"]


def test_routes_of_paths_before_and_after() -> None:
    assert names(having(PATHS, a__example_="?77")) == ["route/web/a", "route/web/b", "route/web/c"]
    assert names(LIVE, live=having(PATHS, d__example_="web/d:0:44444444")) == ["route/web/d"], "it is to go"


def test_routes_of_records() -> None:
    rules = {**MAPS[RULES], "web/a:0:11111111": "!p00:web/shop"}
    assert names(replace(LIVE, maps={**MAPS, RULES: rules})) == ["route/web/a"]
    assert names(LIVE, live=replace(LIVE, maps={**MAPS, RULES: {**rules, **MAPS[RULES], "web/old:0": "x"}})) == []


def test_routes_of_hosts() -> None:
    assert names(having(HSTS, a__example="max-age=1")) == ["route/web/a"]
    assert names(having(HOSTS, c__example=">https://a.example")) is None, "a redirect says not whose it is"


def test_backends_that_are_not_as_they_want_to_be() -> None:
    moved = laid_out(slot(0), slot(1, server(1), holds="web/shop"))
    assert names(replace(moved, maps=MAPS)) == [], "another slot of the profile with the same servers"
    more = laid_out(slot(0, server(1), server(2), holds="web/shop"), slot(1))
    assert names(replace(more, maps=MAPS)) == ["backend/web/shop"]
    other = laid_out(slot(0), slot(0, server(1), holds="web/shop", profile="q"))
    assert names(replace(other, maps=MAPS)) == ["backend/web/shop"]
    new = laid_out(slot(0, server(1), holds="web/shop"), slot(1, holds="web/new"))
    assert names(replace(new, maps=MAPS)) == ["backend/web/new"]
    assert names(LIVE, live=replace(new, maps=MAPS)) == [], "it is gone for those that ask"


def test_backends_that_are_checked_otherwise() -> None:
    assert names(replace(LIVE, maps={**MAPS, CHECKS: {"slot.p.0": "/health"}})) == ["backend/web/shop"]


def test_secrets_that_are_not_loaded_and_the_routes_that_need_them() -> None:
    wanted = replace(LIVE, pem_files={"certs/web_a.pem": "1"}, certificates=(line("web_a", "a.example"),))
    assert names(wanted) == ["route/web/a", "secret/web/a"]
    renewed = replace(wanted, pem_files={"certs/web_a.pem": "2"})
    assert names(renewed, live=wanted) == ["route/web/a", "secret/web/a"]
    assert names(wanted, live=wanted) == []
