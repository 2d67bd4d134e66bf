"""The CEL text of each rule is run here by a real CEL implementation, on the object as the API server would have it."""

from collections.abc import Iterator
from typing import Any

import pytest
from cel import Context, evaluate
from pydantic import BaseModel, ValidationError

from haloy.api.crd import KINDS
from haloy.api.schema import structural
from haloy.api.v1alpha1 import allowedroutes, backend, common, filters, healthpolicy, matches, route
from haloy.api.v1alpha1.base import RULES_BROKEN, ApiModel
from haloy.api.v1alpha1.durations import Between
from haloy.api.v1alpha1.rule import Rule
from tests.api.rule_examples import EXAMPLES
from tests.api.schemas import crd_schema, defaulted, nodes


def _models() -> Iterator[type[ApiModel]]:
    for module in (route, matches, filters, backend, allowedroutes, healthpolicy, common):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ApiModel) and value.__module__ == module.__name__:
                yield value


VALIDATIONS = "x-kubernetes-validations"
RULES: tuple[tuple[type[ApiModel], Rule], ...] = tuple((model, rule) for model in _models() for rule in model.RULES)


def _by_cel(cel: str, value: Any) -> Any:
    """Kubernetes' additions to CEL that haloy's rules use are given here, as its documentation defines them."""
    context = Context({"self": value, "sets": "sets"})
    context.add_function("lowerAscii", lambda text: text.lower())
    context.add_function("substring", lambda text, start, end=None: text[start:end])
    context.add_function("intersects", lambda _, left, right: bool(set(left) & set(right)))
    return evaluate(cel, context)


def _broken_by_python(model: type[BaseModel], part: dict[str, Any]) -> set[str]:
    """The messages of the rules that `part` breaks."""
    try:
        model.model_validate(part)
    except ValidationError as invalid:
        errors = invalid.errors()
    else:
        return set()
    assert {item["type"] for item in errors} == {RULES_BROKEN}, errors
    found = [problem for item in errors for problem in item["ctx"]["problems"]]
    return {problem.message.removeprefix("is not possible here: ") for problem in found}


def test_ids_are_unique_and_each_rule_has_examples() -> None:
    ids = [rule.id for _, rule in RULES]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(EXAMPLES)
    assert all(accepted and rejected for accepted, rejected in EXAMPLES.values())


@pytest.mark.parametrize(("model", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_both_readings_accept_and_reject_the_same(model: type[ApiModel], rule: Rule) -> None:
    schema = structural(model)
    accepted, rejected = EXAMPLES[rule.id]
    for part in accepted:
        assert _by_cel(rule.cel, defaulted(part, schema)) is True, part
        assert rule.message not in _broken_by_python(model, part), part
    for part in rejected:
        assert _by_cel(rule.cel, defaulted(part, schema)) is False, part
        assert rule.message in _broken_by_python(model, part), part


@pytest.mark.parametrize("text", ["0s", "1ms", "999ms", "1s", "1h", "59m60s", "1h1ms", "99999h"])
def test_the_bounds_of_durations_too(text: str) -> None:
    bounds = Between("1s", "1h")
    rule = bounds.rule()
    inside = _by_cel(rule.cel, text)
    assert inside is rule.holds(text)
    if inside:
        bounds.read(text)
    else:
        with pytest.raises(ValueError, match="is out of bounds"):
            bounds.read(text)


def test_every_rule_stands_in_a_crd_and_nothing_else_does() -> None:
    printed = {
        check["rule"]
        for kind in KINDS
        for _, node in nodes(crd_schema(kind.name))
        for check in node.get(VALIDATIONS, [])
    }
    durations = {text for text in printed if text.startswith("duration(self) ")}
    assert printed - durations == {rule.cel for _, rule in RULES}
