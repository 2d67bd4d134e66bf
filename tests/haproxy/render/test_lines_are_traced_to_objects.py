"""From a line in a configuration file to the object and field that it was made from."""

from pathlib import Path

from haloy.model.filters import DirectResponse, Header, HeaderModifier, RequestHeaderModifier
from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import PathKind
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.render import config_files, render, trace
from haloy.proxies.haproxy.slots.layout import Pools
from tests.haproxy.render.models import ROUTE, candidate, cluster, fleet, host, model, rule
from tests.support.running_haproxy import check, options, write_files

BACKEND = ObjectRef("Backend", "web", "up")
POLICY = ObjectRef("HealthPolicy", "web", "checks")


def sources() -> dict[str, str | None]:
    """The source of each line of a model with one of everything, its rules compiled."""
    header = RequestHeaderModifier(HeaderModifier(set=(Header("X-A", "1"),)))
    wanted = model(
        fleet(80),
        [
            host(
                "a.b",
                candidate(rule("0", filters=(DirectResponse(200, "x"),)), "/answer"),
                candidate(rule("1", "web/up", filters=(header,), request_timeout=5), "/x", method="GET"),
            )
        ],
        [cluster("web/up", 8080, health_check=HealthCheck(HttpCheck(), source=POLICY))],
    )
    made = render(wanted, HaproxyOptions("/s", "/t", lua=False, pools=Pools(0)))
    found = {(line.filename, line.number): str(line.source) for line in trace(made)}
    return {
        text.strip(): found.get((name, number))
        for name, content in config_files(made).items()
        if name.endswith(".cfg")
        for number, text in enumerate(content.decode().split("\n"), start=1)
    }


def test_every_line_that_an_object_causes_is_traced_to_its_field() -> None:
    found = sources()

    def of(start: str) -> str | None:
        (source,) = {source for text, source in found.items() if text.startswith(start)}
        return source

    assert of("balance") == str(FieldRef(BACKEND))
    assert of("server 127.0.0.1:8080") == str(FieldRef(BACKEND, "spec.endpoints"))
    assert of("backend slot.") == str(FieldRef(BACKEND))
    assert of("http-check send") == str(FieldRef(BACKEND))
    assert of("acl method.") == str(FieldRef(ROUTE, "spec.rules[1]"))
    assert of("http-request set-header X-A") == str(FieldRef(ROUTE, "spec.rules[1].filters[0]"))
    assert of("backend rule.web.shop:0") == str(FieldRef(ROUTE, "spec.rules[0]"))
    assert of("http-request return status 200") == str(FieldRef(ROUTE, "spec.rules[0].filters[0]"))


def test_haloys_own_lines_are_nobodys() -> None:
    found = sources()
    for start in (
        "bind ",
        "use_backend",
        "http-request track-sc0",
        "stick-table",
        "mode http",
        "hard-stop-after",
        "backend haloy.",
    ):
        assert {source for text, source in found.items() if text.startswith(start)} == {None}, start


def test_what_haproxy_complains_about_leads_to_the_culprit(haproxy_binary: Path, tmp_path: Path) -> None:
    """PCRE refuses what Python's expressions allow: the alert names a line, the line names the Route."""
    wanted = model(
        fleet(80),
        [host("a.b", candidate(rule("2", "web/up"), r"/(?<=a+)b", PathKind.REGEX))],
        [cluster("web/up", 8080)],
    )
    made = render(wanted, options(tmp_path))
    told = check(haproxy_binary, write_files(tmp_path, made))
    found = {(line.filename, line.number): line.source for line in trace(made)}
    culprits = {source for (name, number), source in found.items() if f"{name}:{number}]" in told}
    assert culprits == {FieldRef(ROUTE, "spec.rules[2]")}
