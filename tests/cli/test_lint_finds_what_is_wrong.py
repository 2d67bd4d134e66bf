import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.command import haloy
from tests.cli.manifests import backend, certificate_files, route, write

TO_SHOP = "rules:\n- backendRefs: [{name: shop}]"


def lint(*arguments: object, cwd: Path) -> list[tuple[str, str, str, str, str]]:
    """(place, severity, rule, object, field) of each finding."""
    outcome = haloy("lint", "-o", "json", *arguments, cwd=cwd)
    found = json.loads(outcome.out)["findings"]
    assert outcome.code == (1 if found else 0)
    return [
        (f"{one['file']}:{one['line']}:{one['column']}", one["severity"], one["rule"], one["object"], one["field"])
        for one in found
    ]


def test_syntax_is_reported_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Route\nmetadata: {name: [}\n")
    assert lint("a.yaml", cwd=tmp_path) == [("a.yaml:2:19", "error", "HLY0101", "", "")]


def test_a_file_that_is_not_utf8_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"kind: Route\n# \xff\n")
    assert lint("a.yaml", cwd=tmp_path) == [("a.yaml:2:0", "error", "HLY0101", "", "")]


def test_every_problem_of_an_object_has_the_line_of_its_field(tmp_path: Path) -> None:
    spec = "hosts: [shop.test]\nrules:\n- backendRefs: [{name: shop}]\n  timeouts: {request: soon}\n  filterz: []"
    write(tmp_path / "a.yaml", backend("shop"), route("shop", spec))
    assert lint("a.yaml", cwd=tmp_path) == [
        ("a.yaml:14:25", "error", "HLY0102", "route/default/shop", "spec.rules[0].timeouts.request"),
        ("a.yaml:15:14", "error", "HLY0102", "route/default/shop", "spec.rules[0].filterz"),
    ]


def test_a_missing_backend_is_reported_at_the_reference(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", route("shop", TO_SHOP))
    expected = ("a.yaml:6:19", "error", "HLY0201", "route/default/shop", "spec.rules[0].backendRefs[0]")
    assert lint("a.yaml", cwd=tmp_path) == [expected]


def test_a_backend_that_is_wrong_is_not_reported_as_missing_too(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", route("shop", TO_SHOP), backend("shop", "not an address"))
    assert [found[2] for found in lint("a.yaml", cwd=tmp_path)] == ["HLY0102"]


def test_an_object_that_is_written_twice_is_reported_at_the_second_place(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop"))
    write(tmp_path / "b" / "b.yaml", backend("shop"))
    assert lint(".", cwd=tmp_path) == [("b/b.yaml:1:1", "error", "HLY0103", "backend/default/shop", "")]


def test_a_path_inside_of_another_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "b" / "b.yaml", backend("shop"))
    assert lint(".", "b", "b/b.yaml", cwd=tmp_path) == []


def test_a_lost_match_is_a_warning_for_the_loser(tmp_path: Path) -> None:
    both = "hosts: [shop.test]\nrules:\n- backendRefs: [{name: shop}]\n"
    more = "- matches: [{path: {type: Exact, value: /x}}]\n  backendRefs: [{name: shop}]"
    write(tmp_path / "a.yaml", backend("shop"), route("one", both), route("two", both + more))
    found = lint("a.yaml", cwd=tmp_path)
    assert [(one[1], one[2], one[3]) for one in found] == [("warning", "HLY0303", "route/default/two")]


def test_a_route_of_which_nothing_is_left_is_an_error(tmp_path: Path) -> None:
    both = "hosts: [shop.test]\nrules:\n- backendRefs: [{name: shop}]\n"
    write(tmp_path / "a.yaml", backend("shop"), route("one", both), route("two", both))
    assert [(one[1], one[2], one[3]) for one in lint("a.yaml", cwd=tmp_path)] == [
        ("error", "HLY0301", "route/default/two")
    ]


@pytest.mark.parametrize(
    ("hosts", "valid", "expected"),
    [
        (("shop.test",), timedelta(days=90), []),
        (("shop.test",), timedelta(days=3), [("warning", "HLY0406")]),
        (("shop.test",), timedelta(hours=-1), [("error", "HLY0403")]),
        (("other.test",), timedelta(days=90), [("error", "HLY0405")]),
    ],
)
def test_certificates_are_judged(
    tmp_path: Path, hosts: tuple[str, ...], valid: timedelta, expected: list[tuple[str, str]]
) -> None:
    certificate_files(tmp_path, hosts, valid)
    tls = f"hosts: [shop.test]\ntls: {{crtFile: tls.crt, keyFile: tls.key}}\n{TO_SHOP}"
    write(tmp_path / "a.yaml", backend("shop"), route("shop", tls))
    found = lint("a.yaml", cwd=tmp_path)
    assert [(one[1], one[2]) for one in found] == expected
    assert all(one[0].startswith("a.yaml:1") and one[3] == "route/default/shop" for one in found)


def test_certificate_files_that_are_missing_are_reported_once_each(tmp_path: Path) -> None:
    tls = f"tls: {{crtFile: tls.crt, keyFile: tls.key}}\n{TO_SHOP}"
    write(tmp_path / "a.yaml", backend("shop"), route("shop", tls))
    assert [one[2:] for one in lint(".", cwd=tmp_path)] == [
        ("HLY0104", "route/default/shop", "spec.tls.crtFile"),
        ("HLY0104", "route/default/shop", "spec.tls.keyFile"),
    ]


def test_names_are_not_looked_up(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop", "does-not-exist.invalid"), route("shop", TO_SHOP))
    assert lint("a.yaml", cwd=tmp_path) == []


def test_a_self_signed_certificate_that_was_asked_for_is_no_finding(tmp_path: Path) -> None:
    write(
        tmp_path / "a.yaml",
        backend("shop"),
        route("shop", f"hosts: [shop.test]\ntls: {{issuer: selfSigned}}\n{TO_SHOP}"),
    )
    assert lint("a.yaml", cwd=tmp_path) == []


def test_every_fleet_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", route("shop", f"proxyClass: internal\n{TO_SHOP}"))
    assert [one[2] for one in lint("a.yaml", cwd=tmp_path)] == ["HLY0201"]


def test_standard_input_is_read(tmp_path: Path) -> None:
    outcome = haloy("lint", "-", stdin=route("shop", TO_SHOP).encode())
    assert outcome.code == 1
    assert outcome.out.startswith("<stdin>:6:19: error HLY0201 route/default/shop: ")


def test_a_text_finding_is_one_line_that_editors_understand(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", route("shop", TO_SHOP))
    outcome = haloy("lint", "a.yaml", cwd=tmp_path)
    line = "a.yaml:6:19: error HLY0201 route/default/shop: spec.rules[0].backendRefs[0]: Backend default/shop does not exist"
    assert outcome.out.startswith(line)
    assert outcome.err == "1 error in 1 object\n"


def test_what_is_counted_are_the_objects_and_files_with_findings(tmp_path: Path) -> None:
    twice = "rules:\n- backendRefs: [{name: absent}, {name: missing}]"
    write(tmp_path / "a.yaml", backend("shop"), route("one", twice), route("two", "filterz: []"))
    (tmp_path / "b.yaml").write_text("kind: Route\nmetadata: {name: [}\n")
    outcome = haloy("lint", cwd=tmp_path)
    found = len([line for line in outcome.out.splitlines() if " error " in line])
    assert found > 3
    assert outcome.err == f"{found} errors in 2 objects and 1 file\n"


def test_clean_files_say_so(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop"), route("shop", TO_SHOP))
    outcome = haloy("lint", cwd=tmp_path)
    assert (outcome.code, outcome.out, outcome.err) == (0, "2 objects, nothing found\n", "")
