"""What each filter of the Model becomes. One module per filter; the order in which they act is `FILTER_ORDER`."""

from dataclasses import dataclass
from typing import assert_never

from haloy.model.filters import (
    DirectResponse,
    Filter,
    PathModifierKind,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.routing import Rule
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block, at
from haloy.proxies.haproxy.render.filters.direct_response import response_lines
from haloy.proxies.haproxy.render.filters.headers import REQUEST, RESPONSE, header_lines
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts, redirect_lines
from haloy.proxies.haproxy.render.filters.rewrite import rewrite_lines
from haloy.proxies.haproxy.render.tokens import Token

FILTER_ORDER: tuple[type[Filter], ...] = (
    ResponseHeaderModifier,
    UrlRewrite,
    RequestHeaderModifier,
    RequestRedirect,
    DirectResponse,
)
"""Order within a rule, whatever order the user wrote. What is done to responses is noted first, because a filter that
answers ends the processing; a rewritten host comes before header filters, so that an explicit Host wins."""


def answers(rule: Rule) -> bool:
    """True when a filter of the rule answers by itself and no target is asked."""
    return any(isinstance(item, RequestRedirect | DirectResponse) for item in rule.filters)


def ordered(rule: Rule) -> list[tuple[int, Filter]]:
    """The rule's filters in FILTER_ORDER, each with its place in the manifest."""
    return sorted(enumerate(rule.filters), key=lambda item: FILTER_ORDER.index(type(item[1])))


@dataclass(frozen=True, slots=True)
class FilterContext:
    """`when`: the condition under which the lines act, empty in a section of the rule's own. `prefix_length`: of the variant."""

    ports: PublicPorts
    when: tuple[Token, ...] = ()
    prefix_length: int | None = None


def filter_block(rule: Rule, index: int, item: Filter, context: FilterContext) -> Block:
    """The lines of the rule's filter number `index`."""
    source = at(rule.source, f"filters[{index}]")
    match item:
        case RequestHeaderModifier():
            return Block(source, header_lines(item.headers, REQUEST, context.when))
        case ResponseHeaderModifier():
            return Block(source, header_lines(item.headers, RESPONSE, context.when))
        case UrlRewrite():
            return Block(source, rewrite_lines(item, context.prefix_length, context.when))
        case RequestRedirect():
            return Block(source, redirect_lines(item, context.prefix_length, context.ports))
        case DirectResponse():
            lines, files = response_lines(item)
            return Block(source, lines, files)
        case _:
            assert_never(item)


def forwarding_blocks(rule: Rule, variants: tuple[str, ...], ports: PublicPorts) -> list[Block]:
    """The filters of a rule that forwards, for the section of one of its targets.

    A variant (`id~N`) first rewrites its prefix and then becomes the plain rule, which all other lines ask for.
    """
    blocks = []
    for variant in variants:
        if variant == rule.id:
            continue
        when = (guard(variant),)
        length = int(variant.rpartition("~")[2])
        for index, item in ordered(rule):
            if isinstance(item, UrlRewrite) and item.path is not None and item.path.kind is PathModifierKind.PREFIX:
                rewritten = UrlRewrite(path=item.path)
                blocks.append(filter_block(rule, index, rewritten, FilterContext(ports, when, length)))
        blocks.append(Block(rule.source, (become(rule, *when),)))
    context = FilterContext(ports, (guard(rule.id),))
    for index, item in ordered(rule):
        if isinstance(item, UrlRewrite) and item.path is not None and item.path.kind is PathModifierKind.PREFIX:
            item = UrlRewrite(hostname=item.hostname)
        blocks.append(filter_block(rule, index, item, context))
    return [block for block in blocks if block.lines]


def answering_blocks(rule: Rule, variant: str, ports: PublicPorts) -> list[Block]:
    """The filters of a rule that answers by itself, for its own section."""
    length = int(variant.rpartition("~")[2]) if variant != rule.id else None
    blocks = [Block(rule.source, (become(rule),))] if variant != rule.id else []
    for index, item in ordered(rule):
        if isinstance(item, RequestHeaderModifier | UrlRewrite):
            continue
        blocks.append(filter_block(rule, index, item, FilterContext(ports, prefix_length=length)))
        if isinstance(item, RequestRedirect | DirectResponse):
            break
    return blocks


def guard(*ids: str) -> Token:
    """`if { var(txn.rule) -m str ID... }`: the lines act for these rules only. A line holds 64 words: at most 40 ids."""
    listed = tokens.join(*(tokens.rule_id(item) for item in ids))
    return tokens.join(tokens.keyword("if { var(txn.rule) -m str"), listed, tokens.keyword("}"))


def become(rule: Rule, *when: Token) -> Token:
    """From a variant to its rule."""
    return tokens.join(
        tokens.keyword("http-request set-var(txn.rule)"), Token(f"str({tokens.rule_id(rule.id)})"), *when
    )
