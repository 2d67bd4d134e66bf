"""What becomes of a Route: hosts → rules → backends → endpoints."""

from haloy.api.snapshot import Snapshot, made_of_files
from haloy.api.v1alpha1 import Backend, Route
from haloy.api.v1alpha1.route import RouteRule
from haloy.model.cluster import Cluster
from haloy.model.filters import (
    DirectResponse,
    Filter,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.listener import Fleet
from haloy.model.model import Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, Rule, Target, VirtualHost
from haloy.text import format_duration
from haloy.translate.certificates import day
from haloy.translate.explain_backend import cluster_lines
from haloy.translate.lines import Line
from haloy.translate.matches import translate_match, words
from haloy.translate.routes import hosts_of

SETTING = "administrator's setting"


def route_lines(route: Route, snapshot: Snapshot, model: Model) -> tuple[Line, ...]:
    """The hosts of a Route, and its rules, with what the Model made of each."""
    vhosts = {vhost.host: vhost for vhost in model.virtual_hosts}
    held = [vhosts[host] for host in hosts_of(route) if host in vhosts and route.ref in vhosts[host].sources]
    hosts = tuple(_host(route, host, vhosts.get(host), model) for host in hosts_of(route))
    rules = tuple(_rule(route, index, rule, held, snapshot, model) for index, rule in enumerate(route.spec.rules))
    return Line("hosts", children=hosts), Line("rules", children=rules)


def _host(route: Route, host: str, vhost: VirtualHost | None, model: Model) -> Line:
    came_from = "spec.hosts"
    if host not in route.spec.hosts:
        came_from = "spec.canonicalHost" if host == route.spec.canonical_host else "no spec.hosts: every host"
    if vhost is None or route.ref not in vhost.sources:
        return Line(f"{host}: not served for this Route, see findings", came_from)
    children: list[Line] = []
    if vhost.redirect_host is not None:
        children.append(Line(f"redirected to {vhost.redirect_host} (308)", "spec.canonicalHost"))
    if vhost.tls is not None:
        children += _tls(route, vhost, model)
    others = ", ".join(str(ref) for ref in vhost.sources if ref != route.ref)
    if others:
        children.append(Line(f"shared with {others}"))
    return Line(host, came_from, children=tuple(children))


def _tls(route: Route, vhost: VirtualHost, model: Model) -> list[Line]:
    tls = vhost.tls
    if tls is None:
        return []
    known = {certificate.name: certificate for certificate in model.certificates}
    used = known.get(tls.certificate) if tls.certificate is not None else None
    words = "self-signed certificate"
    if used is not None:
        name = "of the pair of files" if made_of_files(used.source) else used.name
        words = f"certificate {name}, valid until {day(used.not_after)}"
    came_from = "spec.tls" if route.spec.tls is not None else "spec.tls of another Route"
    lines = [Line(f"{words}, TLS {tls.min_version} or newer", came_from)]
    lines += [Line("plain HTTP is redirected to HTTPS (308)", came_from)] if tls.redirect else []
    lines += [Line(f"Strict-Transport-Security: {tls.hsts.header_value}", came_from)] if tls.hsts is not None else []
    return lines


def _rule(
    route: Route, index: int, written: RouteRule, held: list[VirtualHost], snapshot: Snapshot, model: Model
) -> Line:
    path = f"spec.rules[{index}]"
    title = f"{path} {written.name}" if written.name is not None else path
    served = _served(route.ref, path, held)
    children = [_match(route, path, place, written, held) for place in range(len(written.matches))]
    if served is None:
        return Line(title, children=(*children, Line("no match of this rule is served")))
    children += [Line(f"filter {_filter_words(item)}", f"{path}.filters") for item in served.filters]
    if served.targets:
        children += _timeouts(path, served, model.fleet)
        total = sum(target.weight for target in served.targets)
        children += [_target(target, total, path, snapshot, model) for target in served.targets]
    elif not any(isinstance(item, RequestRedirect | DirectResponse) for item in served.filters):
        children.append(Line("answers 500, see findings"))
    return Line(title, children=tuple(children))


def _served(route: ObjectRef, path: str, held: list[VirtualHost]) -> Rule | None:
    source = FieldRef(route, path)
    return next(
        (item.rule for vhost in held for item in vhost.candidates if item.rule.source == source),
        None,
    )


def _match(route: Route, path: str, place: int, written: RouteRule, held: list[VirtualHost]) -> Line:
    """Where the match is served, and who took it elsewhere."""
    source = FieldRef(route.ref, f"{path}.matches[{place}]")
    match = translate_match(written.matches[place])
    hosts: list[str] = []
    lost: list[Line] = []
    for vhost in held:
        if vhost.redirect_host is not None:
            continue
        winner = next((item for item in vhost.candidates if item.match == match), None)
        if winner is None:
            lost.append(Line(f"{vhost.host}: left out, see findings"))
        elif _is(winner, source, path):
            hosts.append(vhost.host)
        else:
            lost.append(Line(f"{vhost.host}: taken by {winner.source}"))
    where = f" on {', '.join(hosts)}" if hosts else ""
    return Line(f"match {words(match)}{where}", source.field, children=tuple(lost))


def _is(winner: Candidate, source: FieldRef, path: str) -> bool:
    """The match itself, or its repetition within the same rule."""
    return winner.source == source or winner.rule.source == FieldRef(source.ref, path)


def _timeouts(path: str, rule: Rule, fleet: Fleet) -> list[Line]:
    request, tunnel = rule.request_timeout, rule.tunnel_timeout
    lines = [
        Line(
            f"request time-out {format_duration(request if request is not None else fleet.response_timeout)}",
            f"{path}.timeouts.request" if request is not None else SETTING,
        ),
        Line(
            f"tunnel time-out {format_duration(tunnel if tunnel is not None else fleet.tunnel_timeout)}",
            f"{path}.timeouts.tunnel" if tunnel is not None else SETTING,
        ),
    ]
    lines += [] if rule.retryable else [Line("responses are not retried", f"{path}.retryable")]
    return lines


def _target(target: Target, total: int, path: str, snapshot: Snapshot, model: Model) -> Line:
    share = f"weight {target.weight} of {total}"
    if target.cluster is None:
        return Line(f"answers 500, {share}: a Backend is missing, see findings", f"{path}.backendRefs")
    cluster = _cluster(target.cluster, model)
    backend = snapshot.objects.get(cluster.source) if cluster is not None else None
    children = cluster_lines(backend, cluster) if isinstance(backend, Backend) else ()
    return Line(f"Backend {target.cluster}, {share}", f"{path}.backendRefs", children=children)


def _cluster(name: str, model: Model) -> Cluster | None:
    return next((cluster for cluster in model.clusters if cluster.name == name), None)


def _filter_words(item: Filter) -> str:
    match item:
        case RequestHeaderModifier(headers=headers) | ResponseHeaderModifier(headers=headers):
            changes = [f"set {header.name}" for header in headers.set]
            changes += [f"add {header.name}" for header in headers.add]
            changes += [f"remove {name}" for name in headers.remove]
            return f"{type(item).__name__}: {', '.join(changes)}"
        case UrlRewrite():
            changes = [f"host {item.hostname}"] if item.hostname is not None else []
            changes += [f"{item.path.kind.value} {item.path.value or '/'}"] if item.path is not None else []
            return f"URLRewrite: {', '.join(changes)}"
        case RequestRedirect():
            return f"RequestRedirect: {item.code}"
        case DirectResponse():
            return f"DirectResponse: {item.status}"
