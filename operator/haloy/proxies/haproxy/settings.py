"""What the administrator says about the one HAProxy of this installation."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from haloy.model.listener import Bind, Fleet
from haloy.proxies.haproxy.slots.layout import Pools

_FOR_OTHERS = 2_000
"""Descriptors that are not for clients and their upstream connections: listeners, checks, files."""
_FEWEST, _MOST = 100, 100_000


def possible_connections() -> int:
    """How many connections of clients the descriptor limit carries, two descriptors each.

    HAProxy's own sum takes one for each server's check off before, so that 20,000 checked servers at a limit of 20,000 would leave
    a maxconn of 100; but checks are spread over their interval and hold a descriptor for a moment only.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _MOST
    return min(max((hard - _FOR_OTHERS) // 2, _FEWEST), _MOST)


@dataclass(frozen=True, slots=True)
class HaproxySettings:
    """`state`: the directory that everything is kept in. `fleet`: the listeners of an HAProxy that has nothing else to go by.

    Times are seconds. `min_reload_interval`: from one reload to the next at least. `server_drain`: how long a removed
    server may finish its requests. `max_connections` None: as many as descriptors allow. `agent_check`: where haloy's own
    checker (gRPC) answers HAProxy's agent checks, None: nowhere. `spare_slots` for each profile, `max_spare_slots` in all
    (`Pools`). `lua` False: rules are compiled although HAProxy may have Lua.
    """

    state: Path
    fleet: Fleet
    binary: Path | None = None
    max_connections: int | None = None
    min_reload_interval: float = 5.0
    server_drain: float = 30.0
    access_log: Literal["stdout"] | Path | None = "stdout"
    agent_check: Bind | None = None
    spare_slots: int = 128
    max_spare_slots: int = 4_096
    lua: bool = True

    @property
    def pools(self) -> Pools:
        """How many spare slots are laid out."""
        return Pools(self.spare_slots, self.max_spare_slots)
