"""references.py follows the entries of the maps as HAProxy does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from haloy.model.filters import DirectResponse, Header, HeaderModifier, ResponseHeaderModifier
from haloy.model.routing import PathKind, Target, ValueKind, ValueMatch
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.references import Compiled, Reference, leads_to, unmet
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.running_haproxy import options

EXPRESSION = (ValueMatch("x-env", ValueKind.REGEX, "t.*"),)
HEADER = ResponseHeaderModifier(HeaderModifier(set=(Header("X-Unheard-Of", "rule fits after"),)))


def made() -> Artifacts:
    wanted = model(
        fleet(80),
        [
            host(
                "a.example.com",
                candidate(rule("shared", Target("web/a", 2), Target("web/b", 1)), "/shared", PathKind.EXACT),
                candidate(rule("fits", "web/a"), "/fits", headers=EXPRESSION),
                candidate(rule("long", filters=(DirectResponse(200, "\xe9" * 8192),)), "/long"),
                candidate(rule("more", "web/a", filters=(HEADER,), retryable=False), "/more"),
            )
        ],
        [cluster("web/a", 1), cluster("web/b", 2)],
    )
    return render(wanted, options(Path("state")))


KEYS = {name: f"a.example.com/{name}/" for name in ("fits", "long", "more")} | {"shared": "a.example.com/shared/#"}


def test_everything_that_is_rendered_is_there() -> None:
    artifacts = made()
    for name, entries in artifacts.maps.items():
        for key in entries:
            assert unmet(name, key, artifacts.maps, artifacts.layout) is None, (name, key)


def test_whatever_is_taken_away_is_missed() -> None:
    """Each target entry that the paths lead to."""
    artifacts = made()
    missed = {name: set[str]() for name in maps.TARGET_MAPS}
    for name in (maps.RULES, maps.PROGRAMS, maps.WEIGHTS, maps.TIMEOUTS, maps.CLUSTERS):
        for key in artifacts.maps[name]:
            left = {other: value for other, value in artifacts.maps[name].items() if other != key}
            entries = {**artifacts.maps, name: left}
            if any(unmet(maps.PATHS, path, entries, artifacts.layout) for path in KEYS.values()):
                missed[name].add(key)
        own = {key for key in artifacts.maps[name] if "haloy." in key or key.startswith("redirect")}
        pins = {key for key in artifacts.maps[name] if "@" in key}
        assert missed[name] == set(artifacts.maps[name]) - own - pins


def test_what_is_not_compiled_is_missed() -> None:
    artifacts = made()

    def found(path: str, **changes: Any) -> Reference | None:
        return unmet(maps.PATHS, KEYS[path], artifacts.maps, replace(artifacts.layout, **changes))

    (expression,) = artifacts.layout.expressions
    assert found("fits", expressions=()) == Reference(Compiled.EXPRESSION, expression.id)
    elsewhere = replace(expression, virtual_host="b.example.com")
    assert found("fits", expressions=(elsewhere,)) == Reference(Compiled.EXPRESSION, expression.id)
    assert found("more", headers=()) is None
    missing = found("shared", slots={})
    assert missing is not None
    assert missing.place is Compiled.SLOT
    assert found("long", expressions=(), headers=(), slots={}) is None


def test_a_record_names_program_times_and_destination() -> None:
    artifacts = made()
    found = leads_to(maps.RULES, artifacts.maps[maps.PATHS][KEYS["more"]], artifacts.maps)
    assert [one.place for one in found] == [maps.PROGRAMS, maps.TIMEOUTS, maps.CLUSTERS]
    assert found[2].key == "web/a"
