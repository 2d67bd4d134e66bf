"""Matches that a path key alone does not decide: chains of candidates, as values, and compiled for HAProxy without Lua.

With Lua a chain is a program (programs/select.py). Compiled, every user string stands in a named ACL behind `--`, because
neither a flag nor a lone `}` may come from a user.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from haloy.model.flatten import unconditional
from haloy.model.refs import FieldRef
from haloy.model.routing import Candidate, PathKind, ValueKind, ValueMatch
from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.expressions import expression, expression_acl
from haloy.proxies.haproxy.render.tokens import Token
from haloy.proxies.haproxy.slots.layout import Expression


@dataclass(frozen=True, slots=True)
class MethodIs:
    """The request's method."""

    method: str


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """One of the header's lines, each as a whole, is `value`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class QueryIs:
    """One of the parameter's values is `value`. Its name is compared as it stands in the URL, its value decoded like a form's
    (`+` is a blank)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Fits:
    """A regular expression fits."""

    expression: Expression


Test = MethodIs | HeaderIs | QueryIs | Fits


@dataclass(frozen=True, slots=True)
class Step:
    """If all `tests` hold, the request belongs to `rule`, a key of maps/rules.map."""

    tests: tuple[Test, ...]
    rule: str
    source: FieldRef


RuleKey = Callable[[Candidate], str]
"""What stands for a candidate's rule in maps/rules.map."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Candidates of one path key in order of precedence. `id` is made of the content, so equal chains are one."""

    id: str
    steps: tuple[Step, ...]

    @property
    def expressions(self) -> tuple[tuple[Expression, FieldRef], ...]:
        """Those that its steps ask for, and who does."""
        return tuple(
            (test.expression, step.source) for step in self.steps for test in step.tests if isinstance(test, Fits)
        )


def chain(candidates: tuple[Candidate, ...], virtual_host: str, key: RuleKey) -> Chain:
    """The chain for candidates of which the first is conditional. `key`: what stands for a candidate's rule."""
    steps = tuple(Step(_tests(candidate, virtual_host), key(candidate), candidate.source) for candidate in candidates)
    parts = [text for step in steps for text in (step.rule, *(_acl_name(test) for test in step.tests), "")]
    return Chain("?" + digest("chain", *parts, size=8), steps)


def chain_block(chain: Chain, step: Step, known: set[str]) -> Block:
    """One step compiled, with those of its ACLs that are not yet in `known` (which grows).

    A match overwrites the chain's id with the rule, so that later steps of the chain no longer hold.
    """
    lines = []
    for test in step.tests:
        name = _acl_name(test)
        if name not in known:
            known.add(name)
            lines.append(tokens.join(tokens.keyword("acl"), tokens.name(name), _acl(test)))
    rule = Token(f"str({tokens.rule_id(step.rule)})")
    condition = tokens.join(
        tokens.keyword("if { var(txn.rule) -m str"),
        tokens.rule_id(chain.id),
        tokens.keyword("}"),
        *(tokens.name(_acl_name(test)) for test in step.tests),
    )
    lines.append(tokens.join(tokens.keyword("http-request set-var(txn.rule)"), rule, condition))
    return Block(step.source, tuple(lines))


def _tests(candidate: Candidate, virtual_host: str) -> tuple[Test, ...]:
    """Checked, since as words of a program they pass no other guard. Raises UnsafeValueError."""
    if unconditional(candidate):
        return ()
    match = candidate.match
    for condition in (*match.headers, *match.query):
        tokens.word(condition.name)
        tokens.word(condition.value)
    tokens.word(match.path.value)
    if match.method is not None:
        tokens.http_token(match.method)
    tests: list[Test] = [] if match.method is None else [MethodIs(match.method)]
    for condition in match.headers:
        sample = _header(condition.name)
        tests.append(
            HeaderIs(condition.name, condition.value)
            if _exact(condition)
            else Fits(expression(virtual_host, sample, condition.value))
        )
    for condition in match.query:
        tests.append(
            QueryIs(condition.name, condition.value)
            if _exact(condition)
            else Fits(expression(virtual_host, _query(condition.name), condition.value))
        )
    if match.path.kind is PathKind.REGEX:
        tests.append(Fits(expression(virtual_host, tokens.keyword("path"), match.path.value)))
    return tuple(tests)


def _exact(condition: ValueMatch) -> bool:
    match condition.kind:
        case ValueKind.EXACT:
            return True
        case ValueKind.REGEX:
            return False
        case _:
            assert_never(condition.kind)


def _header(name: str) -> Token:
    return tokens.word(f"req.fhdr({tokens.http_token_argument(name)})")


def _query(name: str) -> Token:
    return tokens.word(f"url_param({tokens.argument(name)}),url_dec(1)")


def _acl_name(test: Test) -> str:
    """Equal conditions have equal names."""
    match test:
        case MethodIs():
            return f"method.{digest(test.method, size=8)}"
        case HeaderIs():
            return f"header.{digest(test.name, test.value, size=8)}"
        case QueryIs():
            return f"query.{digest(test.name, test.value, size=8)}"
        case Fits():
            return f"fits.{test.expression.id}"
        case _:
            assert_never(test)


def _acl(test: Test) -> Token:
    """`req.fhdr` looks at each line of that name as a whole; one that fits is enough."""
    match test:
        case MethodIs():
            return tokens.join(tokens.keyword("method --"), tokens.http_token(test.method))
        case HeaderIs():
            return _equals(_header(test.name), test.value)
        case QueryIs():
            return _equals(_query(test.name), test.value)
        case Fits():
            return expression_acl(test.expression)
        case _:
            assert_never(test)


def _equals(fetch: Token, value: str) -> Token:
    """An empty word would end the line's arguments (HAProxy 3.2 warns, 3.4 refuses): what is empty is told by its length."""
    if not value:
        return tokens.join(Token(f"{fetch},length"), tokens.keyword("-m int 0"))
    return tokens.join(fetch, tokens.keyword("-m str --"), tokens.word(value))
