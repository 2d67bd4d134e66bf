"""Field types that several kinds share."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from haloy.api.v1alpha1.base import ApiModel
from haloy.api.v1alpha1.host import normalise_authority, normalise_host
from haloy.api.v1alpha1.patterns import FIELD_VALUE, HOST, HOST_OR_WILDCARD, TOKEN
from haloy.api.v1alpha1.rule import Rule

HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TOKEN)]
"""A token (RFC 9110, 5.6.2)."""
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=FIELD_VALUE)]
"""A field value (RFC 9110, 5.5) without obs-text: visible ASCII, with blanks and tabs inside only."""
Port = Annotated[int, Field(ge=1, le=65535)]


def _host(text: str) -> str:
    return normalise_host(text)


def _exact_host(text: str) -> str:
    return normalise_host(text, wildcard=False)


Host = Annotated[str, StringConstraints(min_length=1, max_length=260, pattern=HOST_OR_WILDCARD), AfterValidator(_host)]
"""Normalised when read: see normalise_host. The bound leaves room for what normalising removes."""
ExactHost = Annotated[str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(_exact_host)]
Authority = Annotated[
    str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(normalise_authority)
]
"""The value of a Host header, which may have a port."""

FORBIDDEN_NAMES = (
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
FORBIDDEN_NAMES_CEL = str(list(FORBIDDEN_NAMES))
"""A list of CEL is written as a list of Python."""


def is_forbidden_header(name: str) -> bool:
    """Whether the header frames the message or belongs to one connection (RFC 9110, 7.6.1), or is Host."""
    return name.lower() in FORBIDDEN_NAMES


FORBIDDEN_HEADER = (
    "this header frames the message or belongs to one connection, so haloy sets it itself; to change Host, use the "
    "field for the host name (URLRewrite's hostname, or host of a check)"
)


class HttpHeader(ApiModel):
    """A header and its value."""

    name: HeaderName = Field(description="Name of the header; case does not matter.", examples=["x-env"])
    value: HeaderValue = Field(description="Value of the header, in visible ASCII characters.", examples=["canary"])

    RULES: ClassVar = (
        Rule(
            "header-not-hop-by-hop",
            f"!(self.name.lowerAscii() in {FORBIDDEN_NAMES_CEL})",
            FORBIDDEN_HEADER,
            lambda header: not is_forbidden_header(header.name),
            field="name",
        ),
    )


ValueMatchType = Literal["Exact", "RegularExpression"]
