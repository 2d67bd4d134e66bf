"""Logs, commands and names: what a person uses to look into a pod, and pods to find each other."""

import json

import pytest

from e2e.cluster.waiting import until
from e2e.namespace import Namespace
from e2e.target import KubectlError
from e2e.workloads import echo

pytestmark = pytest.mark.usefixtures("cluster", "echo_image")


@pytest.fixture
def pod(namespace: Namespace) -> str:
    """The name of a pod with the echo server, ready, behind the Service `shop`."""
    namespace.apply(echo("shop", version="v1"))
    namespace.wait_for_condition("apps/v1", "Deployment", "shop", "Available")
    return str(namespace.list("v1", "Pod", selector="app=shop")[0]["metadata"]["name"])


def test_logs(namespace: Namespace, pod: str) -> None:
    first = json.loads(namespace.kubectl("logs", pod).splitlines()[0])
    assert first["msg"] == "listening"
    assert json.loads(namespace.objects.logs(pod, namespace.name).splitlines()[0]) == first


def test_exec(namespace: Namespace, pod: str) -> None:
    told = json.loads(namespace.kubectl("exec", pod, "--", "/echo", "get", "http://127.0.0.1:8080/hello"))
    assert (told["path"], told["pod"]) == ("/hello", pod)


@pytest.mark.parametrize("host", ["shop", "shop.{namespace}", "shop.{namespace}.svc.cluster.local"])
def test_a_service_is_found_by_name(host: str, namespace: Namespace, pod: str) -> None:
    url = f"http://{host.format(namespace=namespace.name)}/"
    answers: list[str] = []

    def found() -> str | None:
        try:
            answers.append(namespace.kubectl("exec", pod, "--", "/echo", "get", url))
        except KubectlError as error:
            return str(error)
        return None

    until(found, within=30.0)
    assert json.loads(answers[0])["pod"] == pod


def test_a_pod_reaches_the_api_server(namespace: Namespace, pod: str) -> None:
    """At its Service; the certificate names it, but the echo image trusts nobody, so it is the handshake that is refused."""
    refused = namespace.refused("exec", pod, "--", "/echo", "get", "https://kubernetes.default.svc/version")
    assert "certificate signed by unknown authority" in refused
