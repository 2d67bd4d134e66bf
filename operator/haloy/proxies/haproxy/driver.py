"""HAProxy behind the Proxy port: one process, kept equal to what was last delivered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from haloy.clock import Clock, SystemClock
from haloy.model.health import Observation
from haloy.model.model import Delivery, Model
from haloy.proxies.base import Failed, Measurements, Outcome, ProxyInfo, Refusal, ReloadCause, ReloadReason
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.apply.diagnose import Culprits, missing_materials, refusals
from haloy.proxies.haproxy.apply.generations import Generations, digest_of
from haloy.proxies.haproxy.apply.isolate import unacceptable, unwritable
from haloy.proxies.haproxy.apply.reload_log import ReloadLog
from haloy.proxies.haproxy.apply.reloading import Target
from haloy.proxies.haproxy.apply.transaction import Transactions
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.events import Died, Event, Noted, Reloaded, Started, Unusable
from haloy.proxies.haproxy.observe.measure import measure
from haloy.proxies.haproxy.observe.observe import Observer
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.plan.running import sections, servers
from haloy.proxies.haproxy.process.alerts import Alert
from haloy.proxies.haproxy.process.binary import Build, find_binary, inspect
from haloy.proxies.haproxy.process.fallback import fallback_pem
from haloy.proxies.haproxy.process.process import RunFiles, run_dir
from haloy.proxies.haproxy.process.retelling import Retelling
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.render.source_map import source_map
from haloy.proxies.haproxy.render.system_ca import system_ca
from haloy.proxies.haproxy.render.tokens import UnsafeValueError
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable, understood
from haloy.proxies.haproxy.settings import HaproxySettings, possible_connections

_log = logging.getLogger(__name__)


class Haproxy:
    """Implements Proxy. `start` first, `stop` last; `apply`, `observe` and `measure` any time between, one `apply` at a time.

    `on_event` hears of starts, deaths and reloads (haloy's log does anyway). `sleep` and `clock` are injected.
    """

    def __init__(
        self,
        settings: HaproxySettings,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self.reload_log = ReloadLog(settings.state / "reloads.jsonl")
        self.build: Build | None = None
        self._settings = settings
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._on_event = on_event
        self._root = settings.state / "haproxy"
        self._observer = Observer()
        self._reloaded = 0
        self._transactions: Transactions | None = None
        self._supervisor: Supervisor | None = None
        self._api: RuntimeApi | None = None
        self._options: HaproxyOptions | None = None
        self._memo = RenderMemo()
        self._retelling = Retelling()
        self._fallback: bytes = b""

    @property
    def deaths(self) -> int:
        """How often HAProxy ended without having been stopped."""
        return 0 if self._supervisor is None else self._supervisor.deaths

    @property
    def commands(self) -> int:
        """Runtime API commands sent so far."""
        return 0 if self._api is None else self._api.sent

    async def start(self) -> None:
        """Bring HAProxy up: an orphan, the last known good, else 404 to everything.

        Raises BinaryError, RunDirectoryBusy, RunDirectoryError, StartFailed.
        """
        settings = self._settings
        binary = find_binary(settings.binary)
        self.build = await inspect(binary)
        self._root.mkdir(parents=True, exist_ok=True)
        self._root.chmod(0o700)
        files = RunFiles(run_dir(settings.state))
        state_file = self._root / "server-state"
        self._options = HaproxyOptions(
            stats_socket=str(files.worker_socket),
            server_state=str(state_file.absolute()),
            system_ca=system_ca(),
            max_connections=settings.max_connections or possible_connections(),
            access_log=settings.access_log is not None,
            peers=f"unix@{files.peers_socket}",
            agent=None if settings.agent_check is None else (settings.agent_check.address, settings.agent_check.port),
        )
        self._fallback = await asyncio.to_thread(fallback_pem, self._root / "fallback.pem", self._clock.now())
        self._api = RuntimeApi(files.worker_socket, limit=COMMAND_LIMIT if self.build.payload_limited else None)
        generations = Generations(self._root.absolute())
        lock = asyncio.Lock()
        self._transactions = Transactions(
            self._api,
            generations,
            self.reload_log,
            config_files,
            self._clock,
            self._sleep,
            lock,
            self._notify,
            settings.min_reload_interval,
            settings.server_drain,
        )
        self._supervisor = Supervisor(
            binary,
            self._api,
            generations,
            files,
            state_file,
            settings.access_log,
            self._clock,
            self._sleep,
            lock,
            self._notify,
            self._tell,
            self._transactions.repair,
            self._transactions.came_up,
        )
        try:
            binds = [bind for listener in settings.fleet.listeners for bind in listener.binds]
            await self._transactions.open(self._supervisor, self._target(Delivery(Model(settings.fleet)), {}), binds)
        except BaseException:
            await self._transactions.close(0)
            raise

    async def apply(self, delivery: Delivery) -> Outcome:
        """Make `delivery` live. What cannot be is refused whole, with the objects and fields to leave out.

        A reload that comes too soon after the one before is not waited for: servers and renewed certificates are live at
        once all the same, and Postponed says when to come back with what is wanted by then.
        """
        transactions = self._opened()
        began = self._clock.monotonic()
        materials = {digest: one.pem.reveal() for digest, one in delivery.materials.items()}
        try:
            target = self._target(delivery, materials)
        except UnsafeValueError as error:
            culprits = await unwritable(delivery.model, self._render_options(), error)
            return Failed(transactions.revision, "render", culprits, self._clock.monotonic() - began)
        missing = missing_materials(target.artifacts, target.materials, delivery.model)
        if missing:
            return Failed(transactions.revision, "render", missing, self._clock.monotonic() - began)
        outcome = await transactions.change(target)
        if isinstance(outcome, Failed) and outcome.step == "check" and not _named(outcome):
            return await self._isolated(outcome, target)
        return outcome

    async def reload(self) -> Outcome:
        """Reload what is live because a person asked for it."""
        return await self._opened().reload(ReloadReason(ReloadCause.REQUESTED, None, "a reload was asked for"))

    async def observe(self) -> Observation:
        """The level of every endpoint now. Raises RuntimeUnavailable, and nothing else, while there is no HAProxy that
        answers in a way that is understood."""
        transactions, api = self._opened(), self._api
        running = transactions.running
        if running is None or api is None:
            raise RuntimeUnavailable("HAProxy is not running")
        artifacts = running.artifacts
        with understood("the state of the servers"):
            observation, text = await self._observer.observe(
                api, dict(servers(artifacts)), transactions.revision, self._clock.now()
            )
        if self._supervisor is not None:
            self._supervisor.remember(text)
        return observation

    async def measure(self) -> Measurements:
        """Counters and facts. While HAProxy is not running: only what is known without it."""
        transactions, api = self._opened(), self._api
        process = None if self._supervisor is None else self._supervisor.process
        version = self.build.version_string if self.build else ""
        silent = Measurements(ProxyInfo("haproxy", version, reloads=self._reloaded))
        if process is None or api is None or transactions.running is None:
            return silent
        routes = names.ROUTES in sections(transactions.running.artifacts)
        try:
            with understood("the counters"):
                measured = await measure(api, await process.master.processes(), routes=routes, reloads=self._reloaded)
        except RuntimeUnavailable as error:
            _log.debug("no measurements: %s", error)
            return silent
        features = tuple(sorted(self.build.features)) if self.build else ()
        return replace(measured, info=replace(measured.info, features=features))

    async def stop(self, drain: float) -> None:
        """Stop accepting, let requests finish for at most `drain` seconds, leave nothing behind."""
        if self._transactions is not None:
            await self._transactions.close(drain)

    def _opened(self) -> Transactions:
        if self._transactions is None:
            raise RuntimeError("start() comes first")
        return self._transactions

    def _target(self, delivery: Delivery, materials: Mapping[str, bytes]) -> Target:
        """Render, and add the fallback certificate, which is haloy's own and in no Model."""
        options = self._render_options()
        rendered = render(delivery.model, options, self._memo)
        digest = digest_of(self._fallback)
        artifacts = replace(rendered, pem_files={options.fallback_certificate: digest, **rendered.pem_files})
        return Target(artifacts, {**materials, digest: self._fallback}, _blame(artifacts, delivery.model))

    def _render_options(self) -> HaproxyOptions:
        if self._options is None:
            raise RuntimeError("start() comes first")
        return self._options

    async def _isolated(self, failed: Failed, target: Target) -> Failed:
        """`failed` with the culprits by name, where HAProxy did not say them."""
        process = None if self._supervisor is None else self._supervisor.process
        if process is None:
            return failed
        folder = self._root.absolute() / "isolating"
        try:
            found = await unacceptable(target.artifacts, target.pem, config_files, process.check, folder)
        except OSError as error:
            _log.warning("what HAProxy refuses could not be narrowed down: %s", error)
            return failed
        return replace(failed, refusals=found) if found else failed

    def _tell(self, alert: Alert) -> None:
        """HAProxy's own messages, in haloy's log."""
        level, sentence = self._retelling(alert)
        _log.log(level, "HAProxy: %s", sentence)

    def _notify(self, event: Event) -> None:
        match event:
            case Reloaded():
                if event.success:
                    self._reloaded += 1
                _log.log(logging.INFO if event.success else logging.WARNING, "%s", event)
            case Died():
                _log.error("%s", event)
            case Unusable() | Noted():
                _log.warning("%s", event)
            case Started():
                _log.info("%s", event)
            case _:
                assert_never(event)
        self._on_event(event)


def _named(failed: Failed) -> bool:
    return any(refusal.source is not None for refusal in failed.refusals)


def _blame(artifacts: Artifacts, model: Model) -> Callable[[Iterable[Alert]], tuple[Refusal, ...]]:
    """The source map is made when it is needed: hardly ever."""

    def blame(alerts: Iterable[Alert]) -> tuple[Refusal, ...]:
        return refusals(alerts, Culprits(artifacts, source_map(config_files(artifacts)), model))

    return blame
