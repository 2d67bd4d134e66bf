"""Certificates by SNI, least versions per host, HSTS, ALPN."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509

from haloy.model.model import Certificate
from haloy.model.refs import ObjectRef
from haloy.model.routing import HostTls, Hsts
from haloy.proxies.haproxy.names import certificate_file
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get, trusting_nobody
from tests.support.ports import free_port
from tests.support.running_haproxy import pem_for
from tests.support.upstream import upstream


def certificate(name: str) -> Certificate:
    source = ObjectRef("Secret", *name.split("/"))
    return Certificate(name, "aa", "bb", datetime(2030, 1, 1, tzinfo=UTC), source)


async def names_served(
    port: int, sni: str | None, context: ssl.SSLContext | None = None
) -> tuple[list[str], str | None]:
    """The names in the certificate that is shown to `sni`, and the protocol that ALPN chose."""
    context = context or trusting_nobody()
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=sni or "")
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True)
    writer.close()
    assert der is not None
    found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName), tls.selected_alpn_protocol()


async def test_the_exact_name_goes_before_the_wildcard_and_the_fallback_is_last(serve: Serve) -> None:
    port, authority = free_port(), trustme.CA()
    to_up = candidate(rule("all", "web/up"))
    hosts = [
        host("a.example.com", to_up, tls=HostTls("web/exact")),
        host("*.example.com", to_up, tls=HostTls("web/wild")),
        host("strict.example.org", to_up, tls=HostTls("web/exact", min_version="1.3")),
        host("fallback.example.org", to_up, tls=HostTls(min_version="1.3")),
        host("gone.example.org", to_up, tls=HostTls("web/gone")),
    ]
    pem = {
        certificate_file("web/exact"): pem_for(authority, "a.example.com", "strict.example.org"),
        certificate_file("web/wild"): pem_for(authority, "*.example.com"),
    }
    certificates = (certificate("web/exact"), certificate("web/wild"))
    wanted = model(fleet(free_port(), port), hosts, [cluster("web/up", 1)], certificates=certificates)
    async with serve(wanted, pem=pem):
        exact, wild, none = ["a.example.com", "strict.example.org"], ["*.example.com"], ["fallback.invalid"]
        expected = {
            "a.example.com": exact,
            "A.EXAMPLE.COM": exact,
            "b.example.com": wild,
            "c.b.example.com": none,
            "strict.example.org": exact,
            "fallback.example.org": none,
            "gone.example.org": none,
            "unknown.example.org": none,
        }
        assert {name: (await names_served(port, name))[0] for name in expected} == expected
        assert await names_served(port, None) == (none, "h2")

        old = trusting_nobody()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await names_served(port, "a.example.com", old))[0] == exact
        for name in ("strict.example.org", "fallback.example.org"):
            with pytest.raises(ssl.SSLError):
                await names_served(port, name, old)


async def test_the_catch_alls_certificate_answers_to_unknown_names(serve: Serve) -> None:
    port = free_port()
    anywhere = host("*", candidate(rule("all", "web/up")), tls=HostTls("web/any"))
    wanted = model(fleet(free_port(), port), [anywhere], [cluster("web/up", 1)], certificates=(certificate("web/any"),))
    mine = pem_for(trustme.CA(), "any.example.com")
    pem = {certificate_file("web/any"): mine, DEFAULT_CERTIFICATE: mine}
    async with serve(wanted, pem=pem):
        assert (await names_served(port, "whatever.example.org"))[0] == ["any.example.com"]


async def test_hsts_is_said_on_tls_only_and_on_every_answer(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with upstream() as up:
        wanted = model(
            fleet(http, https),
            [
                host(
                    "safe.example.com",
                    candidate(rule("up", "web/up"), "/up"),
                    candidate(rule("down", "web/down"), "/down"),
                    tls=HostTls(hsts=Hsts(300, include_subdomains=True, preload=True)),
                ),
                host("plain.example.com", candidate(rule("up", "web/up"))),
            ],
            [cluster("web/up", up.port), cluster("web/down", 1)],
        )
        async with serve(wanted):
            said = "max-age=300; includeSubDomains; preload"
            for path, status in (("/up", 200), ("/down", 503), ("/nowhere", 404)):
                answer = await get(https, "safe.example.com", path, tls=trusting_nobody())
                assert (answer.status, answer.one("strict-transport-security")) == (status, said)
            assert (await get(http, "safe.example.com", "/up")).one("strict-transport-security") is None
            other = await get(https, "plain.example.com", tls=trusting_nobody())
            assert other.one("strict-transport-security") is None
