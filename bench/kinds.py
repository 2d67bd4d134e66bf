"""The kinds of rules whose cost is measured: as a Route says each, as a person writes it into haproxy.cfg, and the request that it serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """`goal`: the largest ratio to the hand-written configuration that haloy allows itself.

    `rule` is laid over a rule of a Route; `backends`: how many it leads to, weighted `weights`. `by_hand`: lines for the frontend of
    haproxy.cfg after those that every kind has. The load's requests carry `headers` and are such that the rule takes them.
    """

    name: str
    words: str
    goal: float
    rule: Mapping[str, Any]
    by_hand: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    weights: tuple[int, ...] = (1,)


PLAIN = Kind("plain", "host and path only", 1.10, {})
CONDITIONS = Kind(
    "conditions",
    "two header conditions",
    1.50,
    {"matches": [{"headers": [{"name": "x-plan", "value": "gold"}, {"name": "x-region", "value": "eu-north"}]}]},
    (
        "acl gold req.fhdr(x-plan) -m str gold",
        "acl north req.fhdr(x-region) -m str eu-north",
        'http-request return status 404 content-type text/plain string "no such page" unless gold north',
    ),
    (("X-Plan", "gold"), ("X-Region", "eu-north")),
)
FILTERS = Kind(
    "filters",
    "three filters: a request header, a response header, a shorter path",
    1.50,
    {
        "matches": [{"path": {"type": "PathPrefix", "value": "/products"}}],
        "filters": [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "x-tenant", "value": "shop"}]},
            },
            {
                "type": "ResponseHeaderModifier",
                "responseHeaderModifier": {"set": [{"name": "x-served-by", "value": "eu"}]},
            },
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/items"}},
            },
        ],
    },
    (
        "acl products path -m dir /products",
        'http-request return status 404 content-type text/plain string "no such page" unless products',
        "http-request set-header x-tenant shop",
        "http-request set-path /items%[path,bytes(9)]",
        "http-response set-header x-served-by eu",
    ),
)
WEIGHTS = Kind(
    "weights",
    "a weighted pair of Backends",
    1.50,
    {},
    ("use_backend web:next if { rand(10) lt 1 }",),
    weights=(9, 1),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (PLAIN, CONDITIONS, FILTERS, WEIGHTS)}
