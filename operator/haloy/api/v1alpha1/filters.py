"""Filters: what happens to a request or response on its way (Gateway API, HTTPRouteFilter; DirectResponse is haloy's
own)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from haloy.api.v1alpha1.base import ApiModel
from haloy.api.v1alpha1.common import (
    FORBIDDEN_HEADER,
    FORBIDDEN_NAMES_CEL,
    ExactHost,
    HeaderName,
    HttpHeader,
    Port,
    is_forbidden_header,
)
from haloy.api.v1alpha1.lists import ListMap, ListSet
from haloy.api.v1alpha1.patterns import FIELD_VALUE, PATH_OR_EMPTY, TEXT
from haloy.api.v1alpha1.rule import Rule

Replacement = Annotated[str, StringConstraints(max_length=1024, pattern=PATH_OR_EMPTY)]
Body = Annotated[str, StringConstraints(max_length=8192, pattern=TEXT)]
RedirectCode = Literal[301, 302, 303, 307, 308]
FilterType = Literal[
    "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "DirectResponse"
]
TERMINAL: frozenset[FilterType] = frozenset({"RequestRedirect", "DirectResponse"})
"""Filters that answer by themselves: no backend sees the request."""


def _names(field: str) -> str:
    """CEL for the lower-case names in one of a modifier's lists."""
    name = "item" if field == "remove" else "item.name"
    return f"(has(self.{field}) ? self.{field}.map(item, {name}.lowerAscii()) : [])"


def _lists_disjoint(modifier: "HeaderModifier") -> bool:
    lists = [{header.name.lower() for header in headers} for headers in (modifier.set, modifier.add)]
    lists.append({name.lower() for name in modifier.remove})
    return sum(len(names) for names in lists) == len(frozenset[str]().union(*lists))


class HeaderModifier(ApiModel):
    """Changes to headers. The order is remove, set, add."""

    set: Annotated[tuple[HttpHeader, ...], Field(strict=False, max_length=16), ListMap(("name",), fold=True)] = Field(
        default=(), description="Headers to overwrite.", examples=[[{"name": "x-env", "value": "canary"}]]
    )
    add: Annotated[tuple[HttpHeader, ...], Field(strict=False, max_length=16), ListMap(("name",), fold=True)] = Field(
        default=(),
        description="Headers to append, keeping the values that are there.",
        examples=[[{"name": "vary", "value": "x-env"}]],
    )
    remove: Annotated[tuple[HeaderName, ...], Field(strict=False, max_length=16), ListSet(fold=True)] = Field(
        default=(), description="Names of headers to delete; case does not matter.", examples=[["server"]]
    )
    RULES: ClassVar = (
        Rule(
            "header-removable",
            f"!has(self.remove) || !self.remove.exists(name, name.lowerAscii() in {FORBIDDEN_NAMES_CEL})",
            FORBIDDEN_HEADER,
            lambda modifier: not any(is_forbidden_header(name) for name in modifier.remove),
            field="remove",
        ),
        Rule(
            "header-in-one-list",
            f"!sets.intersects({_names('set')}, {_names('add')}) && "
            f"!sets.intersects({_names('set')} + {_names('add')}, {_names('remove')})",
            "a header is named in one of set, add and remove, case ignored; keep one of them",
            _lists_disjoint,
        ),
    )


class PathModifier(ApiModel):
    """A new path: as a whole, or instead of the prefix that the rule's match names."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"] = Field(
        description="ReplaceFullPath replaces the whole path; ReplacePrefixMatch the prefix that the match names. "
        "The query stays.",
        examples=["ReplacePrefixMatch"],
    )
    replace_full_path: Replacement | None = Field(
        default=None, description="The new path; exactly with type ReplaceFullPath.", examples=["/maintenance"]
    )
    replace_prefix_match: Replacement | None = Field(
        default=None,
        description="What stands instead of the prefix; exactly with type ReplacePrefixMatch.",
        examples=["/v2"],
    )
    RULES: ClassVar = (
        Rule(
            "full-path-with-its-type",
            "(self.type == 'ReplaceFullPath') == has(self.replaceFullPath)",
            "replaceFullPath is given exactly when type is ReplaceFullPath",
            lambda path: (path.type == "ReplaceFullPath") == (path.replace_full_path is not None),
            field="replaceFullPath",
        ),
        Rule(
            "prefix-match-with-its-type",
            "(self.type == 'ReplacePrefixMatch') == has(self.replacePrefixMatch)",
            "replacePrefixMatch is given exactly when type is ReplacePrefixMatch",
            lambda path: (path.type == "ReplacePrefixMatch") == (path.replace_prefix_match is not None),
            field="replacePrefixMatch",
        ),
    )

    @property
    def value(self) -> str:
        """The replacement, whichever type it has."""
        return (self.replace_full_path if self.type == "ReplaceFullPath" else self.replace_prefix_match) or ""


class RequestRedirect(ApiModel):
    """An answer that sends the client elsewhere. Parts that are absent are taken from the request."""

    scheme: Literal["http", "https"] | None = Field(
        default=None, description="Scheme of the new URL.", examples=["https"]
    )
    hostname: ExactHost | None = Field(
        default=None, description="Host of the new URL, exact.", examples=["www.example.com"]
    )
    path: PathModifier | None = Field(
        default=None,
        description="Path of the new URL.",
        examples=[{"type": "ReplaceFullPath", "replaceFullPath": "/new"}],
    )
    port: Port | None = Field(
        default=None, description="Port of the new URL; without it the public port of the scheme.", examples=[8443]
    )
    status_code: RedirectCode = Field(
        default=302, description="Status of the answer: 301, 302, 303, 307 or 308.", examples=[301]
    )
    RULES: ClassVar = (
        Rule(
            "redirect-changes-something",
            "has(self.scheme) || has(self.hostname) || has(self.path) || has(self.port)",
            "a redirect needs at least one of scheme, hostname, path and port; without them it leads back to the "
            "same URL",
            lambda redirect: any((redirect.scheme, redirect.hostname, redirect.path, redirect.port)),
        ),
    )


class UrlRewrite(ApiModel):
    """Changes to the request that the backend sees."""

    hostname: ExactHost | None = Field(
        default=None, description="New Host header, exact.", examples=["internal.example.com"]
    )
    path: PathModifier | None = Field(
        default=None, description="New path.", examples=[{"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}]
    )
    RULES: ClassVar = (
        Rule(
            "rewrite-changes-something",
            "has(self.hostname) || has(self.path)",
            "a rewrite needs hostname or path; leave the filter out if nothing is to change",
            lambda rewrite: rewrite.hostname is not None or rewrite.path is not None,
        ),
    )


class DirectResponse(ApiModel):
    """A fixed answer, without a backend."""

    status: Annotated[int, Field(ge=200, le=599)] = Field(
        description="Status of the answer, 200 to 599.", examples=[503]
    )
    body: Body = Field(
        default="", description="Body of the answer: text, at most 8192 characters.", examples=["Back at noon.\n"]
    )
    content_type: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=FIELD_VALUE)] = Field(
        default="text/plain; charset=utf-8", description="Content-Type of the answer.", examples=["application/json"]
    )
    RULES: ClassVar = (
        Rule(
            "direct-response-body-allowed",
            "!(self.status in [204, 205, 304]) || !has(self.body) || self.body == ''",
            "an answer with status 204, 205 or 304 has no body (RFC 9110); leave body out or choose another status",
            lambda response: response.status not in (204, 205, 304) or not response.body,
            field="body",
        ),
    )


_FIELDS: dict[FilterType, tuple[str, str]] = {
    "RequestHeaderModifier": ("request_header_modifier", "requestHeaderModifier"),
    "ResponseHeaderModifier": ("response_header_modifier", "responseHeaderModifier"),
    "RequestRedirect": ("request_redirect", "requestRedirect"),
    "URLRewrite": ("url_rewrite", "urlRewrite"),
    "DirectResponse": ("direct_response", "directResponse"),
}


def _with_its_type(kind: FilterType, attribute: str, field: str) -> Rule:
    return Rule(
        f"filter-{field}",
        f"(self.type == '{kind}') == has(self.{field})",
        f"{field} is given exactly when type is {kind}",
        lambda value: (value.type == kind) == (getattr(value, attribute) is not None),
        field=field,
    )


class Filter(ApiModel):
    """One filter: `type` says which, and the field of the same name has its settings."""

    type: FilterType = Field(
        description="Which filter; its settings stand in the field of the same name.", examples=["URLRewrite"]
    )
    request_header_modifier: HeaderModifier | None = Field(
        default=None,
        description="Changes to the request's headers; exactly with type RequestHeaderModifier.",
        examples=[{"set": [{"name": "x-env", "value": "canary"}]}],
    )
    response_header_modifier: HeaderModifier | None = Field(
        default=None,
        description="Changes to the response's headers; exactly with type ResponseHeaderModifier.",
        examples=[{"remove": ["server"]}],
    )
    request_redirect: RequestRedirect | None = Field(
        default=None,
        description="Where to send the client; exactly with type RequestRedirect.",
        examples=[{"scheme": "https"}],
    )
    url_rewrite: UrlRewrite | None = Field(
        default=None,
        description="What the backend sees; exactly with type URLRewrite.",
        examples=[{"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}],
    )
    direct_response: DirectResponse | None = Field(
        default=None,
        description="A fixed answer; exactly with type DirectResponse.",
        examples=[{"status": 503, "body": "Back at noon.\n"}],
    )
    RULES: ClassVar = tuple(_with_its_type(kind, *names) for kind, names in _FIELDS.items())
