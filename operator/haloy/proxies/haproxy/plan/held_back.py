"""Maps of a change that waits for a reload: no entry leads to what is not there yet. Pure."""

from collections.abc import Iterable, Mapping

from haloy.proxies.haproxy.plan.map_steps import CHECK_MAPS, entry_fits
from haloy.proxies.haproxy.plan.running import Maps
from haloy.proxies.haproxy.render.maps import CLUSTERS, PATHS, PROGRAMS, RULES, TARGET_MAPS
from haloy.proxies.haproxy.render.references import leads_to, unmet
from haloy.proxies.haproxy.render.rules import rule_id
from haloy.proxies.haproxy.slots.layout import Layout


def maps_meanwhile(
    present: Maps, wanted: Maps, layout: Layout, goal: Layout, limit: int | None
) -> dict[str, Mapping[str, str]]:
    """The maps of `present`, with what of `wanted` may be there before the reload.

    `layout`: the places that Clusters have meanwhile, in the structure that there is; `goal`: those that `wanted` speaks of.
    What requests ask for goes at once, what that led to stays. A rule with a path or a record that must wait stays as it was
    in all of its paths, so that each request sees a Route of before or of afterwards; so does a rule whose path is waited for.
    """
    fitting = {
        name: {
            key: value
            for key, value in content.items()
            if present[name].get(key) == value or entry_fits(name, key, value, limit)
        }
        for name, content in wanted.items()
        if name in present
    }
    targets = {name: {**present[name], **fitting.get(name, {})} for name in present if name in TARGET_MAPS}
    if CLUSTERS in targets:
        targets[CLUSTERS] = _places(present[CLUSTERS], wanted.get(CLUSTERS, {}), layout)
    for name in CHECK_MAPS:
        if name in targets:
            targets[name] = _checks(present[name], fitting.get(name, {}), layout, goal)
    entries = {name: fitting.get(name, {}) for name in present if name not in TARGET_MAPS}
    held_rules, held_paths = _held(present, targets, entries.get(PATHS, {}), layout)
    before = present.get(RULES, {})
    if held_rules:
        targets[RULES] = _with_former(targets[RULES], held_rules, before)
    if held_paths:
        entries[PATHS] = _with_former(entries[PATHS], held_paths, present[PATHS])
    return {name: targets[name] if name in targets else entries[name] for name in present}


def _held(present: Maps, targets: Maps, paths: Mapping[str, str], layout: Layout) -> tuple[set[str], set[str]]:
    """Rules and path keys that must stay what they were: they lead to what is missing, or belong to a rule that must stay."""
    rules, before = dict(targets.get(RULES, {})), present.get(RULES, {})
    former = present.get(PATHS, {})
    changed_rules = {key for key, value in rules.items() if before.get(key) != value}
    changed_paths = {key for key, value in paths.items() if former.get(key) != value}
    held_rules: set[str] = set()
    held_paths: set[str] = set()
    staying: set[str] = set()
    while True:
        entries = {**targets, RULES: rules, PATHS: paths}
        held = {key for key in changed_rules & rules.keys() if unmet(RULES, key, entries, layout)}
        for key in held:
            del rules[key]
        entries[RULES] = rules
        waiting = {key for key in changed_paths - held_paths if unmet(PATHS, key, entries, layout)}
        if waiting or staying:
            waiting |= {
                key for key in changed_paths - held_paths if not staying.isdisjoint(rules_of(key, paths, targets))
            }
        staying.update(
            rule for key in waiting for rule in (*rules_of(key, paths, targets), *rules_of(key, former, present))
        )
        dragged = {key for key in changed_rules & rules.keys() & before.keys() if rule_id(key) in staying}
        for key in dragged:
            del rules[key]
        held_rules |= held | dragged
        held_paths |= waiting
        if not (held or waiting or dragged):
            return held_rules, held_paths


def rules_of(key: str, paths: Mapping[str, str], entries: Maps) -> Iterable[str]:
    """The ids of the rules that a path key leads to in `paths`, by itself or through a program."""
    value = paths.get(key)
    if value is None:
        return ()
    if value not in entries.get(PROGRAMS, {}):
        return (rule_id(value),)
    return [rule_id(one.key) for one in leads_to(PROGRAMS, value, entries) if one.place == RULES]


def _with_former(content: Mapping[str, str], held: set[str], before: Mapping[str, str]) -> dict[str, str]:
    rest = {key: value for key, value in content.items() if key not in held}
    return rest | {key: before[key] for key in held if key in before}


def _places(present: Mapping[str, str], wanted: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """Haloy's own sections, and each Cluster where it is meanwhile."""
    own = {key: value for key, value in {**wanted, **present}.items() if "/" not in key}
    return own | {
        name: placement.slot for name, placement in layout.placements.items() if name in {**wanted, **present}
    }


def _checks(present: Mapping[str, str], wanted: Mapping[str, str], layout: Layout, goal: Layout) -> dict[str, str]:
    """What is wanted for slots that have their Cluster, what was for the others."""
    there = {placement.slot for name, placement in layout.placements.items() if _slot_in(goal, name) == placement.slot}
    return {key: value for key, value in present.items() if key not in there} | {
        key: value for key, value in wanted.items() if key in there
    }


def _slot_in(layout: Layout, cluster: str) -> str | None:
    placement = layout.placements.get(cluster)
    return None if placement is None else placement.slot
