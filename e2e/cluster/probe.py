"""Ask a component over HTTP whether it is ready."""

import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.certificates import Pair
from e2e.cluster.errors import ClusterError

_WITHIN = 5.0
_LIMIT = 1 << 20

Ready = Callable[[], str | None]
"""None: ready. A string: why not yet."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a server that asks for a certificate."""

    host: str
    port: int
    authority: Path
    client: Pair

    def connection(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.client.certificate, self.client.key)
        return http.client.HTTPSConnection(self.host, self.port, timeout=_WITHIN, context=context)


def https_ready(access: Access, path: str) -> Ready:
    """Ready once `path` answers 200."""
    return _ready(access.connection, path)


def own_https_ready(host: str, port: int, path: str) -> Ready:
    """The server's certificate is one it made for itself; only the answer counts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _ready(lambda: http.client.HTTPSConnection(host, port, timeout=_WITHIN, context=context), path)


def http_ready(host: str, port: int, path: str) -> Ready:
    """Without TLS."""
    return _ready(lambda: http.client.HTTPConnection(host, port, timeout=_WITHIN), path)


def json_from(access: Access, path: str) -> dict[str, Any]:
    """Raises ClusterError: no answer, or another status than 200."""
    try:
        status, body = _get(access.connection(), path)
    except (OSError, http.client.HTTPException) as error:
        raise ClusterError(f"{path}: {error}") from error
    if status != 200:
        raise ClusterError(f"{path} answers {status}: {_failed(body)}")
    content: dict[str, Any] = json.loads(body)
    return content


def _ready(connect: Callable[[], http.client.HTTPConnection], path: str) -> Ready:
    def ready() -> str | None:
        try:
            status, body = _get(connect(), path)
        except (OSError, http.client.HTTPException) as error:
            return f"{path}: {error}"
        return None if status == 200 else f"{path} answers {status}: {_failed(body)}"

    return ready


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_LIMIT).decode(errors="replace")
    finally:
        connection.close()


def _failed(body: str) -> str:
    """Kubernetes lists its checks, one a line; those that are not yet good say more than the rest."""
    lines = [line for line in body.splitlines() if line.startswith("[-]")] or body.splitlines()
    return " ".join(lines)[:300]
