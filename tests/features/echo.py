"""Upstreams of the feature tests: real HTTP servers on loopback that say who they are and what they received."""

import json
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Echo:
    """One upstream. `health` is the status of /healthz, `status` that of every other answer; `seen` what arrived, in order.

    While `gate` is closed, answers wait (not those of /healthz); `seen` counts them already. `delay`: seconds that they all take.
    """

    name: str
    port: int = 0
    health: int = 200
    status: int = 200
    seen: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    delay: float = 0.0

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def endpoint(self) -> str:
        return f"{{address: 127.0.0.1, port: {self.port}}}"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news: health checks do."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def echo(name: str, port: int = 0, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Echo]:
    """Serve until the block ends; then the port refuses connections, as a dead process's does."""
    upstream = Echo(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            record = {
                "upstream": name,
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers},
                "header_names": [key for key, _ in self.headers.items()],
                "body": self.rfile.read(length).decode("latin-1"),
            }
            if isinstance(self.connection, ssl.SSLSocket):
                record["tls"] = {
                    "alpn": self.connection.selected_alpn_protocol(),
                    "client": self.connection.getpeercert(),
                }
            check = self.path.partition("?")[0] == "/healthz"
            (upstream.checks if check else upstream.seen).append(record)
            if not check:
                upstream.gate.wait(90)
                time.sleep(upstream.delay)
            body = json.dumps(record).encode()
            self.send_response(upstream.health if check else upstream.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("x-upstream", name)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = Server((address, port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    upstream.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
