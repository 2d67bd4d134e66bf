"""`haloy serve`: from settings to a running proxy, until a signal says stop."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from haloy import __version__, logs
from haloy.admin.server import AdminServer
from haloy.admin.views import View
from haloy.api.snapshot import Snapshot
from haloy.clock import SystemClock
from haloy.health.agent import AgentServer
from haloy.health.monitor import HealthMonitor
from haloy.metrics import Metrics
from haloy.model.health import EndpointKey, Observation
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Died, Event, Reloaded, Started
from haloy.proxies.haproxy.names import AGENT_TOKEN_LENGTH, agent_token
from haloy.proxies.haproxy.process.binary import BinaryError
from haloy.proxies.haproxy.process.process import RunDirectoryBusy, RunDirectoryError
from haloy.proxies.haproxy.process.process import StartFailed as HaproxyStartFailed
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable
from haloy.proxies.haproxy.settings import HaproxySettings
from haloy.reconciler import Cycle, Reconciler
from haloy.retained import Retained
from haloy.runtime import gauges
from haloy.runtime.demo import demo_lines, demo_upstreams
from haloy.runtime.derive import BackendNames, grpc_targets, route_urls
from haloy.settings import Settings
from haloy.sources.dns import Resolver
from haloy.sources.files import FilesSource
from haloy.sources.lookup import SystemLookup
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.status.rules import COMPILED_RULES
from haloy.translate import Context

log = logging.getLogger(__name__)

OBSERVE_INTERVAL = 10.0
"""Seconds between two looks at the health of all endpoints; those that the proxy speaks of are looked at at once."""
AWAY_INTERVAL = 1.0
"""Seconds until a proxy that did not answer is asked again."""
HINT_INTERVAL = 0.02
"""Seconds between two looks at what the proxy speaks of."""
HINT_SHARE = 5
"""Times as long as a look at what the proxy speaks of took, no other is taken: a flood of words takes a sixth of the time."""
SHOW_INTERVAL = 0.1
"""Seconds between two refreshes of what a person watches."""
SHARE = 20
"""Times as long as a look or a refresh took, nothing of the kind is done after it, up to LONGEST_REST."""
LONGEST_REST = 10.0
COLLECT_AFTER = 100_000
"""New objects after which garbage is looked for: a cycle over tens of thousands of Routes makes that many and keeps them."""
FIRST_ANSWER = 0.5
"""Seconds that a cycle waits for the first answer for a DNS name it has not seen before."""
FIRST_RESULTS = 3.0
"""Seconds that `--once` waits for the first results of health checks."""


class StartFailed(Exception):
    """`serve` cannot start; the message says why and what to do."""


Look = Callable[[], tuple[Mapping[str, Any], Mapping[str, str]]]
"""`/v1/status` and a URL by Route name, made when it is called."""


class Display(Protocol):
    """Where a person watches (haloy.cli.display)."""

    def handler(self) -> logging.Handler | None: ...

    def start(self, banner: Sequence[str]) -> None: ...

    def update(self, look: Look) -> None: ...

    def finish(self, look: Look) -> None: ...

    def stop(self) -> None: ...


async def serve_directory(settings: Settings, display: Display) -> int:
    """Run until SIGTERM or SIGINT (or, with `once`, until the first report). Returns the exit code.

    Raises:
        StartFailed: no usable HAProxy, the state folder is in use, or a port is taken.
    """
    logs.configure(settings.log_level, settings.log_format, display.handler())
    os.umask(0o077)  # what haloy writes holds private keys: its owner's alone, new parent folders too
    if not settings.directory.is_dir():
        if settings.once or not (settings.state_dir / "haproxy" / "current").exists():
            raise StartFailed(f"{settings.directory} is not a directory; give the directory of your Routes")
        log.warning("%s is not there; what was live last goes on until it is", settings.directory)
    with demo_upstreams(settings.demo):
        return await Server(settings, display).run()


class Server:
    """The parts of one `haloy serve` and their life."""

    def __init__(self, settings: Settings, display: Display) -> None:
        self._settings = settings
        self._display = display
        self._clock = SystemClock()
        self._metrics = Metrics()
        self._stop = asyncio.Event()
        self._first_cycle = asyncio.Event()
        self._store = Store(self._clock, [FilesSource.name])
        self._files = FilesSource(settings.directory, self._clock, settings.state_dir)
        self._resolver = Resolver(self._store, SystemLookup(settings.nameservers))
        self._names = BackendNames()
        self._monitor = HealthMonitor(self._clock)
        self._agent = AgentServer(self._monitor, _agent_token, AGENT_TOKEN_LENGTH)
        self._board = StatusBoard(self._clock)
        self._retained = Retained(settings.state_dir / "certificates")
        self._reconciler: Reconciler | None = None
        self._trouble = "HAProxy is starting"
        self._started = False

    async def run(self) -> int:
        settings = self._settings
        try:
            settings.state_dir.mkdir(parents=True, exist_ok=True)
            settings.state_dir.chmod(0o700)
            await asyncio.to_thread(self._retained.load)
        except OSError as error:
            raise StartFailed(f"the state folder cannot be used: {error}; choose another with --state") from None
        self._try_access_log()
        agent = await self._agent.start()
        proxy = Haproxy(
            HaproxySettings(
                state=settings.state_dir,
                fleet=settings.fleet,
                binary=settings.haproxy,
                max_connections=settings.max_connections,
                min_reload_interval=settings.reload_interval / 1000,
                access_log=self._access_log(),
                agent_check=agent,
                spare_slots=settings.spare_slots,
                max_spare_slots=settings.max_spare_slots,
                lua=settings.lua,
            ),
            clock=self._clock,
            on_event=lambda event: self._heard(event, proxy),
        )
        reconciler = Reconciler(
            self._store, proxy, self._context, self._prepare, self._board, self._retained, self._metrics, self._clock
        )
        self._reconciler = reconciler
        view = View(self._board, reconciler, proxy.reload_log.read, lambda: self._trouble)
        admin = AdminServer(settings.admin, view, self._metrics, proxy.measure, self._refresh_gauges)
        drain = settings.drain_timeout / 1000
        self._catch_signals()
        try:
            if not await self._started_before_a_signal(proxy, admin):
                return 1 if settings.once else 0
            self._started = True
            if proxy.rules_are_compiled:
                log.info("%s", COMPILED_RULES)
            self._display.start(self._banner(proxy))
            try:
                await self._work(proxy, reconciler, view)
            finally:
                self._display.stop()
            return 0 if not settings.once or view.status()["ready"] else 1
        finally:
            await self._stop_proxy(proxy, drain if self._started and not settings.once else 0)
            await admin.stop()
            await self._agent.stop()

    async def _started_before_a_signal(self, proxy: Haproxy, admin: AdminServer) -> bool:
        """Start; a signal in the meantime gives it up."""
        starting, stopped = asyncio.create_task(self._start(proxy, admin)), asyncio.create_task(self._stop.wait())
        await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return False
        starting.result()
        return True

    async def _start(self, proxy: Haproxy, admin: AdminServer) -> None:
        try:
            await admin.start()
        except OSError as error:
            raise StartFailed(
                f"the admin port cannot be opened: {error.strerror or error}; choose another with --admin"
            ) from None
        try:
            await proxy.start()
        except RunDirectoryBusy:
            state = self._settings.state_dir
            raise StartFailed(
                f"another haloy uses the state folder {state}; stop it, or choose another with --state"
            ) from None
        except (BinaryError, RunDirectoryError, HaproxyStartFailed) as error:
            raise StartFailed(str(error)) from None
        except OSError as error:
            raise StartFailed(f"the state folder cannot be used: {error}") from None
        self._trouble = ""

    async def _work(self, proxy: Haproxy, reconciler: Reconciler, view: View) -> None:
        """Run all parts until `stop` is set; the failure of one ends them all."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._files.run(self._store), name="files"),
                group.create_task(self._resolver.run(), name="resolver"),
                group.create_task(self._monitor.run(), name="health"),
                group.create_task(reconciler.run(self._after_cycle), name="reconciler"),
                group.create_task(self._observe(proxy), name="observe"),
                group.create_task(self._show(view), name="show"),
            ]
            if self._settings.once:
                tasks.append(group.create_task(self._once(), name="once"))
            await self._stop.wait()
            if self._settings.once:
                self._display.finish(lambda: (view.status(), self._urls()))
            for task in tasks:
                task.cancel()

    async def _prepare(self, snapshot: Snapshot) -> None:
        """Before a cycle: names that are new get a moment for their first answer."""
        self._resolver.want(self._names.of(snapshot))
        await self._resolver.first_answers(FIRST_ANSWER)

    def _context(self) -> Context:
        return Context(fleet=self._settings.fleet, now=self._clock.now(), proxy_class=self._settings.proxy_class)

    def _after_cycle(self, cycle: Cycle) -> None:
        if not gc.isenabled():
            # The objects of a large directory live on: to look through them at each collection would cost more than all else.
            gc.freeze()
            gc.set_threshold(COLLECT_AFTER)
            gc.enable()
        if cycle.outcome is None:
            return
        translation = self._reconciler.state.translation if self._reconciler else None
        if translation is not None:
            self._monitor.set_targets(grpc_targets(translation.delivery))
        self._first_cycle.set()

    async def _observe(self, proxy: Haproxy) -> None:
        while True:
            began = self._clock.monotonic()
            if not await self._observed(proxy.observe):
                await asyncio.sleep(self._rest(began, AWAY_INTERVAL))
                continue
            until = began + self._rest(began, OBSERVE_INTERVAL)
            await asyncio.sleep(self._rest(began, HINT_INTERVAL, HINT_SHARE))
            while (left := until - self._clock.monotonic()) > 0:
                try:
                    async with asyncio.timeout(left):
                        await proxy.health_changed()
                except TimeoutError:
                    break
                began = self._clock.monotonic()
                if not await self._observed(proxy.observe_changes):
                    break
                await asyncio.sleep(self._rest(began, HINT_INTERVAL, HINT_SHARE))

    async def _observed(self, observe: Callable[[], Awaitable[Observation]]) -> bool:
        """Whether the proxy said how its endpoints are; status shows it."""
        try:
            observations = [await observe()]
        except (RuntimeUnavailable, TimeoutError) as error:
            log.debug("health is not known now: %s", error)
            observations = []
        self._tell(self._board.observed(observations))
        return bool(observations)

    async def _show(self, view: View) -> None:
        seen = 0
        while True:
            seen = await self._board.changed(seen)
            began = self._clock.monotonic()
            self._display.update(lambda: (view.status(), self._urls()))
            await asyncio.sleep(self._rest(began, SHOW_INTERVAL))

    def _rest(self, began: float, least: float, share: float = SHARE) -> float:
        """Seconds to rest after work that took since `began`: with tens of thousands of endpoints a look takes a while, and
        changes must not wait for it."""
        return min(max(least, share * (self._clock.monotonic() - began)), LONGEST_REST)

    async def _once(self) -> None:
        await self._first_cycle.wait()
        try:
            async with asyncio.timeout(FIRST_RESULTS):
                while self._board.awaits_health():
                    await self._board.changed(self._board.version)
        except TimeoutError:
            log.warning("some checks have no result after %g s", FIRST_RESULTS)
        self._stop.set()

    @staticmethod
    def _tell(sentences: Sequence[str]) -> None:
        for sentence in sentences:
            log.info("%s", sentence)

    def _heard(self, event: Event, proxy: Haproxy) -> None:
        """HAProxy came or went: probes and status follow."""
        match event:
            case Died():
                self._trouble = str(event)
                self._metrics.proxy_restarts.inc()
                self._tell(self._board.proxy_ready(False))
            case Started():
                self._trouble = ""
                self._tell(self._board.proxy_ready(True, compiled=proxy.rules_are_compiled))
                if self._reconciler is not None:
                    self._reconciler.wake()
            case Reloaded():
                for cause in {reason.cause for reason in event.reasons}:
                    self._metrics.reloads.labels(cause.value, "ok" if event.success else "refused").inc()
            case _:
                pass

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._resync)

    async def _stop_proxy(self, proxy: Haproxy, drain: float) -> None:
        """Drain. The same signal once more means: at once."""
        stopping = asyncio.create_task(proxy.stop(drain))
        if drain:
            log.info("stopping: requests in flight have %g s to finish", drain)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stopping.cancel)
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.result()

    def _resync(self) -> None:
        log.info("SIGHUP: everything is read again")
        self._files.resync()

    def _refresh_gauges(self) -> None:
        gauges.refresh(self._metrics, self._board, self._clock)

    def _urls(self) -> dict[str, str]:
        return route_urls(self._board.model) if self._board.model else {}

    def _access_log(self) -> Literal["stdout"] | Path | None:
        match self._settings.access_log:
            case "stdout":
                return "stdout"
            case "off":
                return None
            case "auto":
                return self._settings.state_dir / "access.log" if sys.stdout.isatty() else "stdout"
            case path:
                return Path(path).absolute()

    def _try_access_log(self) -> None:
        target = self._access_log()
        if isinstance(target, Path):
            try:
                target.open("a").close()
            except OSError as error:
                raise StartFailed(
                    f"the access log cannot be written: {error}; choose another with --access-log"
                ) from None

    def _banner(self, proxy: Haproxy) -> list[str]:
        settings = self._settings
        lines = [f"haloy {__version__} serves {settings.directory}"]
        lines += [f"http  {', '.join(map(str, settings.http))}"]
        lines += [f"https {', '.join(map(str, settings.https))}"] if settings.https else []
        lines += [f"admin http://{settings.admin[0]}/v1/status"]
        target = self._access_log()
        lines += [f"access log {target}"] if isinstance(target, Path) else []
        lines += [COMPILED_RULES] if proxy.rules_are_compiled else []
        if settings.demo and settings.https:
            lines += demo_lines(settings.http[0].port, settings.https[0].port)
        return lines


def _agent_token(key: EndpointKey) -> str:
    return agent_token(key.cluster, key.endpoint)
