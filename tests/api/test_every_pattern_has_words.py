"""A string that does not match is explained, not answered with the expression."""

from collections.abc import Iterator
from typing import Any

from haloy.api.v1alpha1 import Backend, HealthPolicy, Route
from haloy.api.v1alpha1.patterns import DURATION, HELP


def _patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        yield from (text for item in value.values() for text in _patterns(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _patterns(item))


def test_every_pattern_of_the_api_has_an_explanation() -> None:
    used = {text for model in (Route, Backend, HealthPolicy) for text in _patterns(model.model_json_schema())}
    assert used - set(HELP) == {DURATION}  # Durations are explained by the class that reads them.
    assert not set(HELP) - used
