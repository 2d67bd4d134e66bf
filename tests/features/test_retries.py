"""What is tried again, what never is, and how long an answer is waited for."""

from collections.abc import Callable

import pytest

from tests.features.echo import Echo, echo
from tests.features.product import Product, backend, policy, route


@pytest.fixture(scope="module")
def retrying(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    """`gone` has passed its check and refuses connections since: for a minute HAProxy believes it to be well."""
    good, bad, slow = (upstreams(name) for name in ("good", "bad", "slow"))
    bad.status = 503
    with echo("gone") as gone:
        product.write(
            "backends.yaml",
            policy("rare", "tcp: {}\ninterval: 60s")
            + backend("refused", gone.endpoint, good.endpoint, extra="healthPolicy: rare")
            + backend("never", gone.endpoint, good.endpoint, extra="healthPolicy: rare\nretry: {attempts: 0}")
            + backend(
                "failing", bad.endpoint, good.endpoint, extra='retry: {attempts: 2, "on": ["connectFailure", "503"]}'
            )
            + backend("only-bad", bad.endpoint, extra='retry: {attempts: 2, "on": ["503"]}')
            + backend("slow", slow.endpoint, good.endpoint, extra='retry: {attempts: 1, "on": [timeout]}'),
        )
        product.write(
            "routes.yaml",
            route("refused", "hosts: [refused.test]\nrules: [{backendRefs: [{name: refused}]}]")
            + route("never", "hosts: [never.test]\nrules: [{backendRefs: [{name: never}]}]")
            + route(
                "failing",
                "hosts: [failing.test]\nrules:\n- backendRefs: [{name: failing}]\n"
                "- matches: [{path: {value: /once}}]\n  retryable: false\n  backendRefs: [{name: failing}]\n",
            )
            + route("only-bad", "hosts: [only-bad.test]\nrules: [{backendRefs: [{name: only-bad}]}]")
            + route(
                "slow",
                "hosts: [slow.test]\nrules: [{backendRefs: [{name: slow}], timeouts: {request: 300ms}}]",
            ),
        )
        for name in ("refused", "never", "failing", "only-bad", "slow"):
            product.wait_condition("Route", name, "Programmed", "True")
        for name in ("refused", "never"):
            product.wait_condition("Backend", name, "Healthy", "True", "AllHealthy")
    return product


def arrived(upstream: Echo, path: str) -> int:
    return sum(record["path"] == path for record in upstream.seen)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_refused_connection_is_tried_elsewhere_whatever_the_method(
    retrying: Product, upstreams: Callable[[str], Echo], method: str
) -> None:
    answers = [retrying.get("refused.test", f"/{method}", method=method, body=b"once") for _ in range(10)]
    assert {(answer.status, answer.upstream) for answer in answers} == {(200, "good")}
    assert arrived(upstreams("good"), f"/{method}") == 10
    assert {answer.echo["body"] for answer in answers} == {"once"}


def test_without_attempts_nothing_is_tried_again(retrying: Product) -> None:
    assert {retrying.get("never.test").status for _ in range(4)} == {200, 503}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_503_is_tried_elsewhere_for_an_idempotent_request(
    retrying: Product, upstreams: Callable[[str], Echo], method: str
) -> None:
    answers = [retrying.get("failing.test", f"/again/{method}", method=method) for _ in range(10)]
    assert {(answer.status, answer.upstream) for answer in answers} == {(200, "good")}
    assert arrived(upstreams("good"), f"/again/{method}") == 10
    assert arrived(upstreams("bad"), f"/again/{method}") > 0


def test_attempts_are_counted(retrying: Product, upstreams: Callable[[str], Echo]) -> None:
    assert retrying.get("only-bad.test", "/counted").status == 503
    assert arrived(upstreams("bad"), "/counted") == 3


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_503_is_never_tried_again_for_a_request_that_is_not_idempotent(
    retrying: Product, upstreams: Callable[[str], Echo], method: str
) -> None:
    path = f"/never/{method}"
    statuses = [retrying.get("failing.test", path, method=method, body=b"x").status for _ in range(10)]
    assert set(statuses) == {200, 503}
    assert arrived(upstreams("bad"), path) == statuses.count(503)
    assert arrived(upstreams("good"), path) == statuses.count(200)


def test_a_rule_can_switch_retries_off(retrying: Product, upstreams: Callable[[str], Echo]) -> None:
    statuses = [retrying.get("failing.test", "/once").status for _ in range(10)]
    assert set(statuses) == {200, 503}
    assert arrived(upstreams("bad"), "/once") + arrived(upstreams("good"), "/once") == 10


def test_a_time_out_is_504_or_tried_elsewhere_when_that_is_safe(
    retrying: Product, upstreams: Callable[[str], Echo]
) -> None:
    upstreams("slow").gate.clear()
    try:
        answers = [retrying.get("slow.test", "/read") for _ in range(4)]
        assert {(answer.status, answer.upstream) for answer in answers} == {(200, "good")}
        statuses = {retrying.get("slow.test", "/write", method="POST", body=b"x").status for _ in range(4)}
        assert statuses == {200, 504}
        assert arrived(upstreams("slow"), "/write") == 2
    finally:
        upstreams("slow").gate.set()
