"""A Listener as a section: the same rules for each, in the order of a request's way."""

from collections.abc import Iterable
from dataclasses import dataclass

from haloy.model.listener import Bind, Fleet, Listener
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps, tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.builtin import HTTP2_FRAME, MAXREWRITE
from haloy.proxies.haproxy.render.direct import change_lines, known_ending
from haloy.proxies.haproxy.render.logformat import access_log, error_log
from haloy.proxies.haproxy.render.programs.filters import MOST_VALUES
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token
from haloy.proxies.haproxy.slots.layout import Change

CRT_LIST = "certs/list.crt-list"
TRUSTED = "files/trusted.lst"
DEFAULT_CERTIFICATE = "certs/default.pem"
"""Answers to unknown names: the certificate of the virtual host ANY, else haloy's own fallback. The file is always there, so
that its content can be exchanged at run time."""

_NAMES_ON_A_LINE = 1_500
"""Bytes; a line of HAProxy's holds 2,048."""

_SECURE = tokens.keyword("{ var(req.secure) -m found }")
_NOT_SECURE = tokens.keyword("!{ var(req.secure) -m found }")


@dataclass(frozen=True, slots=True)
class Routing:
    """What all frontends have in common.

    `expressions`: the lines of compiled ones; `headers`: names of response headers that answers of HAProxy's own know, lower-case;
    `cookies`: affinity cookies that decide a draw; `changes`: of filters, those that need no program; `suffixes`: how many labels
    many-label wildcards have, most first; `conditions`: the compiled chains, without `lua` only.
    """

    lua: bool = True
    conditions: tuple[Block, ...] = ()
    expressions: tuple[Token, ...] = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    suffixes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A response header that is set from the variable with this number."""

    header: Token
    number: Token


@dataclass(frozen=True, slots=True)
class OwnHeader:
    """A response header in answers of HAProxy's own: the samples that say whether what is there goes, and each value that comes;
    the same values as log-format strings."""

    name: Token
    replaces: Token
    values: tuple[tuple[Token, Token], ...]


def frontend_text(listener: Listener, fleet: Fleet, routing: Routing, options: HaproxyOptions) -> str:
    """The whole section: frontends have no servers."""
    scheme = "https" if listener.tls else "http"
    head, limit = fleet.limits.max_header_size, fleet.limits.max_body_size
    trusted = bool(fleet.trusted_proxies)
    forwarded_https = trusted and not listener.tls
    quick = _quick(routing.headers)
    requests, replies = change_lines(routing.changes)
    return print_template(
        "frontend.cfg.j2",
        name=tokens.name(names.listener_section(listener.name)),
        binds=[_bind(listener, bind) for bind in listener.binds],
        log=options.access_log,
        log_format=access_log(tls=listener.tls),
        error_log_format=error_log(tls=listener.tls),
        head=tokens.number(head) if head + MAXREWRITE < HTTP2_FRAME else None,
        limit=None if limit is None else tokens.number(limit),
        lookups=list(_lookups(scheme, routing, forwarded_https=forwarded_https)),
        forwarded_https=forwarded_https,
        trusted=trusted,
        trusted_list=tokens.file(TRUSTED),
        ipv6=listener.accept_proxy_protocol or any(":" in bind.address for bind in listener.binds),
        scheme=tokens.name(scheme),
        port=tokens.number(listener.public_port),
        lua=routing.lua,
        conditions=routing.conditions,
        expressions=routing.expressions,
        headers=[_own_header(header) for header in routing.headers] if routing.lua else (),
        compiled=tokens.word(",".join(quick) + ","),
        settings=[Setting(tokens.http_token(header), tokens.number(at)) for at, header in enumerate(quick, 1)],
        changes=requests,
        replies=replies,
        known=tokens.word(known_ending(routing.changes)),
        pins=[_pin(cookie) for cookie in routing.cookies],
        hsts=listener.tls,
        routes=tokens.name(names.ROUTES),
        not_found=tokens.name(names.NOT_FOUND),
        missing=tokens.name(names.MISSING),
    )


def _own_header(header: str) -> OwnHeader:
    argument = tokens.http_token_argument(header)
    calls = [f"var(txn.after),lua.haloy({what},{argument})" for what in ("replaces", *range(1, MOST_VALUES + 1))]
    values = tuple((tokens.log_format(f"%[{call}]"), tokens.word(call)) for call in calls[1:])
    return OwnHeader(tokens.http_token(header), tokens.word(calls[0]), values)


def _quick(headers: tuple[str, ...]) -> tuple[str, ...]:
    """The first of `headers`, as many as one line names: those are set from variables; for others Lua is called again."""
    length = 0
    for count, header in enumerate(headers):
        length += len(header) + 1
        if length > _NAMES_ON_A_LINE:
            return headers[:count]
    return headers


def _bind(listener: Listener, bind: Bind) -> Token:
    parts = [tokens.keyword("bind"), Token(f"[{bind.address}]:{bind.port}" if ":" in bind.address else str(bind))]
    parts += [tokens.keyword("v6only")] if ":" in bind.address else []
    parts += [tokens.keyword("accept-proxy")] if listener.accept_proxy_protocol else []
    if listener.tls:
        parts += [tokens.keyword("ssl crt"), tokens.file(DEFAULT_CERTIFICATE)]
        parts += [tokens.keyword("crt-list"), tokens.file(CRT_LIST)]
        parts += [tokens.keyword("alpn h2,http/1.1 ssl-min-ver TLSv1.2")]
    return tokens.join(*parts)


def _lookups(scheme: str, routing: Routing, *, forwarded_https: bool) -> Iterable[Token]:
    """From the host to req.vh. A trusted proxy that received https decides for the maps of https, so that the redirect does
    not go round in circles."""
    if not forwarded_https:
        yield from _scheme_lookups(scheme, routing, ())
        return
    yield from _scheme_lookups("https", routing, (_SECURE,))
    yield from _scheme_lookups("http", routing, (_NOT_SECURE,))


def _scheme_lookups(scheme: str, routing: Routing, when: tuple[Token, ...]) -> Iterable[Token]:
    """Exact host; if there is none, the wildcard one label up, then longer ones; else ANY.

    A plain request passes one look-up and one condition for each of the others.
    """
    verb = tokens.keyword("http-request set-var(req.vh)")
    hosts = tokens.file(maps.hosts_map(scheme))
    exact = tokens.word(f"var(txn.host,-),map_str({hosts})")
    yield tokens.join(verb, exact, *((tokens.keyword("if"), *when) if when else ()))
    missed = tokens.join(tokens.keyword("if"), *when, tokens.keyword("!{ var(req.vh) -m found }"))
    named = tokens.keyword("!{ var(txn.host) -m beg . }")
    one = tokens.word(f"var(txn.host),field(2,.,0),map_str({tokens.file(maps.wildcards_map(scheme))})")
    yield tokens.join(verb, one, missed, named)
    for labels in routing.suffixes:
        last = f"field(2,.,0),field(-1,.,{labels})"
        many = tokens.word(f"var(txn.host),{last},map_str({tokens.file(maps.suffixes_map(scheme))})")
        yield tokens.join(verb, many, missed, named)
    yield tokens.join(verb, tokens.word(f"str({maps.ANYWHERE}),map_str({hosts})"), missed)


def _pin(cookie: str) -> Token:
    """The first half of the cookie's value: which Cluster the client is bound to."""
    return tokens.word(f"req.cook({tokens.argument(cookie)}),field(1,.)")
