"""Sections that do not depend on what users wrote: global, defaults, error pages, haloy's own backends."""

from dataclasses import dataclass
from http import HTTPStatus

from haloy.model.listener import Fleet
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.options import SYSTEM_CA, HaproxyOptions
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.logformat import LOG_LENGTH
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
CIPHERSUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
MAXREWRITE = 1024
"""Bytes kept free in each buffer for the headers that haloy adds."""
HTTP2_FRAME = 16_384
"""The least tune.bufsize with listeners that speak HTTP/2: HAProxy does not start with less."""
_OWN_HEADERS = 512
"""Bytes of head of an answer that HAProxy gives by itself."""

LUA_FILES = ("words.lua", "conditions.lua", "haloy.lua")
"""Of haloy's own program, in render/lua/ and below `files/`, in the order in which they are loaded."""
LUA_MEMORY = 5120
"""Megabytes for all threads together: twice what 64 threads, HAProxy's most unless told otherwise, keep at most by the
program's own count (lua/words.lua)."""

_ERRORS = (400, 401, 403, 404, 405, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504)
_NOT_FOUND = "files/notfound.txt"
_MISSING = "files/missing.txt"


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What HAProxy answers by itself."""

    status: Token
    file: Token


def fixed_files() -> dict[str, bytes]:
    """Short plain bodies."""
    files = {_error_file(status): _page(status) for status in _ERRORS}
    files[_NOT_FOUND] = b"404 Not Found: no route for this host and path\n"
    files[_MISSING] = b"500 Internal Server Error: the route has no backend that may answer\n"
    return files


def _error_file(status: int) -> str:
    return f"files/{status}.http"


def _page(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase
    body = f"{status} {phrase}\n"
    head = [f"HTTP/1.1 {status} {phrase}", f"Content-Length: {len(body)}", "Content-Type: text/plain"]
    return "\r\n".join([*head, "Cache-Control: no-cache", "", body]).encode()


def global_sections(fleet: Fleet, options: HaproxyOptions, largest_body: int = 0) -> tuple[Section, ...]:
    """`largest_body`: bytes of the longest answer that HAProxy gives by itself; with its headers it must fit into a buffer,
    so that a short limit for headers does not forbid long answers."""
    limits = fleet.limits
    text = print_template(
        "global.cfg.j2",
        stats_socket=tokens.word(f"unix@{options.stats_socket}"),
        node=tokens.name(options.node),
        log=options.access_log,
        log_length=tokens.number(LOG_LENGTH),
        server_state=tokens.word(options.server_state),
        maxconn=None if options.max_connections is None else tokens.number(options.max_connections),
        threads=None if options.threads is None else tokens.number(options.threads),
        bufsize=tokens.number(max(HTTP2_FRAME, MAXREWRITE + max(limits.max_header_size, largest_body + _OWN_HEADERS))),
        maxrewrite=tokens.number(MAXREWRITE),
        streams=tokens.number(limits.max_streams),
        ciphers=tokens.name(CIPHERS),
        ciphersuites=tokens.name(CIPHERSUITES),
        lua=[tokens.file(f"files/{name}") for name in LUA_FILES] if options.lua else (),
        lua_memory=tokens.number(LUA_MEMORY),
        system_ca=None if options.system_ca == SYSTEM_CA else tokens.word(options.system_ca),
    )
    pages = [ErrorPage(tokens.number(status), tokens.file(_error_file(status))) for status in _ERRORS]
    errors = print_template("errors.cfg.j2", errors=pages)
    return (Section("global", text, dynamic=False), Section("http-errors", errors, dynamic=False))


def defaults_section(fleet: Fleet) -> Section:
    """What every frontend and backend begins with: time-outs by the limits of the fleet."""
    limits = fleet.limits
    text = print_template(
        "defaults.cfg.j2",
        request=tokens.milliseconds(limits.request_timeout),
        keep_alive=tokens.milliseconds(limits.keep_alive_timeout),
        client=tokens.milliseconds(limits.idle_timeout),
        server=tokens.milliseconds(fleet.response_timeout),
        tunnel=tokens.milliseconds(fleet.tunnel_timeout),
    )
    return Section("defaults", text, dynamic=False)


def own_sections(fleet: Fleet, options: HaproxyOptions) -> tuple[Section, ...]:
    """Where requests end that no user's section answers, and the counters by route."""
    anywhere = tokens.log_format(f"https://%[var(txn.host)]{PublicPorts.of(fleet).suffix('https')}%[pathq]")
    known = tokens.log_format("%[var(req.vh),bytes(1)]%[pathq]")
    printed = {
        names.NOT_FOUND: ("notfound.cfg.j2", {"body": tokens.file(_NOT_FOUND)}),
        names.MISSING: ("missing.cfg.j2", {"body": tokens.file(_MISSING)}),
        names.REDIRECT: ("redirect.cfg.j2", {"location": known}),
        names.REDIRECT_HOST: ("redirect.cfg.j2", {"location": anywhere}),
    }
    sections = [
        Section(name, print_template(template, name=tokens.name(name), **values), dynamic=False)
        for name, (template, values) in printed.items()
    ]
    peers = options.peers is not None
    sections.append(
        Section(
            names.ROUTES, print_template("routes.cfg.j2", name=tokens.name(names.ROUTES), peers=peers), dynamic=False
        )
    )
    if options.peers is not None:
        socket = tokens.word(options.peers)
        text = print_template("peers.cfg.j2", node=tokens.name(options.node), socket=socket)
        sections.append(Section("peers", text, dynamic=False))
    return tuple(sections)
