"""Random changes of everything: after each, HAProxy does what is wanted; a forced reload in between changes nothing."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from haloy.model.cluster import Cluster, Endpoint, EndpointState
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.listener import Fleet
from haloy.model.model import Delivery
from haloy.model.routing import Target, VirtualHost
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host
from tests.haproxy.driver.pem import pem
from tests.haproxy.driver.truth import check, check_wanted, expected
from tests.support.ports import free_port

PEMS = {(name, version): pem(f"{name}.example") for name in "abc" for version in (1, 2)}
STEPS = 25


@dataclass
class World:
    """What a user might have written, changed a little at a time."""

    listeners: Fleet
    endpoints: dict[str, dict[int, Endpoint]] = field(default_factory=lambda: {"one": {}, "two": {}})
    hosts: dict[str, dict[str, tuple[Target, ...]]] = field(default_factory=dict)
    certificates: dict[str, int] = field(default_factory=dict)
    intervals: dict[str, int] = field(default_factory=lambda: {"one": 2000, "two": 2000})

    def step(self, chance: random.Random) -> str:
        """One change; returns its name."""
        name = chance.choice(["endpoint", "endpoint", "weight", "drain", "host", "host", "certificate", "structure"])
        members = self.endpoints[chance.choice(sorted(self.endpoints))] if self.endpoints else {}
        match name:
            case "endpoint":
                number = chance.randrange(1, 6)
                if members.pop(number, None) is None:
                    members[number] = Endpoint(f"127.0.1.{number}", 9, weight=chance.choice([0, 1, 100, 256]))
            case "weight" | "drain" if members:
                number = chance.choice(sorted(members))
                state = chance.choice(list(EndpointState)) if name == "drain" else members[number].state
                members[number] = Endpoint(f"127.0.1.{number}", 9, weight=chance.randrange(0, 257), state=state)
            case "host":
                label = f"{chance.choice('abcd')}.example"
                if self.hosts.pop(label, None) is None or chance.random() < 0.5:
                    self.hosts[label] = {
                        path: tuple(
                            Target(f"web/{target}", chance.randrange(0, 4)) for target in ("one", "two", "gone")
                        )[: chance.randrange(1, 4)]
                        for path in chance.sample(["", "/x", "/x/y", "/z z"], chance.randrange(1, 4))
                    }
            case "certificate":
                label = chance.choice("abc")
                if label in self.certificates and chance.random() < 0.4:
                    del self.certificates[label]
                else:
                    self.certificates[label] = chance.choice([1, 2])
            case "structure":
                key = chance.choice(["one", "two", "three"])
                if key == "three" and self.endpoints.pop("three", None) is None:
                    self.endpoints["three"] = {}
                else:
                    self.intervals[key] = chance.choice([2000, 3000])
            case _:
                pass
        return name

    def delivery(self) -> Delivery:
        hosts: list[VirtualHost] = [
            host(name, paths, name[0] if name[0] in self.certificates else None) for name, paths in self.hosts.items()
        ]
        clusters: list[Cluster] = [
            cluster(name, members.values(), HealthCheck(TcpCheck(), interval=self.intervals.get(name, 2000)))
            for name, members in self.endpoints.items()
        ]
        content = {name: PEMS[name, version] for name, version in self.certificates.items()}
        return delivery(self.listeners, hosts, clusters, content)


def loaded(made: Delivery, proxy: Haproxy, fallback: bytes) -> dict[str, Any]:
    """What HAProxy should say: the delivery rendered from nothing, but for the places that Clusters have. A certificate that
    no host uses, and a map that no line names, need not be loaded."""
    options, transactions = proxy._options, proxy._transactions
    assert options is not None
    assert transactions is not None
    artifacts = render(made.model, options, None, transactions.layout)
    text = "".join(section.text for fragment in artifacts.fragments for section in fragment.sections)
    text += "maps/programs.map"  # which the Lua file loads
    artifacts = replace(artifacts, maps={name: held for name, held in artifacts.maps.items() if name in text})
    used = {line.path for line in artifacts.certificates}
    content = {
        path: made.materials[digest].pem.reveal() for path, digest in artifacts.pem_files.items() if path in used
    }
    return expected(artifacts, {DEFAULT_CERTIFICATE: fallback, **content})


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (2, 3))])
async def test_random_changes(tmp_path: Path, seed: int) -> None:
    chance, listeners = random.Random(seed), fleet(free_port(), free_port())
    world = World(listeners)
    async with haproxy(tmp_path, listeners, min_reload_interval=0.0) as proxy:
        socket = run_dir(tmp_path) / "worker.sock"
        fallback = (tmp_path / "haproxy" / "fallback.pem").read_bytes()
        history = []
        for number in range(STEPS):
            history += [world.step(chance) for _ in range(chance.randrange(1, 4))]
            made = world.delivery()
            outcome = await proxy.apply(made)
            assert isinstance(outcome, Applied), (history, outcome)
            assert "runtime-failed" not in {reason.cause.value for reason in outcome.reload}, (history, outcome)
            api = RuntimeApi(socket)
            await check_wanted(api, loaded(made, proxy, fallback), f"seed {seed} after {history}")
            if number % 5 == 4:
                await check(api, loaded(made, proxy, fallback), f"seed {seed} after {history}")
                again = await proxy.reload()
                assert isinstance(again, Applied), again
                await api.disconnect()
                await check(api, loaded(made, proxy, fallback), f"seed {seed} reloaded after {history}")
            await api.disconnect()
            await asyncio.sleep(0)
