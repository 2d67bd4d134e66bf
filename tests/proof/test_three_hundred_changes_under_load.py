"""Steady clients of every protocol, 300 changes: no request fails, none is answered by another Route or another Backend."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from haloy.proxies.base import ReloadCause
from tests.features.certificates import Authority
from tests.features.product import Product, backend, eventually, route
from tests.proof.load.author import Author, Served
from tests.proof.load.changes import FIRST, KNOWN, SECOND, Mix
from tests.proof.load.history import History
from tests.proof.load.http1 import Http1Client
from tests.proof.load.http2 import Http2Client
from tests.proof.load.tls import trusting
from tests.proof.load.upstream import upstreams, websocket_upstream
from tests.proof.load.versions import Ask, Version
from tests.proof.load.websocket import hold

SUBJECTS = 16
"""Routes that are there from the start and change; four more, one for each known profile, never do."""
BOUND = 1.0
"""Seconds from the save to the first right answer, on a machine that has its cores for this: see `_bound`."""
NOVEL = {ReloadCause.NEW_PROFILE, ReloadCause.NEW_REGULAR_EXPRESSION}


@pytest.mark.parametrize(
    ("changes", "novelties", "in_time"),
    [
        pytest.param(60, 6, False, id="60"),
        pytest.param(300, 30, True, id="300", marks=[pytest.mark.proof, pytest.mark.timeout(300)]),
    ],
)
async def test_no_request_fails(tmp_path: Path, changes: int, novelties: int, in_time: bool) -> None:
    """`in_time`: each change is also served in time; only where no other test runs beside this one."""
    product = Product(tmp_path, "--reload-interval=1ms")
    history, authority = History(), Authority()
    async with upstreams(*FIRST, *SECOND) as members, websocket_upstream("w") as websocket_port:
        author = Author(product, history, members, Mix(7, [f"n{number:02}" for number in range(changes)]), authority)
        for number, algorithm in enumerate(KNOWN):
            author.current[f"k{number}"] = Version(f"k{number}", present=True, algorithm=algorithm)
        for number in range(SUBJECTS):
            author.current[f"s{number:02}"] = Version(f"s{number:02}", present=True)
        for version in author.current.values():
            author.save(version)
        author.save_certificate()
        author.save_tls_route()
        product.write(
            "ws.yaml",
            backend("ws", f"{{address: 127.0.0.1, port: {websocket_port}}}")
            + route("ws", "hosts: [ws.test]\nrules: [{backendRefs: [{name: ws}]}]"),
        )
        try:
            await asyncio.to_thread(product.start)
            await asyncio.to_thread(_all_ready, product)
            for number in range(len(KNOWN)):
                del author.current[f"k{number}"]  # asked all the time, never changed
            before = len(_reloads(product))
            clients = _clients(author)
            enough = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.run(enough))
                for url, tls in (
                    (f"ws://127.0.0.1:{product.http}/", None),
                    (f"wss://127.0.0.1:{product.https}/", trusting("http/1.1")),
                ):
                    group.create_task(hold(url, "ws.test", "w", history, enough, tls))
                try:
                    for burst in author.mix.schedule(changes, novelties):
                        await author.change(burst)
                    late = await _again(author) if in_time else []
                finally:
                    enough.set()
            _report(author, clients, late, _reloads(product)[before:])
        finally:
            await asyncio.to_thread(product.stop)


async def _again(author: Author) -> list[Served]:
    """Changes that took too long are made once more, one at a time: what is late then is late, and not the machine."""
    late = [one for one in author.served if one.seconds > _bound()]
    latencies = sorted(one.seconds for one in author.served)
    print(
        f"changes: {len(latencies)}, p50 {latencies[len(latencies) // 2]:.3f} s, slowest {latencies[-1]:.3f} s, bound {_bound():.1f} s, late: {late}"
    )
    first = len(author.served)
    for one in late:
        await author.change([one.kind])
    return [one for one in author.served[first:] if one.seconds > _bound()]


def _bound() -> float:
    """Longer where others want the cores as well, so that a shared machine fails nobody."""
    return BOUND * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _all_ready(product: Product) -> None:
    eventually(
        lambda: [
            item["metadata"]["name"]
            for item in product.status()["objects"]
            if item["kind"] == "Route"
            and not any(one["type"] == "Ready" and one["status"] == "True" for one in item["status"]["conditions"])
        ],
        lambda waiting: not waiting,
        "every Route is ready",
    )


def _clients(author: Author) -> list[Http1Client | Http2Client]:
    """Each asks all Routes in turn at random: those that change and those that must not."""
    product, history = author.product, author.history

    def chooser(chance: random.Random) -> Callable[[], Ask]:
        return lambda: chance.choice(chance.choice(list(history.entries.values()))[-1].version.asks)

    chances = [random.Random(number) for number in range(15)]
    return [
        *(Http1Client(product.http, history, chooser(one), one, 0.02) for one in chances[:8]),
        *(Http1Client(product.https, history, chooser(one), one, 0.04, trusting()) for one in chances[8:12]),
        *(Http2Client(product.https, history, chooser(one), one, 0.06) for one in chances[12:]),
    ]


def _reloads(product: Product) -> list[dict[str, object]]:
    return [json.loads(line) for line in (product.state / "reloads.jsonl").read_text().splitlines()]


def _report(
    author: Author, clients: list[Http1Client | Http2Client], late: list[Served], reloads: list[dict[str, object]]
) -> None:
    """What the proof says. Everything is printed first, so that a failure shows the whole."""
    history = author.history
    causes = [_causes(reload) for reload in reloads]
    print(f"answers: {dict(history.answers)}, connections: {sum(client.connections for client in clients)}")
    print(f"reloads: {len(reloads)}, {Counter(cause for found in causes for cause in found)}")
    assert not history.failures, "\n".join([f"{len(history.failures)} failures", *history.failures[:20]])
    assert not late
    assert all(reload["success"] for reload in reloads)
    novel = [found for found in causes if found & NOVEL]
    assert len(novel) <= author.novelties
    assert all(found <= NOVEL | {ReloadCause.POOL_REFILL} for found in causes), causes
    assert len(reloads) - len(novel) <= 3
    blamed = {str(source) for reload in reloads for cause, source in _reasons(reload) if cause in NOVEL}
    assert blamed <= author.novel, "a reload names an object that was nothing new"
    for protocol in ("HTTP/1.1", "HTTP/1.1 over TLS", "HTTP/2", "ws", "wss"):
        assert history.answers[protocol] > 200, protocol
    assert sum(client.connections for client in clients) > len(clients), "reloads renew connections"


def _reasons(reload: dict[str, object]) -> list[tuple[ReloadCause, object]]:
    reasons = reload["reasons"]
    assert isinstance(reasons, list)
    return [(ReloadCause(reason["cause"]), reason["source"]) for reason in reasons]


def _causes(reload: dict[str, object]) -> set[ReloadCause]:
    return {cause for cause, _ in _reasons(reload)}
