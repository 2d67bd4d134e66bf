"""What is checked, and what a check says."""

from dataclasses import dataclass

from haloy.model.health import EndpointKey, HealthCheck
from haloy.model.secret import SecretBytes


@dataclass(frozen=True, slots=True)
class MonitorTarget:
    """One endpoint and how to check it. `address` is an IP without brackets.

    `tls`: the connection is TLS, always verified: by `ca` (PEM; None: the system's CAs) and by `server_name`, which is sent as
    SNI too (None: by the address). `client_certificate`: PEM, chain and key. `proxy_protocol`: "v1" or "v2" if the endpoint
    expects that header.
    """

    key: EndpointKey
    address: str
    port: int
    check: HealthCheck
    tls: bool = False
    server_name: str | None = None
    ca: SecretBytes | None = None
    client_certificate: SecretBytes | None = None
    proxy_protocol: str | None = None

    @property
    def authority(self) -> str:
        """`10.0.0.5:8080` or `[2001:db8::1]:8080`; with `server_name` in the place of the address if there is one."""
        host = self.server_name or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`reason` is short and printable, in the vocabulary of HAProxy's checks: `L7OK/SERVING`, `L7STS/503`, `L4CON/Connection refused`.

    `L4`: the connection, `L6`: TLS, `L7`: the answer.
    """

    passed: bool
    reason: str


class CheckImpossibleError(Exception):
    """The check could not be made for a reason of this machine (descriptors, memory, ports): it says nothing of the endpoint."""
