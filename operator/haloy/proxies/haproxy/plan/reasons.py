"""Which differences between what runs and what is wanted need a reload, and why, object by object. Pure."""

import re
from collections.abc import Iterator, Mapping

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.running import Running, sections

_OBJECT = re.compile(r"\s*# (Route|Backend|HealthPolicy|Secret) ([a-z0-9.-]+)/([a-z0-9.-]+)(?:\s|$)")
_PEM = re.compile(r"(?:certs|ca)/([a-z0-9-]+)_([a-z0-9.-]+)\.pem")
_LONGEST_LINE = 120


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


def _appeared(section: Section) -> ReloadReason:
    if _is_cluster(section):
        return ReloadReason(ReloadCause.BACKEND_ADDED, section.source, "the backend is new")
    return ReloadReason(_cause(section), section.source, f"section {section.name} is new")


def _disappeared(section: Section) -> ReloadReason:
    if _is_cluster(section):
        return ReloadReason(ReloadCause.BACKEND_REMOVED, section.source, "the backend is gone")
    return ReloadReason(_cause(section), section.source, f"section {section.name} is gone")


def _changed(old: Section, section: Section, running: Running) -> Iterator[ReloadReason]:
    if old.text != section.text and _code(old.text) != _code(section.text):
        yield from _text_changed(old, section)
    elif not section.dynamic:
        yield from _static_servers(old, section)
    else:
        before = {server.name: server for server in old.servers}
        for server in section.servers:
            present = before.get(server.name) or running.leaving.get((section.name, server.name))
            if present is not None and _fixed(present) != _fixed(server):
                yield ReloadReason(ReloadCause.SERVER_CHANGED, section.source, _server_difference(present, server))


def _static_servers(old: Section, section: Section) -> Iterator[ReloadReason]:
    """A section whose servers are fixed (a static hash): only the drain state can be told at run time."""
    before = {server.name: (_fixed(server), server.weight) for server in old.servers}
    after = {server.name: (_fixed(server), server.weight) for server in section.servers}
    if before != after:
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        detail = f"the servers of {section.name} cannot be changed at run time: {', '.join(names)}"
        yield ReloadReason(ReloadCause.SERVER_CHANGED, section.source, detail)


def _fixed(server: Server) -> tuple[str, int, int, tuple[str, ...]]:
    """What no run-time command changes on a server that exists."""
    return server.address, server.port, server.id, server.options


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
    for source in sorted(before.keys() | after.keys(), key=str):
        gone, come = before.get(source, []), after.get(source, [])
        if _code("\n".join(gone)) != _code("\n".join(come)):
            cause = ReloadCause.SETTINGS_CHANGED if source is None else ReloadCause.RULES_CHANGED
            yield ReloadReason(cause, source, f"section {section.name}: {_line_difference(gone, come)}")


def _code(text: str) -> list[str]:
    """The lines that HAProxy acts on: a section that differs in its comments only does the same."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _blocks(text: str) -> dict[ObjectRef | None, list[str]]:
    """The lines of a section by the object that the comment above them names (None: above the first such comment)."""
    blocks: dict[ObjectRef | None, list[str]] = {}
    source: ObjectRef | None = None
    for line in text.splitlines():
        match = _OBJECT.match(line)
        if match is not None:
            source = ObjectRef(match[1], match[2], match[3])
        elif line.strip() in ("", "# haloy"):
            source = None
        blocks.setdefault(source, []).append(line)
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
