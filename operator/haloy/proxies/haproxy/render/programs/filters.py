"""The program of a rule's filters, in FILTER_ORDER. Each filter means the same as what it is compiled to without Lua."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from haloy.model.filters import (
    DirectResponse,
    Filter,
    PathModifier,
    PathModifierKind,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.routing import Rule
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.filters import answers, ordered
from haloy.proxies.haproxy.render.filters.paths import full_path, kept_from, prefix_path
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.programs.words import encode

NetEffect = tuple[bool, tuple[str, ...]]
"""Whether what is there of a header goes, and the values that come."""

MOST_VALUES = 2
"""Values of one response header that HAProxy's own answers get: one that is set and one that is added."""


def filter_program(rule: Rule, variant: str, ports: PublicPorts) -> str:
    """What the filters do to a request that reached the rule as `variant`; empty: nothing.

    `is RULE` (the variant's plain rule), `after TEXT` (`after_text`), `path TEXT`,
    `prefix FIRST TEXT` (TEXT, then the path from the byte FIRST on), `host VALUE`, `remove NAME`, `set NAME VALUE`,
    `add NAME VALUE`, `redirect CODE SCHEME HOST HTTP-PORT HTTPS-PORT` (scheme and host may be empty: the client's) and
    `answer STATUS TYPE BODY`, which end it.

    Raises:
        UnsafeValueError: a value that validation should have refused.
    """
    length = int(variant.rpartition("~")[2]) if variant != rule.id else None
    words = ["is", rule.id] if variant != rule.id else []
    after = after_text(rule)
    words += ["after", after] if after else []
    own = answers(rule)
    for _, item in ordered(rule):
        if own and isinstance(item, RequestHeaderModifier | UrlRewrite):
            continue
        words += _words(item, length, ports)
        if isinstance(item, RequestRedirect | DirectResponse):
            break
    return encode(words)


def changed_headers(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The response headers that the rules' filters change: lower-case, sorted."""
    return tuple(sorted({name for rule in rules for name in net_effect(rule)}))


def net_effect(
    rule: Rule, stage: type[RequestHeaderModifier | ResponseHeaderModifier] = ResponseHeaderModifier
) -> dict[str, NetEffect]:
    """Of the filters of response headers, or of those of requests, by lower-case name: whether what is there goes, and what comes.

    Remove, set, add, in this order (Gateway API, HTTPHeaderFilter).
    """
    found: dict[str, NetEffect] = {}
    for _, item in ordered(rule):
        if not isinstance(item, stage):
            continue
        for name in item.headers.remove:
            found[name.lower()] = (True, ())
        for header in item.headers.set:
            found[header.name.lower()] = (True, (header.value,))
        for header in item.headers.add:
            replaced, values = found.get(header.name.lower(), (False, ()))
            found[header.name.lower()] = (replaced, (*values, header.value))
    return found


def after_text(rule: Rule) -> str:
    """`NAME replace|append COUNT VALUE...` for each response header: a text of its own, which the request carries along."""
    words: list[str] = []
    for name, (replaced, values) in net_effect(rule).items():
        words += [_name(name), "replace" if replaced else "append", str(len(values)), *_safe(values)]
    return encode(words)


def _words(item: Filter, length: int | None, ports: PublicPorts) -> Iterator[str]:
    match item:
        case ResponseHeaderModifier():
            pass  # in `after_text`
        case UrlRewrite():
            if item.path is not None:
                yield from _path(item.path, length)
            if item.hostname is not None:
                yield from ("host", *_safe((item.hostname,)))
        case RequestHeaderModifier():
            for name in item.headers.remove:
                yield from ("remove", _name(name))
            for header in item.headers.set:
                yield from ("set", _name(header.name), *_safe((header.value,)))
            for header in item.headers.add:
                yield from ("add", _name(header.name), *_safe((header.value,)))
        case RequestRedirect():
            if item.path is not None:
                yield from _path(item.path, length)
            yield from ("redirect", str(item.code), *_safe((item.scheme or "", item.hostname or "")))
            yield from (ports.suffix("http", item.port), ports.suffix("https", item.port))
        case DirectResponse():
            (content_type,) = _safe((item.content_type,))
            yield from ("answer", str(item.status), content_type, item.body)
        case _:
            assert_never(item)


def _path(modifier: PathModifier, length: int | None) -> tuple[str, ...]:
    match modifier.kind:
        case PathModifierKind.FULL:
            return "path", full_path(modifier)
        case PathModifierKind.PREFIX:
            return "prefix", str(kept_from(modifier, length or 0)), prefix_path(modifier)
        case _:
            assert_never(modifier.kind)


def _name(name: str) -> str:
    tokens.http_token(name)
    return name


def _safe(values: Iterable[str]) -> tuple[str, ...]:
    """Values of headers: a control character would end the line."""
    found = tuple(values)
    for value in found:
        tokens.word(value)
    return found
