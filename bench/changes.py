"""The kinds of single ordinary changes whose way from the save to the first right answer is timed."""

import base64
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trustme

from bench.fleet import address, backend_file, route_file
from bench.running import Cost, Haloy

TLS_HOST = "tls.scale.test"
PAUSE = 0.3
"""Seconds between a change that only prepares another, and that one: they must not be one change."""


def changes(haloy: Haloy, count: int, only: Sequence[str] = ()) -> Iterator[tuple[str, list[Cost]]]:
    """Every kind (or those whose name has a word of `only`), each with the costs of `count` single changes, each of an object of its
    own that nothing has changed before."""
    kinds = _kinds(haloy)
    for place, (kind, change) in enumerate(kinds.items()):
        if only and not any(word in kind for word in only):
            continue
        yield kind, [change(place * count + number) for number in range(count)]


def prepare(haloy: Haloy) -> None:
    """What the fleet's directory needs beside its objects."""
    (haloy.directory / "tls.yaml").write_text(_tls_route())
    _secret_file(haloy.directory).write_text(_secret(trustme.CA().issue_cert(TLS_HOST)))


def _kinds(haloy: Haloy) -> dict[str, Callable[[int], Cost]]:
    fleet, directory = haloy.fleet, haloy.directory

    def save_route(number: int, text: str, live: Callable[[], bool]) -> Cost:
        return haloy.saved(route_file(directory, number), text, live)

    def answered_by(number: int, *wanted: str) -> Callable[[], bool]:
        return lambda: haloy.get(*fleet.place(number)).upstream in wanted

    def endpoints(number: int) -> Cost:
        text = fleet.backend(number, shift=1)
        return haloy.saved(
            backend_file(directory, number), text, answered_by(number, address(number, 2), address(number, 3))
        )

    def weight(number: int) -> Cost:
        path, place = backend_file(directory, number), fleet.place(number)
        first = address(number, 0)
        haloy.saved(
            path, fleet.backend(number, (100, 0)), lambda: all(haloy.get(*place).upstream == first for _ in range(6))
        )
        time.sleep(PAUSE)
        return haloy.saved(path, fleet.backend(number, (0, 100)), answered_by(number, address(number, 1)))

    def new_route(number: int) -> Cost:
        added = fleet.size + number
        text = fleet.route(added, backend=number)
        return save_route(added, text, lambda: haloy.get(*fleet.place(added)).status == 200)

    def other_backend(number: int) -> Cost:
        target = number + 1
        return save_route(
            number, fleet.route(number, backend=target), answered_by(number, address(target, 0), address(target, 1))
        )

    def condition(number: int) -> Cost:
        text = fleet.route(number, match="headers: [{name: x-plan, value: gold}]")
        return save_route(number, text, lambda: haloy.get(*fleet.place(number)).status == 404)

    def response_filter(number: int) -> Cost:
        text = fleet.route(
            number,
            rule="    filters:\n    - type: ResponseHeaderModifier\n"
            "      responseHeaderModifier: {set: [{name: cache-control, value: no-store}]}\n",
        )
        return save_route(
            number, text, lambda: haloy.get(*fleet.place(number)).headers.get("cache-control") == "no-store"
        )

    def weighted_pair(number: int) -> Cost:
        target = number + 1
        text = fleet.route(
            number, rule=f"    backendRefs: [{{name: b-{number}, weight: 1}}, {{name: b-{target}, weight: 9}}]\n"
        )
        return save_route(number, text, answered_by(number, address(target, 0), address(target, 1)))

    def new_backend(number: int) -> Cost:
        added = fleet.size + number
        text = f"{fleet.backend(added)}---\n{fleet.route(added)}"
        return haloy.saved(backend_file(directory, added), text, lambda: haloy.get(*fleet.place(added)).status == 200)

    def gone_route(number: int) -> Cost:
        return haloy.removed(route_file(directory, number), lambda: haloy.get(*fleet.place(number)).status == 404)

    def gone_backend(number: int) -> Cost:
        return haloy.removed(backend_file(directory, number), lambda: haloy.get(*fleet.place(number)).status == 500)

    def check_path(number: int) -> Cost:
        """Live as haloy's log says: what checks ask for is seen with the next check only."""
        path = directory / f"p-{number}.yaml"

        def saved(asked: str, backend: str) -> Cost:
            before = haloy.applied()
            return haloy.saved(path, fleet.own_policy(number, asked) + backend, lambda: haloy.applied() > before)

        backend_file(directory, number).unlink()
        own = f"---\n{fleet.backend(number, policy=f'checks-{number}')}"
        saved("/ready", own)
        time.sleep(PAUSE)
        return saved("/alive", own)

    def certificate(number: int) -> Cost:
        issued = trustme.CA().issue_cert(TLS_HOST)
        der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
        return haloy.saved(_secret_file(directory), _secret(issued), lambda: haloy.certificate(TLS_HOST) == der)

    return {
        "endpoints": endpoints,
        "an endpoint's weight": weight,
        "a new Route": new_route,
        "another Backend": other_backend,
        "a new condition": condition,
        "a new filter": response_filter,
        "a weighted pair": weighted_pair,
        "a new Backend and its Route": new_backend,
        "a check's path": check_path,
        "a deleted Route": gone_route,
        "a deleted Backend": gone_backend,
        "a renewed certificate": certificate,
    }


def _secret_file(directory: Path) -> Path:
    return directory / "tls-secret.yaml"


def _secret(issued: trustme.LeafCert) -> str:
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    values = {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes()}
    data = ", ".join(f"{name}: {base64.b64encode(value).decode()}" for name, value in values.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: scale-tls}}\ntype: kubernetes.io/tls\ndata: {{{data}}}\n"


def _tls_route() -> str:
    return (
        "apiVersion: haloy.dev/v1alpha1\nkind: Route\nmetadata: {name: tls}\nspec:\n"
        f"  hosts: [{TLS_HOST}]\n  tls: {{secretName: scale-tls, redirect: false}}\n  rules:\n  - backendRefs: [{{name: b-0}}]\n"
    )
