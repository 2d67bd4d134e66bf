"""Certificates that haloy shows to upstreams: what a server on its way out still uses is dropped after it, not before."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from haloy.model.cluster import Protocol, UpstreamTls
from haloy.model.model import Bundle, Certificate, Delivery, Material, Model
from haloy.model.refs import ObjectRef
from haloy.model.routing import Target
from haloy.model.secret import SecretBytes
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.features.certificates import Authority, Pair
from tests.haproxy.driver.models import cluster, fleet, haproxy, host, local, settled
from tests.support.http_client import get
from tests.support.ports import free_port

HOST = host("a.example", {"": (Target("web/a"),)})


@asynccontextmanager
async def demanding(server: Pair, authority: Authority) -> AsyncIterator[int]:
    """The port of an upstream that says whose certificate it was shown, and answers nobody without one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                shown = writer.get_extra_info("ssl_object").getpeercert()
                body = dict(pair for names in shown["subject"] for pair in names)["commonName"].encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    context: ssl.SSLContext = server.context(client_ca=authority.pem)
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@dataclass
class World:
    http: int
    upstream: int
    proxy: Haproxy
    directory: Path
    authority: Authority

    def wanted(
        self, clients: Mapping[str, Pair], use: str | None, ca: bytes | None = None, *, backend: bool = True
    ) -> Delivery:
        """`clients`: Secrets with certificates by name; `use`: the one that Backend `a` shows."""
        bundle = self.authority.pem if ca is None else ca
        pem = {name: pair.certificate + pair.key for name, pair in sorted(clients.items())}
        digests = {content: hashlib.sha256(content).hexdigest() for content in (bundle, *pem.values())}
        certificates = tuple(
            Certificate(
                f"web/{name}", digests[content], "", datetime(2030, 1, 1, tzinfo=UTC), ObjectRef("Secret", "web", name)
            )
            for name, content in pem.items()
        )
        made = replace(
            cluster("a", [local(self.upstream)]),
            protocol=Protocol.HTTPS,
            tls=UpstreamTls("web/ca", "up.test", None if use is None else f"web/{use}"),
        )
        bundles = (Bundle("web/ca", digests[bundle], ObjectRef("Secret", "web", "ca")),)
        whole = Model(fleet(self.http), (HOST,), (made,), certificates, bundles)
        model = whole if backend else Model(fleet(self.http))
        return Delivery(model, {digest: Material(digest, SecretBytes(pem)) for pem, digest in digests.items()})

    async def ordinary(self, wanted: Delivery) -> None:
        outcome = await self.proxy.apply(wanted)
        assert isinstance(outcome, Applied), outcome
        assert not outcome.reload, outcome.reload

    async def shown(self) -> str:
        """Whose certificate the upstream was shown."""
        answer = await get(self.http, "a.example")
        assert answer.status == 200
        return answer.body.decode()

    async def held(self) -> set[str]:
        """The certificates and bundles of users that HAProxy holds."""
        api = RuntimeApi(run_dir(self.directory) / "worker.sock")
        try:
            listings = [await api.call("show", "ssl", kind) for kind in ("cert", "ca-file")]
        finally:
            await api.disconnect()
        words = {line.split(" ")[0] for listing in listings for line in listing.splitlines()}
        return {word for word in words if "/web_" in word}


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    authority = Authority()
    async with (
        demanding(authority.issue("up.test"), authority) as upstream,
        haproxy(directory, fleet(http := free_port()), server_drain=3.0) as proxy,
    ):
        yield World(http, upstream, proxy, directory, authority)


async def test_another_secret_and_none_at_all(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        one, two = {"one": here.authority.issue("one")}, {"two": here.authority.issue("two")}
        await here.proxy.apply(here.wanted(one, "one"))
        assert await here.shown() == "one"
        await here.ordinary(here.wanted(two, "two"))
        assert await here.shown() == "two"
        await settled(here.proxy)
        held = await here.held()
        assert {name for name in held if name.startswith("certs/")} == {"certs/web_two.pem"}, (
            "the key of one is dropped"
        )
        await here.ordinary(here.wanted({}, None))
        assert (await get(here.http, "a.example")).status in (502, 503), "nothing is shown"
        await settled(here.proxy)
        assert not any(name.startswith("certs/") for name in await here.held())
        await here.ordinary(here.wanted(one, "one"))
        assert await here.shown() == "one"


async def test_another_authority(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        clients = {"one": here.authority.issue("one")}
        await here.proxy.apply(here.wanted(clients, "one"))
        before = await here.held()
        await here.ordinary(here.wanted(clients, "one", here.authority.pem + Authority().pem))
        assert await here.shown() == "one"
        await settled(here.proxy)
        after = await here.held()
        assert len(after) == len(before) == 2
        assert len(after & before) == 1, "the former bundle is dropped"


async def test_a_backend_that_goes_with_its_secrets(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        clients = {"one": here.authority.issue("one")}
        await here.proxy.apply(here.wanted(clients, "one"))
        assert await here.shown() == "one"
        await here.ordinary(here.wanted({}, None, backend=False))
        await settled(here.proxy)
        assert not await here.held()
        await here.ordinary(here.wanted(clients, "one"))
        assert await here.shown() == "one"


async def test_back_again_at_once_with_another_content(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        first, second = here.authority.issue("first"), here.authority.issue("second")
        await here.proxy.apply(here.wanted({"one": first}, "one"))
        await here.ordinary(here.wanted({"two": first}, "two"))
        await here.ordinary(here.wanted({"one": second}, "one"))
        assert await here.shown() == "second"
        await here.ordinary(here.wanted({"two": first}, "two"))
        await here.ordinary(here.wanted({"one": second}, "one"))
        assert await here.shown() == "second"
        await settled(here.proxy)
        held = await here.held()
        assert {name for name in held if name.startswith("certs/")} == {"certs/web_one.pem"}
