"""Who saves the changes and waits until each of them is served: on connections of its own, beside the load."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from tests.features.certificates import Authority, Pair
from tests.features.product import Product, backend, route
from tests.proof.load.changes import Change, Mix
from tests.proof.load.history import History
from tests.proof.load.http1 import once
from tests.proof.load.tls import TLS_HOST, fingerprint_of, trusting
from tests.proof.load.upstream import Upstream
from tests.proof.load.versions import Ask, Right, Version, manifest, right

INTERVAL = 1.0
"""Seconds between two checks of an endpoint: so much later than it is live a new check path may be seen."""
PATIENCE = 10.0
"""Seconds after which a change that was not served is given up."""
ENOUGH = 20
"""So many answers in a row of the smaller set of endpoints show that the removed one is out."""


@dataclass(slots=True)
class Served:
    """`seconds` from the save to the first right answer to every request that the change is about."""

    kind: str
    name: str
    seconds: float


@dataclass(slots=True)
class Author:
    """`current`: the versions that were seen last, by name. `novel`: `kind/namespace/name` of what novelties touched."""

    product: Product
    history: History
    upstreams: dict[str, Upstream]
    mix: Mix
    authority: Authority
    current: dict[str, Version] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    novelties: int = 0
    novel: set[str] = field(default_factory=set)

    def save(self, version: Version) -> None:
        self.history.begin(version)
        self.product.write(
            f"{version.name}.yaml", manifest(version, {name: one.port for name, one in self.upstreams.items()})
        )

    def save_certificate(self) -> Pair:
        """A new certificate for the same name."""
        pair = self.authority.issue(TLS_HOST)
        self.history.begin_certificate(pair.fingerprint)
        self.product.write("tls-secret.yaml", pair.secret("tls"))
        return pair

    def save_tls_route(self) -> None:
        self.product.write(
            "tls.yaml",
            backend("tls", f"{{address: 127.0.0.1, port: {self.upstreams['u0'].port}}}")
            + route("tls", f"hosts: [{TLS_HOST}]\ntls: {{secretName: tls}}\nrules: [{{backendRefs: [{{name: tls}}]}}]"),
        )

    async def change(self, kinds: list[str]) -> None:
        """One burst: saved together, each waited for."""
        changes: list[Change] = []
        for kind in kinds:
            if kind != "certificate":
                one = self.mix.draw(kind, self.current, {change.before.name for change in changes})
                if kind == "new Route":
                    self.history.begin(one.before)
                changes.append(one)
        waits = [self._certificate(self.save_certificate()) for kind in kinds if kind == "certificate"][:1]
        for one in changes:
            self.save(one.after)
            if one.novel:
                name = one.after.name
                self.novelties += 1
                self.novel |= {f"route/default/{name}", f"backend/default/{name}-a", f"backend/default/{name}-b"}
        waits += [self._seen(one) for one in changes]
        self.served += await asyncio.gather(*waits)

    async def _seen(self, change: Change) -> Served:
        began = self.history.entries[change.after.host][-1].since
        if change.check_path:
            await self._checked(change.after)
        else:
            told = [ask for ask in change.after.asks if right(change.before, ask) != right(change.after, ask)]
            assert told, f"nobody could see {change}"
            for ask in told:
                await self._answered(change, ask, began)
        self.history.seen(change.after)
        self.current[change.after.name] = change.after
        seconds = time.monotonic() - began
        return Served(change.kind, change.after.name, seconds - (INTERVAL if change.check_path else 0.0))

    async def _answered(self, change: Change, ask: Ask, began: float) -> None:
        old, new = right(change.before, ask), right(change.after, ask)
        row = 0
        while row < (ENOUGH if _within(new, old) else 1):
            sent = time.monotonic()
            try:
                seen = await once(self.product.http, ask)
            except OSError as error:
                self.history.fail("probe", ask, repr(error))
                return
            self.history.judge("probe", ask, seen, sent, sent, closing=False)
            told = new.holds(seen) and (_within(new, old) or not old.holds(seen))
            row = row + 1 if told else 0
            if time.monotonic() - began > PATIENCE:
                self.history.fail("probe", ask, f"{change} is not served, but {seen}")
                return
            if not told:
                await asyncio.sleep(0.005)

    async def _checked(self, version: Version) -> None:
        """Until an endpoint of `-a` has heard a check with the new path."""
        heard = [self.upstreams[name].checks for name in version.a]
        end = time.monotonic() + PATIENCE
        while not all(checks[version.check_path] for checks in heard):
            if time.monotonic() > end:
                self.history.fail("probe", None, f"{version.check_path} is not asked for")
                return
            await asyncio.sleep(0.005)

    async def _certificate(self, pair: Pair) -> Served:
        began = time.monotonic()
        while (shown := await self._shown()) != pair.fingerprint:
            if time.monotonic() - began > PATIENCE:
                self.history.fail("probe", None, f"certificate {shown} instead of {pair.fingerprint}")
                break
            await asyncio.sleep(0.005)
        self.history.seen_certificate()
        return Served("certificate", "tls", time.monotonic() - began)

    async def _shown(self) -> str:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.product.https, ssl=trusting(), server_hostname=TLS_HOST
        )
        try:
            return fingerprint_of(writer)
        finally:
            writer.transport.abort()


def _within(new: Right, old: Right) -> bool:
    """Every answer that `new` allows was right before, too."""
    return new.upstreams < old.upstreams and replace(old, upstreams=new.upstreams) == new
