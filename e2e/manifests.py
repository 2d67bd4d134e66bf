"""haloy's objects for tests, with the part that a test is about put in its place."""

from collections.abc import Callable
from typing import Any

from e2e.objects import Object

API_VERSION = "haloy.dev/v1alpha1"
REFS = [{"name": "shop"}]


def haloy(kind: str, spec: Object, name: str = "shop") -> Object:
    """An object of haloy's."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def route(**spec: Any) -> Object:
    """A Route that sends everything to the Backend `shop`, unless told otherwise."""
    return haloy("Route", {"rules": [{"backendRefs": REFS}], **spec})


def rule(**fields: Any) -> Object:
    """A Route with this one rule."""
    return route(rules=[{"backendRefs": REFS, **fields}])


def filtered(kind: str, field: str, settings: Any) -> Object:
    """A Route whose one rule has this one filter; one that answers by itself has no Backend."""
    answers = kind in ("RequestRedirect", "DirectResponse")
    return route(rules=[{"filters": [{"type": kind, field: settings}], **({} if answers else {"backendRefs": REFS})}])


def backend(**spec: Any) -> Object:
    """A Backend with one endpoint."""
    return haloy("Backend", {"endpoints": [{"address": "10.0.0.5", "port": 8080}], **spec})


def policy(**spec: Any) -> Object:
    """A HealthPolicy that checks by HTTP."""
    return haloy("HealthPolicy", {"http": {}, **spec})


def _replaced(path: Object) -> Object:
    return rule(matches=[{}], filters=[{"type": "URLRewrite", "urlRewrite": {"path": path}}])


def _any_filter(part: Object) -> Object:
    answers = part.get("type") in ("RequestRedirect", "DirectResponse")
    return route(rules=[{"filters": [part], **({} if answers else {"backendRefs": REFS})}])


AROUND: dict[str, Callable[[Object], Object]] = {
    "Hsts": lambda part: route(tls={"hsts": part}),
    "Tls": lambda part: route(tls=part),
    "RouteSpec": lambda part: haloy("Route", part),
    "RouteRule": lambda part: route(rules=[part]),
    "PathMatch": lambda part: rule(matches=[{"path": part}]),
    "HeaderMatch": lambda part: rule(matches=[{"headers": [part]}]),
    "QueryParamMatch": lambda part: rule(matches=[{"queryParams": [part]}]),
    "HeaderModifier": lambda part: filtered("RequestHeaderModifier", "requestHeaderModifier", part),
    "HttpHeader": lambda part: filtered("RequestHeaderModifier", "requestHeaderModifier", {"set": [part]}),
    "PathModifier": _replaced,
    "RequestRedirect": lambda part: filtered("RequestRedirect", "requestRedirect", part),
    "UrlRewrite": lambda part: filtered("URLRewrite", "urlRewrite", part),
    "DirectResponse": lambda part: filtered("DirectResponse", "directResponse", part),
    "Filter": _any_filter,
    "BackendSpec": lambda part: haloy("Backend", part),
    "LoadBalancing": lambda part: backend(loadBalancing=part),
    "LabelRequirement": lambda part: _allowing({"from": "Selector", "selector": {"matchExpressions": [part]}}),
    "AllowedNamespaces": lambda part: _allowing(part),
    "HealthPolicySpec": lambda part: haloy("HealthPolicy", part),
    "HttpCheck": lambda part: policy(http=part),
}
"""By the name of the API's model: a whole object with the part in it."""


def _allowing(namespaces: Object) -> Object:
    return backend(allowedRoutes={"namespaces": namespaces})
