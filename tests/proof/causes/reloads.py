"""The log of reloads, as a person sees it."""

import json
import socket
from typing import Any

from haloy.proxies.base import ReloadCause
from haloy.proxies.haproxy.process.process import run_dir
from tests.features.product import Product, eventually


def reasons(product: Product, since: int = 0) -> list[dict[str, Any]]:
    """The reasons of all reloads that succeeded after the first `since`: `cause`, `source` and `detail` each."""
    reloads = json.loads(product.view("/v1/reloads"))["reloads"]
    return [reason for reload in reloads[since:] if reload["success"] for reason in reload["reasons"]]


def shown(product: Product, cause: ReloadCause, source: str | None, since: int) -> dict[str, Any]:
    """Wait until a reload after the first `since` names the cause and the object."""
    found: list[dict[str, Any]] = eventually(
        lambda: [
            reason for reason in reasons(product, since) if (reason["cause"], reason["source"]) == (cause.value, source)
        ],
        what=f"{cause} of {source}",
    )
    return found[0]


def runtime(product: Product, command: str) -> str:
    """A command that somebody gives HAProxy behind haloy's back."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(run_dir(product.state) / "worker.sock"))
        connection.sendall(f"{command}\n".encode())
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    return answer.decode()
