"""Small Artifacts made by hand, and a model of what a running HAProxy does with each step."""

from collections import Counter
from dataclasses import replace
from typing import assert_never

from haloy.model.cluster import EndpointState
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section, Server
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DeleteMapEntries,
    DrainServer,
    DropCertificate,
    NewCertificate,
    Plan,
    Reload,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RestSlot,
    RetireMapEntries,
    SetMapEntries,
    SetState,
    SetWeight,
    Step,
    SwapMap,
    WriteFiles,
)
from haloy.proxies.haproxy.slots.layout import Layout, Placement, Profile, profile_of

SHOP = ObjectRef("Backend", "web", "shop")
ROUTE = ObjectRef("Route", "web", "shop")


def server(number: int, **changes: object) -> Server:
    made = Server(
        name=f"10.0.0.{number}:80", address=f"10.0.0.{number}", port=80, id=number, weight=100,
        endpoint=f"10.0.0.{number}:80", options=("check", "inter 2000"), checked=True,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def cluster(
    *members: Server, name: str = "shop", text: str = "backend shop\n  balance roundrobin\n", dynamic: bool = True
) -> Section:
    return Section(name, text, SHOP, members, dynamic)


def slot(number: int, *members: Server, holds: str | None = None, profile: str = "p") -> Section:
    """A slot; `holds`: the Cluster it has."""
    name = f"slot.{profile}.{number}"
    source = None if holds is None else ObjectRef("Backend", *holds.split("/"))
    return Section(name, f"backend {name}\n  balance roundrobin\n", source, members, True, holds)


def laid_out(*slots: Section, **changes: object) -> Artifacts:
    """`wanted` of slots, with the Layout that says the same."""
    counted = Counter(str(profile_of(one.name)) for one in slots)
    layout = Layout(
        profiles={name: Profile(name, f"balance {name}\n") for name in counted},
        slots=dict(counted),
        placements={one.cluster: Placement(one.name, one.servers) for one in slots if one.cluster is not None},
    )
    return replace(wanted(*slots, **changes), layout=layout)  # type: ignore[arg-type]


def wanted(
    *clusters: Section,
    revision: str = "r1",
    frontend: str = "frontend http\n  bind 127.0.0.1:80\n",
    maps: dict[str, dict[str, str]] | None = None,
    pem: dict[str, str] | None = None,
    lines: tuple[CertificateLine, ...] = (),
    files: dict[str, bytes] | None = None,
) -> Artifacts:
    return Artifacts(
        revision,
        (
            Fragment("20-frontends.cfg", (Section("http", frontend),)),
            Fragment("30-clusters-00.cfg", clusters),
        ),
        maps or {},
        files or {},
        pem or {},
        lines,
    )


def line(name: str, *hosts: str) -> CertificateLine:
    return CertificateLine(f"certs/{name}.pem", (), hosts)


def perform(running: Running, plan: Plan, goal: Artifacts) -> Running:
    """What HAProxy does after all steps of `plan`, every server that leaves being idle at once."""
    for step in plan.steps:
        running = take(running, step, goal)
    return running


def take(running: Running, step: Step, goal: Artifacts) -> Running:
    """What HAProxy does after one step. AssertionError where the real one would refuse."""
    now = running.artifacts
    match step:
        case WriteFiles(revision):
            return replace(running, artifacts=replace(now, revision=revision))
        case Reload():
            return Running(goal)
        case NewCertificate(path, digest):
            assert path not in now.pem_files
            assert path not in running.unused
            return replace(running, artifacts=replace(now, pem_files={**now.pem_files, path: digest}))
        case ReplaceCertificate(path, digest):
            assert path in now.pem_files or path in running.unused
            unused = {name: held for name, held in running.unused.items() if name != path}
            artifacts = replace(now, pem_files={**now.pem_files, path: digest})
            return replace(running, artifacts=artifacts, unused=unused)
        case DropCertificate(path):
            assert all(path != held.path for held in now.certificates), "in use"
            rest = {name: digest for name, digest in now.pem_files.items() if name != path}
            unused = {**running.unused, path: now.pem_files[path]}
            return replace(running, artifacts=replace(now, pem_files=rest), unused=unused)
        case AddCertificateLine(added):
            assert added.path in now.pem_files
            return replace(running, artifacts=replace(now, certificates=(*now.certificates, added)))
        case RemoveCertificateLine(gone):
            rest_lines = tuple(held for held in now.certificates if held != gone)
            assert len(rest_lines) == len(now.certificates) - 1
            return replace(running, artifacts=replace(now, certificates=rest_lines))
        case AddServer(section, added_server, _):
            assert (section, added_server.name) not in running.leaving
            return _servers(running, section, add=added_server)
        case RestoreServer(section, back):
            left = {key: value for key, value in running.leaving.items() if key != (section, back.name)}
            assert len(left) == len(running.leaving) - 1
            return _servers(replace(running, leaving=left), section, add=back)
        case SetWeight(section, name, weight):
            return _servers(running, section, change=name, weight=weight)
        case SetState(section, name, state):
            return _servers(running, section, change=name, state=state)
        case DrainServer(section, name):
            held_server = _find(now, section, name)
            return replace(
                _servers(running, section, drop=name), leaving={**running.leaving, (section, name): held_server}
            )
        case RemoveServer(section, name):
            assert (section, name) in running.leaving
            return replace(
                running, leaving={key: value for key, value in running.leaving.items() if key != (section, name)}
            )
        case SetMapEntries(name, new, changed):
            content, retired = dict(now.maps[name]), dict(running.retired.get(name, {}))
            assert all(key not in content and key not in retired for key, _ in new)
            assert all(key in content or key in retired for key, _ in changed)
            return replace(
                running,
                artifacts=replace(now, maps={**now.maps, name: content | dict(new) | dict(changed)}),
                retired={**running.retired, name: {key: retired[key] for key in retired if key not in dict(changed)}},
            )
        case RetireMapEntries(name, keys):
            content, retired = dict(now.maps[name]), dict(running.retired.get(name, {}))
            retired |= {key: content.pop(key) for key in keys}
            return replace(
                running,
                artifacts=replace(now, maps={**now.maps, name: content}),
                retired={**running.retired, name: retired},
            )
        case RestSlot(section, _):
            for one in _members(now, section):
                running = replace(
                    _servers(running, section, drop=one.name), leaving={**running.leaving, (section, one.name): one}
                )
            return running.with_resting(running.artifacts.layout.resting | {section})
        case DeleteMapEntries(name, keys):
            assert all(key in now.maps[name] for key in keys)
            rest_map = {key: value for key, value in now.maps[name].items() if key not in keys}
            return replace(running, artifacts=replace(now, maps={**now.maps, name: rest_map}))
        case SwapMap(name, entries):
            return replace(running, artifacts=replace(now, maps={**now.maps, name: dict(entries)}))
        case _:
            assert_never(step)


def _members(artifacts: Artifacts, section: str) -> tuple[Server, ...]:
    return next(held.servers for fragment in artifacts.fragments for held in fragment.sections if held.name == section)


def _find(artifacts: Artifacts, section: str, name: str) -> Server:
    found = [
        server
        for fragment in artifacts.fragments
        for held in fragment.sections
        if held.name == section
        for server in held.servers
        if server.name == name
    ]
    assert len(found) == 1
    return found[0]


def _servers(
    running: Running,
    section: str,
    *,
    add: Server | None = None,
    drop: str | None = None,
    change: str | None = None,
    weight: int | None = None,
    state: EndpointState | None = None,
) -> Running:
    def new(held: Section) -> Section:
        if held.name != section:
            return held
        members = [member for member in held.servers if member.name != drop]
        if add is not None:
            assert all(member.name != add.name and member.id != add.id for member in members)
            members.append(add)
        if change is not None:
            assert any(member.name == change for member in members)
            members = [
                member
                if member.name != change
                else replace(member, weight=member.weight if weight is None else weight, state=state or member.state)
                for member in members
            ]
        return replace(held, servers=tuple(members))

    fragments = tuple(
        replace(fragment, sections=tuple(new(held) for held in fragment.sections))
        for fragment in running.artifacts.fragments
    )
    return replace(running, artifacts=replace(running.artifacts, fragments=fragments))
