"""What of a change that needs a reload can be live before it: servers, and certificates that are renewed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.plan import WORDS
from haloy.proxies.haproxy.plan.reasons import fixed, same_code
from haloy.proxies.haproxy.plan.running import Running, sections


def meanwhile(
    present: Artifacts, running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None
) -> Artifacts:
    """`present` with the parts of `wanted` that need nothing else of it.

    The servers of sections that are there in both and differ in nothing else, and the new content of certificates that
    are loaded and on the list. `present` is what the files say, `running` what HAProxy does. For `pem_sizes` and `limit`
    see `plan`.
    """
    after = sections(wanted)
    loaded = set(present.pem_files)
    fragments = tuple(
        replace(
            fragment,
            sections=tuple(
                replace(section, servers=tuple(_servers(section, after[section.name], running, wanted, loaded)))
                if section.name in after and same_code(section, after[section.name])
                else section
                for section in fragment.sections
            ),
        )
        for fragment in present.fragments
    )
    listed = {line.path for line in present.certificates} if running.crt_list else set()
    renewed = {
        path: wanted.pem_files[path]
        for path in present.pem_files
        if path in listed and path in wanted.pem_files and path in running.artifacts.pem_files
        if limit is None or pem_sizes.get(wanted.pem_files[path], 0) <= limit - WORDS
    }
    revision = sha256(f"{present.revision} and parts of {wanted.revision}".encode()).hexdigest()[:16]
    return replace(present, revision=revision, fragments=fragments, pem_files={**present.pem_files, **renewed})


def _servers(old: Section, section: Section, running: Running, wanted: Artifacts, loaded: set[str]) -> Iterator[Server]:
    """As wanted, but a server stays as it is in what only a reload changes, and none comes that needs a file to come."""
    before = {server.name: server for server in old.servers}
    if not section.dynamic:
        states = {server.name: server.state for server in section.servers}
        yield from (replace(server, state=states.get(server.name, server.state)) for server in old.servers)
        return
    for server in section.servers:
        present = before.get(server.name)
        leaving = running.leaving.get((section.name, server.name))
        if present is not None and fixed(present) != fixed(server):
            yield replace(present, weight=server.weight, state=server.state)
        elif present is not None or not _must_wait(server, leaving, wanted, loaded):
            yield server


def _must_wait(server: Server, leaving: Server | None, wanted: Artifacts, loaded: set[str]) -> bool:
    """A new server that is still there with another configuration, or that names a file HAProxy has not loaded."""
    if leaving is not None and fixed(leaving) != fixed(server):
        return True
    words = {word for option in server.options for word in option.split()}
    return any(path in words for path in wanted.pem_files if path not in loaded)
