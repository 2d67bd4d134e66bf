"""Rules as entries of maps/rules.map: key -> record, read once per request.

A key is the rule's variant with a digest of its record (`record_key`), so a record never changes: a request that has read
its path's entry is answered wholly by the old or wholly by the new state of its Route. Without Lua, the compiled chains
lead to the variant as it is, since their text must not change with every weight.

A record is `<destination>` (a Cluster, haloy's own section, or `%<weight set>`), or `!<flags><digest>:<destination>` where
the rule has more to say, with `<text>:` before the destination where its filters need no program (direct.py).
Flags: `p` the filters are the program `!<flags><digest>`; `t` time-outs and retries stand under it in maps/timeouts.map:
`ID.server`, `ID.tunnel` (milliseconds), `ID.once` (there: the request must not be repeated).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from haloy.model.routing import Rule
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.names import MISSING, digest, rule_section
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block, comment
from haloy.proxies.haproxy.render.direct import direct
from haloy.proxies.haproxy.render.filters import answering_blocks, answers, forwarding_blocks
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.programs.filters import filter_program
from haloy.proxies.haproxy.render.programs.words import entries
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.weights import Destination, destination

RuleUse = tuple[Rule, tuple[str, ...]]
"""A rule and the variants under which requests reach it."""

MORE = "!"
"""What the record of a rule begins with that has more to say than where it leads."""
PROGRAM, TIMES = "p", "t"
"""Flags behind `MORE`, in this order."""
RECORD_DIGITS = 16
"""Hex digits behind the flags."""
TIME_ENDINGS = (".server", ".tunnel", ".once")
"""What the keys in maps/timeouts.map end in."""


@dataclass(frozen=True, slots=True)
class Record:
    """`value` stands in maps/rules.map, `programs` and `timeouts` are what it refers to, besides the `destination`. `shapes`:
    the Changes that its filters need."""

    value: str
    destination: Destination
    programs: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, str] = field(default_factory=dict)
    timeouts: Mapping[str, str] = field(default_factory=dict)


def record(rule: Rule, variant: str, cookies: Mapping[str, str | None], ports: PublicPorts, *, lua: bool) -> Record:
    """The record of one variant. `cookies`: every Cluster there is, with the name of its affinity cookie.

    A rule that answers by itself leads, with Lua, to a program that does; without, to a section of its own.
    """
    own = answers(rule)
    leads = Destination(MISSING if lua else rule_section(variant)) if own else destination(rule, cookies)
    program = filter_program(rule, variant, ports) if lua else ""
    times = {} if own else _times(rule)
    flags = (PROGRAM if program else "") + (TIMES if times else "")
    if not flags:
        return Record(leads.value, leads)
    name = MORE + flags + digest("record", program, *times, *times.values(), size=RECORD_DIGITS // 2)
    length = int(variant.rpartition("~")[2]) if variant != rule.id else None
    short = direct(rule, length) if program else None
    return Record(
        ":".join([name, *([] if short is None else [short.text]), leads.value]),
        leads,
        entries(name, program) if program else {},
        {short.shape: short.listed} if short is not None else {},
        {f"{name}{ending}": value for ending, value in times.items()},
    )


def record_key(variant: str, one: Record) -> str:
    """`namespace/name:rule~N:3f9a01bc`: the key of a record in maps/rules.map."""
    return f"{variant}:{digest('rule', one.value, size=4)}"


def rule_id(key: str) -> str:
    """The rule's id of a key in maps/rules.map, with or without a digest."""
    return ":".join(key.split(":", 2)[:2]).partition("~")[0]


def _times(rule: Rule) -> dict[str, str]:
    found = {} if rule.request_timeout is None else {".server": str(rule.request_timeout)}
    if rule.tunnel_timeout is not None:
        found[".tunnel"] = str(rule.tunnel_timeout)
    if not rule.retryable:
        found[".once"] = "1"
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """Without Lua: the section of a rule that answers by itself, and the bodies it needs."""

    section: Section
    files: tuple[tuple[str, bytes], ...]


def rule_uses(variants: Iterable[Mapping[str, Rule]]) -> list[RuleUse]:
    """Every rule that a path key can lead to with all its variants, sorted by id. A rule of several hosts counts once."""
    rules: dict[str, Rule] = {}
    found: dict[str, set[str]] = {}
    for listed in variants:
        for variant, rule in listed.items():
            rules.setdefault(rule.id, rule)
            found.setdefault(rule.id, set()).add(variant)
    return [(rules[name], tuple(sorted(found[name]))) for name in sorted(rules)]


def compiled_filters(uses: Iterable[RuleUse], ports: PublicPorts) -> dict[str, tuple[Block, ...]]:
    """Without Lua: by Cluster the filters of the rules that lead to it, for its slot's section."""
    found: dict[str, list[Block]] = {}
    for rule, variants in uses:
        if answers(rule) or not rule.filters:
            continue
        blocks = forwarding_blocks(rule, variants, ports)
        for cluster in dict.fromkeys(target.cluster for target in rule.targets if target.cluster is not None):
            found.setdefault(cluster, []).extend(blocks)
    return {cluster: tuple(blocks) for cluster, blocks in found.items()}


def answer(rule: Rule, variant: str, ports: PublicPorts) -> Answer:
    """Without Lua: the section for one variant of a rule that answers by itself."""
    blocks: list[Block] = answering_blocks(rule, variant, ports)
    name = rule_section(variant)
    text = print_template(
        "answer.cfg.j2",
        source=comment(rule.source),
        name=tokens.name(name),
        blocks=[block for block in blocks if block.lines],
    )
    section = Section(name, text, rule.route, dynamic=False)
    return Answer(section, tuple(file for block in blocks for file in block.files))
