"""A whole cluster: start it, find it again from another process, stop it so that nothing is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import build, pids, place
from e2e.cluster.build import Programs, Say, aloud
from e2e.cluster.control_plane import ControlPlane
from e2e.cluster.errors import ClusterError
from e2e.cluster.node import Node
from e2e.cluster.pids import ProcessId
from e2e.cluster.place import Place
from e2e.cluster.process import Process


class Cluster:
    """A running one. Its processes can be stopped, started, paused and resumed each: `cluster.etcd.pause()`."""

    def __init__(self, where: Place, programs: Programs) -> None:
        self.place = where
        self.programs = programs
        self.control_plane = ControlPlane(where, programs)
        self.node = Node(where, programs, self.control_plane) if where.node else None

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def kubeconfig(self) -> Path:
        """Of somebody who may do everything."""
        return self.control_plane.admin

    @property
    def etcd(self) -> Process:
        return self.control_plane.etcd

    @property
    def api_server(self) -> Process:
        return self.control_plane.api_server

    @property
    def processes(self) -> tuple[Process, ...]:
        """Every component, in the order of their start."""
        return (*self.control_plane.processes, *(self.node.processes if self.node is not None else ()))


def start(name: str, *, node: bool = False, owner: ProcessId | None = None, say: Say = aloud) -> Cluster:
    """Builds the programs if need be, starts everything, waits until it is ready; what failed half-way is stopped again.

    `owner`: a process that the cluster must not outlive; a later start clears it away if it did. None: it stays until `stop`.
    Raises ClusterError: NotPossibleHereError before anything was started, ComponentFailedError with the component's log.
    """
    if node:
        Node.check_possible()
    programs = build.programs(say)
    clear_orphans(say)
    return bring_up(Cluster(place.claim(name, node=node, owner=owner), programs), say=say)


def bring_up(cluster: Cluster, *, say: Say = aloud) -> Cluster:
    """Everything of a cluster that has its place; all or nothing, the place included. Raises ClusterError."""
    began = time.monotonic()
    try:
        if cluster.node is not None:
            cluster.node.isolate()
        authority = cluster.control_plane.prepare()
        cluster.control_plane.start()
        say(f"cluster {cluster.name}: control plane ready after {time.monotonic() - began:.1f} s")
        if cluster.node is not None:
            cluster.node.start(authority)
            say(f"cluster {cluster.name}: node ready after {time.monotonic() - began:.1f} s")
    except BaseException:
        stop(cluster)
        raise
    return cluster


def attached(name: str) -> Cluster:
    """A cluster that another process started. Raises ClusterError: there is none of that name."""
    found = place.find(name)
    if found is None:
        names = ", ".join(each.name for each in place.existing()) or "none"
        raise ClusterError(f"there is no cluster {name!r}; there are: {names}")
    return Cluster(found, build.programs())


def stop(cluster: Cluster) -> None:
    """Ends every process at once (nothing of it is kept), then removes what it had. Works on one that is half gone, too."""
    try:
        if cluster.node is not None:
            cluster.node.remove()
    finally:
        for process in reversed(cluster.control_plane.processes):
            process.kill()
    place.release(cluster.place)


@contextmanager
def running(name: str, *, node: bool = False, say: Say = aloud) -> Iterator[Cluster]:
    """For as long as the `with` block runs, and no longer than this process."""
    cluster = start(name, node=node, owner=pids.own(), say=say)
    try:
        yield cluster
    finally:
        stop(cluster)


def clear_orphans(say: Say = aloud) -> None:
    """Stops clusters whose owner was killed before it could do that."""
    for each in place.orphans():
        say(f"cluster {each.name}: left behind by a process that has ended; stopping it")
        stop(Cluster(each, build.programs(say)))
