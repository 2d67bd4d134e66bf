"""Conditions on a request: path, method, headers, query parameters (Gateway API, HTTPRouteMatch)."""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from haloy.api.problems import Problem, shown
from haloy.api.v1alpha1.base import ApiModel
from haloy.api.v1alpha1.common import HeaderName, ValueMatchType
from haloy.api.v1alpha1.lists import ListMap
from haloy.api.v1alpha1.patterns import AMBIGUOUS_PATH, FIELD_VALUE, PATH, PRINTABLE, QUERY_NAME
from haloy.api.v1alpha1.regex import MAX_LENGTH, check_regex
from haloy.api.v1alpha1.rule import Rule

Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
MatchType = Literal["Exact", "PathPrefix", "RegularExpression"]


def _regex_problems(field: str, kind: str, value: str) -> Iterable[Problem]:
    if kind != "RegularExpression":
        return
    try:
        check_regex(value)
    except ValueError as error:
        yield Problem(field, shown(value), str(error))


def _matches(pattern: str, value: str) -> bool:
    """As RE2 has it: `value` is printable, so that Python's `$` cannot stand before a final newline."""
    return re.search(pattern, value) is not None


class PathMatch(ApiModel):
    """A condition on the path, without the query."""

    type: MatchType = Field(
        default="PathPrefix",
        description="How value is compared: Exact the whole path; PathPrefix segment by segment, /api matches /api "
        "and /api/x but not /apix; RegularExpression the whole path.",
        examples=["Exact"],
    )
    value: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=PRINTABLE)] = Field(
        default="/",
        description="Path, prefix or regular expression. Paths start with / and use the characters of a URL "
        "(percent-encoded otherwise). A regular expression has no look-around, backreference or nested repetition.",
        examples=["/api"],
    )
    RULES: ClassVar = (
        Rule(
            "path-characters",
            f"self.type == 'RegularExpression' || self.value.matches(r\"{PATH}\")",
            "a path starts with / and consists of the characters of a URL; write others percent-encoded, a space as "
            "%20",
            lambda path: path.type == "RegularExpression" or _matches(PATH, path.value),
            field="value",
        ),
        Rule(
            "path-unambiguous",
            f"self.type == 'RegularExpression' || !self.value.matches(r'{AMBIGUOUS_PATH}')",
            "a path has no //, /./, /../, %2F, %5C or %00, which applications read in different ways; leave that "
            "part out",
            lambda path: path.type == "RegularExpression" or not _matches(AMBIGUOUS_PATH, path.value),
            field="value",
        ),
        Rule(
            "path-regex-length",
            f"self.type != 'RegularExpression' || size(self.value) <= {MAX_LENGTH}",
            f"a regular expression has at most {MAX_LENGTH} characters; split it into several matches",
            lambda path: path.type != "RegularExpression" or len(path.value) <= MAX_LENGTH,
            field="value",
        ),
    )

    def own_problems(self) -> Iterable[Problem]:
        return _regex_problems("value", self.type, self.value)


def _regex_length(id: str) -> Rule:
    return Rule(
        id,
        f"self.type != 'RegularExpression' || size(self.value) <= {MAX_LENGTH}",
        f"a regular expression has at most {MAX_LENGTH} characters; split it into several matches",
        lambda match: match.type != "RegularExpression" or len(match.value) <= MAX_LENGTH,
        field="value",
    )


class HeaderMatch(ApiModel):
    """A condition on a request header. Where the header is repeated, each line is compared by itself and one that fits is enough."""

    name: HeaderName = Field(description="Name of the header; case does not matter.", examples=["x-env"])
    type: ValueMatchType = Field(
        default="Exact",
        description="How value is compared: Exact, or RegularExpression against the whole value.",
        examples=["RegularExpression"],
    )
    value: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=FIELD_VALUE)] = Field(
        description="The value, or a regular expression, that the header must have.", examples=["canary"]
    )
    RULES: ClassVar = (_regex_length("header-regex-length"),)

    def own_problems(self) -> Iterable[Problem]:
        return _regex_problems("value", self.type, self.value)


class QueryParamMatch(ApiModel):
    """A condition on a query parameter. Where the parameter is repeated, one occurrence that fits is enough."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=QUERY_NAME)] = Field(
        description="Name of the parameter, as it stands in the URL; case matters. Only the value is decoded.",
        examples=["v"],
    )
    type: ValueMatchType = Field(
        default="Exact",
        description="How value is compared: Exact, or RegularExpression against the whole value.",
        examples=["RegularExpression"],
    )
    value: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=PRINTABLE)] = Field(
        description="The value, decoded, or a regular expression, that the parameter must have.", examples=["2"]
    )
    RULES: ClassVar = (_regex_length("query-regex-length"),)

    def own_problems(self) -> Iterable[Problem]:
        return _regex_problems("value", self.type, self.value)


class Match(ApiModel):
    """A conjunction: every condition given must hold."""

    path: PathMatch = Field(
        default=PathMatch(), description="Condition on the path.", examples=[{"type": "PathPrefix", "value": "/api"}]
    )
    method: Method | None = Field(
        default=None, description="The request's method; without it every method.", examples=["GET"]
    )
    headers: Annotated[tuple[HeaderMatch, ...], Field(strict=False, max_length=16), ListMap(("name",), fold=True)] = (
        Field(
            default=(),
            description="Conditions on headers, at most one for each header.",
            examples=[[{"name": "x-env", "value": "canary"}]],
        )
    )
    query_params: Annotated[tuple[QueryParamMatch, ...], Field(strict=False, max_length=16), ListMap(("name",))] = (
        Field(
            default=(),
            description="Conditions on query parameters, at most one for each.",
            examples=[[{"name": "v", "value": "2"}]],
        )
    )
