"""Start, stop, death and resurrection: nothing is lost and nothing is left behind."""

import http.server
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.features.echo import Echo
from tests.features.product import Answer, Product, backend, eventually, fetch, route

QUIET = 2.0
"""Seconds without an event after which none is to be expected: several times what the watcher and a cycle need."""
RULES = "hosts: [a.test]\nrules: [{backendRefs: [{name: a}]}]"


def prepared(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("a.yaml", backend("a", upstreams("a").endpoint) + route("a", RULES))
    product.start()
    product.wait_answer("a.test", "/", lambda answer: answer.status == 200)
    return product


@pytest.mark.parametrize("warm", [True, False])
def test_sigterm_leaves_nothing_behind(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo], warm: bool
) -> None:
    product = fresh()
    product.warm = warm
    prepared(product, upstreams)
    assert product.haproxy_pids()
    assert product.stop() == 0
    assert product.haproxy_pids() == []
    assert not list(product.state.rglob("*.sock"))


def test_sigterm_lets_a_request_in_flight_finish(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh("--drain-timeout=20s"), upstreams)

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arrived.set()
            release.wait(20)
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"done")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    arrived, release = threading.Event(), threading.Event()
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    try:
        endpoint = f"{{address: 127.0.0.1, port: {slow.server_address[1]}}}"
        product.write(
            "slow.yaml",
            backend("slow", endpoint) + route("slow", "hosts: [slow.test]\nrules: [{backendRefs: [{name: slow}]}]"),
        )
        eventually(lambda: product.object("Route", "slow"))
        product.wait_condition("Route", "slow", "Programmed", "True")
        answers: list[Answer] = []
        client = threading.Thread(target=lambda: answers.append(product.get("slow.test")))
        client.start()
        assert arrived.wait(20)
        assert product.process is not None
        product.process.send_signal(signal.SIGTERM)
        eventually(lambda: _refused(product.http))
        assert product.process.poll() is None
        release.set()
        client.join(20)
        assert [answer.body for answer in answers] == [b"done"]
        assert product.process.wait(20) == 0
    finally:
        release.set()
        slow.shutdown()
        slow.server_close()


def _refused(port: int) -> bool:
    try:
        fetch(port, "a.test")
    except ConnectionRefusedError:
        return True
    return False


def _accept_request(listener: socket.socket) -> socket.socket:
    """The connection that brings a request; health checks bring none."""
    while True:
        connection, _ = listener.accept()
        if connection.recv(1):
            return connection
        connection.close()


def test_a_second_signal_does_not_wait_for_requests(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh("--drain-timeout=10m"), upstreams)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"{{address: 127.0.0.1, port: {silent.getsockname()[1]}}}"
        objects = backend("mute", endpoint) + route(
            "mute", "hosts: [mute.test]\nrules: [{backendRefs: [{name: mute}]}]"
        )
        product.write("mute.yaml", objects)
        eventually(lambda: product.object("Route", "mute"))
        product.wait_condition("Route", "mute", "Programmed", "True")
        with socket.create_connection(("127.0.0.1", product.http)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: mute.test\r\n\r\n")
            with _accept_request(silent):
                assert product.process is not None
                product.process.send_signal(signal.SIGTERM)
                eventually(product.log_tail, lambda text: "requests in flight" in text)
                product.process.send_signal(signal.SIGTERM)
                product.process.wait(30)
    assert product.haproxy_pids() == []


def test_a_dead_haproxy_is_started_again_from_what_was_live(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh(), upstreams)
    for pid in product.haproxy_pids():
        os.kill(pid, signal.SIGKILL)
    product.wait_answer("a.test", "/", lambda answer: answer.status == 200)
    eventually(lambda: product.view("/metrics"), lambda text: "haloy_proxy_restarts_total 1.0" in text)
    assert "started again" in product.log_tail()


def test_after_kill_9_of_haloy_the_proxy_serves_on_and_is_taken_over(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh(), upstreams)
    before = set(product.haproxy_pids())
    product.stop(signal.SIGKILL)
    assert product.get("a.test").status == 200
    product.write("b.yaml", route("b", "hosts: [b.test]\nrules: [{backendRefs: [{name: a}]}]"))
    failures: list[str] = []
    done = threading.Event()

    def steady() -> None:
        while not done.is_set():
            try:
                if product.get("a.test").status != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(repr(error))

    client = threading.Thread(target=steady)
    client.start()
    try:
        product.start()
        product.wait_answer("b.test", "/", lambda answer: answer.status == 200)
    finally:
        done.set()
        client.join()
    assert failures == []
    assert before & set(product.haproxy_pids())
    assert product.stop() == 0
    assert product.haproxy_pids() == []


def test_two_on_one_state_folder_do_not_fight(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = prepared(fresh(), upstreams)
    second = product.outcome("--admin=127.0.0.1:0")
    assert second.code == 2
    assert str(product.state) in second.err
    assert product.get("a.test").status == 200


def test_a_taken_port_is_said_in_words(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = fresh()
    product.http = upstreams("taken").port
    done = product.outcome()
    assert done.code == 2
    assert str(product.http) in done.err
    assert product.haproxy_pids() == []


def test_a_second_haloy_does_not_share_the_ports_of_the_first(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh(), upstreams)
    other = product.state.with_name("other")
    done = product.outcome("--admin=127.0.0.1:0", f"--state={other}", "--access-log=off")
    assert done.code == 2
    assert f"127.0.0.1:{product.http} is in use by another process" in done.err
    assert {product.get("a.test").status for _ in range(20)} == {200}


def test_a_corrupt_newest_configuration_falls_back_one_generation(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh(), upstreams)
    current = product.state / "haproxy" / "current"
    before = current.readlink()
    product.write("b.yaml", backend("b", upstreams("b").endpoint, extra="connections: {connectTimeout: 1234ms}"))
    eventually(lambda: product.object("Backend", "b"))
    product.wait_condition("Backend", "b", "Programmed", "True")
    assert current.readlink() != before, "a new kind of Backend makes a new generation"
    product.stop()
    for fragment in current.glob("*.cfg"):
        fragment.unlink()
        fragment.write_text("garbage !\n")
    aside = product.directory.with_name("aside")
    product.directory.rename(aside)  # only the state folder can help now
    product.start(wait=False)
    product.wait_answer("a.test", "/", lambda answer: answer.status == 200)
    assert current.readlink() == before
    aside.rename(product.directory)


def test_sighup_reads_everything_again(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = prepared(fresh(), upstreams)
    assert product.process is not None
    product.process.send_signal(signal.SIGHUP)
    eventually(product.log_tail, lambda text: "SIGHUP" in text)
    assert product.get("a.test").status == 200


def test_once_applies_reports_and_leaves_with_a_code(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh("--once")
    product.write("a.yaml", backend("a", upstreams("a").endpoint) + route("a", RULES))
    done = product.outcome()
    assert done.code == 0, done.err
    assert "route/default/a Ready=True" in done.out
    product.write("bad.yaml", route("bad", "hosts: [bad.test]\nrules: [{backendRefs: [{name: absent}]}]"))
    done = product.outcome()
    assert done.code == 1
    assert "route/default/bad Ready=False" in done.out
    assert product.haproxy_pids() == []


def _unchanged(read: Callable[[], object], seconds: float) -> bool:
    """Whether `read` gives the same answer again and again, for `seconds`."""
    first, end = read(), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
        if read() != first:
            return False
    return True


def test_quiet_means_quiet(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    """Without a change there is no cycle, no reload and no command."""
    product = prepared(fresh(), upstreams)
    product.wait_condition("Backend", "a", "Healthy", "True")

    def counts() -> dict[str, str]:
        lines = product.view("/metrics").splitlines()
        wanted = ("haloy_cycles_total", "haloy_reloads_total", "haloy_runtime_commands_total")
        return dict(line.rsplit(" ", 1) for line in lines if line.startswith(wanted))

    eventually(lambda: _unchanged(counts, QUIET), what="what the start brought is over")
    before = counts()
    for path in Path(product.directory).glob("*.yaml"):
        path.touch()
    assert _unchanged(counts, QUIET)
    assert counts() == before
    assert json.loads(product.view("/v1/status"))["ready"] is True


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--state=/proc/haloy"], "choose another with --state"),
        (["--access-log=/nonexistent/folder/file"], "choose another with --access-log"),
        (["--http=127.0.0.1:0"], "port 0"),
        (["--haproxy=/nonexistent/haproxy"], "/nonexistent/haproxy"),
    ],
)
def test_a_wrong_flag_is_said_in_one_line(fresh: Callable[..., Product], flags: list[str], words: str) -> None:
    product = fresh()
    done = product.outcome(*flags)
    assert done.code == 2
    assert words in done.err
    assert product.haproxy_pids() == []


def test_a_change_that_met_a_dying_haproxy_is_live_soon_after(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = prepared(fresh(), upstreams)
    objects = backend("late", upstreams("late").endpoint) + route(
        "late", "hosts: [late.test]\nrules: [{backendRefs: [{name: late}]}]"
    )
    product.write("late.yaml", objects)
    for pid in product.haproxy_pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    product.wait_answer("late.test", "/", lambda answer: answer.status == 200)
    product.wait_condition("Route", "late", "Ready", "True")


def test_a_signal_while_starting_leaves_nothing_behind(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh()
    product.warm = False
    product.write("a.yaml", backend("a", upstreams("a").endpoint) + route("a", RULES))
    product.start(wait=False)
    eventually(product.haproxy_pids)
    assert product.stop() == 0
    assert product.haproxy_pids() == []
