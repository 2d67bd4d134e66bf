"""A good certificate is served; a bad one is named on every Route that uses it, and takes no good one off the air."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.api.v1alpha1 import TlsSecret
from haloy.model.refs import ObjectRef
from haloy.model.routing import HostTls
from haloy.translate import (
    Memo,
    RetainedCertificate,
    Translation,
    read_retained,
    retained_bundles,
    retained_certificates,
    translate,
)
from tests.translate.certs import issue, key, secret
from tests.translate.world import NOW, backend, context, route, snapshot

ROUTE = ObjectRef("Route", "web", "shop")
SELF_SIGNED = "the self-signed certificate is served instead"
PREVIOUS = "the previous certificate stays in use, valid until 2026-08-30 12:00 UTC"
GOOD = issue("shop.example", "www.shop.example")


def served(
    held: TlsSecret | None, retained: Mapping[str, RetainedCertificate] | None = None, hosts: tuple[str, ...] = ()
) -> Translation:
    spec = {
        "hosts": list(hosts or ("shop.example", "www.shop.example")),
        "tls": {"secretName": "shop-tls"},
        "rules": [{"backendRefs": [{"name": "shop"}]}],
    }
    objects = [route("shop", spec), backend("shop"), *([held] if held is not None else [])]
    return translate(snapshot(objects), context(retained=retained or {}))


def ready(translation: Translation) -> Finding:
    [found] = [one for one in translation.reports[ROUTE].findings if one.type is ConditionType.CERTIFICATE_READY]
    return found


def tls_of(translation: Translation) -> dict[str, str | None]:
    hosts = translation.delivery.model.virtual_hosts
    return {vhost.host: vhost.tls.certificate for vhost in hosts if isinstance(vhost.tls, HostTls)}


def retained() -> dict[str, RetainedCertificate]:
    return retained_certificates(served(secret("shop-tls", GOOD)).delivery)


def test_a_good_certificate_is_served_on_all_its_hosts() -> None:
    translation = served(secret("shop-tls", GOOD))
    assert tls_of(translation) == {"shop.example": "web/shop-tls", "www.shop.example": "web/shop-tls"}
    [certificate] = translation.delivery.model.certificates
    assert certificate.not_after == NOW + timedelta(days=90)
    assert translation.delivery.materials[certificate.digest].pem.reveal() == GOOD.crt + GOOD.key_pem()
    assert ready(translation).reason is Reason.CERTIFICATE_SERVED
    assert translation.reports[ROUTE].certificates == ("web/shop-tls",)


EXPIRED = issue("shop.example", "www.shop.example", until=NOW - timedelta(hours=1), since=NOW - timedelta(days=9))
EARLY = issue("shop.example", "www.shop.example", since=NOW + timedelta(hours=1))
ELSEWHERE = issue("other.example")
BAD = {
    "absent": (None, Reason.SECRET_NOT_FOUND, "Secret web/shop-tls does not exist"),
    "expired": (secret("shop-tls", EXPIRED), Reason.CERTIFICATE_EXPIRED, "expired on 2026-06-01 11:00 UTC; renew it"),
    "early": (
        secret("shop-tls", EARLY),
        Reason.CERTIFICATE_NOT_YET_VALID,
        "is not valid before 2026-06-01 13:00 UTC",
    ),
    "other key": (
        secret("shop-tls", GOOD, key=issue(private=key("p256", 5)).key_pem()),
        Reason.CERTIFICATE_INVALID,
        "Secret web/shop-tls: tls.key does not belong to any certificate in tls.crt",
    ),
    "no key": (secret("shop-tls", crt=GOOD.crt), Reason.CERTIFICATE_INVALID, "tls.key is absent"),
    "only a CA": (secret("shop-tls", ca=GOOD.crt), Reason.CERTIFICATE_INVALID, "tls.crt and tls.key are absent"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_certificate_without_predecessor_leaves_the_self_signed_one(case: str) -> None:
    held, reason, words = BAD[case]
    translation = served(held)
    found = ready(translation)
    assert (found.status, found.reason) == (ConditionStatus.FALSE, reason)
    assert words in found.message
    assert found.message.endswith(f"{SELF_SIGNED}.")
    assert set(tls_of(translation).values()) == {None}
    assert translation.delivery.model.certificates == ()
    assert translation.delivery.materials == {}


@pytest.mark.parametrize("case", [*BAD, "for another host"])
def test_a_bad_certificate_leaves_its_predecessor_in_place(case: str) -> None:
    wrong = secret("shop-tls", ELSEWHERE), Reason.CERTIFICATE_HOST_MISMATCH, "other.example"
    held, reason, words = BAD.get(case, wrong)
    translation = served(held, retained())
    found = ready(translation)
    assert (found.status, found.reason) == (ConditionStatus.FALSE, reason)
    assert words in found.message
    assert found.message.endswith(f"{PREVIOUS}.")
    assert translation.delivery == served(secret("shop-tls", GOOD)).delivery


def test_a_certificate_that_expired_while_served_stays_served() -> None:
    kept = retained_certificates(served(secret("shop-tls", GOOD)).delivery)
    spec = {
        "hosts": ["shop.example"],
        "tls": {"secretName": "shop-tls"},
        "rules": [{"backendRefs": [{"name": "shop"}]}],
    }
    world = snapshot([route("shop", spec), backend("shop"), secret("shop-tls", GOOD)])
    later = translate(world, context(retained=kept, now=NOW + timedelta(days=91)))
    assert ready(later).reason is Reason.CERTIFICATE_EXPIRED
    assert tls_of(later) == {"shop.example": "web/shop-tls"}


def test_a_host_that_the_certificate_does_not_name_is_not_served_with_it() -> None:
    translation = served(secret("shop-tls", GOOD), hosts=("shop.example", "pay.example"))
    found = ready(translation)
    assert found.reason is Reason.CERTIFICATE_HOST_MISMATCH
    assert found.message == (
        "spec.tls.secretName: the certificate in Secret web/shop-tls is for shop.example, www.shop.example, not for "
        "pay.example: there it is not used, and clients get another Route's certificate that covers the name or the "
        "self-signed one; have a certificate issued that names every host, or remove the host."
    )
    assert tls_of(translation) == {"pay.example": None, "shop.example": "web/shop-tls"}


def test_a_certificate_that_soon_expires_is_ready_and_says_so() -> None:
    soon = issue("shop.example", "www.shop.example", until=NOW + timedelta(days=13))
    found = ready(served(secret("shop-tls", soon)))
    assert (found.status, found.reason) == (ConditionStatus.TRUE, Reason.CERTIFICATE_EXPIRING)
    assert "expires on 2026-06-14 12:00 UTC; renew it" in found.message


def test_a_retained_certificate_survives_being_written_down() -> None:
    [kept] = retained().values()
    assert read_retained("web/shop-tls", kept.material.pem) == kept
    with pytest.raises(ValueError, match="NAMESPACE/SECRET"):
        read_retained("shop-tls", kept.material.pem)


def test_the_secret_itself_is_reported_too() -> None:
    held = secret("shop-tls", GOOD, key=b"nothing")
    [found] = served(held).reports[held.ref].findings
    assert (found.type, found.reason) == (ConditionType.ACCEPTED, Reason.INVALID_SECRET)


def upstream(*secrets: TlsSecret, **changes: object) -> Translation:
    tls = {"caSecretName": "ca", "clientCertificateSecretName": "client", "serverName": "shop.internal"}
    spec = {"endpoints": [{"address": "10.0.0.1", "port": 443}], "protocol": "https", "tls": tls}
    return translate(snapshot([backend("shop", **spec), *secrets]), context(**changes))


def test_a_backend_is_verified_and_shown_a_certificate() -> None:
    translation = upstream(secret("ca", ca=GOOD.crt), secret("client", GOOD))
    [cluster] = translation.delivery.model.clusters
    assert cluster.tls is not None
    assert (cluster.tls.ca, cluster.tls.client_certificate) == ("web/ca", "web/client")
    assert len(translation.delivery.materials) == 2


def test_a_backend_without_its_ca_is_not_spoken_to() -> None:
    translation = upstream(secret("ca", ca=b"nothing"), secret("client", GOOD))
    assert translation.delivery.model.clusters == ()
    assert translation.delivery.materials == {}
    [found] = translation.reports[ObjectRef("Backend", "web", "shop")].findings
    assert found.reason is Reason.INVALID_SECRET
    assert "ca.crt holds no certificate in PEM form" in found.message


def test_a_backend_keeps_the_ca_it_had() -> None:
    before = upstream(secret("ca", ca=GOOD.crt), secret("client", GOOD)).delivery
    changes = {"retained_bundles": retained_bundles(before), "retained": retained_certificates(before)}
    translation = upstream(secret("ca", ca=b"nothing"), **changes)
    assert translation.delivery == before
    findings = translation.reports[ObjectRef("Backend", "web", "shop")].findings
    assert [finding.reason for finding in findings] == [Reason.INVALID_SECRET, Reason.SECRET_NOT_FOUND]


def test_a_later_route_may_add_a_certificate_but_no_redirect() -> None:
    to_shop = {"hosts": ["shop.example"], "rules": [{"backendRefs": [{"name": "shop"}]}]}
    rule = {"matches": [{"path": {"value": "/later"}}], "backendRefs": [{"name": "shop"}]}
    elsewhere = {"hosts": ["shop.example"], "rules": [rule]}
    tls = {"secretName": "shop-tls", "redirect": True, "minVersion": "1.3", "hsts": {"maxAge": "1h"}}
    objects = [route("first", to_shop), route("later", {**elsewhere, "tls": tls}), backend("shop")]
    translation = translate(snapshot([*objects, secret("shop-tls", GOOD)]), context())
    [vhost] = translation.delivery.model.virtual_hosts
    assert vhost.tls == HostTls(certificate="web/shop-tls")
    later = translation.reports[ObjectRef("Route", "web", "later")].findings
    assert any(
        one.type is ConditionType.PARTIALLY_INVALID and "route/web/first, which goes first, has no" in one.message
        for one in later
    )


def test_a_renewed_certificate_is_delivered_though_its_routes_stay_the_same() -> None:
    spec = {
        "hosts": ["shop.example"],
        "tls": {"secretName": "shop-tls"},
        "rules": [{"backendRefs": [{"name": "shop"}]}],
    }
    objects = [route("shop", spec), backend("shop")]
    memo = Memo()
    translate(snapshot([*objects, secret("shop-tls", GOOD)]), context(), memo)
    renewed = snapshot([*objects, secret("shop-tls", issue("shop.example", "www.shop.example"))])
    assert translate(renewed, context(), memo) == translate(renewed, context())
