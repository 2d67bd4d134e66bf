"""What the administrator says about the one HAProxy of this installation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from haloy.model.listener import Bind, Fleet


@dataclass(frozen=True, slots=True)
class HaproxySettings:
    """`state`: the directory that everything is kept in. `fleet`: the listeners of an HAProxy that has nothing else to go by.

    Times are seconds. `min_reload_interval`: from one reload to the next at least. `server_drain`: how long a removed
    server may finish its requests. `max_connections` None: as many as descriptors allow. `agent_check`: where haloy's own
    checker (gRPC) answers HAProxy's agent checks, None: nowhere.
    """

    state: Path
    fleet: Fleet
    binary: Path | None = None
    max_connections: int | None = None
    min_reload_interval: float = 5.0
    server_drain: float = 30.0
    access_log: Literal["stdout"] | Path | None = "stdout"
    agent_check: Bind | None = None
