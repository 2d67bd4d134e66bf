"""How much room there is for new Backends without a reload. Pure."""

from haloy.proxies.base import Capacity
from haloy.proxies.haproxy.slots.lay_out import free
from haloy.proxies.haproxy.slots.layout import Layout

SLOT_BYTES = 12_000
"""Memory of HAProxy that a slot takes, its servers aside: 11,975 bytes on 2.8.25, as tests/haproxy/observe/test_a_spare_slot_is_small.py measures
it (4,096 slots against none)."""


def capacity(layout: Layout, journal_bytes: int = 0) -> Capacity:
    """`layout`: the one that runs; `journal_bytes`: how long the journal of its generation is."""
    spare = free(layout)
    return Capacity(
        spare=spare,
        taken=len(layout.placements),
        resting=len(layout.resting),
        spare_bytes=SLOT_BYTES * sum(spare.values()),
        journal_bytes=journal_bytes,
    )
