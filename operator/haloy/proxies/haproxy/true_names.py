"""Whose a slot is, for everything that a person reads: nobody but HAProxy calls it by its own name."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from haloy.proxies.base import Applied, Failed, Outcome, Postponed, Refusal, ReloadReason
from haloy.proxies.haproxy.slots.layout import Layout, Placement

_SLOT = re.compile(r"\bslot\.[0-9a-f]{1,64}\.\d{1,9}\b")


class TrueNames:
    """`layouts`, asked in turn, give the Layout that runs now, or the one that is to come."""

    def __init__(self, *layouts: Callable[[], Layout]) -> None:
        self._layouts = layouts
        self._known: dict[int, tuple[Mapping[str, Placement], Mapping[str, str]]] = {}

    def cluster(self, slot: str) -> str | None:
        """The Cluster in `slot`; None: it is free, or rests, or is no slot."""
        found = (self._clusters(number).get(slot) for number in range(len(self._layouts)))
        return next((cluster for cluster in found if cluster is not None), None)

    def translated(self, text: str) -> str:
        """`text` with `web/shop` for `slot.3f9a01bc.17`."""
        return _SLOT.sub(lambda found: self.cluster(found[0]) or "a spare slot", text)

    def reasons(self, reasons: Iterable[ReloadReason]) -> tuple[ReloadReason, ...]:
        return tuple(replace(reason, detail=self.translated(reason.detail)) for reason in reasons)

    def refusals(self, refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
        return tuple(replace(refusal, message=self.translated(refusal.message)) for refusal in refusals)

    def outcome(self, outcome: Outcome) -> Outcome:
        """With everything that it says in words."""
        match outcome:
            case Applied():
                return replace(outcome, reload=self.reasons(outcome.reload)) if outcome.reload else outcome
            case Postponed():
                return replace(outcome, reasons=self.reasons(outcome.reasons))
            case Failed():
                return replace(outcome, refusals=self.refusals(outcome.refusals))
            case _:
                assert_never(outcome)

    def _clusters(self, number: int) -> Mapping[str, str]:
        """By slot, in that Layout."""
        placements, known = self._layouts[number]().placements, self._known.get(number)
        if known is None or known[0] is not placements:
            known = placements, {placement.slot: cluster for cluster, placement in placements.items()}
            self._known[number] = known
        return known[1]
