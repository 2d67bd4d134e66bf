"""Regular expressions: HAProxy compiles them when it starts, so each is a line of the frontends, guarded by host.

A line says in a variable whether the expression fits; chains ask for the variable. Expressions that no chain needs any
more cost a look at their guard until the next reload.
"""

from collections.abc import Iterable, Mapping

from haloy.model.refs import FieldRef
from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import comment
from haloy.proxies.haproxy.render.tokens import Token
from haloy.proxies.haproxy.slots.layout import Expression

_HOSTS_PER_LINE = 40
"""A line of HAProxy's holds 64 words."""

_ASKS = tokens.keyword("http-request set-var(req.asks) var(req.vh) if { var(txn.rule) -m beg ? }")
"""So each line has one condition that most requests do not meet."""


def expression(virtual_host: str, sample: Token, pattern: str) -> Expression:
    """`pattern` must match all of `sample`. The id is made of both: the same on every host."""
    return Expression(digest("expression", sample.text, pattern, size=8), virtual_host, sample.text, pattern)


def whole(pattern: str) -> Token:
    """The expression that fits if `pattern` fits from the first to the last byte, as one word."""
    return tokens.word(f"^(?:{pattern})$")


def expression_acl(one: Expression) -> Token:
    """What is behind the name of an ACL. `sample` is finished text; the pattern, a user's string, stands behind `--`."""
    return tokens.join(Token(one.sample), tokens.keyword("-m reg --"), whole(one.pattern))


def expression_lines(expressions: Iterable[Expression], sources: Mapping[str, FieldRef]) -> tuple[Token, ...]:
    """All lines of the frontends; each ACL once, whatever the number of hosts, and headed by the rule that asks for it.

    `sources`: such rules by the expression's id; one that nobody asks for any more has none.
    """
    by_id: dict[str, list[Expression]] = {}
    for one in expressions:
        by_id.setdefault(one.id, []).append(one)
    lines = [_ASKS] if by_id else []
    for name, same in sorted(by_id.items(), key=lambda item: (item[1][0].sample, item[1][0].pattern)):
        acl = tokens.name(f"fits.{name}")
        lines.append(comment(sources[name]) if name in sources else tokens.keyword("# haloy: regular expressions"))
        lines.append(tokens.join(tokens.keyword("acl"), acl, expression_acl(same[0])))
        hosts = sorted({one.virtual_host for one in same})
        for start in range(0, len(hosts), _HOSTS_PER_LINE):
            some = tokens.join(*(_virtual_host(host) for host in hosts[start : start + _HOSTS_PER_LINE]))
            lines.append(
                tokens.join(
                    tokens.keyword("http-request"),
                    Token(f"set-var(req.fits_{tokens.name(name)})"),
                    tokens.keyword("bool(true) if { var(req.asks) -m str"),
                    some,
                    tokens.keyword("}"),
                    acl,
                )
            )
    return tuple(lines)


def _virtual_host(virtual_host: str) -> Token:
    """`*.example.com`, or `**.example.com` where it stands for many labels (names.virtual_host_id)."""
    if virtual_host.startswith("**."):
        return Token(f"*{tokens.host(virtual_host[1:])}")
    return tokens.host(virtual_host)
