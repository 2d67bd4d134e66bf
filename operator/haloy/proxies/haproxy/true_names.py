"""Whose a slot is, for everything that a person reads."""

import re
from collections.abc import Callable, Mapping

from haloy.proxies.haproxy.slots.layout import Layout, Placement

_SLOT = re.compile(r"\bslot\.[0-9a-f]{1,64}\.\d{1,9}\b")


class TrueNames:
    """`layout` gives the Layout that runs now."""

    def __init__(self, layout: Callable[[], Layout]) -> None:
        self._layout = layout
        self._placements: Mapping[str, Placement] = {}
        self._clusters: Mapping[str, str] = {}

    def cluster(self, slot: str) -> str | None:
        """The Cluster in `slot`; None: it is free, or rests, or is no slot."""
        placements = self._layout().placements
        if placements is not self._placements:
            self._placements = placements
            self._clusters = {placement.slot: cluster for cluster, placement in placements.items()}
        return self._clusters.get(slot)

    def translated(self, text: str) -> str:
        """`text` with `web/shop [slot.3f9a01bc.17]` for `slot.3f9a01bc.17`."""
        return _SLOT.sub(self._translated, text)

    def _translated(self, found: re.Match[str]) -> str:
        cluster = self.cluster(found[0])
        return f"{cluster or 'a spare slot'} [{found[0]}]"
