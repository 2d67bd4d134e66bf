"""What a Cluster needs: a profile (the text of a section that it could live in), servers, and what its check asks for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from haloy.model.cluster import Algorithm, Balance, Cluster, CookieAffinity, Retry, RetryOn
from haloy.model.model import Bundle, Model
from haloy.model.revised import Revised, differing, exchanged
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.checks import CheckShape, CheckTarget, check_lines, check_shape, check_target
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.servers import cluster_servers
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token
from haloy.proxies.haproxy.slots.layout import Profile

HEALTH_LOG_LENGTH = 1024

_CONSISTENT = tokens.keyword("hash-type consistent")
_RETRY_WORDS = {RetryOn.CONNECT_FAILURE: "conn-failure", RetryOn.TIMEOUT: "response-timeout"}


@dataclass(frozen=True, slots=True)
class Shape:
    """All that a profile's text is made from, and nothing else. Times in milliseconds."""

    balance: Balance
    connect_timeout: int
    queue_timeout: int
    affinity: CookieAffinity | None
    retry: Retry
    check: CheckShape | None
    health_log: str | None
    lua: bool


@dataclass(frozen=True, slots=True)
class ClusterNeeds:
    """`wanted`: the Cluster's part of a Demand."""

    cluster: Cluster
    wanted: tuple[Profile, tuple[Server, ...]]
    check: CheckTarget


@dataclass(frozen=True, slots=True)
class AllNeeds:
    """By Cluster. `demand` holds the very same values; `profiles` are those made so far, by Shape. `of`, `bundles`: what of the Model
    they were made from."""

    options: HaproxyOptions
    clusters: Revised[str, ClusterNeeds]
    demand: Revised[str, tuple[Profile, tuple[Server, ...]]]
    profiles: Mapping[Shape, Profile]
    of: Sequence[Cluster]
    bundles: Mapping[str, Bundle]


def all_needs(model: Model, options: HaproxyOptions, memo: RenderMemo) -> AllNeeds:
    """What every Cluster needs. Those that are the same objects as in the last cycle are not looked at."""
    return memo.follow("clusters", lambda last: _all_needs(model, options, last))


def _all_needs(model: Model, options: HaproxyOptions, last: AllNeeds | None) -> AllNeeds:
    bundles = {bundle.name: bundle for bundle in model.bundles}
    if last is None or last.options != options:
        last = AllNeeds(options, Revised(), Revised(), {}, (), bundles)
    gone, come = exchanged(last.of, model.clusters)
    if others := differing(last.bundles, bundles):
        came = set(map(id, come))
        come += [one for one in model.clusters if one.tls and one.tls.ca in others and id(one) not in came]
    if not gone and not come:
        return last
    profiles = {**last.profiles}
    made = {cluster.name: _needs(cluster, bundles, options, profiles) for cluster in come}
    lost = [cluster.name for cluster in gone if cluster.name not in made]
    clusters = last.clusters.revised(made, lost)
    if len(profiles) > len(last.profiles):
        used = {needs.wanted[0].id for needs in clusters.values()}
        profiles = {shape: one for shape, one in profiles.items() if one.id in used}
    demand = last.demand.revised({name: needs.wanted for name, needs in made.items()}, lost)
    return AllNeeds(options, clusters, demand, profiles, model.clusters, bundles)


def profile(cluster: Cluster, options: HaproxyOptions) -> Profile:
    """The section's text below its name: the same for all Clusters of equal needs. Only typed values of a user are in it."""
    return _printed(_shape(cluster, options))


def _needs(
    cluster: Cluster, bundles: Mapping[str, Bundle], options: HaproxyOptions, profiles: dict[Shape, Profile]
) -> ClusterNeeds:
    shape = _shape(cluster, options)
    made = profiles.get(shape)
    if made is None:
        made = profiles[shape] = _printed(shape)
    bundle = None if cluster.tls is None or cluster.tls.ca is None else bundles.get(cluster.tls.ca)
    servers = cluster_servers(cluster, options, "" if bundle is None else bundle.digest)
    return ClusterNeeds(cluster, (made, servers), check_target(cluster))


def _shape(cluster: Cluster, options: HaproxyOptions) -> Shape:
    return Shape(
        cluster.balance,
        cluster.connections.connect_timeout,
        cluster.connections.queue_timeout,
        cluster.affinity,
        cluster.retry,
        check_shape(cluster),
        options.health_log,
        options.lua,
    )


def _printed(shape: Shape) -> Profile:
    check = () if shape.check is None else check_lines(shape.check)
    lines = (*_balance(shape.balance), *_connections(shape), *_affinity(shape.affinity), *_retry(shape.retry), *check)
    health_log = None if shape.health_log is None else tokens.word(shape.health_log)
    text = print_template(
        "profile.cfg.j2",
        lines=lines,
        layer7=_layer7(shape.retry),
        health_log=health_log,
        lua=shape.lua,
        log_length=tokens.number(HEALTH_LOG_LENGTH),
    )
    return Profile(digest("profile", text, size=8), text)


def _balance(balance: Balance) -> Iterable[Token]:
    match balance.algorithm:
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
            header = tokens.http_token(balance.header or "host")
            yield tokens.join(tokens.keyword("balance"), Token(f"hdr({header})"))
            yield _CONSISTENT
        case _:
            assert_never(balance.algorithm)


def _connections(shape: Shape) -> Iterable[Token]:
    yield tokens.join(tokens.keyword("timeout connect"), tokens.milliseconds(shape.connect_timeout))
    yield tokens.join(tokens.keyword("timeout queue"), tokens.milliseconds(shape.queue_timeout))


def _affinity(affinity: CookieAffinity | None) -> Iterable[Token]:
    """`indirect` hides the cookie from the endpoints, `nocache` its setting from caches; `httponly` from scripts."""
    if affinity is None:
        return
    parts = [tokens.keyword("cookie"), tokens.http_token(affinity.name)]
    parts.append(tokens.keyword("insert indirect nocache httponly"))
    if affinity.max_age is not None:
        seconds = max(1, affinity.max_age // 1000)
        parts += [tokens.keyword("attr"), tokens.word(f"Max-Age={seconds}")]
    yield tokens.join(*parts)


def _layer7(retry: Retry) -> bool:
    """Whether requests may be repeated for other reasons than a connection that failed."""
    return retry.attempts > 0 and any(reason is not RetryOn.CONNECT_FAILURE for reason in retry.on)


def _retry(retry: Retry) -> Iterable[Token]:
    """Only connection failures repeat a request that is not idempotent (RFC 9110, section 9.2.2)."""
    yield tokens.join(tokens.keyword("retries"), tokens.number(retry.attempts if retry.on else 0))
    if not _layer7(retry):
        return
    words = [tokens.name(word) for word in sorted({_RETRY_WORDS.get(reason, reason.value) for reason in retry.on})]
    yield tokens.join(tokens.keyword("retry-on"), *words)
    yield tokens.keyword("http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }")
