from dataclasses import replace
from pathlib import Path

import pytest

from haloy.cli.configuration import Configuration, configuration
from haloy.cli.offline import settings_for, translate_paths
from haloy.cli.verdict import Complaint, verdict
from haloy.model.refs import FieldRef, ObjectRef
from tests.cli.command import EXAMPLES, haloy
from tests.cli.manifests import backend, route, write
from tests.support.binary import haproxy


@pytest.fixture
def rendered(tmp_path: Path) -> Configuration:
    paths = [EXAMPLES / "canary"]
    _, translation = translate_paths(paths)
    return configuration(translation.delivery, settings_for(paths, None), tmp_path)


def changed(rendered: Configuration, old: bytes, new: bytes) -> Configuration:
    files = {name: content.replace(old, new) for name, content in rendered.files.items()}
    assert files != rendered.files
    return replace(rendered, files=files)


def test_a_good_configuration_is_not_complained_about(rendered: Configuration) -> None:
    assert verdict(haproxy(), rendered) == ()


def test_a_complaint_about_a_slot_is_traced_to_its_backend(rendered: Configuration) -> None:
    broken = changed(rendered, b"    cookie SHOP insert", b"    cookie SHOP nonsense")
    complaints = verdict(haproxy(), broken)
    backends = {FieldRef(ObjectRef("Backend", "default", name), "") for name in ("shop", "shop-next")}
    assert {complaint.source for complaint in complaints} == backends
    assert all(complaint.fatal and "cookie" in complaint.message for complaint in complaints)


def test_a_complaint_about_nobodys_line_is_told_all_the_same(rendered: Configuration) -> None:
    (complaint,) = verdict(haproxy(), changed(rendered, b"    spread-checks 5\n", b"    nonsense 5\n"))
    assert complaint.source is None
    assert complaint.fatal


def test_a_binary_that_fails_without_a_word_is_a_complaint(rendered: Configuration, tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 3\n")
    silent.chmod(0o755)
    expected = Complaint(None, "HAProxy refuses it without a word (exit code 3)", fatal=True)
    assert verdict(silent, rendered) == (expected,)


def test_an_haproxy_that_was_named_and_is_not_there_is_an_error() -> None:
    outcome = haloy("lint", EXAMPLES / "canary", env={"HALOY_HAPROXY": "/does/not/exist"})
    assert outcome.code == 2
    assert "/does/not/exist is not an executable file" in outcome.err


def test_haproxy_can_be_left_out() -> None:
    outcome = haloy("lint", EXAMPLES / "canary", "--no-haproxy", env={"HALOY_HAPROXY": "/does/not/exist"})
    assert (outcome.code, outcome.err) == (0, "")


def test_what_only_haproxy_finds_is_reported_at_the_field(tmp_path: Path) -> None:
    """The expression is a valid one, but too large for HAProxy's engine once its repetitions are unrolled."""
    match = f"{{path: {{type: RegularExpression, value: '/{'(ab|c|d|e|f){1000}' * 27}'}}}}"
    rules = f"rules:\n- matches:\n  - {match}\n  backendRefs: [{{name: shop}}]"
    write(tmp_path / "a.yaml", backend("shop"), route("shop", rules))
    outcome = haloy("lint", "a.yaml", cwd=tmp_path)
    assert outcome.code == 1
    assert outcome.out.startswith("a.yaml:13:7: error HLY0601 route/default/shop: HAProxy says: ")
    assert outcome.out.count("HLY0601") == 1
    assert haloy("lint", "a.yaml", "--no-haproxy", cwd=tmp_path).code == 0
