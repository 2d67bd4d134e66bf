"""All rules of a Model: where each leads, and which lines it needs where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from haloy.model.cluster import Cluster
from haloy.model.routing import Rule
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.names import rule_section
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.blocks import Block, comment
from haloy.proxies.haproxy.render.clusters import RuleUse, leaves_traces
from haloy.proxies.haproxy.render.filters import answering_blocks, answers
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.maps import HostEntries
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.weights import Destination, destination


@dataclass(frozen=True, slots=True)
class Answer:
    """The section of a rule that answers by itself, and the bodies it needs."""

    section: Section
    files: tuple[tuple[str, bytes], ...]


def rule_uses(hosts: Iterable[HostEntries]) -> list[RuleUse]:
    """Every rule that a path key can lead to with all its variants, sorted by id. A rule of several hosts counts once."""
    rules: dict[str, Rule] = {}
    variants: dict[str, set[str]] = {}
    for entries in hosts:
        for variant, rule in entries.variants:
            rules.setdefault(rule.id, rule)
            variants.setdefault(rule.id, set()).add(variant)
    return [(rules[name], tuple(sorted(variants[name]))) for name in sorted(rules)]


def destinations(uses: Iterable[RuleUse], clusters: Mapping[str, Cluster]) -> dict[str, Destination]:
    """By variant. Rules that answer by themselves have a section of their own."""
    found = {}
    for rule, variants in uses:
        shared = None if answers(rule) else destination(rule, clusters)
        for variant in variants:
            found[variant] = shared or Destination(rule_section(variant))
    return found


def uses_by_cluster(uses: Iterable[RuleUse]) -> dict[str, tuple[RuleUse, ...]]:
    """For each cluster the forwarding rules that need lines in its section, sorted by id."""
    found: dict[str, list[RuleUse]] = {}
    for use in uses:
        rule = use[0]
        if answers(rule) or not leaves_traces(use):
            continue
        for cluster in dict.fromkeys(target.cluster for target in rule.targets if target.cluster is not None):
            found.setdefault(cluster, []).append(use)
    return {cluster: tuple(listed) for cluster, listed in found.items()}


def answer(rule: Rule, variant: str, ports: PublicPorts) -> Answer:
    """The section for one variant of a rule that answers by itself."""
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
