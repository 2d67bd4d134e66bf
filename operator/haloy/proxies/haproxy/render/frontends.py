"""A Listener as a section: the same rules for each, in the order of a request's way."""

from collections.abc import Iterable
from dataclasses import dataclass

from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.routing import VirtualHost
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps, tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.builtin import HTTP2_FRAME, MAXREWRITE
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.logformat import access_log, error_log
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token

CRT_LIST = "certs/list.crt-list"
TRUSTED = "files/trusted.lst"

_SECURE = tokens.keyword("{ var(req.secure) -m found }")
_NOT_SECURE = tokens.keyword("!{ var(req.secure) -m found }")


@dataclass(frozen=True, slots=True)
class Routing:
    """What all frontends have in common.

    `conditions`: the compiled chains; `cookies`: affinity cookies that decide a draw; `suffixes`: how many labels many-label
    wildcards have, most first; `certificate`: the file answering to unknown names; `anywhere`: the virtual host ANY.
    """

    conditions: tuple[Block, ...] = ()
    cookies: tuple[str, ...] = ()
    suffixes: tuple[int, ...] = ()
    hsts: bool = False
    certificate: str = ""
    anywhere: VirtualHost | None = None


def frontend_text(listener: Listener, fleet: Fleet, routing: Routing, options: HaproxyOptions) -> str:
    """The whole section: frontends have no servers."""
    scheme = "https" if listener.tls else "http"
    head, limit = fleet.limits.max_header_size, fleet.limits.max_body_size
    trusted = bool(fleet.trusted_proxies)
    forwarded_https = trusted and not listener.tls
    return print_template(
        "frontend.cfg.j2",
        name=tokens.name(names.listener_section(listener.name)),
        binds=[_bind(listener, bind, routing) for bind in listener.binds],
        log=options.access_log,
        log_format=access_log(tls=listener.tls),
        error_log_format=error_log(tls=listener.tls),
        head=tokens.number(head) if head + MAXREWRITE < HTTP2_FRAME else None,
        limit=None if limit is None else tokens.number(limit),
        lookups=list(_lookups(scheme, routing, PublicPorts.of(fleet), forwarded_https=forwarded_https)),
        forwarded_https=forwarded_https,
        trusted=trusted,
        trusted_list=tokens.file(TRUSTED),
        ipv6=listener.accept_proxy_protocol or any(":" in bind.address for bind in listener.binds),
        scheme=tokens.name(scheme),
        port=tokens.number(listener.public_port),
        conditions=routing.conditions,
        pins=[_pin(cookie) for cookie in routing.cookies],
        hsts=routing.hsts and listener.tls,
        routes=tokens.name(names.ROUTES),
        not_found=tokens.name(names.NOT_FOUND),
    )


def _bind(listener: Listener, bind: Bind, routing: Routing) -> Token:
    parts = [tokens.keyword("bind"), Token(f"[{bind.address}]:{bind.port}" if ":" in bind.address else str(bind))]
    parts += [tokens.keyword("v6only")] if ":" in bind.address else []
    parts += [tokens.keyword("accept-proxy")] if listener.accept_proxy_protocol else []
    if listener.tls:
        parts += [tokens.keyword("ssl crt"), tokens.file(routing.certificate)]
        parts += [tokens.keyword("crt-list"), tokens.file(CRT_LIST)]
        parts += [tokens.keyword("alpn h2,http/1.1 ssl-min-ver TLSv1.2")]
    return tokens.join(*parts)


def _lookups(scheme: str, routing: Routing, ports: PublicPorts, *, forwarded_https: bool) -> Iterable[Token]:
    """From the host to req.vh. A trusted proxy that received https decides for the maps of https, so that the redirect does
    not go round in circles."""
    if not forwarded_https:
        yield from _scheme_lookups(scheme, routing, ports, ())
        return
    yield from _scheme_lookups("https", routing, ports, (_SECURE,))
    yield from _scheme_lookups("http", routing, ports, (_NOT_SECURE,))


def _scheme_lookups(scheme: str, routing: Routing, ports: PublicPorts, when: tuple[Token, ...]) -> Iterable[Token]:
    """Exact host; if there is none, the wildcard one label up, then longer ones; else ANY.

    A plain request passes one look-up and one condition per kind of wildcard.
    """
    default = "*" if routing.anywhere is None else maps.host_value(routing.anywhere, scheme, ports)
    verb = tokens.keyword("http-request set-var(req.vh)")
    exact = tokens.word(f"var(txn.host,-),map_str({tokens.file(maps.hosts_map(scheme))},{default})")
    yield tokens.join(verb, exact, *((tokens.keyword("if"), *when) if when else ()))
    missed = tokens.join(
        tokens.keyword("if"), *when, tokens.keyword("{ var(req.vh) -m str"), tokens.word(default), tokens.keyword("}")
    )
    named = tokens.keyword("!{ var(txn.host) -m beg . }")
    one = tokens.word(f"var(txn.host),field(2,.,0),map_str({tokens.file(maps.wildcards_map(scheme))})")
    yield tokens.join(verb, one, missed, named)
    for labels in routing.suffixes:
        last = f"field(2,.,0),field(-1,.,{labels})"
        many = tokens.word(f"var(txn.host),{last},map_str({tokens.file(maps.suffixes_map(scheme))})")
        yield tokens.join(verb, many, missed, named)


def _pin(cookie: str) -> Token:
    """The first half of the cookie's value: which Cluster the client is bound to."""
    return tokens.word(f"req.cook({tokens.argument(cookie)}),field(1,.)")
