"""HAProxy behind the Proxy port: one process, kept equal to what was last delivered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from haloy.clock import Clock, SystemClock
from haloy.model.health import Observation
from haloy.model.model import Delivery, Model
from haloy.proxies.base import Failed, Measurements, Outcome, ProxyInfo, Refusal, ReloadCause, ReloadReason, Traffic
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.apply.crowd import too_many_profiles
from haloy.proxies.haproxy.apply.diagnose import Culprits, missing_materials, refusals
from haloy.proxies.haproxy.apply.generations import Generations, digest_of
from haloy.proxies.haproxy.apply.isolate import unacceptable, unwritable
from haloy.proxies.haproxy.apply.journal import JOURNAL
from haloy.proxies.haproxy.apply.reload_log import ReloadLog
from haloy.proxies.haproxy.apply.reloading import Target
from haloy.proxies.haproxy.apply.transaction import Transactions
from haloy.proxies.haproxy.artifacts import Artifacts, clusters_by_section, leads_somewhere
from haloy.proxies.haproxy.events import Died, Emptied, Event, Noted, Reloaded, Started, Unusable
from haloy.proxies.haproxy.observe.capacity import capacity
from haloy.proxies.haproxy.observe.health_log import HealthLog, Hints
from haloy.proxies.haproxy.observe.measure import measure
from haloy.proxies.haproxy.observe.observe import Observer
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.plan.running import sections
from haloy.proxies.haproxy.process.alerts import Alert
from haloy.proxies.haproxy.process.binary import Build, find_binary, inspect
from haloy.proxies.haproxy.process.fallback import fallback_pem
from haloy.proxies.haproxy.process.process import RunFiles, run_dir
from haloy.proxies.haproxy.process.retelling import Retelling
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.render.source_map import source_map
from haloy.proxies.haproxy.render.system_ca import system_ca
from haloy.proxies.haproxy.render.tokens import UnsafeValueError
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable, understood
from haloy.proxies.haproxy.settings import HaproxySettings, possible_connections
from haloy.proxies.haproxy.slots.layout import EMPTY, Layout
from haloy.proxies.haproxy.true_names import TrueNames

_log = logging.getLogger(__name__)

_NO_LUA = "this HAProxy is built without Lua: each change of conditions, filters or redirects will reload it"
_LUA_OFF = "Lua is switched off: each change of conditions, filters or redirects will reload HAProxy"


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
        self._health_log: HealthLog | None = None
        self._reloaded = 0
        self._transactions: Transactions | None = None
        self._supervisor: Supervisor | None = None
        self._api: RuntimeApi | None = None
        self._options: HaproxyOptions | None = None
        self._memo = RenderMemo()
        self._names = TrueNames(self._layout)
        self._retelling = Retelling(self._names)
        self._fallback: bytes = b""

    @property
    def deaths(self) -> int:
        """How often HAProxy ended without having been stopped."""
        return 0 if self._supervisor is None else self._supervisor.deaths

    @property
    def baselines(self) -> Mapping[str, Traffic]:
        """By slot, what was counted there before its present Cluster came."""
        return {} if self._transactions is None else self._transactions.baselines

    def settled(self) -> bool:
        """Whether nothing is left to do of what was applied: no server or entry to delete, no slot that rests, no refill."""
        return self._transactions is None or self._transactions.settled

    @property
    def rules_are_compiled(self) -> bool:
        """Whether HAProxy runs without Lua, so that a change of conditions or filters is a reload. Known once it has started."""
        return self._options is not None and not self._options.lua

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
        self._health_log = HealthLog(files.health_socket)
        self._health_log.open()
        state_file = self._root / "server-state"
        self._options = HaproxyOptions(
            stats_socket=str(files.worker_socket),
            server_state=str(state_file.absolute()),
            system_ca=system_ca(),
            max_connections=settings.max_connections or possible_connections(),
            access_log=settings.access_log is not None,
            peers=f"unix@{files.peers_socket}",
            agent=None if settings.agent_check is None else (settings.agent_check.address, settings.agent_check.port),
            health_log=str(files.health_socket),
            lua=settings.lua and self.build.lua is not None,
            pools=settings.pools,
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
            settings.pools,
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
        if self.rules_are_compiled:
            self._notify(Noted(_NO_LUA if self.build.lua is None else _LUA_OFF))
        try:
            binds = [bind for listener in settings.fleet.listeners for bind in listener.binds]
            zero = self._target(Delivery(Model(settings.fleet)), {}, fresh=True)
            await self._transactions.open(self._supervisor, zero, binds)
        except BaseException:
            await self.stop(0)
            raise

    async def apply(self, delivery: Delivery) -> Outcome:
        """Make `delivery` live. What cannot be is refused whole, with the objects and fields to leave out.

        A reload that comes too soon after the one before is not waited for: whatever leads to nothing that waits for it is
        live at once all the same, and Postponed says when to come back with what is wanted by then.
        """
        outcome = await self._apply(delivery, self._opened())
        return replace(outcome, idle=not self._leads_somewhere()) if isinstance(outcome, Failed) else outcome

    async def _apply(self, delivery: Delivery, transactions: Transactions) -> Outcome:
        began = self._clock.monotonic()
        materials = {digest: one.pem.reveal() for digest, one in delivery.materials.items()}
        try:
            target = self._target(delivery, materials)
        except UnsafeValueError as error:
            culprits = await unwritable(delivery.model, self._render_options(), error)
            return Failed(transactions.revision, "render", culprits, self._clock.monotonic() - began)
        if crowd := too_many_profiles(target.artifacts.layout, transactions.layout, delivery.model):
            return Failed(transactions.revision, "render", crowd, self._clock.monotonic() - began)
        missing = missing_materials(target.artifacts, target.materials, delivery.model)
        if missing:
            return Failed(transactions.revision, "render", missing, self._clock.monotonic() - began)
        outcome = await transactions.change(target)
        if self._health_log is not None:
            self._health_log.wake()
        if isinstance(outcome, Failed) and outcome.step == "check" and not _named(outcome):
            outcome = await self._isolated(outcome, target, delivery.model)
        return TrueNames(lambda: target.artifacts.layout, self._layout).outcome(outcome)

    async def reload(self) -> Outcome:
        """Reload what is live because a person asked for it."""
        return await self._opened().reload(ReloadReason(ReloadCause.REQUESTED, None, "a reload was asked for"))

    async def observe(self) -> Observation:
        """The level of every endpoint now. Raises RuntimeUnavailable, and nothing else, while there is no HAProxy that
        answers in a way that is understood."""
        if self._health_log is not None:
            self._listen_again(self._health_log)
            self._health_log.take()
        await self._opened().look_after()
        return await self._observed(Hints(everything=True))

    async def observe_changes(self) -> Observation:
        """The level of every endpoint: what HAProxy spoke of and what was changed since is read again, the rest is as it was.
        Raises what `observe` raises; what was to be read is lost then, so that a whole look comes next."""
        return await self._observed(Hints() if self._health_log is None else self._health_log.take())

    async def health_changed(self) -> None:
        """Wait until HAProxy says that a server changed, something was applied, or a first result is to be looked for."""
        if self._health_log is not None:
            await self._health_log.wait(self._observer.patience(self._clock.now()))

    async def _observed(self, hints: Hints) -> Observation:
        transactions, api = self._opened(), self._api
        running = transactions.running
        if running is None or api is None:
            raise RuntimeUnavailable("HAProxy is not running")
        artifacts, revision, now = running.artifacts, transactions.revision, self._clock.now()
        with understood("the state of the servers"):
            if hints.everything:
                observation = await self._observer.observe(api, artifacts, revision, now)
            else:
                observation = await self._observer.observe_some(api, artifacts, revision, now, hints.sections)
        if self._supervisor is not None:
            self._supervisor.remember(self._observer.text, artifacts.layout)
        return observation

    def _listen_again(self, health_log: HealthLog) -> None:
        try:
            health_log.reopen_if_lost()
        except OSError as error:
            _log.warning("HAProxy cannot say that a server changed; every 10 s they are all looked at: %s", error)

    async def measure(self) -> Measurements:
        """Counters and facts. While HAProxy is not running: only what is known without it."""
        transactions, api = self._opened(), self._api
        process = None if self._supervisor is None else self._supervisor.process
        version = self.build.version_string if self.build else ""
        silent = Measurements(ProxyInfo("haproxy", version, reloads=self._reloaded))
        if process is None or api is None or transactions.running is None:
            return silent
        artifacts = transactions.running.artifacts
        try:
            with understood("the counters"):
                measured = await measure(
                    api,
                    await process.master.processes(),
                    clusters=clusters_by_section(artifacts),
                    baselines=self.baselines,
                    routes=names.ROUTES in sections(artifacts),
                    reloads=self._reloaded,
                )
        except RuntimeUnavailable as error:
            _log.debug("no measurements: %s", error)
            return silent
        features = tuple(sorted(self.build.features)) if self.build else ()
        info = replace(measured.info, features=features)
        return replace(measured, info=info, capacity=capacity(artifacts.layout, self._journal_bytes()))

    def _journal_bytes(self) -> int:
        try:
            return (Generations(self._root).link / JOURNAL).stat().st_size
        except OSError:  # none was begun
            return 0

    async def stop(self, drain: float) -> None:
        """Stop accepting, let requests finish for at most `drain` seconds, leave nothing behind."""
        try:
            if self._transactions is not None:
                await self._transactions.close(drain)
        finally:
            if self._health_log is not None:
                self._health_log.close()

    def _opened(self) -> Transactions:
        if self._transactions is None:
            raise RuntimeError("start() comes first")
        return self._transactions

    def _target(self, delivery: Delivery, materials: Mapping[str, bytes], fresh: bool = False) -> Target:
        """Render around what is live, and add the fallback certificate, which is haloy's own and in no Model. Only what has
        been applied becomes live: a target that is refused leaves nothing behind."""
        options, transactions = self._render_options(), self._opened()
        around = transactions.layout
        rendered = render(delivery.model, options, self._memo, around, transactions.leaving, fresh=fresh)
        digest = digest_of(self._fallback)
        own = {options.fallback_certificate: digest, DEFAULT_CERTIFICATE: digest}
        artifacts = replace(rendered, pem_files={**own, **rendered.pem_files})
        return Target(
            artifacts,
            {**materials, digest: self._fallback},
            _blame(artifacts, delivery.model),
            again=lambda fresh: self._target(delivery, materials, fresh),
            around=around,
        )

    def _render_options(self) -> HaproxyOptions:
        if self._options is None:
            raise RuntimeError("start() comes first")
        return self._options

    async def _isolated(self, failed: Failed, target: Target, model: Model) -> Failed:
        """`failed` with the culprits by name, where HAProxy did not say them."""
        process = None if self._supervisor is None else self._supervisor.process
        if process is None:
            return failed
        folder = self._root.absolute() / "isolating"
        try:
            found = await unacceptable(model, self._render_options(), target.pem, process.check, folder)
        except OSError as error:
            _log.warning("what HAProxy refuses could not be narrowed down: %s", error)
            return failed
        return replace(failed, refusals=found) if found else failed

    def _leads_somewhere(self) -> bool:
        running = self._opened().running
        return running is not None and leads_somewhere(running.artifacts)

    def _layout(self) -> Layout:
        running = None if self._transactions is None else self._transactions.running
        return EMPTY if running is None else running.artifacts.layout

    def _tell(self, alert: Alert) -> None:
        """HAProxy's own messages, in haloy's log."""
        level, sentence = self._retelling(alert)
        _log.log(level, "HAProxy: %s", sentence)

    def _notify(self, event: Event) -> None:
        match event:
            case Reloaded():
                if event.success:
                    self._reloaded += 1
                level = logging.INFO if event.success else logging.WARNING
            case Died() | Emptied():
                level = logging.ERROR
            case Unusable() | Noted():
                level = logging.WARNING
            case Started():
                level = logging.INFO
            case _:
                assert_never(event)
        _log.log(level, "%s", self._names.translated(str(event)))
        if self._health_log is not None and isinstance(event, Started | Reloaded):
            self._health_log.wake(everything=True)
        self._on_event(event)


def _named(failed: Failed) -> bool:
    return any(refusal.source is not None for refusal in failed.refusals)


def _blame(artifacts: Artifacts, model: Model) -> Callable[[Iterable[Alert]], tuple[Refusal, ...]]:
    """The source map is made when it is needed: hardly ever."""

    def blame(alerts: Iterable[Alert]) -> tuple[Refusal, ...]:
        return refusals(alerts, Culprits(artifacts, source_map(config_files(artifacts)), model))

    return blame
