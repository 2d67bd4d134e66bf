"""The server-state file: what survives a reload of what HAProxy found out about servers.

Format version 1 is the output of `show servers state`, loaded with `server-state-file` and `load-server-state-from-file
global`. What HAProxy 2.8.25 does with it, each tried with the real one (tests/haproxy/test_server_state.py):

- A line applies to the server with its backend's **name** and its **name**. Ids play no part, an unknown name is
  skipped without a word, and of two lines for one server the first counts.
- The address is not taken, but the **port is, even if the configuration says another**. A moved endpoint would be
  sent to its old port.
- The run-time weight is taken if `srv_iweight` equals the configuration's weight; so are drain and maintenance that
  were set at run time, and checks that were switched off.
- A line that does not parse ends the reading: a warning, and every server after it starts without its past.
- A checked server with operational state 0 is DOWN from the first request on (503) until `rise` checks have passed.
  With check status 1 besides, `show stat` says INI: no result yet. Without a line it starts UP.
- **Check status 0 (UNK) stops the checks for ever**: HAProxy holds the first one to be under way.

Hence `carried_over`: health from the past, all else from the configuration. Never feed HAProxy `save`d text as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import ip_address

from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
_VERSION = "1"
_FIELDS = len(HEADER.split()) - 1
_CHECK_CONFIGURED = 2
_CHECK_ENABLED = 4
_CHECK_CONFIGURED_AND_ENABLED = _CHECK_CONFIGURED | _CHECK_ENABLED
_CHECK_RESULT_UNKNOWN = 0
_CHECK_STATUS_INITIALISING = 1
"""HAProxy's HCHK_STATUS_INI, shown as INI."""


class OperationalState(IntEnum):
    """`srv_op_state` (HAProxy's enum srv_state)."""

    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3


class StateFormatError(ValueError):
    """The text is not a server state of version 1."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One line. `admin`: flags, 1 maintenance and 8 drain by order of the CLI; `check_state`, `agent_state`: flags, 2
    configured, 4 enabled; `rest`: the fields after the port as they stand."""

    backend: str
    name: str
    address: str
    port: int
    backend_id: int
    id: int
    operational: OperationalState
    admin: int
    weight: int
    initial_weight: int
    seconds_since_change: int
    check_status: int
    check_result: int
    check_health: int
    check_state: int
    agent_state: int
    forced_ids: tuple[str, str] = ("0", "0")
    fqdn: str = "-"
    rest: tuple[str, ...] = ("-", "0", "0", "-", "-", "0")

    @property
    def checks(self) -> bool:
        """Whether anything is asked about its health."""
        return bool((self.check_state | self.agent_state) & _CHECK_CONFIGURED)

    def line(self) -> str:
        """The line, without its newline."""
        fields = (
            self.backend_id, self.backend, self.id, self.name, self.address, int(self.operational), self.admin,
            self.weight, self.initial_weight, self.seconds_since_change, self.check_status, self.check_result,
            self.check_health, self.check_state, self.agent_state, *self.forced_ids, self.fqdn, self.port, *self.rest,
        )  # fmt: skip
        return " ".join(map(str, fields))


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """A server as the configuration to be loaded has it. `initially_down`: no request before its checks have passed.

    `checked`, `agent`: it has `check`, `agent-check`.
    `admin`: what `ServerState.admin` shall be (0: ready). `backend` and `name` are HAProxy names: no white space.
    `heir_of`: the backend where the past says what is known of it, "": nowhere, None: `backend`.
    """

    backend: str
    name: str
    address: str
    port: int
    backend_id: int = 0
    id: int = 0
    weight: int = 1
    admin: int = 0
    checked: bool = True
    agent: bool = False
    initially_down: bool = False
    heir_of: str | None = None


async def save(runtime: RuntimeApi) -> str:
    """The state of every server now, in the file's format. Raises what `RuntimeApi.call` raises."""
    return f"{await runtime.call('show', 'servers', 'state')}\n"


def parse(text: str) -> tuple[ServerState, ...]:
    """Read `show servers state` or the file. Raises StateFormatError with the line that does not fit."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != _VERSION:
        raise StateFormatError(f"expected version {_VERSION} in the first line, found {lines[:1]!r}")
    return tuple(_parse_line(line) for line in lines[1:] if line.strip() and not line.startswith("#"))


def render(states: Iterable[ServerState]) -> str:
    """The file that says this. Raises StateFormatError for a name that would break the line."""
    lines = [_VERSION, HEADER]
    for state in states:
        line = state.line()
        if len(line.split()) != _FIELDS or not line.isprintable():
            raise StateFormatError(f"the names of {state.backend!r}/{state.name!r} hold white space or are empty")
        lines.append(line)
    return "\n".join(lines) + "\n"


def carried_over(text: str, servers: Iterable[ConfiguredServer]) -> str:
    """The file to load with a configuration that holds `servers`: health from `text`, everything else from `servers`.

    A server has no past if it is not in `text`, was not checked there, or has moved to another address or port (what
    was known of its health was another's): it begins DOWN if `initially_down`, else UP. Lines of servers that are gone
    are left out. An empty `text` (no HAProxy before) is no past at all. Raises StateFormatError.
    """
    past = {(state.backend, state.name): state for state in (parse(text) if text.strip() else ())}
    states: list[ServerState] = []
    for server in servers:
        state = past.get((server.backend if server.heir_of is None else server.heir_of, server.name))
        if state is None or not _same_target(state, server):
            if server.initially_down or server.admin:
                states.append(_initial(server))
        else:
            states.append(
                replace(
                    state,
                    backend=server.backend,
                    admin=server.admin,
                    weight=server.weight,
                    initial_weight=server.weight,
                    operational=state.operational if server.checked or server.agent else OperationalState.RUNNING,
                    check_status=max(state.check_status, _CHECK_STATUS_INITIALISING),
                    check_state=_CHECK_CONFIGURED_AND_ENABLED if server.checked else 0,
                    agent_state=_CHECK_CONFIGURED_AND_ENABLED if server.agent else 0,
                )
            )
    return render(states)


def _initial(server: ConfiguredServer) -> ServerState:
    """A server without a past: DOWN if it must prove itself, else up; and in its administrative state."""
    return ServerState(
        backend=server.backend,
        name=server.name,
        address=server.address,
        port=server.port,
        backend_id=server.backend_id,
        id=server.id,
        operational=OperationalState.STOPPED if server.initially_down else OperationalState.RUNNING,
        admin=server.admin,
        weight=server.weight,
        initial_weight=server.weight,
        seconds_since_change=0,
        check_status=_CHECK_STATUS_INITIALISING,
        check_result=_CHECK_RESULT_UNKNOWN,
        check_health=0,
        check_state=_CHECK_CONFIGURED_AND_ENABLED if server.checked else 0,
        agent_state=_CHECK_CONFIGURED_AND_ENABLED if server.agent else 0,
    )


def _same_target(state: ServerState, server: ConfiguredServer) -> bool:
    if server.checked and not state.check_state & _CHECK_CONFIGURED:
        return False
    if server.agent and not state.agent_state & _CHECK_CONFIGURED:
        return False
    return state.port == server.port and _canonical(state.address) == _canonical(server.address)


def _canonical(address: str) -> str:
    """One spelling for each IP address; HAProxy prints its own."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _parse_line(line: str) -> ServerState:
    fields = line.split()
    if len(fields) < _FIELDS:
        raise StateFormatError(f"expected {_FIELDS} fields, found {len(fields)} in {line!r}")
    try:
        return ServerState(
            backend_id=int(fields[0]),
            backend=fields[1],
            id=int(fields[2]),
            name=fields[3],
            address=fields[4],
            operational=OperationalState(int(fields[5])),
            admin=int(fields[6]),
            weight=int(fields[7]),
            initial_weight=int(fields[8]),
            seconds_since_change=int(fields[9]),
            check_status=int(fields[10]),
            check_result=int(fields[11]),
            check_health=int(fields[12]),
            check_state=int(fields[13]),
            agent_state=int(fields[14]),
            forced_ids=(fields[15], fields[16]),
            fqdn=fields[17],
            port=int(fields[18]),
            rest=tuple(fields[19:_FIELDS]),
        )
    except ValueError as error:
        raise StateFormatError(f"{error} in {line!r}") from error
