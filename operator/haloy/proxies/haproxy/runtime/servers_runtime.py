"""Servers at run time: the commands of a step, what HAProxy has, and the removal of servers once they are idle."""

import shlex
from collections.abc import Iterable
from dataclasses import replace

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.process.server_state import OperationalState, ServerState, parse
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

MAINTENANCE = 0x01
DRAIN = 0x08
"""Bits of `srv_admin_state` that the CLI sets (HAProxy's enum srv_admin)."""


def add_commands(section: str, server: Server) -> list[Command]:
    """Add `server` and bring it into its state.

    `add server` leaves it in maintenance with its checks off, and ignores `enabled`. The words are those of the
    `server` line, unquoted, since the CLI knows no quotes.
    """
    address = f"[{server.address}]" if ":" in server.address else server.address
    words = [f"{address}:{server.port}", "id", str(server.id), "weight", str(server.weight)]
    options = [word for option in server.options for word in shlex.split(option)]
    return [command("add", "server", _name(section, server.name), *words, *options), *_enable(section, server)]


def restore_commands(section: str, server: Server) -> list[Command]:
    """Bring a server that is in maintenance back as if it were new, from its own address (`forget_connections_command`)."""
    name = _name(section, server.name)
    return [
        command("set", "server", name, "addr", server.address, "port", str(server.port)),
        weight_command(section, server.name, server.weight),
        *_enable(section, server),
    ]


def weight_command(section: str, server: str, weight: int) -> Command:
    return command("set", "server", _name(section, server), "weight", str(weight))


def state_command(section: str, server: str, state: EndpointState) -> Command:
    word = "ready" if state is EndpointState.READY else "drain"
    return command("set", "server", _name(section, server), "state", word)


def inherited(server: Server, past: ServerState | None) -> Server:
    """`server` as it has to start where its endpoint was known as `past` (None: it was not): down where that is down, up
    where that is up, even if new endpoints have to prove themselves. Pure."""
    if past is None or past.port != server.port or not past.checks:
        return server
    down = past.operational is OperationalState.STOPPED
    return server if down == server.start_down else replace(server, start_down=down)


def maintenance_command(section: str, server: str) -> Command:
    return command("set", "server", _name(section, server), "state", "maint")


def delete_command(section: str, server: str) -> Command:
    return command("del", "server", _name(section, server))


def forget_connections_command(section: str, server: str, turn: int) -> Command:
    """Close the idle connections of a server in maintenance: any one of them keeps it from being deleted, and HAProxy may
    hold them for ever. Only a new address makes it let go, so each `turn` gives another one, where nobody listens."""
    return command("set", "server", _name(section, server), "addr", "127.0.0.1", "port", str(1 + turn % 2))


def end_sessions_command(section: str, server: str) -> Command:
    return command("shutdown", "sessions", "server", _name(section, server))


def _enable(section: str, server: Server) -> list[Command]:
    """Out of maintenance. A server that must prove itself first is drained and marked down before its checks run, so
    that there is no moment in which it is up: `health down` is ignored in maintenance, drain is not rotation."""
    name = _name(section, server.name)
    final = state_command(section, server.name, server.state)
    must_prove_itself = server.start_down and (server.checked or server.agent)
    commands = [state_command(section, server.name, EndpointState.DRAINING)] if must_prove_itself else []
    if server.checked:
        commands += [command("set", "server", name, "health", "down")] if must_prove_itself else []
        commands += [command("enable", "health", name)]
    if server.agent:  # the other way round: `agent down` is refused while the agent check is off
        commands += [command("enable", "agent", name)]
        commands += [command("set", "server", name, "agent", "down")] if must_prove_itself else []
    return [*commands, final]


async def read(api: RuntimeApi, sections: Iterable[str] | None) -> tuple[ServerState, ...]:
    """The servers of `sections`, None: of all. Raises StateFormatError and what `RuntimeApi.run` raises."""
    if sections is None:
        return parse((await api.run(["show servers state"]))[0])
    answers = await api.run([command("show", "servers", "state", section) for section in sorted(set(sections))])
    return tuple(state for answer in answers for state in parse(answer))


def _name(section: str, server: str) -> str:
    return f"{section}/{server}"
