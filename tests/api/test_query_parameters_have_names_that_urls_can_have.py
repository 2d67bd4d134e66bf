"""Names of query parameters are compared as they stand in the URL, so one that cannot stand there is refused, and said so."""

import pytest
from pydantic import ValidationError

from haloy.api.v1alpha1.matches import QueryParamMatch


@pytest.mark.parametrize("name", ["v", "w[]", "a.b-c_d~", "it's", "a:b", "$x", "user(name)"])
def test_it_may_have_what_a_url_may_have(name: str) -> None:
    assert QueryParamMatch.model_validate({"name": name, "value": "1"}).name == name


@pytest.mark.parametrize("character", [" ", "&", "=", ";", "?", "%", "+", "#", "é", "\u00a0", "\t", "\x7f"])
def test_what_ends_a_name_or_is_encoded_is_refused(character: str) -> None:
    with pytest.raises(ValidationError):
        QueryParamMatch.model_validate({"name": f"a{character}b", "value": "1"})
