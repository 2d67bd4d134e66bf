import json
from pathlib import Path

from tests.cli.command import EXAMPLES, haloy
from tests.cli.manifests import backend, route, write

QUICKSTART = ("-f", EXAMPLES / "quickstart")


def test_the_winner_its_backends_and_the_losers_are_told() -> None:
    outcome = haloy("route", "test", "GET", "http://shop.localhost/api/items", *QUICKSTART)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "host shop.localhost is named exactly; the path is below /api",
        "wins   default/shop rule api (spec.rules[0].matches[0])",
        "         filter URLRewrite",
        "         backend default/api weight 1",
        "loses  default/shop rule front (spec.rules[1].matches[0]): /api is longer than /",
    ]


def test_headers_decide() -> None:
    url, files = "http://shop.localhost/", ("-f", EXAMPLES / "canary")
    assert "rule everybody" in haloy("route", "test", "GET", url, *files).out.partition("loses")[0]
    assert (
        "rule testers" in haloy("route", "test", "GET", url, "-H", "X-Canary: always", *files).out.partition("loses")[0]
    )


def test_no_route_for_the_host_is_a_404_and_exits_with_1() -> None:
    outcome = haloy("route", "test", "GET", "http://nobody.localhost/", *QUICKSTART)
    assert outcome.code == 1
    assert "404" in outcome.out


def test_a_redirect_is_told() -> None:
    outcome = haloy("route", "test", "GET", "http://secure.localhost/x", *QUICKSTART)
    assert outcome.code == 0
    assert outcome.out.startswith("plain HTTP is redirected: 308 to https://secure.localhost/x")


def test_the_answer_is_also_json() -> None:
    outcome = haloy("route", "test", "GET", "http://shop.localhost/", "-o", "json", *QUICKSTART)
    found = json.loads(outcome.out)
    assert found["winner"]["route"] == "default/shop"
    assert found["winner"]["rule"] == "front"


def test_international_hosts_are_compared_as_clients_send_them(tmp_path: Path) -> None:
    write(
        tmp_path / "a.yaml",
        backend("shop"),
        route("shop", "hosts: [bücher.test]\nrules:\n- backendRefs: [{name: shop}]"),
    )
    assert haloy("route", "test", "GET", "http://bücher.test/", cwd=tmp_path).code == 0


def test_what_is_left_out_of_the_files_is_said(tmp_path: Path) -> None:
    write(
        tmp_path / "a.yaml",
        backend("shop"),
        route("bad", "rules: []"),
        route("shop", "rules:\n- backendRefs: [{name: shop}]"),
    )
    outcome = haloy("route", "test", "GET", "http://any.test/", cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.err.startswith("haloy: left out: a.yaml:")


def test_many_losers_are_counted(tmp_path: Path) -> None:
    rules = "".join(
        f"- matches: [{{path: {{value: /p{number}}}}}]\n  backendRefs: [{{name: shop}}]\n" for number in range(30)
    )
    write(tmp_path / "a.yaml", backend("shop"), route("shop", f"rules:\n{rules}"))
    outcome = haloy("route", "test", "GET", "http://any.test/p7", cwd=tmp_path)
    assert outcome.out.count("\nloses  ") == 20
    assert outcome.out.endswith("... and 9 more; -o json lists all\n")


def test_a_parameter_is_read_as_the_proxy_reads_it(tmp_path: Path) -> None:
    """Names as they stand, values decoded; behind a value that cannot be decoded nobody looks for another."""
    spec = "hosts: [a.test]\nrules:\n- matches: [{queryParams: [{name: v, value: 1 2}]}]\n  backendRefs: [{name: shop}]"
    write(tmp_path / "a.yaml", backend("shop"), route("shop", spec))
    asked = {"v=1+2": 0, "x;v=1%202": 0, "v=%zz&v=1+2": 1, "%76=1+2": 1, "v": 1}
    found = {query: haloy("route", "test", "GET", f"http://a.test/?{query}", cwd=tmp_path).code for query in asked}
    assert found == asked
