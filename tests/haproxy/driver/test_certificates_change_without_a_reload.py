import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from haloy.proxies.base import Applied, Failed, Outcome
from haloy.proxies.haproxy.apply.record import UNKNOWN_DIGEST
from haloy.proxies.haproxy.artifacts import CertificateLine
from haloy.proxies.haproxy.runtime import certificates
from tests.haproxy.driver.pem import leaf, pem, shown
from tests.haproxy.driver.small import FALLBACK, Small, small
from tests.haproxy.driver.values import line
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

OWN = pem("fallback.invalid")


async def apply(
    proxy: Small, tls: int, revision: str, certificates: dict[str, bytes], *lines: CertificateLine
) -> Outcome:
    content = {FALLBACK: OWN, **{f"certs/{name}.pem": value for name, value in certificates.items()}}
    materials = {str(hash(value)): value for value in content.values()}
    digests = {path: str(hash(value)) for path, value in content.items()}
    artifacts = proxy.artifacts(revision=revision, pem=digests, lines=lines, tls=tls)
    return await proxy.transactions.change(proxy.target(artifacts, materials))


def without_reload(outcome: Outcome) -> None:
    assert isinstance(outcome, Applied), outcome
    assert not outcome.reload, outcome


async def test_from_the_first_to_the_last(haproxy_binary: Path, tmp_path: Path) -> None:
    tls, first, second = free_port(), pem("a.example"), pem("a.example")
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        assert isinstance(await apply(proxy, tls, "r1", {}), Applied)
        assert await shown(tls, "a.example") == leaf(OWN)
        without_reload(await apply(proxy, tls, "r2", {"a": first}, line("a", "a.example")))
        assert await shown(tls, "a.example") == leaf(first)
        assert await shown(tls, "b.example") == leaf(OWN)
        without_reload(await apply(proxy, tls, "r3", {"a": second}, line("a", "a.example", "b.example")))
        assert await shown(tls, "a.example") == leaf(second)
        assert await shown(tls, "b.example") == leaf(second)
        strict = CertificateLine("certs/a.pem", ("ssl-min-ver", "TLSv1.3"), ("a.example", "b.example"))
        without_reload(await apply(proxy, tls, "r4", {"a": second}, strict))
        assert "TLSv1.3" in await proxy.api.call("show", "ssl", "crt-list", "-n", "certs/list.crt-list")
        without_reload(await apply(proxy, tls, "r5", {}))
        assert await shown(tls, "a.example") == leaf(OWN)

        async def dropped() -> bool:
            return "certs/a.pem" not in await proxy.api.call("show", "ssl", "cert")

        await eventually(dropped, "HAProxy forgets it")
        current = proxy.generations.current()
        assert current is not None

        async def deleted() -> bool:
            return "certs/a.pem" not in proxy.generations.names(current)

        await eventually(deleted, "its key is deleted")


async def test_one_that_is_too_large_reloads(haproxy_binary: Path, tmp_path: Path) -> None:
    tls, large = free_port(), pem("a.example", padding=20_000)
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        await apply(proxy, tls, "r1", {})
        outcome = await apply(proxy, tls, "r2", {"a": large}, line("a", "a.example"))
        assert isinstance(outcome, Applied)
        assert [reason.cause.value for reason in outcome.reload] == ["certificate-too-large"]
        assert await shown(tls, "a.example") == leaf(large)


@pytest.mark.parametrize("broken", ["key of another", "no key", "no certificate"])
async def test_one_that_cannot_be_used_leaves_the_one_before(haproxy_binary: Path, tmp_path: Path, broken: str) -> None:
    tls, good, other = free_port(), pem("a.example"), pem("a.example")
    key = other[other.index(b"-----BEGIN PRIVATE") :]
    certificate = good[: good.index(b"-----BEGIN PRIVATE")]
    content = {"key of another": certificate + key, "no key": certificate, "no certificate": key}[broken]
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        await apply(proxy, tls, "r1", {"a": good}, line("a", "a.example"))
        outcome = await apply(proxy, tls, "r2", {"a": content}, line("a", "a.example"))
        assert isinstance(outcome, Failed)
        assert outcome.revision == "r1"
        assert any("certs/a.pem" in refusal.message for refusal in outcome.refusals), outcome
        assert await shown(tls, "a.example") == leaf(good)
        assert "*" not in await proxy.api.call("show", "ssl", "cert")
        current = proxy.generations.current()
        assert current is not None
        assert current.read("certs/a.pem") == good, "files say what runs"
        without_reload(await apply(proxy, tls, "r3", {"a": other}, line("a", "a.example")))
        assert await shown(tls, "a.example") == leaf(other)


async def trusted(port: int, authority: trustme.CA) -> bool:
    """Whether a client that knows only the root accepts what it is shown."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="a.example")
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    return True


async def test_a_missing_intermediate_is_added_and_found_to_be_there(haproxy_binary: Path, tmp_path: Path) -> None:
    tls, root = free_port(), trustme.CA(organization_name="Ünï/CN=x, Ltd")
    issued = root.create_child_ca().issue_cert("a.example")
    key, (first, *others) = issued.private_key_pem.bytes(), [one.bytes() for one in issued.cert_chain_pems]
    bare, whole = first + key, first + b"".join(others) + key
    path = "certs/a.pem"
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        await apply(proxy, tls, "r1", {"a": bare}, line("a", "a.example"))
        assert not await trusted(tls, root)
        without_reload(await apply(proxy, tls, "r2", {"a": whole}, line("a", "a.example")))
        assert await trusted(tls, root)
        contents, known = {path: whole}, {path: "whole"}
        live = await certificates.read(proxy.api, [path])
        assert certificates.digests(live, contents, known, UNKNOWN_DIGEST) == known
        await certificates.load(proxy.api, path, bare, new=False)
        live = await certificates.read(proxy.api, [path])
        assert certificates.digests(live, contents, known, UNKNOWN_DIGEST) == {path: UNKNOWN_DIGEST}
