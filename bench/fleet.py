"""Fleets of any size, for the benchmark and the tests of scale: their manifests, and the one upstream that answers for all.

Backend `b-7` has two endpoints, `127.a.b.c` addresses of their own on one port, where `python -m bench.fleet PORT` answers with the
address that was asked for. Route `r-7` leads the host `h7.scale.test` to it; on one host, all of `one.scale.test` below `/p7`.
"""

import asyncio
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAMED = "x-upstream"
"""The header of every answer that says which address was asked."""
ONE_HOST = "one.scale.test"
_HEAD = "apiVersion: haloy.dev/v1alpha1\nkind: "


@dataclass(frozen=True, slots=True)
class Fleet:
    """`size` Routes and as many Backends. `port`: of the upstream. `interval`: between two checks of an endpoint.
    `one_host`: all Routes share a host and differ by path."""

    size: int
    port: int
    interval: str = "15s"
    one_host: bool = False

    def write(self, directory: Path, per_file: int = 200) -> None:
        """Manifests of `per_file` objects each; 1: as a GitOps repository has them, one object a file."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "checks.yaml").write_text(self.policy())
        if per_file == 1:
            for number in range(self.size):
                route_file(directory, number).write_text(self.route(number))
                backend_file(directory, number).write_text(self.backend(number))
            return
        for first in range(0, self.size, per_file // 2):
            texts = [
                text
                for number in range(first, min(first + per_file // 2, self.size))
                for text in (self.route(number), self.backend(number))
            ]
            (directory / f"objects-{first:06d}.yaml").write_text("---\n".join(texts))

    def place(self, number: int) -> tuple[str, str]:
        """Host and path of Route `number`."""
        return (ONE_HOST, f"/p{number}") if self.one_host else (host(number), "/")

    def route(self, number: int, *, backend: int | None = None, rule: str = "", match: str = "") -> str:
        """`rule`: more lines of the rule, indented by four; `match`: more of its only match, as in a flow mapping."""
        name, path = self.place(number)
        target = number if backend is None else backend
        found = f"path: {{type: PathPrefix, value: {path}}}" + (f", {match}" if match else "")
        refs = "" if "backendRefs" in rule else f"    backendRefs: [{{name: b-{target}}}]\n"
        return (
            f"{_HEAD}Route\nmetadata: {{name: r-{number}}}\nspec:\n  hosts: [{name}]\n  rules:\n"
            f"  - matches: [{{{found}}}]\n{rule}{refs}"
        )

    def policy(self) -> str:
        return f"{_HEAD}HealthPolicy\nmetadata: {{name: checks}}\nspec:\n  tcp: {{}}\n  interval: {self.interval}\n"

    def own_policy(self, number: int, path: str) -> str:
        """A HealthPolicy for one Backend, which asks for `path`."""
        return (
            f"{_HEAD}HealthPolicy\nmetadata: {{name: checks-{number}}}\nspec:\n  http: {{path: {path}}}\n"
            f"  interval: {self.interval}\n"
        )

    def backend(
        self, number: int, weights: tuple[int, int] = (100, 100), shift: int = 0, policy: str = "checks"
    ) -> str:
        """Another `shift` gives other addresses."""
        endpoints = "".join(
            f"  - {{address: {address(number, each + 2 * shift)}, port: {self.port}, weight: {weight}}}\n"
            for each, weight in enumerate(weights)
        )
        return f"{_HEAD}Backend\nmetadata: {{name: b-{number}}}\nspec:\n  healthPolicy: {policy}\n  endpoints:\n{endpoints}"


def route(number: int, backend: int | None = None) -> str:
    target = number if backend is None else backend
    rule = f"  - backendRefs: [{{name: b-{target}}}]\n"
    return f"{_HEAD}Route\nmetadata: {{name: r-{number}}}\nspec:\n  hosts: [{host(number)}]\n  rules:\n{rule}"


def host(number: int) -> str:
    return f"h{number}.scale.test"


def address(number: int, endpoint: int) -> str:
    """Endpoint 0 to 7 of Backend `number`."""
    value = (number + 1) * 8 + endpoint
    return f"127.{1 + (value >> 16)}.{value >> 8 & 255}.{value & 255}"


def route_file(directory: Path, number: int) -> Path:
    return directory / f"r-{number}.yaml"


def backend_file(directory: Path, number: int) -> Path:
    return directory / f"b-{number}.yaml"


def listen(port: int) -> socket.socket:
    """Every loopback address at `port` (0: any), and no other interface's."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", port))
    listener.listen(1024)
    return listener


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    name = writer.get_extra_info("sockname")[0]
    answer = f"HTTP/1.1 200 OK\r\n{NAMED}: {name}\r\ncontent-length: 3\r\n\r\nok\n".encode()
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)
    writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, sock=listen(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
