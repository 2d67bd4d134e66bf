"""The one loop: store → snapshot → translate → apply → status. The file to read first.

    wait for a change ─→ run_cycle() ─→ a Cycle, logged once as a sentence ─→ wait

The first change goes at once; what arrives within the hold-off after a cycle began is coalesced into the next one. Nothing is
applied before every source has synced. An object that the proxy itself refuses is put back to the version that was live
before, or left out when there was none, and the rest is applied: one bad object hurts nobody else.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from haloy.api.conditions import Report
from haloy.api.snapshot import Object, Snapshot
from haloy.clock import Clock
from haloy.metrics import Metrics
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.revised import Revised, differing
from haloy.proxies.base import Applied, Failed, Outcome, Postponed, Proxy, ReloadReason
from haloy.retained import Retained
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.status.desired import Programming
from haloy.translate import Context, Memo, Translation, translate

log = logging.getLogger(__name__)

HOLD_OFF = 0.1
"""Seconds; the longest that a change waits for others of its burst."""
LOOK_AGAIN = 60.0
"""Seconds without a change after which a cycle runs all the same."""
FIRST_RETRY, LAST_RETRY = 0.5, 10.0
"""Seconds after a cycle that failed for no object's fault, doubling."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One turn of the loop. `str()` is the log line."""

    number: int
    objects: int
    outcome: Outcome | None
    refused: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def level(self) -> int:
        """How loud the log says it."""
        if isinstance(self.outcome, Failed) or self.refused:
            return logging.WARNING
        return logging.INFO if isinstance(self.outcome, Applied) and not self.outcome.unchanged else logging.DEBUG

    def __str__(self) -> str:
        head = f"cycle {self.number}: {self.objects} objects"
        refused = f"; refused by the proxy: {', '.join(self.refused)}" if self.refused else ""
        match self.outcome:
            case None:
                return f"{head}, waiting for the sources to sync"
            case Applied(unchanged=True):
                return f"{head}, nothing to change{refused}"
            case Applied() as applied:
                how = f"{applied.commands} runtime commands"
                if applied.reload:
                    how = f"one reload ({_causes(applied.reload)})"
                return f"{head}, live in {self.seconds * 1000:.0f} ms with {how}{refused}"
            case Postponed() as postponed:
                return f"{head}, a reload ({_causes(postponed.reasons)}) is due in {postponed.seconds:.1f} s{refused}"
            case Failed() as failed:
                why = "; ".join(refusal.message for refusal in failed.refusals) or "no reason given"
                return f"{head}, NOT live, {failed.step} failed: {why}; {_left(failed)}{refused}"


def _left(failed: Failed) -> str:
    """What the proxy does after that."""
    if not failed.revision:
        return "nothing is known to be live"
    return "every host is answered 404" if failed.idle else "what was live stays live"


def _causes(reasons: tuple[ReloadReason, ...]) -> str:
    """`new-profile x4, new-regular-expression`; the reload's own line and `haloy reloads` have the details."""
    counts = Counter(reason.cause.value for reason in reasons)
    return ", ".join(cause if count == 1 else f"{cause} x{count}" for cause, count in counts.items())


@dataclass(frozen=True, slots=True)
class Held:
    """An object in the version that the proxy refused, and its words by field.

    `before`: the version that was live and takes its place; None: the refused fields are left out.
    """

    refused: Object
    fields: Mapping[FieldRef, str]
    before: Object | None

    @property
    def message(self) -> str:
        return " ".join(f"{place.field}: the proxy refuses it: {words}" for place, words in self.fields.items())


@dataclass(slots=True)
class State:
    """What one cycle hands to the next."""

    held: dict[ObjectRef, Held] = field(default_factory=dict)
    live_objects: Revised[ObjectRef, Object] = field(default_factory=Revised)
    live: Revised[ObjectRef, int] = field(default_factory=Revised)
    applied: bool = False
    not_live: frozenset[ObjectRef] = frozenset()
    """Those that `live_objects` has in another version than the snapshot it was made from, or not at all."""
    translation: Translation | None = None
    snapshot: Snapshot | None = None


class Reconciler:
    """Drives one Proxy from one Store.

    `context` gives the administrator's part of translation anew for each cycle; `prepare` may bring in what a Snapshot still lacks
    before it is used (the first answers for new DNS names).
    """

    def __init__(
        self,
        store: Store,
        proxy: Proxy,
        context: Callable[[], Context],
        prepare: Callable[[Snapshot], Awaitable[None]],
        board: StatusBoard,
        retained: Retained,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._proxy = proxy
        self._context = context
        self._prepare = prepare
        self._board = board
        self._retained = retained
        self._metrics = metrics
        self._clock = clock
        self._memo = Memo()
        self._number = 0
        self._failures = 0
        self._woken = asyncio.Event()
        self.state = State()
        self.last: Cycle | None = None

    async def run(self, after_cycle: Callable[[Cycle], None]) -> None:
        """Run until cancelled."""
        seen, pause = 0, LOOK_AGAIN
        while True:
            seen = await self._changed(seen, pause)
            began = self._clock.monotonic()
            cycle = await self.run_cycle()
            log.log(cycle.level, "%s", cycle)
            after_cycle(cycle)
            pause = self._pause(cycle.outcome)
            rest = HOLD_OFF - (self._clock.monotonic() - began)
            if rest > 0:
                await asyncio.sleep(rest)

    def wake(self) -> None:
        """Run a cycle although nothing was written: the proxy came back, and may be on an older configuration."""
        self._woken.set()

    async def _changed(self, seen: int, pause: float) -> int:
        """Wait for a change of the Store, for `wake`, or for `pause` seconds. Returns the Store's version."""
        waiting = [asyncio.create_task(self._store.changed(seen)), asyncio.create_task(self._woken.wait())]
        try:
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        self._woken.clear()
        return self._store.version

    def _pause(self, outcome: Outcome | None) -> float:
        """How long to wait for a change before the next cycle runs all the same. Time alone changes something, too: certificates
        expire."""
        match outcome:
            case Postponed():
                return outcome.seconds
            case Failed():
                self._failures += 1
                return min(FIRST_RETRY * 2.0 ** (self._failures - 1), LAST_RETRY)
            case _:
                self._failures = 0
                return LOOK_AGAIN

    async def run_cycle(self) -> Cycle:
        """Make what the Store holds now live, as far as it can be, and update every status."""
        began = self._clock.monotonic()
        self._number += 1
        await self._prepare(self._store.snapshot())
        snapshot = self._store.snapshot()
        if not snapshot.synced:
            return Cycle(self._number, len(snapshot.objects), None)
        self._release(snapshot)
        while True:
            translation = self._translate(snapshot)
            outcome = await self._proxy.apply(translation.delivery)
            if not (isinstance(outcome, Failed) and self._hold(snapshot, outcome)):
                break
        self._remember(snapshot, translation, outcome)
        seconds = self._clock.monotonic() - began
        refused = tuple(f"{ref}: {held.message}" for ref, held in sorted(self.state.held.items()))
        self.last = Cycle(self._number, len(snapshot.objects), outcome, refused, seconds)
        self._count(outcome)
        return self.last

    def _translate(self, snapshot: Snapshot) -> Translation:
        """Translate with every held object in its last live version, or without it when there is none."""
        before: dict[ObjectRef, Object] = {}
        excluded: dict[ObjectRef | FieldRef, str] = {}
        for ref, held in self.state.held.items():
            if held.before is not None:
                before[ref] = held.before
            else:
                excluded.update((place, words) for place, words in held.fields.items())
        if before:
            snapshot = replace(snapshot, objects=Revised.of(snapshot.objects).revised(before))
        context = replace(
            self._context(),
            retained=self._retained.certificates,
            retained_bundles=self._retained.bundles,
            excluded=excluded,
        )
        return translate(snapshot, context, self._memo)

    def _hold(self, snapshot: Snapshot, failed: Failed) -> bool:
        """Hold back what the proxy named. False: it named nothing that is not held back already."""
        named: dict[ObjectRef, dict[FieldRef, str]] = {}
        for refusal in failed.refusals:
            if refusal.source is not None and refusal.source.ref in snapshot.objects:
                named.setdefault(refusal.source.ref, {})[refusal.source] = refusal.message
        found = False
        for ref, fields in named.items():
            held = self.state.held.get(ref)
            if held is None:
                before = self.state.live_objects.get(ref)
                refused = snapshot.objects[ref]
                self.state.held[ref] = Held(refused, fields, before if before is not refused else None)
            elif held.before is not None:
                # The version that was live is refused as well: from now on only fields are left out.
                self.state.held[ref] = replace(held, before=None)
            elif fields.keys() <= held.fields.keys():
                continue
            else:
                self.state.held[ref] = replace(held, fields={**held.fields, **fields})
            found = True
        return found

    def _release(self, snapshot: Snapshot) -> None:
        """A refused object that has changed since gets a new chance."""
        self.state.held = {
            ref: held for ref, held in self.state.held.items() if snapshot.objects.get(ref) is held.refused
        }

    def _remember(self, snapshot: Snapshot, translation: Translation, outcome: Outcome) -> None:
        state = self.state
        state.snapshot, state.translation = snapshot, translation
        failure = postponed = ""
        if isinstance(outcome, Applied):
            state.applied = True
            self._take_as_live(snapshot)
            try:
                self._retained.keep(translation.delivery)
            except OSError as error:
                log.warning("certificates in use could not be kept for a restart: %s", error)
        elif isinstance(outcome, Postponed):
            postponed = " ".join(dict.fromkeys(reason.cause.meaning for reason in outcome.reasons))
        elif isinstance(outcome, Failed):
            failure = "; ".join(refusal.message for refusal in outcome.refusals) or f"{outcome.step} failed"
        if isinstance(outcome, Postponed | Failed) and outcome.waiting is not None:
            self._take_as_live(snapshot, frozenset(outcome.waiting))
        spoken_of = {ref: translation.reports[ref] for ref in state.held if ref in translation.reports}
        reports = Revised.of(translation.reports).revised(
            {ref: self._current(report, snapshot) for ref, report in spoken_of.items()}
        )
        programming = Programming(
            live=state.live,
            failure=failure,
            refused={ref: held.message for ref, held in state.held.items()},
            postponed=postponed,
        )
        model = translation.delivery.model
        for sentence in self._board.translated(reports, snapshot.rejections, model, programming):
            log.info("%s", sentence)

    def _take_as_live(self, snapshot: Snapshot, waiting: frozenset[ObjectRef] = frozenset()) -> None:
        """Every object is live as it is in `snapshot`, but for the held ones and those of `waiting`: they stay as they were."""
        state, objects = self.state, snapshot.objects
        former = frozenset(state.held.keys() | waiting)
        before = {ref: state.live_objects[ref] for ref in former if ref in state.live_objects}
        live = Revised.of(objects).revised(before, former - before.keys())
        concerned = differing(state.live_objects, live) | former | state.not_live
        there = {ref: objects[ref].generation for ref in concerned if ref in objects and ref not in former}
        gone = [ref for ref in concerned if ref not in there and not (ref in waiting and ref in objects)]
        state.live_objects, state.not_live, state.live = live, former, state.live.revised(there, gone)

    def _current(self, report: Report, snapshot: Snapshot) -> Report:
        """The report of a held object speaks of the version the user wrote, not of the one that is served."""
        item = snapshot.objects.get(report.ref)
        if item is None or report.ref not in self.state.held:
            return report
        return replace(report, generation=item.generation)

    def _count(self, outcome: Outcome) -> None:
        metrics = self._metrics
        match outcome:
            case Applied(unchanged=True):
                metrics.cycles.labels("unchanged").inc()
            case Applied() as applied:
                metrics.cycles.labels("applied").inc()
                metrics.apply_seconds.observe(applied.seconds)
                metrics.runtime_commands.inc(applied.commands)
            case Postponed() as postponed:
                metrics.cycles.labels("postponed").inc()
                metrics.runtime_commands.inc(postponed.commands)
            case Failed():
                metrics.cycles.labels("failed").inc()
