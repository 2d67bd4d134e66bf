"""TLS of a Route: which certificate each of its hosts is served with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.api.snapshot import secret_of_files
from haloy.api.v1alpha1 import Route
from haloy.api.v1alpha1.route import Tls
from haloy.model.refs import ObjectRef
from haloy.model.routing import HostTls, Hsts
from haloy.translate.certificates import Choice, called, day, listed
from haloy.translate.pem import covers
from haloy.translate.reads import Reads
from haloy.translate.references import resolve_ref

_ELSE = "there it is not used, and clients get another Route's certificate that covers the name or the self-signed one"
"""What is served for a host that the Route's certificate does not cover: the proxy chooses by SNI."""


@dataclass(frozen=True, slots=True)
class RouteTls:
    """`hosts`: TLS by host; empty when the Route has nothing to say about TLS. `certificates`: their names."""

    hosts: Mapping[str, HostTls] = field(default_factory=dict)
    certificates: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def certificate_secret(route: Route) -> ObjectRef | None:
    """The Secret that the certificate comes from; None when haloy's own certificate is to be served."""
    tls = route.spec.tls
    if tls is None:
        return None
    if tls.secret_name is not None:
        return ObjectRef("Secret", route.ref.namespace, tls.secret_name)
    return secret_of_files(route.ref) if tls.crt_file is not None else None


def translate_tls(route: Route, hosts: tuple[str, ...], reads: Reads) -> RouteTls:
    """A host that the certificate does not cover is not served with it: clients that check would refuse it, and a wrong
    name can only mislead."""
    tls = route.spec.tls
    if tls is None:
        return RouteTls()
    secret = certificate_secret(route)
    if secret is None:
        return RouteTls({host: _host_tls(tls, None) for host in hosts}, (), (_without_secret(tls),))
    choice = reads.certificate(secret)
    served = choice.certificate.name if choice.certificate is not None else None
    uncovered = tuple(host for host in hosts if not covers(choice.names, host)) if served is not None else ()
    by_host = {host: _host_tls(tls, None if host in uncovered else served) for host in hosts}
    used = (served,) if served is not None and len(uncovered) < len(hosts) else ()
    path = "spec.tls.secretName" if tls.secret_name is not None else "spec.tls.crtFile"
    findings = [_certificate_ready(choice, uncovered, path)]
    if tls.secret_name is not None:
        consequence = f"{choice.served[:1].upper()}{choice.served[1:]}."
        found = resolve_ref(reads, route.ref, path, secret, require_grants=True, consequence=consequence)
        findings += [found] if isinstance(found, Finding) else []
    return RouteTls(by_host, used, tuple(findings))


def _host_tls(tls: Tls, certificate: str | None) -> HostTls:
    hsts = tls.hsts
    return HostTls(
        certificate=certificate,
        redirect=tls.redirect,
        min_version=tls.min_version,
        hsts=Hsts(hsts.max_age // 1000, hsts.include_sub_domains, hsts.preload) if hsts is not None else None,
    )


def _ready(status: ConditionStatus, reason: Reason, message: str, path: str) -> Finding:
    return Finding(ConditionType.CERTIFICATE_READY, status, reason, message, path)


def _without_secret(tls: Tls) -> Finding:
    if tls.issuer == "acme":
        message = (
            "spec.tls.issuer is acme, but this release cannot obtain certificates by ACME yet; the self-signed "
            "certificate is served instead. Store a certificate in a Secret and name it in spec.tls.secretName."
        )
        return _ready(ConditionStatus.FALSE, Reason.ISSUER_UNAVAILABLE, message, "spec.tls.issuer")
    message = "haloy's self-signed certificate is served. Browsers warn about it; name a Secret in spec.tls.secretName."
    return _ready(ConditionStatus.TRUE, Reason.SELF_SIGNED, message, "spec.tls")


def _certificate_ready(choice: Choice, uncovered: tuple[str, ...], path: str) -> Finding:
    if choice.problem is not None:
        reason, words = choice.problem
        message = f"{words if words.startswith('spec.tls.') else f'{path}: {words}'}; {choice.served}."
        if choice.certificate is not None and uncovered:
            message += f" It is not for {listed(uncovered)}: {_ELSE}."
        return _ready(ConditionStatus.FALSE, reason, message, path)
    certificate = choice.certificate
    if certificate is None:
        message = f"{path}: {called(choice.secret)} has not been read; {choice.served}."
        return _ready(ConditionStatus.FALSE, Reason.SECRET_NOT_FOUND, message, path)
    if uncovered:
        message = (
            f"{path}: the certificate in {called(choice.secret)} is for {listed(choice.names) or 'no host'}, "
            f"not for {listed(uncovered)}: {_ELSE}; "
            "have a certificate issued that names every host, or remove the host."
        )
        return _ready(ConditionStatus.FALSE, Reason.CERTIFICATE_HOST_MISMATCH, message, path)
    until = day(certificate.not_after)
    if choice.expiring:
        message = f"{path}: the certificate in {called(choice.secret)} expires on {until}; renew it."
        return _ready(ConditionStatus.TRUE, Reason.CERTIFICATE_EXPIRING, message, path)
    message = f"The certificate in {called(choice.secret)} is served, valid until {until}."
    return _ready(ConditionStatus.TRUE, Reason.CERTIFICATE_SERVED, message, path)
