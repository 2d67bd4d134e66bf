"""Commands to HAProxy and bytes on disk belong to the change: as few among 1,000 Routes and Backends as among ten."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from haloy.proxies.ordinary import OrdinaryChange
from tests.features.certificates import Authority
from tests.features.echo import Echo, echo
from tests.features.product import Product, backend, eventually, route
from tests.proof.ordinary.certificates import certificate_cases
from tests.proof.ordinary.changes import Case, Sees, Surroundings, cases, plain
from tests.proof.state_folder import files, written

FRAGMENT = 64 * 1024
"""Bytes of the largest file that may be written anew for a change."""
MOST_COMMANDS = 10
COMMANDS = re.compile(r"live in \d+ ms with (\d+) runtime commands")
CHANGES = [one for one in OrdinaryChange if one not in (OrdinaryChange.CHECK_RHYTHM, OrdinaryChange.TIMEOUTS)]
"""All but those that take long to be seen; they are made of the same steps."""


@dataclass(frozen=True)
class Cost:
    """`commands` of the dearest cycle of each change; `bytes` written by file, of all changes together."""

    commands: dict[str, int]
    reloads: int
    bytes: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.bytes.values())


def thousand(upstream: Echo, count: int) -> Iterator[tuple[str, str]]:
    """As many Routes as Backends, 50 a file."""
    for first in range(0, count, 50):
        yield (
            f"many-{first}.yaml",
            "".join(
                backend(f"m{number}", upstream.endpoint)
                + route(f"m{number}", f"hosts: [m{number}.many.test]\nrules: [{{backendRefs: [{{name: m{number}}}]}}]")
                for number in range(first, min(first + 50, count))
            ),
        )


def one_host(upstream: Echo, count: int) -> Iterator[tuple[str, str]]:
    """Many Routes on one host, 100 a file, and ten Backends. The changes below are on other hosts and on this one."""
    yield "backends.yaml", "".join(backend(f"m{number}", upstream.endpoint) for number in range(10))
    for first in range(0, count, 100):
        yield (
            f"many-{first}.yaml",
            "".join(
                route(
                    f"m{number}",
                    f"hosts: [m0.many.test]\nrules:\n- matches: [{{path: {{type: PathPrefix, value: /m{number}}}}}]\n"
                    f"  backendRefs: [{{name: m{number % 10}}}]",
                )
                for number in range(first, min(first + 100, count))
            ),
        )


def on_that_host() -> dict[str, Case]:
    """Changes of the host that has so many Routes."""

    def of(name: str, rule: str = "") -> str:
        path = f"matches: [{{path: {{type: PathPrefix, value: /{name}}}}}]"
        spec = f"hosts: [m0.many.test]\nrules: [{{backendRefs: [{{name: m0}}], {path}{rule}}}]"
        return route(name, spec)

    def seen(name: str, wanted: int) -> Sees:
        return lambda product: product.get("m0.many.test", f"/{name}/x").status == wanted

    change = "requestHeaderModifier: {set: [{name: x-new, value: '1'}]}"
    return {
        "a new Route": Case({"here-new": ""}, {"here-new": of("here-new")}, seen("here-new", 200)),
        "a Route deleted": Case({"here-old": of("here-old")}, {"here-old": ""}, seen("here-old", 404)),
        "a condition": Case(
            {"here-asks": of("here-asks")},
            {"here-asks": of("here-asks").replace("}}]", "}, method: PUT}]", 1)},
            seen("here-asks", 404),
        ),
        "a filter": Case(
            {"here-says": of("here-says")},
            {"here-says": of("here-says", f", filters: [{{type: RequestHeaderModifier, {change}}}]")},
            lambda product: product.get("m0.many.test", "/here-says").echo["headers"].get("x-new") == "1",
        ),
    }


Layout = Callable[[Echo, int], Iterator[tuple[str, str]]]


def cost(
    product: Product,
    upstreams: Callable[[str], Echo],
    layout: Layout,
    count: int,
    more: Mapping[str, Case],
) -> Cost:
    """What every ordinary change costs beside `count` Routes, and what `more` changes do."""
    authority = Authority()
    mutual = authority.issue("m.internal").context(client_ca=authority.pem)
    with (
        echo("s", tls=authority.issue("s.internal").context()) as tls_upstream,
        echo("m", tls=mutual) as mutual_upstream,
    ):
        near = Surroundings(upstreams, tls_upstream, mutual_upstream, authority)
        every = {**cases(near), **certificate_cases(near)}
        found = {change.value: case for change, case in every.items() if change in CHANGES} | dict(more)
        least = near.backend("least", "a", extra="loadBalancing: {algorithm: LeastConnections}")
        product.write("least.yaml", plain("least") + least)
        product.write("ca.yaml", authority.secret("ca"))
        for name, text in layout(upstreams("a"), count):
            product.write(name, text)
        for case in found.values():
            for name, text in case.before.items():
                product.write(f"{name}.yaml", text)
        product.start()
        product.wait_answer("m0.many.test", "/m0", lambda answer: answer.status == 200)
        try:
            return _measured(product, found)
        finally:
            product.stop()


def _saved(product: Product) -> None:
    """The first reading is on disk: what is read at the start is saved up to ten seconds after it is live."""
    seen, since = files(product.state), time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        if (now := files(product.state)) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 12.0

    eventually(still, what="nothing is written any more")


def _measured(product: Product, found: Mapping[str, Case]) -> Cost:
    _quiet(product)
    _saved(product)
    reloads, before = product.reload_count(), files(product.state)
    commands = {}
    for change, case in found.items():
        commands[change] = _commands(product, change, case)
        for _ in range(2):
            if commands[change] <= MOST_COMMANDS:
                break
            for name, text in case.before.items():
                product.write(f"{name}.yaml", text)
            eventually(lambda held=case: not held.sees(product), what=f"{change} is undone")  # type: ignore[misc]
            commands[change] = min(commands[change], _commands(product, change, case))
    _quiet(product)
    return Cost(commands, product.reload_count() - reloads, written(before, files(product.state)))


def _commands(product: Product, change: str, case: Case) -> int:
    """How many the dearest cycle takes. haloy counts those with it that ask after health at the same moment, so that one count alone
    may be too high."""
    offset = product.log_file.stat().st_size
    for name, text in case.after.items():
        product.write(f"{name}.yaml", text)
    eventually(lambda: case.sees(product), what=f"{change} is seen")
    return max(map(int, eventually(lambda: COMMANDS.findall(_log(product, offset)), what=f"{change} is told")))


def _log(product: Product, since: int) -> str:
    return product.log_file.read_bytes()[since:].decode(errors="replace")


def _quiet(product: Product) -> None:
    """Nothing has been written for two seconds: what is put off for a moment has been done."""
    seen, since = files(product.state), time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        if (now := files(product.state)) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 2.0

    eventually(still, what="the state folder is at rest", within=60)


def _check(found: Cost) -> None:
    print(f"commands: {found.commands}")
    print(f"written: {found.bytes}")
    assert not found.reloads
    assert {change: count for change, count in found.commands.items() if count > MOST_COMMANDS} == {}
    assert {path: size for path, size in found.bytes.items() if size > FRAGMENT} == {}


@pytest.mark.slow
def test_among_a_thousand(
    fresh: Callable[..., Product],
    upstreams: Callable[[str], Echo],
) -> None:
    found = cost(fresh(), upstreams, thousand, 1_000, {})
    _check(found)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_among_ten_thousand_on_one_host(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    found = cost(fresh(), upstreams, one_host, 10_000, on_that_host())
    _check(found)
