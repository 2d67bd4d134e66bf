"""What the proof of 300 changes changes: one Route with its two Backends, in one version after another, and what is right for each.

`right` is the reference: a few lines that know nothing of haloy's maps, programs and slots.
"""

from dataclasses import dataclass
from enum import Enum

from tests.features.product import backend, policy, route

PATHS = ("/p0", "/p1")


class Action(Enum):
    """What the main rule does."""

    FORWARD = "forward"
    REDIRECT = "redirect"
    DIRECT = "direct"


class Kind(Enum):
    """How the second rule's request is told apart."""

    NONE = "none"
    HEADER = "header"
    QUERY = "query"
    METHOD = "method"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request that clients repeat. `host` is the Route's only one."""

    host: str
    path: str
    method: str = "GET"
    env: str | None = None
    query: str = ""

    @property
    def target(self) -> str:
        return f"{self.path}/x{self.query}"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return () if self.env is None else (("x-env", self.env),)


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer, as far as it tells who answered and by which version of the Route."""

    status: int
    upstream: str = ""
    asked: str = ""
    """The mark that the upstream saw, set by the Route's request filter."""
    answered: str = ""
    """The mark that the Route's response filter set, the redirect's target, or the direct answer's body."""
    path: str = ""
    """The path that the upstream saw."""


@dataclass(frozen=True, slots=True)
class Right:
    """What an answer must be, as a whole: by one of `upstreams` ("" for answers of HAProxy's own)."""

    status: int
    upstreams: frozenset[str] = frozenset({""})
    mark: str = ""
    answered: str = ""
    path: str = ""

    def holds(self, seen: Seen) -> bool:
        return (seen.status, seen.asked, seen.answered, seen.path) == (
            self.status,
            self.mark,
            self.answered,
            self.path,
        ) and seen.upstream in self.upstreams


NOT_FOUND = Right(404)


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the Route `name`, of its Backends `name-a` and `name-b`, and of their HealthPolicy.

    `a` and `b`: the names of their endpoints. `weights`: those of the main rule's two backendRefs. `pattern`: of Kind.REGEX.
    """

    name: str
    present: bool = False
    mark: str = "0"
    path: str = PATHS[0]
    kind: Kind = Kind.NONE
    pattern: str = "canary"
    action: Action = Action.FORWARD
    rewrite: bool = False
    weights: tuple[int, int] = (1, 0)
    a: tuple[str, ...] = ("u0",)
    b: tuple[str, ...] = ("u3",)
    algorithm: str = "RoundRobin"
    connect_timeout: int = 5_000
    retry_on: tuple[str, ...] = ("connectFailure",)
    check_path: str = "/healthz/0"

    @property
    def host(self) -> str:
        return f"{self.name}.test"

    @property
    def tag(self) -> str:
        """The mark that this version's filters set: nobody else's."""
        return f"{self.name}.{self.mark}"

    @property
    def asks(self) -> tuple[Ask, ...]:
        first, second = PATHS
        return (
            Ask(self.host, first),
            Ask(self.host, second),
            Ask(self.host, first, env="canary"),
            Ask(self.host, second, env="canary", query="?env=canary"),
            Ask(self.host, first, query="?env=canary"),
            Ask(self.host, first, method="POST"),
        )


def _second_rule(version: Version, ask: Ask) -> bool:
    match version.kind:
        case Kind.NONE:
            return False
        case Kind.HEADER | Kind.REGEX:
            return ask.env == "canary"
        case Kind.QUERY:
            return ask.query == "?env=canary"
        case Kind.METHOD:
            return ask.method == "POST"


def right(version: Version, ask: Ask) -> Right:
    """What `ask` must be answered while exactly this version is there."""
    if not version.present or ask.path != version.path:
        return NOT_FOUND
    if _second_rule(version, ask):
        return Right(200, frozenset(version.b), version.tag, version.tag, ask.target)
    match version.action:
        case Action.REDIRECT:
            return Right(302, answered=f"/to/{version.tag}")
        case Action.DIRECT:
            return Right(418, answered=version.tag)
        case Action.FORWARD:
            first, second = version.weights
            upstreams = frozenset((version.a if first else ()) + (version.b if second else ()))
            seen = f"/rewritten/x{ask.query}" if version.rewrite else ask.target
            return Right(200, upstreams, version.tag, version.tag, seen)


def manifest(version: Version, ports: dict[str, int]) -> str:
    """The file of the version, with Backends and HealthPolicy; `ports` of the upstreams by name."""
    retried = ", ".join(f"'{condition}'" for condition in version.retry_on)
    extra = (
        f"healthPolicy: {version.name}\nloadBalancing: {{algorithm: {version.algorithm}}}\n"
        f"connections: {{connectTimeout: {version.connect_timeout}ms}}\n"
        f'retry: {{attempts: 2, "on": [{retried}]}}'
    )
    backends = "".join(
        backend(
            f"{version.name}-{letter}", *(f"{{address: 127.0.0.1, port: {ports[one]}}}" for one in names), extra=extra
        )
        for letter, names in (("a", version.a), ("b", version.b))
    )
    checks = policy(
        version.name,
        f"http: {{path: {version.check_path}}}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 10",
    )
    return (route(version.name, _spec(version)) if version.present else "") + backends + checks


def _spec(version: Version) -> str:
    lines = f"hosts: [{version.host}]\nrules:\n"
    path = f"path: {{type: PathPrefix, value: {version.path}}}"
    marks = (
        f"{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-mark, value: {version.tag}}}]}}}}",
        f"{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-request-mark, value: {version.tag}}}]}}}}",
    )
    condition = {
        Kind.NONE: "",
        Kind.HEADER: "headers: [{name: x-env, value: canary}]",
        Kind.QUERY: "queryParams: [{name: env, value: canary}]",
        Kind.METHOD: "method: POST",
        Kind.REGEX: f"headers: [{{name: x-env, type: RegularExpression, value: '{version.pattern}'}}]",
    }[version.kind]
    if condition:
        lines += (
            f"- matches: [{{{path}, {condition}}}]\n  filters: [{', '.join(marks)}]\n"
            f"  backendRefs: [{{name: {version.name}-b}}]\n"
        )
    lines += f"- matches: [{{{path}}}]\n"
    match version.action:
        case Action.REDIRECT:
            target = f"{{type: ReplaceFullPath, replaceFullPath: /to/{version.tag}}}"
            return lines + f"  filters: [{{type: RequestRedirect, requestRedirect: {{path: {target}}}}}]\n"
        case Action.DIRECT:
            return (
                lines + f"  filters: [{{type: DirectResponse, directResponse: {{status: 418, body: {version.tag}}}}}]\n"
            )
        case Action.FORWARD:
            rewrite = (
                "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /rewritten}}}"
            )
            filters = (*marks, rewrite) if version.rewrite else marks
            refs = ", ".join(
                f"{{name: {version.name}-{letter}, weight: {weight}}}"
                for letter, weight in zip("ab", version.weights, strict=True)
            )
            return lines + f"  filters: [{', '.join(filters)}]\n  backendRefs: [{refs}]\n"
