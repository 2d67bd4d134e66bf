"""The newest status of every object, and the sentences about what changed."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from haloy.api.conditions import ConditionStatus, ConditionType, Report
from haloy.api.snapshot import Rejection
from haloy.clock import Clock
from haloy.model.health import Observation
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.model.revised import differing
from haloy.status import changes
from haloy.status.desired import Inputs, Programming, desired
from haloy.status.health import HealthView
from haloy.status.rules import with_conditions_or_filters
from haloy.status.values import Status

SENTENCES = 20
"""Transitions of one moment that are told one by one."""


class StatusBoard:
    """Holds what `desired` needs, recomputes when a part changes, and wakes those who wait.

    `version` counts the changes of any status; equal statuses do not count.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reports: Mapping[ObjectRef, Report] = {}
        self._model: Model | None = None
        self._proxies = 0
        self._programming = Programming()
        self._compiled: frozenset[ObjectRef] = frozenset()
        self._users = changes.Users()
        self._observations: Sequence[Observation] = ()
        self._health = HealthView((), ())
        self._changed = asyncio.Event()
        self.rejections: tuple[Rejection, ...] = ()
        self.statuses: Mapping[ObjectRef, Status] = {}
        self.version = 0

    @property
    def model(self) -> Model | None:
        return self._model

    @property
    def programming(self) -> Programming:
        return self._programming

    def translated(
        self,
        reports: Mapping[ObjectRef, Report],
        rejections: tuple[Rejection, ...],
        model: Model,
        programming: Programming,
    ) -> list[str]:
        """Take in the result of a cycle; how many proxies are ready is the board's own knowledge. Returns one sentence per
        transition of Ready, `SENTENCES` at most."""
        programming = replace(programming, proxies=self._proxies, compiled=self._programming.compiled)
        by_reports = self._users.follow(reports)
        compiled = with_conditions_or_filters(model) if programming.compiled else frozenset()
        concerned = changes.by_programming(self._programming, programming)
        if self._model is None or concerned is None:
            concerned = None
        else:
            concerned |= by_reports
            concerned |= changes.by_postponement(reports, self._programming, programming)
            concerned |= changes.by_rejections(self.rejections, rejections)
            concerned |= changes.by_model(self._model, model, self._users)
            concerned |= compiled ^ self._compiled
        self._compiled = compiled
        self._reports, self.rejections, self._model, self._programming = reports, rejections, model, programming
        return self._recompute(concerned)

    def observed(self, observations: Sequence[Observation]) -> list[str]:
        """Take in what the proxies report. Returns one sentence per transition, `SENTENCES` at most."""
        concerned = changes.by_observations(self._observations, observations, self._users)
        self._observations = observations
        return self._recompute(concerned)

    def proxy_ready(self, ready: bool, *, compiled: bool = False) -> list[str]:
        """The only proxy came or went. `compiled`: it needs a reload for a change of conditions or filters. Returns one sentence
        per transition, `SENTENCES` at most."""
        self._proxies = 1 if ready else 0
        self._programming = replace(self._programming, proxies=self._proxies, compiled=compiled)
        self._compiled = with_conditions_or_filters(self._model) if compiled and self._model else frozenset()
        if not ready:
            self._observations = ()
        return self._recompute(None)

    def awaits_health(self) -> bool:
        """Does any Backend lack its first result?"""
        conditions = [status.condition(ConditionType.HEALTHY) for status in self.statuses.values()]
        return any(found is not None and found.status is ConditionStatus.UNKNOWN for found in conditions)

    async def changed(self, since: int) -> int:
        """Wait until `version` is beyond `since`; returns it."""
        while self.version <= since:
            self._changed.clear()
            await self._changed.wait()
        return self.version

    def _recompute(self, concerned: Collection[ObjectRef] | None) -> list[str]:
        """`concerned`: whose status may differ; None: everybody's."""
        if self._model is None or (concerned is not None and not concerned):
            return []
        before = self.statuses
        if not self._health.is_of(self._model.clusters, self._observations):
            self._health = HealthView(self._model.clusters, self._observations, self._health)
        now = self._clock.now()
        inputs = Inputs(
            self._reports, self.rejections, self._model, self._programming, self._health, now, before, self._compiled
        )
        self.statuses = desired(inputs, concerned)
        if not differing(before, self.statuses):
            return []
        self.version += 1
        self._changed.set()
        return shortened(transitions(before, self.statuses))


def transitions(before: Mapping[ObjectRef, Status], after: Mapping[ObjectRef, Status]) -> list[str]:
    """One sentence per object whose Ready changed, appeared with trouble, or went away."""
    sentences: list[str] = []
    changed = sorted(differing(before, after))
    for ref in changed:
        old, status = before.get(ref), after.get(ref)
        if status is None:
            continue
        was = old.condition(ConditionType.READY) if old else None
        now = status.condition(ConditionType.READY)
        if now is None or (was is not None and (was.status, was.message) == (now.status, now.message)):
            continue
        if was is None and status.ready:
            continue
        sentences.append(f"{ref}: Ready={now.status} ({now.reason}): {now.message}")
    sentences += [f"{ref}: removed" for ref in changed if ref not in after]
    return sentences


def shortened(sentences: list[str]) -> list[str]:
    """A thousand objects that change together, as when a proxy goes away, must not flood the log."""
    more = len(sentences) - SENTENCES
    return sentences if more <= 0 else [*sentences[:SENTENCES], f"and {more} more changes of status, see haloy status"]
