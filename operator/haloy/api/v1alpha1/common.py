"""Field types that several kinds share."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from haloy.api.v1alpha1.base import ApiModel
from haloy.api.v1alpha1.host import normalise_authority, normalise_host
from haloy.api.v1alpha1.rule import Rule
from haloy.text import parse_duration

TOKEN = r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$"
FIELD_VALUE = r"^[!-~]([\t -~]*[!-~])?$"
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
HOST = r"^[^\x00-\x20/\\@?#%'\"]+$"

HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TOKEN)]
"""A token (RFC 9110, 5.6.2)."""
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=FIELD_VALUE)]
"""A field value (RFC 9110, 5.5) without obs-text: visible ASCII, with blanks and tabs inside only."""
Port = Annotated[int, Field(ge=1, le=65535)]


def _host(text: str) -> str:
    return normalise_host(text)


def _exact_host(text: str) -> str:
    return normalise_host(text, wildcard=False)


Host = Annotated[str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(_host)]
"""Normalised when read: see normalise_host. The bound leaves room for what normalising removes."""
ExactHost = Annotated[str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(_exact_host)]
Authority = Annotated[str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(normalise_authority)]


@dataclass(frozen=True, slots=True)
class Between:
    """Marks an int as a duration: written as a string (Gateway API, GEP-2257), read as milliseconds, bounds inclusive."""

    low: str
    high: str

    def read(self, value: object) -> int:
        """Raises:
        ValueError: not a duration, or out of bounds.
        """
        if not isinstance(value, str):
            raise ValueError(f"is not a duration; write a string with a unit, for example {self.low}")
        millis = parse_duration(value)
        if not parse_duration(self.low) <= millis <= parse_duration(self.high):
            raise ValueError(f"is out of bounds; write a duration from {self.low} to {self.high}")
        return millis

    def rule(self) -> Rule:
        """The bounds as CEL. Durations of the Gateway API are durations of CEL."""
        return Rule(
            id=f"duration-{self.low}-{self.high}",
            cel=f"duration(self) >= duration('{self.low}') && duration(self) <= duration('{self.high}')",
            message=f"must be a duration from {self.low} to {self.high}",
            holds=lambda value: parse_duration(self.low) <= parse_duration(value) <= parse_duration(self.high),
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rule = self.rule()
        return {
            "type": "string",
            "minLength": 2,
            "maxLength": 32,
            "pattern": DURATION,
            "x-kubernetes-validations": [{"rule": rule.cel, "message": rule.message}],
        }


HOP_BY_HOP = "connection|content-length|host|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade"
_FORBIDDEN = frozenset(HOP_BY_HOP.split("|"))


def is_forbidden_header(name: str) -> bool:
    """Whether the header frames the message or belongs to one connection (RFC 9110, 7.6.1), or is Host."""
    return name.lower() in _FORBIDDEN


FORBIDDEN_HEADER = (
    "this header frames the message or belongs to one connection, so haloy sets it itself; to change Host, use the field "
    "for the host name (URLRewrite's hostname, or host of a check)"
)


class HttpHeader(ApiModel):
    """A header and its value."""

    name: HeaderName = Field(description="Name of the header; case does not matter.", examples=["x-env"])
    value: HeaderValue = Field(description="Value of the header, in visible ASCII characters.", examples=["canary"])

    RULES: ClassVar = (
        Rule(
            "header-not-hop-by-hop",
            f"!self.name.matches('(?i)^({HOP_BY_HOP})$')",
            FORBIDDEN_HEADER,
            lambda header: not is_forbidden_header(header.name),
            field="name",
        ),
    )


ValueMatchType = Literal["Exact", "RegularExpression"]
