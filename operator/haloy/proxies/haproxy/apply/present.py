"""What is meant and what runs: the one place that holds both."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from haloy.proxies.haproxy.apply.generations import Generation
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.plan.running import Running, ServerKey, command_limit
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.runtime.cli_parsers import parse_info
from haloy.proxies.haproxy.runtime.live import assemble, read_live
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable
from haloy.proxies.haproxy.slots.layout import EMPTY, Layout


class Present:
    """`generation` is what the process has loaded, `known` what its files say and it was told, `running` what it does as far
    as is known, `worker` the process that was asked. None: nobody knows. All with the lock of the transactions held.
    """

    def __init__(self, api: RuntimeApi, tell: Callable[[str], None]) -> None:
        self._api = api
        self._tell = tell
        self.generation: Generation | None = None
        self.known: Target | None = None
        self.running: Running | None = None
        self.worker: int | None = None

    @property
    def layout(self) -> Layout:
        """Which Cluster has which slot now, and what rests."""
        if self.running is not None:
            return self.running.artifacts.layout
        return EMPTY if self.known is None else self.known.artifacts.layout

    def accept(self, generation: Generation, target: Target | None) -> None:
        """`target` (None: nobody knows what) is what the process has loaded, from `generation`."""
        self.generation, self.known = generation, target
        if self._api.limit is not None:
            self._api.limit = COMMAND_LIMIT if target is None else command_limit(target.artifacts)

    async def learn(self, resting: frozenset[str] = frozenset()) -> None:
        """Read everything back into `running`; None if HAProxy does not answer or nobody knows what it was told.

        `resting`: slots that are not free whether they have servers or not.
        """
        self.running, self.worker = None, None
        if self.known is None:
            return
        artifacts = self.known.artifacts
        try:
            worker = int(parse_info(await self._api.call("show", "info"))["Pid"])
            live = await read_live(self._api)
        except (RuntimeUnavailable, CommandFailed, ValueError, KeyError) as error:
            self._tell(f"HAProxy's state could not be read: {error}")
            return
        running = assemble(artifacts, live, self.known.pem)
        self.running = running.with_resting(running.artifacts.layout.resting | resting)
        self.worker = worker

    def gone(self, *keys: ServerKey) -> None:
        """HAProxy has deleted these servers."""
        if self.running is not None and keys:
            deleted = set(keys)
            leaving = {key: server for key, server in self.running.leaving.items() if key not in deleted}
            self.running = replace(self.running, leaving=leaving)

    def swept(self, entries: Iterable[tuple[str, str]]) -> None:
        """HAProxy has deleted these entries (map, key)."""
        if self.running is None:
            return
        retired = {name: dict(held) for name, held in self.running.retired.items()}
        for name, key in entries:
            retired.get(name, {}).pop(key, None)
        self.running = replace(self.running, retired={name: held for name, held in retired.items() if held})

    def dropped(self, paths: Iterable[str]) -> None:
        """HAProxy has forgotten these PEM files."""
        if self.running is not None and (gone := frozenset(paths)):
            unused = {path: digest for path, digest in self.running.unused.items() if path not in gone}
            self.running = replace(self.running, unused=unused)

    def freed(self, slots: Iterable[str]) -> None:
        """These slots have come to rest."""
        if self.running is not None and (gone := frozenset(slots)):
            self.running = self.running.with_resting(self.running.artifacts.layout.resting - gone)
