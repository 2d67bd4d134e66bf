"""The level of every endpoint, from `show servers state` each time and `show stat` only where words are wanted."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest

from haloy.model.health import EndpointHealth, EndpointKey, Health, Observation
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.plan.running import ServerKey
from haloy.proxies.haproxy.process.server_state import OperationalState, ServerState, parse
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow, parse_stat
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.proxies.haproxy.runtime.servers_runtime import MAINTENANCE

_STATUS = (
    "UNK", "INI", "START", "CHECKED", "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT",
    "L7RSP", "L57DATA", "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
)  # fmt: skip
"""HAProxy's enum healthcheck_status by number (include/haproxy/check-t.h, 2.8)."""
_L7STS = _STATUS.index("L7STS")
_NO_RESULT = frozenset({"UNK", "INI", "START"})
_TOLD = re.compile(r"via agent : (?P<word>up|down)(?: \((?P<words>.*)\))?", re.DOTALL)
"""`last_agt` of `show stat` after an answer that decided; `agent_desc` knows no words of the agent's own."""
_MANY = 50
"""Servers in need of words beyond which one `show stat` of all is cheaper than one for each; also how many whose words may
have changed, with nothing else to show it (503 to 500), are asked about again each time."""

_FIELDS = 11
"""Fields of a line that are cut apart: up to `srv_check_status`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known of one server. `fields`: of its line, those that decide: operational state, administrative state,
    check status. `words_at`: when `show stat` was last asked about it, None: there is no need."""

    key: EndpointKey
    fields: tuple[str, str, str]
    health: EndpointHealth
    words_at: float | None


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
        lines: dict[ServerKey, str] = {}
        seen: dict[ServerKey, Seen] = {}
        doubtful: list[tuple[float, ServerKey]] = []
        for line in text.split("\n")[2:]:
            fields = line.split(" ", _FIELDS)
            if len(fields) <= _FIELDS:
                continue
            key = fields[1], fields[3]
            if key not in servers or int(fields[6]) & MAINTENANCE:
                continue
            known = self._seen.get(key)
            if known is None or known.fields != (fields[5], fields[6], fields[10]):
                lines[key] = line
                continue
            seen[key] = known
            if known.words_at is not None:
                first = 0.0 if known.health.health is Health.UNKNOWN else known.words_at
                doubtful.append((first, key))
                lines[key] = line
        unknown = sum(not asked for asked, _ in doubtful)
        again = {key for _, key in nsmallest(_MANY + unknown, doubtful)}
        changed = {key: parse(f"1\n{line}")[0] for key, line in lines.items() if key not in seen or key in again}
        words = await _words(api, [state for key, state in changed.items() if _wants_words(servers[key], state)])
        for key, state in changed.items():
            seen[key] = self._judge(servers[key], state, words.get(key), self._seen.get(key), at)
        self._seen, self._at = seen, at
        return Observation(at, revision, {one.key: one.health for one in seen.values()}), text

    def _judge(self, server: Server, state: ServerState, row: StatRow | None, known: Seen | None, at: datetime) -> Seen:
        health, reason = judge(server, state, row)
        since = at
        if known is not None and health is Health.UNKNOWN and _agrees(known.health.health, state):
            found = known.health
        else:
            if known is not None and known.health.health is health:
                since = known.health.since
            elif health is not Health.UNKNOWN:
                since = at - timedelta(seconds=state.seconds_since_change)
                since = since if self._at is None else max(since, self._at)
            found = EndpointHealth(health, reason, since)
        return Seen(
            known.key if known is not None else _endpoint((state.backend, state.name), server),
            (str(int(state.operational)), str(state.admin), str(state.check_status)),
            found if known is None or known.health != found else known.health,
            at.timestamp() if _wants_words(server, state) else None,
        )


def judge(server: Server, state: ServerState, row: StatRow | None) -> tuple[Health, str]:
    """Health and the check's words. `row`: the server's `show stat`, where there is one. Pure."""
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


def _agrees(health: Health, state: ServerState) -> bool:
    """After a reload the new worker has no results yet; what was known still holds while the server's state agrees."""
    up = state.operational is not OperationalState.STOPPED
    return (health is Health.HEALTHY and up) or (health is Health.UNHEALTHY and not up)


def _wants_words(server: Server, state: ServerState) -> bool:
    if server.agent and not server.checked:
        return True
    return server.checked and state.check_status == _L7STS


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
