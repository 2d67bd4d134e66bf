"""The level of every endpoint: from `show servers state`, and `show stat` only where words are wanted.

Everything is read from time to time; in between only the sections that HAProxy spoke of (health_log.py), that a change touched, or whose
servers have no result yet: a first check that passes changes no state, so HAProxy says nothing of it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest

from haloy.model.health import EndpointHealth, EndpointKey, Health, Observation
from haloy.model.revised import Revised, differing
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section
from haloy.proxies.haproxy.observe.judge import agrees, judge, wants_words
from haloy.proxies.haproxy.plan.running import ServerKey
from haloy.proxies.haproxy.process.server_state import HEADER, ServerState, parse
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow, parse_stat
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.proxies.haproxy.runtime.servers_runtime import MAINTENANCE

_MANY = 50
"""Servers in need of words, or sections to read, beyond which one command for all is cheaper than one for each; also how many
whose words may have changed, with nothing else to show it (503 to 500), are asked about again each time."""

_AT_ONCE = 500
"""Sections that are gone through before a change gets its turn."""

_FIELDS = 11
"""Fields of a line that are cut apart: up to `srv_check_status`."""

_FIRST_LOOK, _LAST_LOOK = 0.2, 10.0
"""Seconds between two looks at a server without a result: half of the time that it has had none, within these bounds."""

_HEAD = ("1", HEADER)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known of one server. `fields`: of its line, those that decide: operational state, administrative state,
    check status. `words_at`: when `show stat` was last asked about it, None: there is no need."""

    key: EndpointKey
    fields: tuple[str, str, str]
    health: EndpointHealth
    words_at: float | None


@dataclass(frozen=True, slots=True)
class Awaited:
    """A section with a server that has no result: since when (a time stamp), and when to look again."""

    since: float
    due: float


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections with servers, by name. `fragments`: what they are in, by name."""

    fragments: Mapping[str, Fragment] = field(default_factory=dict)
    all: Revised[str, Section] = field(default_factory=Revised)

    def of(self, artifacts: Artifacts) -> "Sections":
        """Those of `artifacts`; fragments that are the same objects are not looked into."""
        fragments = {one.filename: one for one in artifacts.fragments}
        others = differing(self.fragments, fragments)
        before, now = (
            {one.name: one for name in others if name in some for one in some[name].sections if one.servers}
            for some in (self.fragments, fragments)
        )
        return Sections(fragments, self.all.revised(now, before.keys() - now.keys()))


class Observer:
    """Remembers what it saw, so that only what changed is looked at again."""

    def __init__(self) -> None:
        self._sections = Sections()
        self._seen: dict[str, dict[str, Seen]] = {}
        self._lines: dict[str, list[str]] = {}
        self._awaited: dict[str, Awaited] = {}
        self._endpoints: Revised[EndpointKey, EndpointHealth] = Revised()
        self._at: datetime | None = None

    @property
    def text(self) -> str:
        """`show servers state`, as it was when each section was last read: it can be kept for the next start."""
        return "\n".join([*_HEAD, *(line for lines in self._lines.values() for line in lines)])

    def patience(self, at: datetime) -> float | None:
        """Seconds until a server without a result is to be looked at again; None: all have one."""
        if not self._awaited:
            return None
        return max(min(awaited.due for awaited in self._awaited.values()) - at.timestamp(), 0.0)

    async def observe(self, api: RuntimeApi, artifacts: Artifacts, revision: str, at: datetime) -> Observation:
        """The Observation of every server of `artifacts`.

        A server that HAProxy does not have, or has in maintenance, is not observed. Raises what `RuntimeApi.run` raises,
        ValueError for an unknown shape.
        """
        text = (await api.run(["show servers state"]))[0]
        known = self._sections.of(artifacts)
        lines = _by_section(text)
        seen = await self._look(api, known.all, lines, at)
        self._sections, self._lines, self._seen, self._at = known, lines, seen, at
        endpoints = {one.key: one.health for found in seen.values() for one in found.values()}
        self._endpoints = self._endpoints.revised(endpoints, self._endpoints.keys() - endpoints.keys())
        self._awaited = {name: awaited for name, awaited in self._awaited.items() if name in seen}
        self._wait_for_results(seen, at.timestamp())
        return Observation(at, revision, self._endpoints)

    async def observe_some(
        self, api: RuntimeApi, artifacts: Artifacts, revision: str, at: datetime, hints: Collection[str]
    ) -> Observation:
        """As `observe`, but only sections of `hints`, those that are not the ones that were seen, and those that lack results are
        read; the rest is as it was. Whole again where they are many."""
        before, known = self._sections.all, self._sections.of(artifacts)
        sections = known.all
        others = differing(before, sections)
        changed = {name for name in others if not _same(before.get(name), sections.get(name))}
        gone = {name for name in others if name not in sections}
        due = {name for name, awaited in self._awaited.items() if awaited.due <= at.timestamp()}
        wanted = sorted((changed | due | set(hints)) & sections.keys())
        if len(wanted) > _MANY or self._at is None:
            return await self.observe(api, artifacts, revision, at)
        answers = await api.run([command("show", "servers", "state", name) for name in wanted])
        lines = {name: _by_section(answer).get(name, []) for name, answer in zip(wanted, answers, strict=True)}
        seen = await self._look(api, {name: sections[name] for name in wanted}, lines, at)
        self._sections = known
        self._take(seen, lines, gone, at)
        return Observation(at, revision, self._endpoints)

    def _take(
        self, seen: Mapping[str, dict[str, Seen]], lines: Mapping[str, list[str]], gone: Iterable[str], at: datetime
    ) -> None:
        """Put what was seen in its place. The mapping that earlier Observations hold stays as it is."""
        old = {one.key for name in (*gone, *seen) for one in self._seen.pop(name, {}).values()}
        for name in gone:
            self._lines.pop(name, None)
        for name, found in seen.items():
            self._seen[name], self._lines[name] = found, lines[name]
        endpoints = {one.key: one.health for found in seen.values() for one in found.values()}
        for name in gone:
            self._awaited.pop(name, None)
        self._wait_for_results(seen, at.timestamp())
        self._endpoints = self._endpoints.revised(endpoints, old - endpoints.keys())

    def _wait_for_results(self, seen: Mapping[str, dict[str, Seen]], now: float) -> None:
        for name, found in seen.items():
            section = self._sections.all[name]
            if any(_without_result(section, server, one) for server, one in found.items()):
                since = self._awaited[name].since if name in self._awaited else now
                self._awaited[name] = Awaited(since, now + min(max((now - since) / 2, _FIRST_LOOK), _LAST_LOOK))
            else:
                self._awaited.pop(name, None)

    async def _look(
        self, api: RuntimeApi, sections: Mapping[str, Section], lines: Mapping[str, list[str]], at: datetime
    ) -> dict[str, dict[str, Seen]]:
        """What is seen of `sections`, whose servers' lines are `lines`. Changes nothing that is remembered."""
        seen: dict[str, dict[str, Seen]] = {name: {} for name in sections}
        servers = {(name, server.name): server for name, section in sections.items() for server in section.servers}
        again: dict[ServerKey, str] = {}
        doubtful: list[tuple[float, ServerKey]] = []
        for number, (name, section) in enumerate(sections.items(), 1):
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
            before = self._seen.get(name, {})
            for line in lines.get(name, ()):
                fields = line.split(" ", _FIELDS)
                key = name, fields[3]
                if key not in servers or int(fields[6]) & MAINTENANCE:
                    continue
                known = before.get(fields[3])
                if known is None or known.fields != (fields[5], fields[6], fields[10]) or _moved(known, section):
                    again[key] = line
                    continue
                seen[name][fields[3]] = known
                if known.words_at is not None:
                    doubtful.append((0.0 if known.health.health is Health.UNKNOWN else known.words_at, key))
                    again[key] = line
        unknown = sum(not asked for asked, _ in doubtful)
        asked_again = {key for _, key in nsmallest(_MANY + unknown, doubtful)}
        states = {
            key: parse(f"1\n{line}")[0]
            for key, line in again.items()
            if key[1] not in seen[key[0]] or key in asked_again
        }
        words = await _words(api, [state for key, state in states.items() if wants_words(servers[key], state)])
        for key, state in states.items():
            endpoint = EndpointKey(sections[key[0]].cluster or key[0], servers[key].endpoint)
            health = self._health(endpoint, judge(servers[key], state, words.get(key)), state, at)
            decisive = str(int(state.operational)), str(state.admin), str(state.check_status)
            asked = at.timestamp() if wants_words(servers[key], state) else None
            seen[key[0]][key[1]] = Seen(endpoint, decisive, health, asked)
        return seen

    def _health(
        self, endpoint: EndpointKey, judged: tuple[Health, str], state: ServerState, at: datetime
    ) -> EndpointHealth:
        """`judged`, with the time since when; what was known of the endpoint, wherever its server was, while that still holds."""
        health, reason = judged
        known = self._endpoints.get(endpoint)
        since = at
        if known is not None and health is Health.UNKNOWN and agrees(known.health, state):
            return known
        if known is not None and known.health is health:
            since = known.since
        elif health is not Health.UNKNOWN:
            since = at - timedelta(seconds=state.seconds_since_change)
            since = since if self._at is None else max(since, self._at)
        found = EndpointHealth(health, reason, since)
        return known if known == found else found


def _same(before: Section | None, now: Section | None) -> bool:
    """Whether the two hold the same servers, for the same Cluster."""
    if before is None or now is None or before is now:
        return before is now
    return before.cluster == now.cluster and before.servers == now.servers


def _by_section(text: str) -> dict[str, list[str]]:
    """The lines of `show servers state` by section, without the two in front."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n")[2:]:
        fields = line.split(" ", 2)
        if len(fields) == 3 and line.count(" ") >= _FIELDS:
            found.setdefault(fields[1], []).append(line)
    return found


def _moved(known: Seen, section: Section) -> bool:
    return known.key.cluster != (section.cluster or section.name)


def _without_result(section: Section, server: str, seen: Seen) -> bool:
    """Whether a check that is wanted has said nothing yet."""
    if seen.health.health is not Health.UNKNOWN:
        return False
    return any(one.name == server and (one.checked or one.agent) for one in section.servers)


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
