"""The run-time transaction: steps to commands, in order, and the reading back that alone counts as done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import assert_never

from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.reasons import secret_of
from haloy.proxies.haproxy.plan.running import Running, section_of
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DeleteMapEntries,
    DrainServer,
    DropCertificate,
    NewCertificate,
    Reload,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RestSlot,
    RetireMapEntries,
    RuntimeStep,
    SetMapEntries,
    SetState,
    SetWeight,
    SwapMap,
    WriteFiles,
)
from haloy.proxies.haproxy.runtime import certificates, maps_runtime, servers_runtime
from haloy.proxies.haproxy.runtime.cli_commands import Command, PayloadTooLarge, UnsafeCommand
from haloy.proxies.haproxy.runtime.live import assemble, read_live
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi, RuntimeUnavailable
from haloy.proxies.haproxy.runtime.scope import touched


class StepFailed(Exception):
    """HAProxy did not do what was asked, or did something else; the message says what it said. A reload is due.

    `step`: the first of those concerned, None where none in particular is.
    """

    def __init__(self, words: str, reason: str, step: RuntimeStep | None = None) -> None:
        super().__init__(f"{words}: {reason}")
        self.step = step


async def take(api: RuntimeApi, steps: Sequence[RuntimeStep], materials: Mapping[str, bytes]) -> None:
    """Take `steps` in order; consecutive ones of one kind are sent together. What waits (RemoveServer, RestSlot,
    RetireMapEntries, DropCertificate) is not done here.

    `materials`: PEM by digest. Raises StepFailed at the first that fails; nothing after its kind has been tried.
    """
    steps = await _with_inherited_health(api, steps)
    for kind, group in groupby(steps, type):
        some = list(group)
        try:
            await _take(api, some, materials)
        except (CommandFailed, RuntimeUnavailable, PayloadTooLarge, UnsafeCommand) as error:
            words = str(some[0]) if len(some) == 1 else f"{len(some)} steps of {kind.__name__}"
            raise StepFailed(words, str(error), some[0]) from error


async def _with_inherited_health(api: RuntimeApi, steps: Sequence[RuntimeStep]) -> Sequence[RuntimeStep]:
    """`steps` with servers as their endpoints are now in the slots that their Clusters leave."""
    slots = {step.heir_of for step in steps if isinstance(step, AddServer) and step.heir_of is not None}
    if not slots:
        return steps
    try:
        past = {(one.backend, one.name): one for one in await servers_runtime.read(api, slots)}
    except (CommandFailed, RuntimeUnavailable, ValueError) as error:
        raise StepFailed("read the health of servers that move", str(error)) from error
    return [
        replace(step, server=servers_runtime.inherited(step.server, past.get((step.heir_of, step.server.name))))
        if isinstance(step, AddServer) and step.heir_of is not None
        else step
        for step in steps
    ]


async def undo_half_done(api: RuntimeApi) -> list[str]:
    """Undo what a killed haloy left half done in a HAProxy that kept running. Returns sentences about what was found."""
    notes = []
    try:
        for name in await certificates.abort_open(api):
            notes.append(f"aborted the transaction of {name} that was left open")
        await maps_runtime.clear_unfinished(api)
    except (RuntimeUnavailable, CommandFailed) as error:
        notes.append(f"what an earlier haloy left half done could not be undone: {error}")
    return notes


async def read_back(
    api: RuntimeApi,
    steps: Sequence[RuntimeStep],
    wanted: Artifacts,
    materials: Mapping[str, bytes],
    before: Running,
) -> None:
    """Compare what `steps` (taken from `before`) touched with `wanted`. Raises StepFailed with what is still missing.

    `materials`: PEM by digest. What waits to be deleted is as it should be. Costs what the steps cost, not what there is.
    """
    scope = touched(steps)
    try:
        live = await read_live(api, scope)
    except (CommandFailed, RuntimeUnavailable, ValueError) as error:
        raise StepFailed("read back", str(error)) from error
    part = scope.narrowed(wanted)
    pem = {path: materials[digest] for path, digest in part.pem_files.items()}
    running = assemble(part, live, pem, crt_list=before.crt_list)
    left = [step for step in plan(running, part, {}, None).steps if not isinstance(step, WriteFiles | RetireMapEntries)]
    if left:
        first = next((step for step in left if not isinstance(step, Reload)), None)
        raise StepFailed("read back", f"still to do: {'; '.join(map(str, left))}", first)


def source_of(failure: StepFailed, wanted: Artifacts) -> ObjectRef | None:
    """The object that a step was about, where the step says so."""
    match failure.step:
        case AddServer() | RestoreServer() | SetWeight() | SetState() | DrainServer() | RemoveServer() | RestSlot():
            section = section_of(wanted, failure.step.section)
            return None if section is None else section.source
        case NewCertificate() | ReplaceCertificate() | DropCertificate():
            return secret_of(failure.step.path)
        case AddCertificateLine() | RemoveCertificateLine():
            return secret_of(failure.step.line.path)
        case SetMapEntries() | DeleteMapEntries() | RetireMapEntries() | SwapMap() | None:
            return None
        case _:
            assert_never(failure.step)


async def _take(api: RuntimeApi, steps: list[RuntimeStep], materials: Mapping[str, bytes]) -> None:
    together: list[Command] = []
    for step in steps:
        match step:
            case NewCertificate(path, digest):
                await certificates.load(api, path, materials[digest], new=True)
            case ReplaceCertificate(path, digest):
                await certificates.load(api, path, materials[digest], new=False)
            case SwapMap():
                await maps_runtime.swap(api, step)
            case RemoveCertificateLine(line):
                await certificates.remove_line(api, line)
            case _:
                together += _commands(step, api.limit)
    if together:
        await api.run(together)


def _commands(
    step: DropCertificate
    | AddCertificateLine
    | AddServer
    | RestoreServer
    | SetWeight
    | SetState
    | DrainServer
    | RemoveServer
    | RestSlot
    | SetMapEntries
    | DeleteMapEntries
    | RetireMapEntries,
    limit: int | None,
) -> list[Command]:
    match step:
        case AddCertificateLine(line):
            return [certificates.add_line_command(line)]
        case AddServer(section, server):
            return servers_runtime.add_commands(section, server)
        case RestoreServer(section, server):
            return servers_runtime.restore_commands(section, server)
        case SetWeight(section, name, weight):
            return [servers_runtime.weight_command(section, name, weight)]
        case SetState(section, name, state):
            return [servers_runtime.state_command(section, name, state)]
        case DrainServer(section, name):
            return [servers_runtime.maintenance_command(section, name)]
        case RemoveServer() | RestSlot() | RetireMapEntries() | DropCertificate():
            return []
        case SetMapEntries():
            return maps_runtime.set_commands(step, limit)
        case DeleteMapEntries(name, keys):
            return maps_runtime.delete_commands(name, keys)
        case _:
            assert_never(step)
