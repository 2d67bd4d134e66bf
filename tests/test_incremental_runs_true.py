"""Random sequences of changed objects through the whole loop: after each, what HAProxy itself says it does (maps, servers,
certificates) equals translating and rendering the same objects from scratch; and a forced reload changes nothing."""

import base64
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from haloy.api.load import load_object
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.translate import Context, translate
from tests.features.certificates import Authority
from tests.haproxy.driver.models import settled
from tests.haproxy.driver.truth import check
from tests.support.from_scratch import from_scratch
from tests.support.loop import Loop, running_loop

STEPS = 12
AUTHORITY = Authority()
PAIRS = [AUTHORITY.issue("a.test", "b.test", "c.test") for _ in range(2)]
HOSTS = ["a.test", "b.test", "*.c.test"]
BACKENDS = ["one", "two", "three"]


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "haloy.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def backend(chance: random.Random) -> dict[str, Any]:
    ports = chance.sample(range(1, 9), chance.randrange(1, 4))
    endpoints = [
        {
            "address": "127.0.0.1",
            "port": port,
            "weight": chance.choice([0, 1, 50, 256]),
            "backup": chance.random() < 0.1,
        }
        for port in ports
    ]
    spec: dict[str, Any] = {"endpoints": endpoints}
    if chance.random() < 0.3:
        spec["loadBalancing"] = {"algorithm": chance.choice(["LeastConnections", "Random", "SourceIP"])}
    return document("Backend", chance.choice(BACKENDS), spec)


def route(chance: random.Random) -> dict[str, Any]:
    rules = []
    for path in chance.sample(["/", "/x", "/x/y", "/z"], chance.randrange(1, 4)):
        match: dict[str, Any] = {"path": {"type": chance.choice(["Exact", "PathPrefix"]), "value": path}}
        if chance.random() < 0.3:
            match["method"] = chance.choice(["GET", "POST"])
        refs = [
            {"name": name, "weight": chance.randrange(0, 4)} for name in chance.sample(BACKENDS, chance.randrange(1, 3))
        ]
        rules.append({"matches": [match], "backendRefs": refs})
    spec: dict[str, Any] = {"hosts": chance.sample(HOSTS, chance.randrange(1, 3)), "rules": rules}
    if chance.random() < 0.5:
        spec["tls"] = {"secretName": "pair", "redirect": chance.random() < 0.5}
    return document("Route", chance.choice(["r1", "r2", "r3"]), spec)


def secret(chance: random.Random) -> dict[str, Any]:
    pair = chance.choice(PAIRS)
    data = {"tls.crt": base64.b64encode(pair.certificate).decode(), "tls.key": base64.b64encode(pair.key).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "pair"},
        "data": data,
    }


def change(loop: Loop, chance: random.Random) -> str:
    """One change of the Store; returns what it was."""
    known = [ref for ref in loop.store.snapshot().objects if ref != ObjectRef("Backend", "default", "b")]
    if known and chance.random() < 0.25:
        ref = chance.choice(sorted(known))
        loop.store.remove("test", ref)
        return f"removed {ref}"
    made = load_object(chance.choice([backend, backend, route, route, secret])(chance))
    loop.put(made)
    return f"put {made.ref}"


def wanted(loop: Loop) -> dict[str, Any]:
    """What HAProxy should say of the objects that the Store holds now."""
    # What is retained is an input of translation: a certificate goes on being served when its Secret goes away.
    context = Context(fleet=loop.fleet, now=datetime.now(UTC), retained=loop.retained.certificates)
    return from_scratch(loop.proxy, loop.root, translate(loop.store.snapshot(), context).delivery)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.proof)])
async def test_incremental_equals_from_scratch_down_to_the_running_proxy(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    socket = run_dir(tmp_path) / "worker.sock"
    history: list[str] = []
    async with running_loop(tmp_path) as loop:
        loop.deliver()
        for number in range(STEPS):
            history += [change(loop, chance) for _ in range(chance.randrange(1, 4))]
            cycle = await loop.reconciler.run_cycle()
            assert isinstance(cycle.outcome, Applied), (history, str(cycle))
            assert "runtime-failed" not in {reason.cause.value for reason in cycle.outcome.reload}, (
                history,
                str(cycle),
            )
            await settled(loop.proxy)
            api = RuntimeApi(socket)
            await check(api, wanted(loop), f"seed {seed} after {history}")
            await api.disconnect()
            if number % 4 == 3:
                assert isinstance(await loop.proxy.reload(), Applied)
                await check(api, wanted(loop), f"seed {seed} reloaded after {history}")
                await api.disconnect()
