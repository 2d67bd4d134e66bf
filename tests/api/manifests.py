"""Manifests that use every field of the API at least once, and short ones to build upon."""

from typing import Any

from haloy.api.v1alpha1.base import API_VERSION

Document = dict[str, Any]


def manifest(kind: str, spec: Document, **metadata: Any) -> Document:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "shop", **metadata}, "spec": spec}


def route(**spec: Any) -> Document:
    return manifest("Route", {"rules": [{"backendRefs": [{"name": "shop"}]}], **spec})


def rule(**fields: Any) -> Document:
    """A Route with one rule."""
    return route(rules=[{"backendRefs": [{"name": "shop"}], **fields}])


def backend(**spec: Any) -> Document:
    return manifest("Backend", {"endpoints": [{"address": "10.0.0.5", "port": 8080}], **spec})


def policy(**spec: Any) -> Document:
    return manifest("HealthPolicy", {"http": {}, **spec})


FULL: tuple[Document, ...] = (
    route(
        proxyClass="internal",
        hosts=["shop.example.com", "*.shop.example.com"],
        canonicalHost="shop.example.com",
        tls={
            "secretName": "shop-tls",
            "redirect": True,
            "minVersion": "1.3",
            "hsts": {"maxAge": "17520h", "includeSubDomains": True, "preload": True},
        },
        rules=[
            {
                "name": "api",
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": "/api"},
                        "method": "GET",
                        "headers": [{"name": "x-env", "type": "RegularExpression", "value": "can.*"}],
                        "queryParams": [{"name": "v", "type": "Exact", "value": "2"}],
                    },
                    {"path": {"type": "PathPrefix", "value": "/v2/api"}},
                ],
                "filters": [
                    {
                        "type": "RequestHeaderModifier",
                        "requestHeaderModifier": {
                            "set": [{"name": "x-a", "value": "1"}],
                            "add": [{"name": "x-b", "value": "2"}],
                            "remove": ["x-c"],
                        },
                    },
                    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}},
                    {
                        "type": "URLRewrite",
                        "urlRewrite": {
                            "hostname": "internal.example.com",
                            "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"},
                        },
                    },
                ],
                "backendRefs": [{"name": "shop", "namespace": "web", "weight": 90}, {"name": "next", "weight": 0}],
                "timeouts": {"request": "30s", "tunnel": "1h"},
                "retryable": False,
            },
            {
                "matches": [{"path": {"type": "RegularExpression", "value": "/old/[0-9]+"}}],
                "filters": [
                    {
                        "type": "RequestRedirect",
                        "requestRedirect": {
                            "scheme": "https",
                            "hostname": "www.example.com",
                            "path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"},
                            "port": 8443,
                            "statusCode": 301,
                        },
                    }
                ],
            },
            {
                "matches": [{"path": {"type": "Exact", "value": "/down"}}],
                "filters": [
                    {
                        "type": "DirectResponse",
                        "directResponse": {"status": 503, "body": "Back at noon.\n", "contentType": "text/plain"},
                    }
                ],
            },
        ],
    ),
    route(hosts=["files.example.com"], tls={"crtFile": "files.crt", "keyFile": "files.key"}),
    route(tls={"issuer": "selfSigned"}),
    backend(
        endpoints=[
            {"address": "10.0.0.5", "port": 8080, "weight": 100, "backup": False},
            {"address": "shop.internal", "port": 8080, "weight": 0, "backup": True},
        ],
        protocol="https",
        tls={"caSecretName": "ca", "serverName": "shop.internal", "clientCertificateSecretName": "client"},
        loadBalancing={"algorithm": "Header", "header": "x-user"},
        sessionAffinity={"cookie": {"name": "SRV", "maxAge": "1h"}},
        healthPolicy="web-checks",
        connections={
            "maxPerEndpoint": 100,
            "queueTimeout": "5s",
            "connectTimeout": "500ms",
            "sendProxyProtocol": "v2",
        },
        retry={"attempts": 3, "on": ["connectFailure", "timeout", "503"]},
        allowedRoutes={
            "namespaces": {
                "from": "Selector",
                "selector": {
                    "matchLabels": {"team": "shop"},
                    "matchExpressions": [
                        {"key": "example.com/tier", "operator": "In", "values": ["front", "back"]},
                        {"key": "legacy", "operator": "DoesNotExist"},
                    ],
                },
            }
        },
    ),
    manifest("Backend", {"service": {"name": "shop", "port": 80}}),
    policy(
        http={
            "path": "/healthz?full=1",
            "method": "GET",
            "host": "shop.internal:8080",
            "headers": [{"name": "user-agent", "value": "haloy"}],
            "expectedStatuses": ["200-299", "304"],
            "expectedBody": "ok",
        },
        interval="10s",
        timeout="2s",
        unhealthyThreshold=2,
        healthyThreshold=1,
        slowStart="30s",
        startUnhealthy=True,
        passive={"consecutiveErrors": 5, "onError": "FastCheck"},
    ),
    manifest("HealthPolicy", {"tcp": {}}),
    manifest("HealthPolicy", {"grpc": {"service": "shop.v1.Orders"}}),
)
