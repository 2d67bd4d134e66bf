"""The upstreams of examples/quickstart: `python -m haloy.demo NAME PORT` answers every request with its name and what it saw.

Standard library only; it exits when its parent does.
"""

import ctypes
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PR_SET_PDEATHSIG = 1


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the name of the upstream."""

    protocol_version = "HTTP/1.1"
    upstream = "demo"

    def do_GET(self) -> None:
        length = self.headers.get("content-length", "0")
        if length.isdigit():
            self.rfile.read(int(length))
        seen = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items())
        body = f"{self.upstream} answers {self.command} {self.path}\n{seen}".encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the proxy's access log tells it all."""


class Server(ThreadingHTTPServer):
    """A thread for each connection; none holds up the end of the process."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up (health checks do) is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> None:
    """Serve on the port that the arguments (NAME PORT) say, until the parent process is gone."""
    name, port = sys.argv[1], int(sys.argv[2])
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("127.0.0.1", port), type("Named", (Handler,), {"upstream": name})).serve_forever()


if __name__ == "__main__":
    main()
