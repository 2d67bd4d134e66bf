"""What a cluster has to itself on this machine: a number, and by it a folder, ports and address ranges.

Every cluster of a user is a folder below one base, taken under a lock. Who started it is written down: what a test run that was killed
left behind is found by the next start, and cleared away.
"""

import fcntl
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from e2e.cluster import pids
from e2e.cluster.errors import ClusterError
from e2e.cluster.pids import ProcessId

_FIRST_PORT = 61_000
"""Linux gives connecting sockets the ports below (32,768 to 60,999), so nobody takes one of these in passing."""
_PORTS = 16
_NETWORK = IPv4Network(os.environ.get("HALOY_E2E_NETWORK", "10.211.0.0/16"))
_SHARE = 22
COUNT = min((65_535 - _FIRST_PORT) // _PORTS, 2 ** (_SHARE - _NETWORK.prefixlen))
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster's own. Everything here follows from the three fields, so that a second process finds the same."""

    name: str
    number: int
    node: bool

    @property
    def folder(self) -> Path:
        return base() / self.name

    @property
    def api_port(self) -> int:
        return self._port(0)

    @property
    def etcd_port(self) -> int:
        return self._port(1)

    @property
    def etcd_peer_port(self) -> int:
        return self._port(2)

    @property
    def controllers_port(self) -> int:
        return self._port(3)

    @property
    def scheduler_port(self) -> int:
        return self._port(4)

    @property
    def link(self) -> str:
        """The name of the interface on this side; at most 15 characters."""
        return f"haloy{self.number}"

    @property
    def link_network(self) -> IPv4Network:
        return self._network(0)

    @property
    def host_address(self) -> IPv4Address:
        """This machine, as the node sees it; the API server's address when there is a node."""
        return self.link_network[1]

    @property
    def node_address(self) -> IPv4Address:
        return self.link_network[2]

    @property
    def pods(self) -> IPv4Network:
        return self._network(1)

    @property
    def services(self) -> IPv4Network:
        return self._network(2)

    @property
    def dns_address(self) -> IPv4Address:
        return self.services[10]

    @property
    def api_address(self) -> IPv4Address:
        return self.host_address if self.node else IPv4Address("127.0.0.1")

    @property
    def node_name(self) -> str:
        return f"{self.name}-node"

    @property
    def cgroup(self) -> str:
        """Below the root of every hierarchy."""
        return f"haloy-e2e-{self.number}"

    def _port(self, index: int) -> int:
        return _FIRST_PORT + self.number * _PORTS + index

    def _network(self, index: int) -> IPv4Network:
        share = ipaddress.ip_network((int(_NETWORK[0]) + (self.number << (32 - _SHARE)), _SHARE))
        assert isinstance(share, IPv4Network)
        return list(share.subnets(new_prefix=24))[index]


def base() -> Path:
    """The folder with all clusters of this user."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "haloy" / "clusters"


def claim(name: str, *, node: bool, owner: ProcessId | None) -> Place:
    """Takes a place; `owner` is the process it must not outlive, None: nobody. Raises ClusterError (the name is taken or unfit)."""
    if not _NAME.fullmatch(name):
        raise ClusterError(f"{name!r} is no name for a cluster: lower-case letters, digits and dashes, 32 at most")
    with _locked():
        if find(name) is not None:
            raise ClusterError(f"there is a cluster {name!r} already: python -m e2e.cluster down --name {name}")
        taken = {place.number for place in existing()}
        for number in range(COUNT):
            place = Place(name, number, node)
            if number not in taken and _is_free(place):
                place.folder.mkdir(parents=True, mode=0o700)
                (place.folder / "place.json").write_text(json.dumps(asdict(place)) + "\n")
                if owner is not None:
                    owner.write(place.folder / "owner")
                return place
    raise ClusterError("no number, with its ports and address ranges, is free: python -m e2e.cluster list")


def release(place: Place) -> None:
    """The folder goes; the cluster must have stopped."""
    with _locked():
        if place.folder.exists():
            shutil.rmtree(place.folder)


def find(name: str) -> Place | None:
    """The place of an existing cluster."""
    try:
        return Place(**json.loads((base() / name / "place.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def existing() -> list[Place]:
    """All of this user's, by number."""
    folders = [entry for entry in base().iterdir() if entry.is_dir()] if base().is_dir() else []
    found = [place for place in (find(folder.name) for folder in folders) if place is not None]
    return sorted(found, key=lambda place: place.number)


def orphans() -> list[Place]:
    """Those whose owner has ended without stopping them."""
    owned = [(place, pids.read(place.folder / "owner")) for place in existing()]
    return [place for place, owner in owned if owner is not None and not owner.runs]


def _is_free(place: Place) -> bool:
    ports = [place.api_port, place.etcd_port, place.etcd_peer_port, place.controllers_port, place.scheduler_port]
    return all(_port_is_free(port) for port in ports) and not (place.node and _is_routed(place))


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_routed(place: Place) -> bool:
    """Whether the machine has the link, or a route (other than the default one) into what would be the cluster's."""
    if (Path("/sys/class/net") / place.link).exists():
        return True
    own = place.link_network.supernet(new_prefix=_SHARE)
    listed = subprocess.run(["ip", "-4", "-json", "route"], capture_output=True, text=True, check=True, timeout=10)
    routes = [route["dst"] for route in json.loads(listed.stdout or "[]") if route["dst"] != "default"]
    return any(IPv4Network(route, strict=False).overlaps(own) for route in routes)


@contextmanager
def _locked() -> Iterator[None]:
    base().mkdir(parents=True, exist_ok=True, mode=0o700)
    with (base() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
