"""Matches that a path key alone does not decide: chains of candidates, compiled to ACLs and rules of the frontends.

Every user string stands in a named ACL behind `--`, because neither a flag nor a lone `}` may come from a user.
"""

from dataclasses import dataclass
from typing import assert_never

from haloy.model.flatten import unconditional
from haloy.model.refs import FieldRef
from haloy.model.routing import Candidate, PathKind, ValueKind, ValueMatch
from haloy.proxies.haproxy.names import digest, rule_variant
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.tokens import Token


@dataclass(frozen=True, slots=True)
class Acl:
    """A named condition. Equal conditions have equal names."""

    name: str
    test: Token

    @property
    def line(self) -> Token:
        return tokens.join(tokens.keyword("acl"), tokens.name(self.name), self.test)


@dataclass(frozen=True, slots=True)
class Step:
    """If all `acls` hold, the request belongs to `variant`."""

    acls: tuple[Acl, ...]
    variant: str
    source: FieldRef


@dataclass(frozen=True, slots=True)
class Chain:
    """Candidates of one path key in order of precedence. `id` is made of the content, so equal chains are one."""

    id: str
    steps: tuple[Step, ...]


def chain(candidates: tuple[Candidate, ...]) -> Chain:
    """The chain for candidates of which the first is conditional."""
    steps = tuple(
        Step(_acls(candidate), rule_variant(candidate.rule, candidate.match), candidate.source)
        for candidate in candidates
    )
    parts = [text for step in steps for text in (step.variant, *(acl.name for acl in step.acls), "")]
    return Chain("?" + digest("chain", *parts, size=8), steps)


def chain_block(chain: Chain, step: Step, known: set[str]) -> Block:
    """One step as a block, with those of its ACLs that are not yet in `known` (which grows).

    A match overwrites the chain's id with the variant, so that later steps of the chain no longer hold.
    """
    lines = []
    for acl in step.acls:
        if acl.name not in known:
            known.add(acl.name)
            lines.append(acl.line)
    variant = Token(f"str({tokens.rule_id(step.variant)})")
    condition = tokens.join(
        tokens.keyword("if { var(txn.rule) -m str"),
        tokens.rule_id(chain.id),
        tokens.keyword("}"),
        *(tokens.name(acl.name) for acl in step.acls),
    )
    lines.append(tokens.join(tokens.keyword("http-request set-var(txn.rule)"), variant, condition))
    return Block(step.source, tuple(lines))


def _acls(candidate: Candidate) -> tuple[Acl, ...]:
    if unconditional(candidate):
        return ()
    match = candidate.match
    acls = []
    if match.method is not None:
        acls.append(_acl("method", tokens.keyword("method --"), tokens.http_token(match.method)))
    acls += [_header(condition) for condition in match.headers]
    acls += [_query(condition) for condition in match.query]
    if match.path.kind is PathKind.REGEX:
        acls.append(_acl("path", tokens.keyword("path -m reg --"), _whole(match.path.value)))
    return tuple(acls)


def _header(condition: ValueMatch) -> Acl:
    """`req.fhdr` looks at each line of that name as a whole; one that fits is enough."""
    fetch = tokens.join(Token(f"req.fhdr({tokens.http_token(condition.name)})"), _value(condition))
    return _acl("header", fetch)


def _query(condition: ValueMatch) -> Acl:
    """The parameter's name is compared as it stands in the URL, its value decoded like a form's (`+` is a blank)."""
    fetch = tokens.word(f"url_param({tokens.argument(condition.name)}),url_dec(1)")
    return _acl("query", fetch, _value(condition))


def _value(condition: ValueMatch) -> Token:
    match condition.kind:
        case ValueKind.EXACT:
            return tokens.join(tokens.keyword("-m str --"), tokens.word(condition.value))
        case ValueKind.REGEX:
            return tokens.join(tokens.keyword("-m reg --"), _whole(condition.value))
        case _:
            assert_never(condition.kind)


def _whole(expression: str) -> Token:
    return tokens.word(f"^(?:{expression})$")


def _acl(kind: str, *parts: Token) -> Acl:
    test = tokens.join(*parts)
    return Acl(f"{kind}.{digest(test.text, size=8)}", test)
