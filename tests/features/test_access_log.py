"""The access log: one JSON object for each request, whatever came."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route
from tests.support.ports import free_port

HEAD = b"Host: log.test\r\nConnection: close\r\n"
NASTY = {
    "8 kB of path": b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "quotes and backslashes": b'GET /?q="\\\\"{}\\u0000 HTTP/1.1\r\n' + HEAD + b"\r\n",
    "bytes that are not UTF-8": b"GET / HTTP/1.1\r\nHost: \xc3\x28\xff\xfe.test\r\nConnection: close\r\n\r\n",
    "quotes in the host": b'GET / HTTP/1.1\r\nHost: "}],\\\r\nConnection: close\r\n\r\n',
    "an odd method": b"`'|~ / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a request id like JSON": b"GET / HTTP/1.1\r\n" + HEAD + b'X-Request-Id: ","a":"\r\n\r\n',
    "format directives": b"GET /%[env(PATH)]%ci%%n?x=%0a%0d%22 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "no host": b"GET / HTTP/1.0\r\n\r\n",
    "no request": b'\x16\x03\xff"\\\r\n\r\n',
    "half a header": b'GET / HTTP/1.1\r\n"bad header\\\r\n\r\n',
    "too much header": b"GET / HTTP/1.1\r\n" + HEAD + b"X-Big: " + b"y" * 30_000 + b"\r\n\r\n",
    "an encoded nul": b"GET /%00 HTTP/1.1\r\n" + HEAD + b"\r\n",
}
READ = {"time", "id", "client", "method", "host", "path", "protocol", "status", "bytes", "timings", "route", "rule"} | {
    "backend", "endpoint", "state",
}  # fmt: skip


def backend_and_route(upstream: Echo) -> str:
    named = "- name: api\n  matches: [{path: {value: /api}}]\n  backendRefs: [{name: shop}]\n"
    dead = "- matches: [{path: {value: /dead}}]\n  backendRefs: [{name: dead}]\n"
    return (
        backend("shop", upstream.endpoint)
        + backend("dead", f"{{address: 127.0.0.1, port: {free_port()}}}")
        + route(
            "log",
            f"hosts: [log.test]\ntls: {{issuer: selfSigned}}\nrules:\n{named}{dead}- backendRefs: [{{name: shop}}]",
        )
    )


@pytest.fixture(scope="module")
def logging(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("all.yaml", backend_and_route(upstreams("shop")))
    product.wait_condition("Route", "log", "Programmed", "True")
    return product


class Tail:
    """The records of an access log from here on."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._start = len(self._lines())

    def _lines(self) -> list[bytes]:
        path = self._product.access_log
        return path.read_bytes().split(b"\n")[:-1] if path.exists() else []

    def records(self, count: int) -> list[dict[str, Any]]:
        """Wait for `count` lines; each must be JSON, and UTF-8."""
        lines = eventually(self._lines, lambda lines: len(lines) - self._start >= count, f"{count} lines")[
            self._start :
        ]
        assert len(lines) == count
        return [json.loads(line.decode("utf-8")) for line in lines]


@pytest.fixture
def tail(logging: Product) -> Tail:
    return Tail(logging)


def send(port: int, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send `data`, and read to the end."""
    received = b""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        sock: socket.socket = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        if context is not None:
            sock = stack.enter_context(context.wrap_socket(sock, server_hostname="log.test"))
        sock.sendall(data)
        sock.settimeout(2)
        while more := sock.recv(65536):
            received += more
    return received


def careless() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_request_is_told_with_everything_there_is_to_know(
    logging: Product, tail: Tail, upstreams: Callable[[str], Echo]
) -> None:
    answer = logging.get(f"LOG.test:{logging.http}", "/api/x?y=1", method="POST", body=b"abc", source="127.0.0.5")
    (record,) = tail.records(1)
    assert set(record) == READ
    assert re.fullmatch(r"[0-9a-f-]{36}", record["id"])
    assert record["id"] == answer.echo["headers"]["x-request-id"]
    assert 1_700_000_000_000 < record["time"] < 10_000_000_000_000
    assert set(record["timings"]) == {"request", "queue", "connect", "response", "total"}
    assert 0 <= record["timings"]["total"] < 10_000
    assert record["bytes"] > len(answer.body)
    told = {key: record[key] for key in READ - {"id", "time", "timings", "bytes"}}
    assert told == {
        "client": "127.0.0.5",
        "method": "POST",
        "host": "log.test",
        "path": "/api/x?y=1",
        "protocol": "HTTP/1.1",
        "status": 200,
        "route": "default/log",
        "rule": "api",
        "backend": "default/shop",
        "endpoint": f"127.0.0.1:{upstreams('shop').port}",
        "state": "--",
    }


def test_tls_is_told_too(logging: Product, tail: Tail) -> None:
    logging.get("log.test", "/", tls=True)
    (record,) = tail.records(1)
    assert set(record) == READ | {"tls"}
    assert record["tls"]["version"] == "TLSv1.3"
    assert record["tls"]["sni"] == "log.test"
    assert record["tls"]["cipher"].startswith("TLS_")


def test_what_no_upstream_answered_has_a_record_of_its_own_kind(logging: Product, tail: Tail) -> None:
    logging.get("unknown.test", "/x")
    logging.get("log.test", "/dead")
    unknown, dead = tail.records(2)
    assert (unknown["status"], unknown["route"], unknown["rule"], unknown["backend"]) == (404, "-", "-", "-")
    assert unknown["endpoint"] == "-"
    assert (dead["status"], dead["route"], dead["backend"], dead["state"][0]) == (
        503,
        "default/log",
        "default/dead",
        "S",
    )


@pytest.mark.parametrize("name", NASTY)
def test_the_line_parses_whatever_was_sent(logging: Product, tail: Tail, name: str) -> None:
    send(logging.http, NASTY[name])
    send(logging.https, NASTY[name], careless())
    plain, secure = tail.records(2)
    for record in (plain, secure):
        assert record["client"] == "127.0.0.1"
        assert isinstance(record["status"], int)
        assert "tls" in record or record is plain
    if name == "8 kB of path":
        assert ("/" + "x" * 8192).startswith(plain["path"])
        assert len(plain["path"]) >= 1000
    if name == "no request":
        assert plain["error"] == "-"
    if name == "format directives":
        assert plain["path"] == "/%[env(PATH)]%ci%%n?x=%0a%0d%22"


def test_failed_handshakes_parse(logging: Product, tail: Tail) -> None:
    send(logging.https, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    send(logging.https, bytes.fromhex("160301000c0100000803030000") + b"\xff" * 4)
    old = careless()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES256-SHA")
    send(logging.https, b"", old)
    records = tail.records(3)
    assert all(record["error"] and record["tls"] for record in records), records


def test_a_client_that_goes_away_is_told(logging: Product, tail: Tail, upstreams: Callable[[str], Echo]) -> None:
    upstream = upstreams("shop")
    upstream.gate.clear()
    try:
        sock = socket.create_connection(("127.0.0.1", logging.http), timeout=30)
        sock.sendall(b"GET /leaving HTTP/1.1\r\nHost: log.test\r\n\r\n")
        eventually(lambda: [record for record in upstream.seen if record["path"] == "/leaving"])
        sock.close()
        (record,) = tail.records(1)
        assert record["state"].startswith("C")
        assert record["path"] == "/leaving"
    finally:
        upstream.gate.set()


class ToStdout(Product):
    """Without --access-log, or with `off`; standard output in a file of its own."""

    def __init__(self, root: Path, *flags: str) -> None:
        super().__init__(root, *flags)
        self.stdout = root / "stdout"

    def arguments(self) -> list[str]:
        return [word for word in super().arguments() if not word.startswith("--access-log=/")]

    def start(self, wait: bool = True) -> "ToStdout":
        with self.log_file.open("ab") as log, self.stdout.open("ab") as out:
            self.launch(out, log)
        eventually(lambda: self.view("/readyz"), lambda text: text == "ok\n")
        return self


@pytest.fixture
def to_stdout(tmp_path: Path) -> Iterator[Callable[..., ToStdout]]:
    made: list[ToStdout] = []

    def make(*flags: str) -> ToStdout:
        made.append(ToStdout(tmp_path, *flags))
        return made[-1]

    yield make
    for product in made:
        if product.process is not None:
            product.stop(signal.SIGINT)


def test_it_goes_to_standard_output_unless_told_otherwise(
    to_stdout: Callable[..., ToStdout], upstreams: Callable[[str], Echo]
) -> None:
    product = to_stdout()
    product.write("all.yaml", backend_and_route(upstreams("shop")))
    product.start()
    product.wait_answer("log.test", "/", lambda answer: answer.status == 200)
    product.get("log.test", "/the-last")
    eventually(product.stdout.read_text, lambda text: "/the-last" in text)
    lines = [line for line in product.stdout.read_text().splitlines() if line.startswith("{")]
    assert json.loads(lines[-1])["path"] == "/the-last"


def test_it_can_be_switched_off(to_stdout: Callable[..., ToStdout], upstreams: Callable[[str], Echo]) -> None:
    product = to_stdout("--access-log=off", "--drain-timeout=1s")
    product.write("all.yaml", backend_and_route(upstreams("shop")))
    product.start()
    product.wait_answer("log.test", "/silent", lambda answer: answer.status == 200)
    product.stop()
    assert "/silent" not in product.stdout.read_text()
    assert "/silent" not in product.log_file.read_text()
    assert not product.access_log.exists()


def test_a_file_outlives_haproxy_and_may_be_truncated(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh()
    product.write("all.yaml", backend_and_route(upstreams("shop")))
    product.start()
    product.wait_answer("log.test", "/", lambda answer: answer.status == 200)
    product.get("log.test", "/before")
    eventually(lambda: b"/before" in product.access_log.read_bytes())
    master = product.haproxy_pids()[0]
    os.kill(master, signal.SIGKILL)
    eventually(product.haproxy_pids, lambda pids: bool(pids) and master not in pids)
    product.wait_answer("log.test", "/after", lambda answer: answer.status == 200)
    eventually(lambda: b"/after" in product.access_log.read_bytes())
    paths = [json.loads(line)["path"] for line in product.access_log.read_bytes().splitlines()]
    assert paths.index("/before") < paths.index("/after")
    eventually(lambda: appending(product))
    os.truncate(product.access_log, 0)
    product.get("log.test", "/truncated")
    lines = eventually(lambda: product.access_log.read_bytes().splitlines())
    assert [json.loads(line)["path"] for line in lines] == ["/truncated"]


def appending(product: Product) -> bool:
    """Whether HAProxy's standard output has O_APPEND, which its own first line took away."""
    text = Path(f"/proc/{product.haproxy_pids()[0]}/fdinfo/1").read_text()
    return bool(int(next(line for line in text.splitlines() if line.startswith("flags:")).split()[1], 8) & os.O_APPEND)
