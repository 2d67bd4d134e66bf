"""Two versions of the echo server run on the node; their Services answer; rolling one out moves its endpoints."""

import json
from typing import Any

import pytest

from e2e.cluster.waiting import until
from e2e.namespace import Namespace
from e2e.objects import Object
from e2e.target import KubectlError
from e2e.workloads import PORT, echo

pytestmark = pytest.mark.usefixtures("cluster", "echo_image", "client")


@pytest.fixture
def client(namespace: Namespace) -> None:
    """A pod to ask from."""
    namespace.apply(echo("client", version="client"))
    _rolled_out(namespace, "client")


def _rolled_out(namespace: Namespace, name: str) -> None:
    def is_whole(found: Object) -> str | None:
        status, wanted = found.get("status", {}), found["spec"]["replicas"]
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return f"{name} has not been looked at since it was changed"
        counts = {field: status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
        return None if set(counts.values()) == {wanted} else f"{name} is at {counts} of {wanted}"

    namespace.wait("apps/v1", "Deployment", name, is_whole)


def _ask(namespace: Namespace, url: str, method: str = "get") -> str:
    """From a pod beside, as on any cluster: this machine may have no way to the addresses of Services."""
    return namespace.kubectl("exec", "deployment/client", "--", "/echo", method, url)


def _asked(namespace: Namespace, name: str) -> dict[str, Any]:
    """What the Service's pod tells of the request."""
    told: dict[str, Any] = json.loads(_ask(namespace, f"http://{name}/"))
    return told


def _answers(namespace: Namespace, name: str, version: str) -> None:
    def does() -> str | None:
        try:
            told = _asked(namespace, name)
        except KubectlError as error:
            return f"{name}: {error}"
        return None if told["version"] == version else f"{name} answers as {told['version']}"

    until(does, within=30.0)


def _endpoints(namespace: Namespace, name: str) -> dict[str, str]:
    """Ready addresses of the Service's slices, with the pods behind them."""
    slices = namespace.list("discovery.k8s.io/v1", "EndpointSlice", selector=f"kubernetes.io/service-name={name}")
    found = {}
    for each in slices:
        assert each["ports"][0]["port"] == PORT
        for endpoint in each.get("endpoints") or []:
            if endpoint["conditions"]["ready"]:
                found[endpoint["addresses"][0]] = endpoint["targetRef"]["name"]
    return found


def test_two_versions_answer_through_their_services(namespace: Namespace) -> None:
    namespace.apply([*echo("v1", version="v1"), *echo("v2", version="v2", replicas=2)])
    for name, replicas in (("v1", 1), ("v2", 2)):
        _rolled_out(namespace, name)
        _answers(namespace, name, name)
        assert len(_endpoints(namespace, name)) == replicas
        told = _asked(namespace, name)
        assert told["namespace"] == namespace.name
        assert told["pod"].startswith(f"{name}-")


def test_a_rollout_moves_the_endpoints(namespace: Namespace) -> None:
    namespace.apply(echo("shop", version="v1", replicas=2))
    _rolled_out(namespace, "shop")
    before = _endpoints(namespace, "shop")
    assert len(before) == 2

    namespace.apply(echo("shop", version="v2", replicas=2))
    _rolled_out(namespace, "shop")

    def moved() -> str | None:
        now = _endpoints(namespace, "shop")
        old = set(before.values()) & set(now.values())
        return None if len(now) == 2 and not old else f"{len(now)} endpoints, {len(old)} of them of the old version"

    until(moved, within=30.0)
    _answers(namespace, "shop", "v2")


def test_a_pod_that_is_not_ready_gets_no_requests(namespace: Namespace) -> None:
    namespace.apply(echo("shop", version="v1", replicas=2))
    _rolled_out(namespace, "shop")
    address, pod = next(iter(_endpoints(namespace, "shop").items()))
    _ask(namespace, f"http://{address}:{PORT}/.echo/health?http=503", "put")

    def left() -> str | None:
        return f"{pod} is still an endpoint" if pod in _endpoints(namespace, "shop").values() else None

    until(left, within=30.0)

    def is_spared() -> str | None:
        # The slice is changed first, kube-proxy follows.
        asked = {_asked(namespace, "shop")["pod"] for _ in range(20)}
        return f"{pod} still answers" if pod in asked else None

    until(is_spared, within=30.0)
