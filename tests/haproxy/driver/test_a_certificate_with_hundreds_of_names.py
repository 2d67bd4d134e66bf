"""HAProxy's answer about such a certificate ends before its fingerprint, and no other change may suffer from that."""

from pathlib import Path

from haloy.proxies.base import Applied
from tests.features.certificates import Authority, Pair
from tests.haproxy.driver.pem import leaf, shown
from tests.haproxy.driver.small import FALLBACK, small
from tests.haproxy.driver.values import line
from tests.support.ports import free_port

NAMES = [f"{number:03}-{'x' * 50}.example" for number in range(300)]


async def test_is_served_renewed_and_in_nobodys_way(haproxy_binary: Path, tmp_path: Path) -> None:
    tls = free_port()
    authority = Authority()
    own, first, second = (content(authority.issue(*names)) for names in (["fallback.invalid"], NAMES, NAMES))
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        for number, present in enumerate((first, second, second)):
            pem = {FALLBACK: own, "certs/a.pem": present}
            digests = {path: str(hash(value)) for path, value in pem.items()}
            lines = (line("a", NAMES[number]),)
            artifacts = proxy.artifacts(revision=f"r{number}", pem=digests, lines=lines, tls=tls)
            materials = {str(hash(value)): value for value in pem.values()}
            outcome = await proxy.transactions.change(proxy.target(artifacts, materials))
            assert isinstance(outcome, Applied), outcome
            assert await shown(tls, NAMES[number]) == leaf(present)


def content(pair: Pair) -> bytes:
    return pair.certificate + pair.key
