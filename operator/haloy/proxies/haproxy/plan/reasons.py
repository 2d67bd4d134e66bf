"""Which differences between what runs and what is wanted need a reload, and why, object by object. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.slots.layout import Layout, profile_of
from haloy.proxies.haproxy.slots.novelties import novelties

_OBJECT = re.compile(r"\s*# (Route|Backend|HealthPolicy|Secret) ([a-z0-9.-]+)/([a-z0-9.-]+)(?: (\S+))?(?:\s|$)")
_OWN = re.compile(r"\s*# haloy(?:: (.+))?$")
_RULE = re.compile(r"([a-z0-9-]+)/([a-z0-9.-]+):")
_LONGEST_LINE = 120
_FIELDS = 5
"""Fields of one object that are told one by one."""
_SETTINGS = {
    "global": "the settings of the whole proxy",
    "defaults": "the settings of all listeners and backends",
    "http-errors": "the proxy's own error pages",
    "peers": "the hand-over of counters between reloads",
    names.NOT_FOUND: "the answer where no Route matches",
    names.MISSING: "the answer where no Backend is left",
    names.REDIRECT: "the redirect to https",
    names.REDIRECT_HOST: "the redirect to https",
    names.ROUTES: "the counters by Route",
}
"""What haloy's own sections are for, in words."""

Responsible = ObjectRef | str | None
"""Who lines come from: an object, a purpose in words that several objects share, or nobody (None: the settings)."""

Fields = dict[ObjectRef, dict[str, None]]
"""By object, in order, the fields that are compiled and changed."""

Pairs = Sequence[tuple[Section | None, Section | None]]
"""What differs, by section: before and after."""


def structural_reasons(running: Running, wanted: Artifacts, pairs: Pairs) -> Iterator[ReloadReason]:
    """One reason per cause, naming the object where the configuration says which it is. `pairs`: `differences`."""
    told = tuple(layout_reasons(running.artifacts.layout, wanted))
    yield from told
    compiled = Compiled.of(running.artifacts.layout, wanted)
    fields: Fields = {}
    for old, section in pairs:
        if section is not None and old is not None:
            yield from _changed(old, section, running, compiled, fields)
        elif (one := section or old) is None:
            continue
        elif not _is_slot(one):
            if one.source is not None:
                fields.setdefault(one.source, {}).update(dict.fromkeys(_fields(_lines_of(one, one.source))))
            else:
                come = "gone" if section is None else "new"
                yield ReloadReason(
                    ReloadCause.SETTINGS_CHANGED, None, f"{_SETTINGS.get(one.name) or _title(one)} is {come}"
                )
        elif not told:
            profile = profile_of(one.name)
            detail = f"the spare slots are laid out anew, those of profile {profile} first"
            told = (ReloadReason(ReloadCause.POOL_REFILL, None, detail),)
            yield from told
    yield from _files(running.artifacts.files, wanted, fields)
    for source, some in fields.items():
        yield ReloadReason(ReloadCause.COMPILED_RULES, source, _compiled(tuple(some)))


@dataclass(frozen=True, slots=True)
class Compiled:
    """How to tell why lines of the frontends changed. `lua`: rules are data. `explained`: another layout is the reason."""

    lua: bool
    explained: bool

    @classmethod
    def of(cls, before: Layout, wanted: Artifacts) -> "Compiled":
        first = wanted.fragments[0].sections if wanted.fragments else ()
        return cls(
            any("lua-load" in section.text for section in first), before.in_frontends != wanted.layout.in_frontends
        )


def layout_reasons(before: Layout, wanted: Artifacts) -> Iterator[ReloadReason]:
    """What the Clusters and rules need that is not compiled: one reason a profile, naming the first Backend."""
    new = novelties(before, wanted.layout)
    for profile, clusters in new.profiles.items():
        come = wanted.layout.profiles[profile].text.splitlines()
        difference = _line_difference(_nearest(profile, before, wanted.layout), come)
        detail = f"no slot has this combination of settings yet (profile {profile}: {difference}){_more(clusters)}"
        yield ReloadReason(ReloadCause.NEW_PROFILE, _source(wanted, clusters[0]), detail)
    for profile, clusters in new.exhausted.items():
        detail = f"all {before.slots[profile]} slots of profile {profile} are taken or not at rest yet{_more(clusters)}"
        yield ReloadReason(ReloadCause.POOL_EXHAUSTED, _source(wanted, clusters[0]), detail)
    for one in new.expressions:
        detail = f"{_short(one.pattern)} is new on {one.virtual_host}"
        yield ReloadReason(ReloadCause.NEW_REGULAR_EXPRESSION, _route_of(wanted, one.id), detail)
    for cookie in new.cookies:
        detail = f"the cookie {_short(cookie)} is new"
        yield ReloadReason(ReloadCause.NEW_AFFINITY_COOKIE, _by_cookie(wanted, cookie), detail)


def _more(clusters: tuple[str, ...]) -> str:
    """Beyond the first, which is named."""
    match len(clusters) - 1:
        case 0:
            return ""
        case 1:
            return ", and 1 more Backend wants it"
        case more:
            return f", and {more} more Backends want it"


def _compiled(fields: tuple[str, ...]) -> str:
    """What of an object is part of the configuration and is another now."""
    if not fields:
        return "what HAProxy compiles of it changed"
    named = ", ".join(fields[:_FIELDS]) + (f" and {len(fields) - _FIELDS} more" if len(fields) > _FIELDS else "")
    return f"{named} changed: HAProxy compiles {'it' if len(fields) == 1 else 'them'}"


def _source(wanted: Artifacts, cluster: str) -> ObjectRef | None:
    return next((section.source for section in _sections(wanted) if section.cluster == cluster), None)


def _nearest(profile: str, before: Layout, after: Layout) -> list[str]:
    """The lines of that profile of `before` which has most in common with this one."""
    lines = set(after.profiles[profile].text.splitlines())
    texts = [one.text.splitlines() for one in before.profiles.values()]
    return max(texts, key=lambda text: len(lines.intersection(text)), default=[])


def _sections(artifacts: Artifacts) -> Iterator[Section]:
    return (section for fragment in artifacts.fragments for section in fragment.sections)


def _route_of(wanted: Artifacts, word: str) -> ObjectRef | None:
    return next(objects_behind(wanted, word), None)


def objects_behind(artifacts: Artifacts, word: str) -> Iterator[ObjectRef]:
    """The objects whose comments stand above lines with `word`, slots aside."""
    for section in _sections(artifacts):
        if word in section.text and not _is_slot(section):
            for responsible, lines in _blocks(section.text).items():
                if isinstance(responsible, ObjectRef) and any(word in line for line in lines):
                    yield responsible


def _by_cookie(wanted: Artifacts, cookie: str) -> ObjectRef | None:
    """The first Backend with this affinity cookie."""
    start = f"cookie {cookie} "
    using = {
        name
        for name, one in wanted.layout.profiles.items()
        if any(line.strip().startswith(start) for line in one.text.splitlines())
    }
    slots = {one.slot for one in wanted.layout.placements.values() if profile_of(one.slot) in using}
    return next((section.source for section in _sections(wanted) if section.name in slots), None)


def secret_of(path: str) -> ObjectRef | None:
    """The Secret that a PEM file was made from, by its name."""
    found = names.secret_of(path)
    return None if found is None else ObjectRef("Secret", *found)


def rule_of(rule: str) -> ObjectRef | None:
    """The Route in a rule's id (`namespace/name:rule`); None for haloy's own rules."""
    match = _RULE.match(rule)
    return None if match is None else ObjectRef("Route", match[1], match[2])


def same_code(old: Section, section: Section) -> bool:
    """Whether HAProxy does the same for both, servers aside."""
    return old.dynamic == section.dynamic and (old.text == section.text or _code(old.text) == _code(section.text))


def _changed(
    old: Section, section: Section, running: Running, compiled: Compiled, fields: Fields
) -> Iterator[ReloadReason]:
    if old.text != section.text and _code(old.text) != _code(section.text):
        yield from _text_changed(old, section, compiled, fields)
    elif not section.dynamic:
        yield from _static_servers(old, section)
    elif old.cluster == section.cluster and old.servers is not section.servers:
        before = {server.name: server for server in old.servers}
        for server in section.servers:
            present = before.get(server.name) or running.leaving.get((section.name, server.name))
            if present is not None and present is not server and present.fixed != server.fixed:
                detail = _server_difference(section, present, server)
                yield ReloadReason(ReloadCause.DRIFT, section.source, detail)


def _static_servers(old: Section, section: Section) -> Iterator[ReloadReason]:
    """A section whose servers are fixed: only the drain state can be told at run time."""
    before = {server.name: (server.fixed, server.weight) for server in old.servers}
    after = {server.name: (server.fixed, server.weight) for server in section.servers}
    if before != after:
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        detail = f"the servers of {section.name} cannot be changed at run time: {', '.join(names)}"
        yield ReloadReason(ReloadCause.DRIFT, section.source, detail)


def _server_difference(section: Section, present: Server, server: Server) -> str:
    gone = [option for option in present.options if option not in server.options]
    come = [option for option in server.options if option not in present.options]
    words = [f"without {_short(' '.join(gone))}"] if gone else []
    words += [f"with {_short(' '.join(come))}"] if come else []
    difference = " ".join(words) or "with another address, id or order of options"
    return f"server {section.name}/{server.name} is wanted {difference}"


def _text_changed(old: Section, section: Section, compiled: Compiled, fields: Fields) -> Iterator[ReloadReason]:
    """Reasons without an object; those with one go into `fields`."""
    before, after = _blocks(old.text), _blocks(section.text)
    for responsible in sorted(before.keys() | after.keys(), key=str):
        gone, come = before.get(responsible, []), after.get(responsible, [])
        if _code("\n".join(gone)) == _code("\n".join(come)):
            continue
        if section.source is not None or _is_slot(section):
            owner = responsible if isinstance(responsible, ObjectRef) else section.source or old.source
            if owner is None:
                yield ReloadReason(ReloadCause.COMPILED_RULES, None, "what HAProxy compiles of spare slots changed")
            else:
                fields.setdefault(owner, {}).update(dict.fromkeys(_fields(gone, come)))
            continue
        match responsible:
            case None:
                difference = _line_difference(gone, come)
                yield ReloadReason(ReloadCause.SETTINGS_CHANGED, None, f"{_settings(section)} changed: {difference}")
            case ObjectRef() if not (compiled.lua and compiled.explained):
                fields.setdefault(responsible, {}).update(dict.fromkeys(_fields(gone, come)))
            case str() if not compiled.explained:
                cause = ReloadCause.SETTINGS_CHANGED if compiled.lua else ReloadCause.COMPILED_RULES
                yield ReloadReason(cause, None, f"the rules of {_title(section)} changed: {responsible}")
            case _:
                pass


def _lines_of(section: Section, source: ObjectRef) -> list[str]:
    return _blocks(section.text).get(source, [])


def _fields(gone: list[str], come: Sequence[str] = ()) -> list[str]:
    """The fields of one object, by the comments above lines, of which the lines differ."""
    before, after = _by_field(gone), _by_field(come)
    return [name for name in {**before, **after} if name and before.get(name) != after.get(name)]


def _by_field(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    field = ""
    for line in lines:
        if (match := _OBJECT.match(line)) is not None:
            field = match[4] or ""
        elif line.strip() and not line.lstrip().startswith("#"):
            found.setdefault(field, []).append(line)
    return found


def _title(section: Section) -> str:
    """`listener http`, or the section by its name where it stands for no Listener."""
    listener = names.listener_of(section.name)
    return f"section {section.name}" if listener is None else f"listener {listener}"


def _settings(section: Section) -> str:
    return _SETTINGS.get(section.name) or f"the settings of {_title(section)}"


def _code(text: str) -> list[str]:
    """The lines that HAProxy acts on: a section that differs in its comments only does the same."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _blocks(text: str) -> dict[Responsible, list[str]]:
    """The lines of a section by what the comment above them says (None: above the first such comment)."""
    blocks: dict[Responsible, list[str]] = {}
    responsible: Responsible = None
    for line in text.splitlines():
        if (match := _OBJECT.match(line)) is not None:
            responsible = ObjectRef(match[1], match[2], match[3])
        elif (match := _OWN.match(line)) is not None:
            responsible = match[1]
        elif not line.strip():
            responsible = None
        blocks.setdefault(responsible, []).append(line)
    return blocks


def _files(before: Mapping[str, bytes], wanted: Artifacts, fields: Fields) -> Iterator[ReloadReason]:
    """Bodies and lists are read when HAProxy starts. A file that no section refers to any more is no reason."""
    if before is wanted.files or before == wanted.files:
        return
    for name in sorted(before.keys() | wanted.files.keys()):
        if before.get(name) == wanted.files.get(name) or name not in wanted.files:
            continue
        one = next((one for one in _sections(wanted) if one.source is not None and name in one.text), None)
        if one is None or one.source is None:
            yield ReloadReason(ReloadCause.SETTINGS_CHANGED, None, f"the content of {name} is new")
        else:
            those = _by_field(_lines_of(one, one.source)).items()
            named = [field for field, lines in those if field and any(name in line for line in lines)]
            fields.setdefault(one.source, {}).update(dict.fromkeys(named))


def _line_difference(gone: list[str], come: list[str]) -> str:
    """The first line that went and the first that came, comments aside."""
    old, new = [line.strip() for line in gone], [line.strip() for line in come]
    removed = next((line for line in old if line not in set(new) and not line.startswith("#")), None)
    added = next((line for line in new if line not in set(old) and not line.startswith("#")), None)
    match removed, added:
        case None, None:
            return "lines changed their order"
        case str(), None:
            return f"without {_short(removed)}"
        case None, str():
            return f"with {_short(added)}"
        case _:
            return f"{_short(str(removed))} became {_short(str(added))}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "…")


def _is_slot(section: Section) -> bool:
    return profile_of(section.name) is not None
