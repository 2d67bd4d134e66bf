"""The maps: hosts, path keys, rules, weights. They are data and change at run time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from haloy.model.flatten import flatten, unconditional
from haloy.model.routing import Candidate, HostKind, PathKind, Rule, VirtualHost
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.conditions import Chain, chain
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts

SCHEMES = ("http", "https")

WEIGHTS = "maps/weights.map"
RULES = "maps/rules.map"
NAMES = "maps/names.map"
HSTS = "maps/hsts.map"
PATHS = "maps/paths.map"


def hosts_map(scheme: str) -> str:
    """Exact hosts of one scheme: host -> virtual host id, or where to redirect."""
    return f"maps/hosts.{scheme}.map"


def wildcards_map(scheme: str) -> str:
    """One-label wildcards: `example.com` for `*.example.com`."""
    return f"maps/wildcards.{scheme}.map"


def suffixes_map(scheme: str) -> str:
    """Many-label wildcards: `example.com` for `*.example.com`, asked for by number of labels, longest first."""
    return f"maps/suffixes.{scheme}.map"


MAP_ORDER = (
    WEIGHTS,
    NAMES,
    RULES,
    HSTS,
    PATHS,
    *(suffixes_map(scheme) for scheme in SCHEMES),
    *(wildcards_map(scheme) for scheme in SCHEMES),
    *(hosts_map(scheme) for scheme in SCHEMES),
)
"""Targets before the entries that point at them: make before break."""

REDIRECT = ">"
"""What follows in a host's value is the location without path: `>https://shop.example.com:8443`."""
REDIRECT_HOST = "<"
"""To https on the host that the client asked for."""


_NEVER_IN_A_PATH = re.compile(r"[^!-~]|\?|#(?!\Z)")
"""HAProxy answers 400 to a path with one of these, so such a key could never be met (and might not be one word)."""


@dataclass(frozen=True, slots=True)
class HostEntries:
    """What one VirtualHost puts into the maps. `variants`: every (variant, rule) that its path keys can lead to."""

    paths: tuple[tuple[str, str], ...]
    chains: tuple[Chain, ...]
    variants: tuple[tuple[str, Rule], ...]


def host_entries(vhost: VirtualHost) -> HostEntries:
    """Path keys: a prefix is `<id><path>/`, an exact path `<id><path>/#`, and a request asks for `<id><path>/#`, longest
    first. `#` cannot occur in a request's path, so prefixes match by segments and exact paths win."""
    tokens.host(vhost.host)
    tokens.host(vhost.redirect_host or vhost.host)
    flat = flatten(vhost)
    host = names.virtual_host_id(vhost)
    chains: dict[str, Chain] = {}
    variants: dict[str, Rule] = {}
    paths: dict[str, str] = {}

    def add(key: str, candidates: tuple[Candidate, ...]) -> None:
        if _NEVER_IN_A_PATH.search(key):
            return
        for candidate in candidates:
            variants.setdefault(names.rule_variant(candidate.rule, candidate.match), candidate.rule)
        if unconditional(candidates[0]):
            paths[key] = names.rule_variant(candidates[0].rule, candidates[0].match)
        else:
            made = chain(candidates)
            chains.setdefault(made.id, made)
            paths[key] = made.id

    for entry in flat.entries:
        match entry.kind:
            case PathKind.PREFIX:
                add(f"{host}{entry.path}/", entry.candidates)
            case PathKind.EXACT:
                add(f"{host}{entry.path}/#", entry.candidates)
            case PathKind.REGEX:
                raise AssertionError("flatten makes no entry of an expression")
            case _:
                assert_never(entry.kind)
    if flat.default and f"{host}/" not in paths:
        add(f"{host}/", flat.default)
    return HostEntries(tuple(paths.items()), tuple(chains.values()), tuple(variants.items()))


def host_value(vhost: VirtualHost, scheme: str, ports: PublicPorts) -> str:
    """What the host's name leads to: its path keys, or one redirect for https and canonical host together."""
    to_https = scheme == "http" and vhost.tls is not None and vhost.tls.redirect
    target = "https" if to_https else scheme
    if vhost.redirect_host is not None:
        return f"{REDIRECT}{target}://{vhost.redirect_host}{ports.suffix(target)}"
    if not to_https:
        return names.virtual_host_id(vhost)
    if vhost.kind is HostKind.EXACT:
        return f"{REDIRECT}https://{vhost.host}{ports.suffix('https')}"
    return REDIRECT_HOST


def host_maps(vhosts: Iterable[VirtualHost], ports: PublicPorts) -> dict[str, dict[str, str]]:
    """The maps of hosts, wildcards and suffixes for both schemes, and HSTS. The virtual host ANY is in none of them."""
    listed = list(vhosts)
    maps: dict[str, dict[str, str]] = {}
    for scheme in SCHEMES:
        exact, one, many = (maps.setdefault(name(scheme), {}) for name in (hosts_map, wildcards_map, suffixes_map))
        for vhost in listed:
            value = host_value(vhost, scheme, ports)
            match vhost.kind:
                case HostKind.EXACT:
                    exact[vhost.host] = value
                case HostKind.ONE_LABEL:
                    one[vhost.host.removeprefix("*.")] = value
                case HostKind.MANY_LABELS:
                    many[vhost.host.removeprefix("*.")] = value
                case HostKind.ANY:
                    pass
                case _:
                    assert_never(vhost.kind)
        if not many:
            del maps[suffixes_map(scheme)]
    hsts = {
        names.virtual_host_id(vhost): vhost.tls.hsts.header_value for vhost in listed if vhost.tls and vhost.tls.hsts
    }
    if hsts:
        maps[HSTS] = hsts
    return maps


def fixed_paths() -> dict[str, str]:
    """Hosts whose value is a redirect lead to haloy's own rules."""
    return {REDIRECT: "redirect", REDIRECT_HOST: "redirect-host"}


def fixed_rules() -> dict[str, str]:
    """The sections that answer for haloy's own rules (`fixed_paths`)."""
    return {"redirect": names.REDIRECT, "redirect-host": names.REDIRECT_HOST}


def map_text(entries: Mapping[str, str]) -> bytes:
    """The file. A key ends at the first blank, so keys hold none; a value is the rest of the line.

    Raises:
        UnsafeValueError: a key or value would not be read back as it is.
    """
    lines = []
    for key, value in entries.items():
        if not key or " " in key or key.startswith("#"):
            raise tokens.UnsafeValueError(f"{key!r} cannot be the key of a map")
        tokens.word(key)
        tokens.word(value)
        if value != value.strip():
            raise tokens.UnsafeValueError(f"{value!r} cannot be a value of a map")
        lines.append(f"{key} {value}\n")
    return "".join(lines).encode()
