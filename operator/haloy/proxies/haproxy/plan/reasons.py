"""Which differences between what runs and what is wanted need a reload, and why, object by object. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import assert_never

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.running import Running, sections

_OBJECT = re.compile(r"\s*# (Route|Backend|HealthPolicy|Secret) ([a-z0-9.-]+)/([a-z0-9.-]+)(?:\s|$)")
_OWN = re.compile(r"\s*# haloy(?:: (.+))?$")
_PEM = re.compile(r"(?:certs|ca)/([a-z0-9-]+)_([a-z0-9.-]+)\.pem")
_LONGEST_LINE = 120
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


def structural_reasons(running: Running, wanted: Artifacts) -> Iterator[ReloadReason]:
    """One reason per cause, naming the object where the configuration says which it is."""
    before, after = sections(running.artifacts), sections(wanted)
    for name, section in after.items():
        old = before.get(name)
        if old is None:
            yield _appeared(section)
        elif old is not section:
            yield from _changed(old, section, running)
    for name, section in before.items():
        if name not in after:
            yield _disappeared(section)
    yield from _files(running.artifacts.files, wanted)


def secret_of(path: str) -> ObjectRef | None:
    """The Secret that a PEM file was made from, by its name (`names.certificate_file`, `names.bundle_file`)."""
    match = _PEM.fullmatch(path)
    return None if match is None else ObjectRef("Secret", match[1], match[2])


def same_code(old: Section, section: Section) -> bool:
    """Whether HAProxy does the same for both, servers aside."""
    return old.dynamic == section.dynamic and (old.text == section.text or _code(old.text) == _code(section.text))


def fixed(server: Server) -> tuple[str, int, int, tuple[str, ...]]:
    """What no run-time command changes on a server that exists."""
    return server.address, server.port, server.id, server.options


def _appeared(section: Section) -> ReloadReason:
    if _is_cluster(section):
        return ReloadReason(ReloadCause.BACKEND_ADDED, section.source, "the backend is new")
    return ReloadReason(_cause(section), section.source, f"{_title(section)} is new")


def _disappeared(section: Section) -> ReloadReason:
    if _is_cluster(section):
        return ReloadReason(ReloadCause.BACKEND_REMOVED, section.source, "the backend is gone")
    return ReloadReason(_cause(section), section.source, f"{_title(section)} is gone")


def _changed(old: Section, section: Section, running: Running) -> Iterator[ReloadReason]:
    if old.text != section.text and _code(old.text) != _code(section.text):
        yield from _text_changed(old, section)
    elif not section.dynamic:
        yield from _static_servers(old, section)
    else:
        before = {server.name: server for server in old.servers}
        for server in section.servers:
            present = before.get(server.name) or running.leaving.get((section.name, server.name))
            if present is not None and fixed(present) != fixed(server):
                yield ReloadReason(ReloadCause.SERVER_CHANGED, section.source, _server_difference(present, server))


def _static_servers(old: Section, section: Section) -> Iterator[ReloadReason]:
    """A section whose servers are fixed (a static hash): only the drain state can be told at run time."""
    before = {server.name: (fixed(server), server.weight) for server in old.servers}
    after = {server.name: (fixed(server), server.weight) for server in section.servers}
    if before != after:
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        detail = f"the servers of {section.name} cannot be changed at run time: {', '.join(names)}"
        yield ReloadReason(ReloadCause.SERVER_CHANGED, section.source, detail)


def _server_difference(present: Server, server: Server) -> str:
    gone = [option for option in present.options if option not in server.options]
    come = [option for option in server.options if option not in present.options]
    words = [f"without {_short(' '.join(gone))}"] if gone else []
    words += [f"with {_short(' '.join(come))}"] if come else []
    return f"server {server.name} is wanted {' '.join(words) or 'with another address, id or order of options'}"


def _text_changed(old: Section, section: Section) -> Iterator[ReloadReason]:
    if _is_cluster(section):
        detail = f"backend {section.name}: {_line_difference(old.text.splitlines(), section.text.splitlines())}"
        yield ReloadReason(ReloadCause.BACKEND_CHANGED, section.source, detail)
        return
    if section.source is not None:
        detail = f"section {section.name}: {_line_difference(old.text.splitlines(), section.text.splitlines())}"
        yield ReloadReason(_cause(section), section.source, detail)
        return
    before, after = _blocks(old.text), _blocks(section.text)
    for responsible in sorted(before.keys() | after.keys(), key=str):
        gone, come = before.get(responsible, []), after.get(responsible, [])
        if _code("\n".join(gone)) == _code("\n".join(come)):
            continue
        difference = _line_difference(gone, come)
        match responsible:
            case None:
                yield ReloadReason(ReloadCause.SETTINGS_CHANGED, None, f"{_settings(section)} changed: {difference}")
            case ObjectRef():
                detail = f"the rules of {_title(section)} changed: {difference}"
                yield ReloadReason(ReloadCause.RULES_CHANGED, responsible, detail)
            case str():
                detail = f"the rules of {_title(section)} changed ({responsible}): {difference}"
                yield ReloadReason(ReloadCause.RULES_CHANGED, None, detail)
            case _:
                assert_never(responsible)


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


def _files(before: Mapping[str, bytes], wanted: Artifacts) -> Iterator[ReloadReason]:
    """Bodies and lists are read when HAProxy starts. A file that no section refers to any more is no reason."""
    for name in sorted(before.keys() | wanted.files.keys()):
        if before.get(name) == wanted.files.get(name) or name not in wanted.files:
            continue
        users = [section for section in sections(wanted).values() if name in section.text]
        source = next((section.source for section in users if section.source is not None), None)
        cause = ReloadCause.SETTINGS_CHANGED if source is None else ReloadCause.RULES_CHANGED
        yield ReloadReason(cause, source, f"the content of {name} is new")


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


def _is_cluster(section: Section) -> bool:
    return section.source is not None and section.source.kind == "Backend"


def _cause(section: Section) -> ReloadCause:
    return ReloadCause.SETTINGS_CHANGED if section.source is None else ReloadCause.RULES_CHANGED
