"""What tests deploy: the echo server, in one version or another, with a Service before it."""

from e2e import images
from e2e.objects import Object

PORT = 8080


def echo(name: str, *, version: str, replicas: int = 1, app: str | None = None) -> list[Object]:
    """A Deployment NAME, whose pods say `version` in their answers, and a Service of the same name. Its image must be loaded."""
    labels = {"app": app or name}
    container = {
        "name": "echo",
        "image": images.reference("echo"),
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "VERSION", "value": version},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            # One more at a time, and never fewer than asked for.
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 5, "containers": [container]},
            },
        },
    }
    return [deployment, service(name, labels)]


def service(name: str, labels: Object) -> Object:
    """On port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
