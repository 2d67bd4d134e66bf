"""What happens to a request or response on its way: the closed union `Filter`.

Shapes and semantics are the Gateway API's HTTPRouteFilter (v1); DirectResponse is haloy's own.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Header:
    """One header line. Case does not matter in `name`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HeaderModifier:
    """`set` overwrites, `add` appends, `remove` deletes; applied in the order remove, set, add (names are distinct)."""

    set: tuple[Header, ...] = ()
    add: tuple[Header, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestHeaderModifier:
    """Changes headers before the request goes to the endpoint."""

    headers: HeaderModifier


@dataclass(frozen=True, slots=True)
class ResponseHeaderModifier:
    """Changes headers before the response goes to the client."""

    headers: HeaderModifier


class PathModifierKind(Enum):
    """What a PathModifier replaces, by the names of the Gateway API (HTTPPathModifier)."""

    FULL = "ReplaceFullPath"
    PREFIX = "ReplacePrefixMatch"


@dataclass(frozen=True, slots=True)
class PathModifier:
    """FULL replaces the whole path (the query stays); PREFIX replaces the prefix that the winning match named."""

    kind: PathModifierKind
    value: str


@dataclass(frozen=True, slots=True)
class UrlRewrite:
    """Another Host header or path for the endpoint; None leaves it as it came."""

    hostname: str | None = None
    path: PathModifier | None = None


@dataclass(frozen=True, slots=True)
class RequestRedirect:
    """Absent parts are taken from the request; `port` None: the scheme's public port. `code` is 301, 302, 303, 307 or 308."""

    scheme: str | None = None
    hostname: str | None = None
    port: int | None = None
    path: PathModifier | None = None
    code: int = 302


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """The proxy answers by itself; no endpoint is asked."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


Filter = RequestHeaderModifier | ResponseHeaderModifier | UrlRewrite | RequestRedirect | DirectResponse
