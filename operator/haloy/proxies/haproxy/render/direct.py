"""Filters that HAProxy carries out by itself: what a program may ask for in lines that are compiled once for everybody.

A Lua action costs as much as half a request, whatever it does. So what the filters of a rule do stands twice in the maps:
as a program, and, where it can be said so, as a text of values, a part of the rule's record. The lines of the
frontends that set these values are compiled for the `Change`s that are used most (`Layout.changes`): a condition each for every
filtered request is their price. maps/known.map says which shapes (sets of Changes) those lines cover. Its keys hold a digest of
all that is compiled, so that no HAProxy ever believes an entry that was made for another one. A rule with any other
Change runs its program until the next reload: a new header is no reason for one.

A text is `<shape>;<key>=<value>;...`, values percent-encoded: `p` the new path, or what stands in front of the part of it that
is kept, `h` the new host, `a` the changes of response headers for HAProxy's own answers (`after`), a Change's own key its value.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import quote

from haloy.model.filters import (
    PathModifier,
    PathModifierKind,
    RequestHeaderModifier,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.routing import Rule
from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.filters import answers
from haloy.proxies.haproxy.render.filters.paths import full_path, kept_from, prefix_path
from haloy.proxies.haproxy.render.programs.filters import NetEffect, after_text, net_effect
from haloy.proxies.haproxy.render.tokens import Token
from haloy.proxies.haproxy.slots.layout import Change, ChangeKind

MOST_CHANGES = 24
"""So many are compiled at most."""
MOST_BYTES = 4_000
"""Of a text; it fits into one command, and into what HAProxy decodes at once."""
_NO_NAME = "/"
"""In the list of a shape; no header is called so."""
_VALUES = "txn.direct"
_SET, _ADD, _REMOVE = (
    (ChangeKind.SET, ChangeKind.AFTER_SET),
    (ChangeKind.ADD, ChangeKind.AFTER_ADD),
    (ChangeKind.REMOVE, ChangeKind.AFTER_REMOVE),
)
_STAGES: tuple[type[RequestHeaderModifier | ResponseHeaderModifier], ...] = (
    RequestHeaderModifier,
    ResponseHeaderModifier,
)
_ON_REPLIES = frozenset((ChangeKind.AFTER_REMOVE, ChangeKind.AFTER_SET, ChangeKind.AFTER_ADD))


@dataclass(frozen=True, slots=True)
class Direct:
    """`text` is a part of the rule's record; `shape`: the digest of `listed`, which names the Changes."""

    shape: str
    listed: str
    text: str


def direct(rule: Rule, length: int | None) -> Direct | None:
    """What the filters of a rule do, without Lua; None: only a program can say that. `length`: of the matched prefix, for a
    variant.

    Raises:
        UnsafeValueError: a value that validation should have refused.
    """
    rewrites = [item for item in rule.filters if isinstance(item, UrlRewrite)]
    if answers(rule) or len(rewrites) > 1:
        return None
    changes: dict[Change, str | None] = {}
    values: dict[str, str] = {}
    for rewrite in rewrites:
        if rewrite.path is not None:
            of_path, values["p"] = _of_path(rewrite.path, length or 0)
            changes[of_path] = None
        if rewrite.hostname is not None:
            values["h"] = rewrite.hostname
            changes[Change(ChangeKind.HOST)] = None
    for on_reply, stage in enumerate(_STAGES):
        for name, effect in net_effect(rule, stage).items():
            of_header = _of_header(name, effect, on_reply)
            if of_header is None:
                return None
            changes[of_header] = effect[1][0] if effect[1] else None
    if not changes or len(changes) > MOST_CHANGES:
        return None
    if after := after_text(rule):
        values["a"] = after
    values |= {key(change): value for change, value in changes.items() if value is not None}
    listed = " ".join(f"{change.kind} {change.name or _NO_NAME}" for change in sorted(changes))
    shape = digest("shape", listed, size=8)
    text = ";".join([shape, *(f"{name}={_encoded(value)}" for name, value in values.items())])
    return Direct(shape, listed, text) if len(text) <= MOST_BYTES else None


def _of_path(modifier: PathModifier, length: int) -> tuple[Change, str]:
    match modifier.kind:
        case PathModifierKind.FULL:
            return Change(ChangeKind.PATH), full_path(modifier)
        case PathModifierKind.PREFIX:
            whole = kept_from(modifier, length) == length
            return Change(ChangeKind.PREFIX if whole else ChangeKind.ROOT, str(length)), prefix_path(modifier)
        case _:
            assert_never(modifier.kind)


def _of_header(name: str, effect: NetEffect, on_reply: int) -> Change | None:
    tokens.http_token(name)
    match effect:
        case (True, (_,)):
            return Change(_SET[on_reply], name)
        case (False, (_,)):
            return Change(_ADD[on_reply], name)
        case (True, ()):
            return Change(_REMOVE[on_reply], name)
        case _:
            return None


def key(change: Change) -> str:
    """Under which a text holds the value."""
    return digest("change", change.kind, change.name, size=4)


def _encoded(value: str) -> str:
    """For url_dec, which takes a `+` behind a `?` for a blank; and a record ends its parts with `:`."""
    tokens.word(value)
    return quote(value, safe="/,")


def changes_of(listed: str) -> Iterator[Change]:
    """The Changes of a shape."""
    words = iter(listed.split(" "))
    for kind, name in zip(words, words, strict=True):
        yield Change(ChangeKind(kind), "" if name == _NO_NAME else name)


def most_used(shapes: Mapping[str, str], more: Mapping[str, int]) -> tuple[Change, ...]:
    """The Changes that most texts ask for, sorted. `more`: by shape how many texts have it beside the first."""
    counted: Counter[Change] = Counter()
    for shape, listed in shapes.items():
        for change in changes_of(listed):
            counted[_compiled_with(change)] += 1 + more.get(shape, 0)
    ranked = sorted(counted, key=lambda change: (-counted[change], change))
    return tuple(sorted(ranked[:MOST_CHANGES]))


def known(shapes: Mapping[str, str], compiled: tuple[Change, ...]) -> dict[str, str]:
    """maps/known.map: by shape and compiled set the sum of the bits of its Changes, where all of them are compiled."""
    bits = dict(_with_bits(compiled))
    ending = known_ending(compiled)
    found: dict[str, str] = {}
    for shape, listed in shapes.items():
        asked = [bits.get(change, 0) for change in changes_of(listed)]
        if all(asked):
            found[shape + ending] = str(sum(asked))
    return found


def _with_bits(compiled: Iterable[Change]) -> Iterator[tuple[Change, int]]:
    """Every Change that there are lines for, with its bit."""
    for place, change in enumerate(compiled):
        yield change, 1 << 2 * place
        if change.kind is ChangeKind.PREFIX:
            yield Change(ChangeKind.ROOT, change.name), 2 << 2 * place


def _compiled_with(change: Change) -> Change:
    return Change(ChangeKind.PREFIX, change.name) if change.kind is ChangeKind.ROOT else change


def known_ending(compiled: Iterable[Change]) -> str:
    """What the keys of maps/known.map end in."""
    return "." + digest("compiled", *(part for change in compiled for part in (change.kind, change.name)), size=8)


def change_lines(compiled: tuple[Change, ...]) -> tuple[list[Token], list[Token]]:
    """The lines for requests and those for what servers answer, in the order in which filters act."""
    requests: list[Token] = []
    replies: list[Token] = []
    for change, bit in _with_bits(compiled):
        asked = Token(f"{{ var(txn.changes),and({tokens.number(bit)}) -m bool }}")
        line = tokens.join(_action(change), tokens.keyword("if"), asked)
        (replies if change.kind in _ON_REPLIES else requests).append(line)
    return requests, replies


def _action(change: Change) -> Token:
    stage = tokens.keyword("http-response" if change.kind in _ON_REPLIES else "http-request")
    match change.kind:
        case ChangeKind.PATH:
            return tokens.join(stage, tokens.keyword("set-path"), tokens.log_format(_value("p")))
        case ChangeKind.PREFIX | ChangeKind.ROOT:
            first = int(change.name) + (change.kind is ChangeKind.ROOT)
            kept = f"%[path,bytes({tokens.number(first)})]"
            return tokens.join(stage, tokens.keyword("set-path"), tokens.log_format(_value("p") + kept))
        case ChangeKind.HOST:
            return tokens.join(stage, tokens.keyword("set-header host"), tokens.log_format(_value("h")))
        case ChangeKind.REMOVE | ChangeKind.AFTER_REMOVE:
            return tokens.join(stage, tokens.keyword("del-header"), tokens.http_token(change.name))
        case ChangeKind.SET | ChangeKind.AFTER_SET:
            action = tokens.keyword("set-header")
        case ChangeKind.ADD | ChangeKind.AFTER_ADD:
            action = tokens.keyword("add-header")
        case _:
            assert_never(change.kind)
    return tokens.join(stage, action, tokens.http_token(change.name), tokens.log_format(_value(key(change))))


def _value(name: str) -> str:
    return f"%[var({_VALUES}),param({name},;),url_dec]"
