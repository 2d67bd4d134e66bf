"""A Cluster as a section: how its servers are chosen, reached and checked, and what its rules do on the way."""

from collections.abc import Iterable
from typing import assert_never

from haloy.model.cluster import Algorithm, Cluster, RetryOn
from haloy.model.routing import Rule
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.names import cluster_section as section_name
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block, at, comment
from haloy.proxies.haproxy.render.checks import check_blocks
from haloy.proxies.haproxy.render.filters import forwarding_blocks, guard
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.servers import cluster_servers
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token

RuleUse = tuple[Rule, tuple[str, ...]]
"""A rule that leads to a section, and the variants under which requests arrive there."""

_IDS_PER_LINE = 40
_CONSISTENT = tokens.keyword("hash-type consistent")


def leaves_traces(use: RuleUse) -> bool:
    """Whether the rule needs lines in its targets' sections."""
    rule, variants = use
    timeouts = rule.request_timeout is not None or rule.tunnel_timeout is not None
    return bool(rule.filters) or timeouts or not rule.retryable or variants != (rule.id,)


def cluster_section(
    cluster: Cluster, uses: tuple[RuleUse, ...], ports: PublicPorts, options: HaproxyOptions
) -> Section:
    """The section, whose servers may come and go at run time. `uses`: the rules with traces, sorted by id."""
    blocks = [
        Block(at(cluster.source, "spec.loadBalancing"), tuple(_balance(cluster))),
        Block(at(cluster.source, "spec.connections"), tuple(_connections(cluster))),
        Block(at(cluster.source, "spec.sessionAffinity"), tuple(_affinity(cluster))),
        Block(at(cluster.source, "spec.retry"), tuple(_retry(cluster))),
        *check_blocks(cluster),
        *(block for rule, variants in uses for block in forwarding_blocks(rule, variants, ports)),
        *_rule_settings([rule for rule, _ in uses], layer7=_layer7(cluster)),
    ]
    name = section_name(cluster.name)
    text = print_template(
        "cluster.cfg.j2",
        source=comment(cluster.source),
        name=tokens.name(name),
        blocks=[block for block in blocks if block.lines],
        endpoints=comment(at(cluster.source, "spec.endpoints")),
    )
    return Section(name, text, cluster.source, cluster_servers(cluster, options), dynamic=True)


def _balance(cluster: Cluster) -> Iterable[Token]:
    match cluster.balance.algorithm:
        case Algorithm.ROUND_ROBIN:
            yield tokens.keyword("balance roundrobin")
        case Algorithm.LEAST_CONNECTIONS:
            yield tokens.keyword("balance leastconn")
        case Algorithm.RANDOM:
            yield tokens.keyword("balance random")
        case Algorithm.FIRST:
            yield tokens.keyword("balance first")
        case Algorithm.SOURCE_IP:
            yield tokens.keyword("balance source")
            yield _CONSISTENT
        case Algorithm.URI:
            yield tokens.keyword("balance uri")
            yield _CONSISTENT
        case Algorithm.HEADER:
            header = tokens.http_token(cluster.balance.header or "host")
            yield tokens.join(tokens.keyword("balance"), Token(f"hdr({header})"))
            yield _CONSISTENT
        case _:
            assert_never(cluster.balance.algorithm)


def _connections(cluster: Cluster) -> Iterable[Token]:
    yield tokens.join(tokens.keyword("timeout connect"), tokens.milliseconds(cluster.connections.connect_timeout))
    yield tokens.join(tokens.keyword("timeout queue"), tokens.milliseconds(cluster.connections.queue_timeout))


def _affinity(cluster: Cluster) -> Iterable[Token]:
    """`indirect` hides the cookie from the endpoints, `nocache` its setting from caches; `httponly` from scripts."""
    if cluster.affinity is None:
        return
    parts = [tokens.keyword("cookie"), tokens.http_token(cluster.affinity.name)]
    parts.append(tokens.keyword("insert indirect nocache httponly"))
    if cluster.affinity.max_age is not None:
        seconds = max(1, cluster.affinity.max_age // 1000)
        parts += [tokens.keyword("attr"), tokens.word(f"Max-Age={seconds}")]
    yield tokens.join(*parts)


_RETRY_WORDS = {RetryOn.CONNECT_FAILURE: "conn-failure", RetryOn.TIMEOUT: "response-timeout"}


def _layer7(cluster: Cluster) -> bool:
    """Whether requests may be repeated for other reasons than a connection that failed."""
    return cluster.retry.attempts > 0 and any(reason is not RetryOn.CONNECT_FAILURE for reason in cluster.retry.on)


def _retry(cluster: Cluster) -> Iterable[Token]:
    """Only connection failures repeat a request that is not idempotent (RFC 9110, section 9.2.2)."""
    retry = cluster.retry
    yield tokens.join(tokens.keyword("retries"), tokens.number(retry.attempts if retry.on else 0))
    if not _layer7(cluster):
        return
    words = [tokens.name(_RETRY_WORDS.get(reason, reason.value)) for reason in retry.on]
    yield tokens.join(tokens.keyword("retry-on"), *words)
    yield tokens.keyword("http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }")


def _rule_settings(rules: list[Rule], *, layer7: bool) -> Iterable[Block]:
    """Time-outs and retries of single rules, one line for all rules that want the same."""
    settings: dict[str, tuple[Token, list[Rule]]] = {}
    for rule in rules:
        wanted = []
        if rule.request_timeout is not None:
            time = tokens.milliseconds(rule.request_timeout)
            wanted.append(tokens.join(tokens.keyword("http-request set-timeout server"), time))
        if rule.tunnel_timeout is not None:
            time = tokens.milliseconds(rule.tunnel_timeout)
            wanted.append(tokens.join(tokens.keyword("http-request set-timeout tunnel"), time))
        if not rule.retryable and layer7:
            wanted.append(tokens.keyword("http-request disable-l7-retry"))
        for action in wanted:
            settings.setdefault(action.text, (action, []))[1].append(rule)
    for _, (action, same) in sorted(settings.items()):
        for start in range(0, len(same), _IDS_PER_LINE):
            some = same[start : start + _IDS_PER_LINE]
            yield Block(some[0].source, (tokens.join(action, guard(*(rule.id for rule in some))),))
