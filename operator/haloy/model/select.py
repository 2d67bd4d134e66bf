"""Which rule answers a request, by the book: the reference that every proxy's configuration must agree with.

It is written for clarity and for explaining, one candidate after the other; proxies use `flatten`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import unquote_plus

from haloy.model.limits import Budget
from haloy.model.routing import (
    Candidate,
    HostKind,
    Match,
    PathKind,
    PathMatch,
    ValueKind,
    ValueMatch,
    VirtualHost,
)

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends, as far as routing looks at it.

    `host` as in the Host header (port, capitals and a trailing dot are ignored), `path` raw and without the query,
    `headers` and `query` (see `parse_query`) in order of arrival, repetitions allowed.
    """

    host: str
    path: str = "/"
    method: str = "GET"
    headers: Pairs = ()
    query: Pairs = ()
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """A candidate that did not win, and why in one sentence."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome for one request.

    `virtual_host` None: no Route names the host (404). `redirect` : the request is redirected before any rule is asked,
    to the canonical host, to https, or both. `winner` None: no candidate holds (404). `reason` says in one sentence why
    the outcome is what it is. `losers` keeps the order of precedence.
    """

    virtual_host: VirtualHost | None
    winner: Candidate | None
    reason: str
    losers: tuple[Loss, ...] = ()
    redirect: bool = False


def select(virtual_hosts: Iterable[VirtualHost], request: Request) -> Selection:
    """The winner among `virtual_hosts` for `request`. There is no fall-through from one host to another."""
    host = normal_host(request.host)
    vhost = find_host(virtual_hosts, host)
    if vhost is None:
        return Selection(None, None, f"no Route names the host {host}, and none is for every host: 404")
    losers: list[Loss] = []
    winner: Candidate | None = None
    budget = Budget()
    for candidate in vhost.candidates:
        path = candidate.match.path
        met = path.kind is PathKind.REGEX or path_matches(path, request.path)
        if winner is not None:
            losers.append(Loss(candidate, _later(candidate, winner, request)))
        elif met and not budget.admits(candidate):
            losers.append(Loss(candidate, "the matches before it have all the conditions that one path may have"))
        elif (mismatch := _mismatch(candidate.match, request)) is not None:
            losers.append(Loss(candidate, mismatch))
        else:
            winner = candidate
    redirect = _redirect(vhost, request, host)
    if redirect is not None:
        return Selection(vhost, winner, redirect, tuple(losers), redirect=True)
    if winner is None:
        return Selection(vhost, None, f"no rule for the host {vhost.host} matches the request: 404", tuple(losers))
    return Selection(vhost, winner, f"{_host_words(vhost, host)}; {_match_words(winner.match)}", tuple(losers))


def parse_query(text: str) -> Pairs:
    """The parameters of a URL's query, as proxies see them: `&`, `;` and `?` separate, a name counts as it stands there, a value
    is decoded like a form's. A parameter without `=` is none, and where a value cannot be decoded nobody looks for
    further ones of that name."""
    found: list[tuple[str, str]] = []
    closed: set[str] = set()
    for part in re.split("[&;?]", text):
        name, equals, value = part.partition("=")
        if equals and name not in closed:
            if re.search("%(?![0-9A-Fa-f]{2})", value):
                closed.add(name)
            else:
                found.append((name, unquote_plus(value, errors="surrogateescape")))
    return tuple(found)


def normal_host(host: str) -> str:
    """`host` in lower case, without port and trailing dot; an IPv6 literal keeps its brackets."""
    host = host.lower()
    if host.startswith("["):
        return host[: host.find("]") + 1] or host
    return host.partition(":")[0].removesuffix(".")


def find_host(virtual_hosts: Iterable[VirtualHost], host: str) -> VirtualHost | None:
    """The VirtualHost for a normalised `host`: exact, one-label wildcard, longest many-label one, any."""
    by_name = {(vhost.kind, vhost.host): vhost for vhost in virtual_hosts}
    wildcards = _wildcards(host)
    tries = [(HostKind.EXACT, host)]
    tries += [(HostKind.ONE_LABEL, wildcard) for wildcard in wildcards[:1]]
    tries += [(HostKind.MANY_LABELS, wildcard) for wildcard in wildcards]
    tries += [(HostKind.ANY, "*")]
    return next((by_name[key] for key in tries if key in by_name), None)


def _wildcards(host: str) -> list[str]:
    """`*.b.c`, `*.c` for `a.b.c`: the wildcards that cover it, longest first. A literal address has none."""
    if host.startswith("["):
        return []
    labels = host.split(".")
    return ["*." + ".".join(labels[count:]) for count in range(1, len(labels)) if labels[0]]


def path_matches(match: PathMatch, path: str) -> bool:
    """EXACT: equal. PREFIX: equal, or followed by `/` (segments, not characters). REGEX: the whole path."""
    match match.kind:
        case PathKind.EXACT:
            return path == match.value
        case PathKind.PREFIX:
            return (path + "/").startswith(match.value + "/")
        case PathKind.REGEX:
            return re.fullmatch(match.value, path) is not None
        case _:
            assert_never(match.kind)


def matches(match: Match, request: Request) -> bool:
    """Do all parts of `match` hold?"""
    return _mismatch(match, request) is None


def _mismatch(match: Match, request: Request) -> str | None:
    """The first part of `match` that does not hold, in words; None if all do."""
    if not path_matches(match.path, request.path):
        return f"path {request.path} {_path_words(match.path, negated=True)}"
    if match.method is not None and match.method != request.method:
        return f"method is {request.method}, not {match.method}"
    headers = [(name.lower(), value) for name, value in request.headers]
    return _unmet("header", match.headers, headers) or _unmet("query parameter", match.query, request.query)


def _unmet(what: str, conditions: Iterable[ValueMatch], pairs: Iterable[tuple[str, str]]) -> str | None:
    """The first condition that no pair of that name meets. A repeated name counts if one of its values fits."""
    given = list(pairs)
    for condition in conditions:
        values = [value for name, value in given if name == condition.name]
        if not values:
            return f"{what} {condition.name} is absent"
        if not any(_value_matches(condition, value) for value in values):
            shown = ", ".join(repr(value) for value in values)
            wanted = "equal to" if condition.kind is ValueKind.EXACT else "matched by"
            return f"{what} {condition.name} is {shown}, not {wanted} {condition.value!r}"
    return None


def _value_matches(condition: ValueMatch, value: str) -> bool:
    match condition.kind:
        case ValueKind.EXACT:
            return value == condition.value
        case ValueKind.REGEX:
            return re.fullmatch(condition.value, value) is not None
        case _:
            assert_never(condition.kind)


def _later(candidate: Candidate, winner: Candidate, request: Request) -> str:
    """Why `candidate`, which stands after `winner`, lost."""
    mismatch = _mismatch(candidate.match, request)
    if mismatch is not None:
        return mismatch
    mine, other = candidate.match, winner.match
    if mine.path.kind is not other.path.kind:
        return f"{_kind_words(other.path.kind)} goes before {_kind_words(mine.path.kind)}"
    if mine.path.kind is PathKind.PREFIX and mine.path.value != other.path.value:
        return f"{other.path.value or '/'} is longer than {mine.path.value or '/'}"
    for label, ours, theirs in (
        ("names a method", mine.method is not None, other.method is not None),
        ("names more headers", len(mine.headers), len(other.headers)),
        ("names more query parameters", len(mine.query), len(other.query)),
    ):
        if ours != theirs:
            return f"the winner {label}"
    if candidate.rule.route != winner.rule.route:
        return f"the same match in {winner.rule.route} goes first (older, or first by name)"
    return "the winner stands earlier in the same Route"


def _redirect(vhost: VirtualHost, request: Request, host: str) -> str | None:
    to_https = not request.tls and vhost.tls is not None and vhost.tls.redirect
    if vhost.redirect_host is not None:
        scheme = "https://" if to_https or request.tls else "http://"
        return f"{host} is redirected to its canonical host: 308 to {scheme}{vhost.redirect_host}{request.path}"
    return f"plain HTTP is redirected: 308 to https://{host}{request.path}" if to_https else None


def _host_words(vhost: VirtualHost, host: str) -> str:
    match vhost.kind:
        case HostKind.EXACT:
            return f"host {host} is named exactly"
        case HostKind.ONE_LABEL | HostKind.MANY_LABELS:
            return f"host {host} is covered by {vhost.host}"
        case HostKind.ANY:
            return f"host {host} is named by no Route and taken by one for every host"
        case _:
            assert_never(vhost.kind)


def _match_words(match: Match) -> str:
    parts = [f"the path {_path_words(match.path)}"]
    parts += [f"the method is {match.method}"] if match.method is not None else []
    parts += [f"header {condition.name} fits" for condition in match.headers]
    parts += [f"query parameter {condition.name} fits" for condition in match.query]
    return ", ".join(parts)


def _path_words(path: PathMatch, *, negated: bool = False) -> str:
    match path.kind:
        case PathKind.EXACT:
            return f"{'is not' if negated else 'is'} exactly {path.value}"
        case PathKind.PREFIX:
            return f"{'is not' if negated else 'is'} below {path.value or '/'}"
        case PathKind.REGEX:
            return f"{'does not match' if negated else 'matches'} {path.value} as a whole"
        case _:
            assert_never(path.kind)


def _kind_words(kind: PathKind) -> str:
    match kind:
        case PathKind.EXACT:
            return "an exact path"
        case PathKind.PREFIX:
            return "a path prefix"
        case PathKind.REGEX:
            return "a regular expression"
        case _:
            assert_never(kind)
