"""What one namespace writes takes no regular expression from another one's Routes, and whoever gets none is told why."""

from haloy.api.snapshot import Object
from haloy.model.refs import ObjectRef
from haloy.translate import Context, translate
from tests.translate.world import context, route, snapshot


def expressions(name: str, count: int, namespace: str, **metadata: str) -> Object:
    answer = [{"type": "DirectResponse", "directResponse": {"status": 200}}]
    values = [f"/{name}{number}+" for number in range(count)]
    rules = [
        {"filters": answer, "matches": [{"path": {"type": "RegularExpression", "value": value}} for value in some]}
        for some in (values[start : start + 16] for start in range(0, count, 16))
    ]
    return route(name, {"hosts": [f"{name}.test"], "rules": rules}, namespace, **metadata)


def served(settings: Context, *routes: Object) -> dict[str, int]:
    model = translate(snapshot(routes), settings).delivery.model
    return {vhost.host.partition(".")[0]: len(vhost.candidates) for vhost in model.virtual_hosts}


def told(settings: Context, ref: str, *routes: Object) -> str:
    report = translate(snapshot(routes), settings).reports[ObjectRef.parse(ref)]
    return " ".join(finding.message for finding in report.findings)


def test_a_namespace_takes_none_from_another_whatever_their_names() -> None:
    victim = expressions("rx", 5, "victim")
    assert served(context(), victim, expressions("a", 300, "aaa")) == {"rx": 5, "a": 100}
    assert "PartiallyInvalid" not in told(context(), "route/victim/rx", victim, expressions("a", 300, "aaa"))


def test_within_a_namespace_the_older_go_first() -> None:
    old = expressions("z", 60, "web", creationTimestamp="2025-01-01T00:00:00Z")
    new = expressions("a", 60, "web", creationTimestamp="2026-01-01T00:00:00Z")
    assert served(context(), new, old) == {"z": 60, "a": 40}


def test_the_message_says_whose_limit_it_is_and_how_many() -> None:
    many = [expressions("a", 100, "web"), expressions("b", 2, "web")]
    words = told(context(), "route/web/b", *many)
    assert words.startswith(
        "No match of the Route is left. spec.rules[0].matches[0] (RegularExpression /b0+) is left out: "
    )
    assert "the Routes of namespace web may have 100 regular expressions" in words
    assert "use Exact or PathPrefix, or remove other expressions." in words


def test_all_together_have_a_limit_too() -> None:
    wanted = [expressions(name, 3, name) for name in ("a", "b", "c")]
    assert served(context(max_regexes=7), *wanted) == {"a": 3, "b": 3, "c": 1}
    assert "all Routes together may have 7 regular" in told(context(max_regexes=7), "route/c/c", *wanted)
