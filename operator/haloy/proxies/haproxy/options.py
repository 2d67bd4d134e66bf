"""What the driver tells render about its HAProxy and its machine: everything that is not in the Model."""

from dataclasses import dataclass

from haloy.proxies.haproxy.slots.layout import DEFAULT_POOLS, Pools

SYSTEM_CA = "@system-ca"
"""HAProxy's own idea of where the system's CAs are. Not every machine has any: HAProxy does not start where a server asks in vain."""


@dataclass(frozen=True, slots=True)
class HaproxyOptions:
    """Values that stay the same from one reload to the next.

    Paths outside the configuration directory are absolute: `stats_socket`, `server_state`. `system_ca` is what servers with
    the system's CAs are verified by: a path, which is then always loaded, or `SYSTEM_CA`. `agent`: host and port of haloy's
    checker for gRPC, None: a gRPC endpoint is only checked for a connection. `max_connections` None: HAProxy's own limit.
    `peers`: where the local peer listens (`127.0.0.1:PORT`), so that the counters by route survive a reload; None: they do not.
    `lua`: whether rules may be programs (False: they are compiled). `health_log`: absolute path of the datagram socket that
    changes of server state are logged to, None: nowhere. `pools`: how many spare slots are laid out.
    """

    stats_socket: str
    server_state: str
    max_connections: int | None = None
    access_log: bool = True
    threads: int | None = None
    agent: tuple[str, int] | None = None
    fallback_certificate: str = "certs/fallback.pem"
    system_ca: str = SYSTEM_CA
    node: str = "haloy"
    peers: str | None = None
    lua: bool = True
    health_log: str | None = None
    pools: Pools = DEFAULT_POOLS
