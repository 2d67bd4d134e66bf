"""docs/reloads.md promises a test for each of its rows."""

import ast
from pathlib import Path

import pytest

from haloy.admin.reloads_reference import shown_by
from haloy.proxies.base import ReloadCause
from haloy.proxies.ordinary import OrdinaryChange
from tests.features.certificates import Authority
from tests.features.echo import Echo
from tests.proof.ordinary.certificates import certificate_cases
from tests.proof.ordinary.changes import Surroundings, cases

CAUSES = Path(__file__).parent / "causes"


@pytest.mark.parametrize("cause", ReloadCause, ids=str)
def test_a_cause_has_its_test(cause: ReloadCause) -> None:
    functions = {
        node.name
        for path in CAUSES.glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert shown_by(cause) in functions


def test_every_ordinary_change_has_its_case() -> None:
    near = Surroundings(lambda name: Echo(name, 1), Echo("s", 2), Echo("m", 3), Authority())
    assert {**cases(near), **certificate_cases(near)}.keys() == set(OrdinaryChange)


@pytest.mark.parametrize("change", OrdinaryChange, ids=str)
def test_an_ordinary_change_says_what_and_how(change: OrdinaryChange) -> None:
    assert change.meaning.endswith(".")
    assert change.way
