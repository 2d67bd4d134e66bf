"""The level of every endpoint, from `show servers state` each time and `show stat` only where words are wanted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from haloy.model.health import EndpointHealth, EndpointKey, Health, Observation
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.cli_commands import Command, command
from haloy.proxies.haproxy.cli_parsers import StatRow, parse_stat
from haloy.proxies.haproxy.running import ServerKey
from haloy.proxies.haproxy.runtime_api import RuntimeApi
from haloy.proxies.haproxy.server_state import OperationalState, ServerState, parse
from haloy.proxies.haproxy.servers_runtime import MAINTENANCE

_STATUS = (
    "UNK", "INI", "START", "CHECKED", "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT",
    "L7RSP", "L57DATA", "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
)  # fmt: skip
"""HAProxy's enum healthcheck_status by number (include/haproxy/check-t.h, 2.8)."""
_NO_RESULT = frozenset({"UNK", "INI", "START"})
_MANY = 50
"""Servers in need of words beyond which one `show stat` of all is cheaper than one for each."""

_STATE_FIELDS = slice(5, 13)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known of one server: the fields of its line that decide, and what they meant."""

    fields: tuple[str, ...]
    health: EndpointHealth
    final: bool


class Observer:
    """Remembers what it saw, so that only what changed is looked at again."""

    def __init__(self) -> None:
        self._seen: dict[ServerKey, Seen] = {}
        self._at: datetime | None = None

    async def observe(
        self, api: RuntimeApi, servers: Mapping[ServerKey, Server], revision: str, at: datetime
    ) -> tuple[Observation, str]:
        """The Observation of all `servers`, and the raw text it was read from (it can be kept for the next start).

        A server that HAProxy does not have, or has in maintenance, is not observed. Raises what `RuntimeApi.run` raises,
        ValueError for an unknown shape.
        """
        text = (await api.run(["show servers state"]))[0]
        changed: dict[ServerKey, ServerState] = {}
        seen: dict[ServerKey, Seen] = {}
        for line in text.splitlines()[2:]:
            fields = line.split()
            if len(fields) < 19:
                continue
            key = fields[1], fields[3]
            if key not in servers or int(fields[6]) & MAINTENANCE:
                continue
            decisive = (fields[5], fields[6], fields[10], fields[14])
            known = self._seen.get(key)
            if known is not None and known.fields == decisive and known.final:
                seen[key] = known
            else:
                changed[key] = parse(f"1\n{line}")[0]
        words = await _words(api, [state for key, state in changed.items() if _wants_words(servers[key], state)])
        for key, state in changed.items():
            seen[key] = self._judge(servers[key], state, words.get(key), self._seen.get(key), at)
        self._seen, self._at = seen, at
        endpoints = {_endpoint(key, servers[key]): one.health for key, one in seen.items()}
        return Observation(at, revision, endpoints), text

    def _judge(self, server: Server, state: ServerState, row: StatRow | None, known: Seen | None, at: datetime) -> Seen:
        health, reason, final = judge(server, state, row)
        decisive = (str(int(state.operational)), str(state.admin), str(state.check_status), str(state.check_state))
        if health is Health.UNKNOWN and known is not None and _agrees(known.health.health, state):
            return Seen(decisive, known.health, final=False)
        if known is not None and known.health.health is health:
            return Seen(decisive, EndpointHealth(health, reason, known.health.since), final)
        ago = state.seconds_since_change if health is not Health.UNKNOWN else 0
        since = at - timedelta(seconds=ago)
        if self._at is not None:
            since = max(since, self._at)
        return Seen(decisive, EndpointHealth(health, reason, since), final)


def judge(server: Server, state: ServerState, row: StatRow | None) -> tuple[Health, str, bool]:
    """Health, the check's words, and whether another look at the same line would say the same. Pure.

    `row`: the server's `show stat`, where there is one.
    """
    if not server.checked and not server.agent:
        return Health.UNKNOWN, "no check", True
    up = state.operational is not OperationalState.STOPPED
    if server.agent and not server.checked:
        word = row.text("agent_status") if row is not None else ""
        if row is None or word.removeprefix("* ") in ("", *_NO_RESULT):
            return Health.UNKNOWN, "no result yet", False
        described = row.text("agent_desc") or word.removeprefix("* ")
        return (Health.HEALTHY if up else Health.UNHEALTHY), described, False
    status = _STATUS[state.check_status] if state.check_status < len(_STATUS) else f"status {state.check_status}"
    if status in _NO_RESULT:
        return Health.UNKNOWN, "no result yet", True
    code = row.text("check_code") if row is not None else ""
    reason = f"{status}/{code}" if code and code != "0" else status
    return (Health.HEALTHY if up else Health.UNHEALTHY), reason, True


def _agrees(health: Health, state: ServerState) -> bool:
    """After a reload the new worker has no results yet; what was known still holds while the server's state agrees."""
    up = state.operational is not OperationalState.STOPPED
    return (health is Health.HEALTHY and up) or (health is Health.UNHEALTHY and not up)


def _wants_words(server: Server, state: ServerState) -> bool:
    if server.agent and not server.checked:
        return True
    return server.checked and state.check_status < len(_STATUS) and _STATUS[state.check_status].startswith("L7STS")


async def _words(api: RuntimeApi, states: Iterable[ServerState]) -> dict[ServerKey, StatRow]:
    """`show stat` of these servers."""
    wanted = list(states)
    if not wanted:
        return {}
    commands: list[Command | str] = ["show stat -1 4 -1"]
    if len(wanted) <= _MANY:
        commands = [command("show", "stat", state.backend, "4", str(state.id)) for state in wanted]
    answers = await api.run(commands)
    return {(row.proxy, row.server): row for answer in answers for row in parse_stat(answer)}


def _endpoint(key: ServerKey, server: Server) -> EndpointKey:
    return EndpointKey(names.cluster_of(key[0]) or key[0], server.endpoint)
