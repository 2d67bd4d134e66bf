"""`haloy explain`: what becomes of one object, in the words of the fields it was written with."""

from haloy.api.conditions import ConditionStatus, ConditionType, Report
from haloy.api.snapshot import Object, Snapshot
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.translate.certificates import day
from haloy.translate.context import Translation
from haloy.translate.explain_backend import check_lines, cluster_lines
from haloy.translate.explain_route import route_lines
from haloy.translate.health import health_check
from haloy.translate.lines import Explanation, Line


def explain(ref: ObjectRef, snapshot: Snapshot, translation: Translation) -> Explanation:
    """Explain the object `ref` of `snapshot`, which `translation` was made from.

    Raises:
        KeyError: there is no such object.
    """
    item = snapshot.objects[ref]
    place = snapshot.places.get(ref)
    lines = [Line(f"written in {place}")] if place is not None else []
    report = translation.reports.get(ref)
    if report is None:
        return Explanation(ref, (*lines, Line("belongs to another fleet of proxies", "spec.proxyClass")))
    lines += _object(item, snapshot, translation.delivery.model)
    lines += _findings(report)
    return Explanation(ref, tuple(lines))


def _object(item: Object, snapshot: Snapshot, model: Model) -> list[Line]:
    match item:
        case Route():
            return list(route_lines(item, snapshot, model))
        case Backend():
            cluster = next((one for one in model.clusters if one.source == item.ref), None)
            used = _users(item, model)
            return [*cluster_lines(item, cluster), Line("used by" if used else "used by no Route", children=used)]
        case HealthPolicy():
            used = tuple(
                Line(str(one.source))
                for one in model.clusters
                if one.health_check is not None and one.health_check.source == item.ref
            )
            return [
                *check_lines(item, health_check(item)),
                Line("used by" if used else "used by no Backend", children=used),
            ]
        case TlsSecret():
            return _secret(item, model)


def _users(backend: Backend, model: Model) -> tuple[Line, ...]:
    """The rules that lead to `backend`, with the hosts on which they do."""
    found: dict[str, list[str]] = {}
    for vhost in model.virtual_hosts:
        for candidate in vhost.candidates:
            if any(target.cluster == backend.ref.key for target in candidate.rule.targets):
                hosts = found.setdefault(str(candidate.rule.source), [])
                hosts += [] if vhost.host in hosts else [vhost.host]
    return tuple(Line(f"{source} on {', '.join(hosts)}") for source, hosts in sorted(found.items()))


def _secret(secret: TlsSecret, model: Model) -> list[Line]:
    name = secret.ref.key
    lines = [
        Line(f"certificate in use, valid until {day(one.not_after)}, SHA-256 {one.fingerprint}")
        for one in model.certificates
        if one.name == name
    ]
    hosts = [vhost.host for vhost in model.virtual_hosts if vhost.tls is not None and vhost.tls.certificate == name]
    backends = [
        str(one.source)
        for one in model.clusters
        if one.tls is not None and name in (one.tls.ca, one.tls.client_certificate)
    ]
    used = tuple(Line(text) for text in (*hosts, *backends))
    return [*lines, Line("used by" if used else "not in use", children=used)]


def _findings(report: Report) -> list[Line]:
    """What is wrong; what is right is said by the other chapters."""
    bad = [
        Line(f"{finding.type} {finding.reason}: {finding.message}")
        for finding in report.findings
        if finding.status is ConditionStatus.FALSE or finding.type is ConditionType.PARTIALLY_INVALID
    ]
    return [Line("findings", children=tuple(bad))] if bad else []
