"""What the state of one server means. Pure."""

import re

from haloy.model.health import Health
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.process.server_state import OperationalState, ServerState
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow

_STATUS = (
    "UNK", "INI", "START", "CHECKED", "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT",
    "L7RSP", "L57DATA", "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
)  # fmt: skip
"""HAProxy's enum healthcheck_status by number (include/haproxy/check-t.h, 2.8)."""
_L7STS = _STATUS.index("L7STS")
_NO_RESULT = frozenset({"UNK", "INI", "START"})
_TOLD = re.compile(r"via agent : (?P<word>up|down)(?: \((?P<words>.*)\))?", re.DOTALL)
"""`last_agt` of `show stat` after an answer that decided; `agent_desc` knows no words of the agent's own."""


def judge(server: Server, state: ServerState, row: StatRow | None) -> tuple[Health, str]:
    """Health and the check's words. `row`: the server's `show stat`, where there is one."""
    if not server.checked and not server.agent:
        return Health.UNKNOWN, "no check"
    up = state.operational is not OperationalState.STOPPED
    if server.agent and not server.checked:
        told = _TOLD.fullmatch(row.text("last_agt")) if row is not None else None
        if told is None:  # An empty answer, or an agent that is away, changes nothing (see haloy.health.agent).
            return Health.UNKNOWN, "no result yet"
        return (Health.HEALTHY if up else Health.UNHEALTHY), told["words"] or told["word"]
    status = _STATUS[state.check_status] if state.check_status < len(_STATUS) else f"status {state.check_status}"
    if status in _NO_RESULT:
        return Health.UNKNOWN, "no result yet"
    code = row.text("check_code") if row is not None else ""
    reason = f"{status}/{code}" if code and code != "0" else status
    return (Health.HEALTHY if up else Health.UNHEALTHY), reason


def agrees(health: Health, state: ServerState) -> bool:
    """After a reload or a move a server has no results yet; what was known still holds while the server's state agrees."""
    up = state.operational is not OperationalState.STOPPED
    return (health is Health.HEALTHY and up) or (health is Health.UNHEALTHY and not up)


def wants_words(server: Server, state: ServerState) -> bool:
    """Whether `show servers state` does not say enough: the status that an HTTP check got, the words of an agent."""
    if server.agent and not server.checked:
        return True
    return server.checked and state.check_status == _L7STS
