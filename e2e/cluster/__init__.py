"""A Kubernetes cluster of our own on this machine, for tests and for a person: `python -m e2e.cluster up`, `down`.

    with running("shop", node=True) as cluster:      # several side by side, each with its own name
        cluster.kubeconfig                           # for any client
        cluster.api_server.pause()                   # and stop, start, resume, kill; the same for etcd

The parts, in the order of what happens: `build` (the programs, from Go modules), `place` (a cluster's number, folder, ports and address
ranges), `certificates`, `kubeconfig`, `process` (one child process), `control_plane`, `node` (a machine made of namespaces), `run`.
"""

from e2e.cluster.errors import ClusterError, ComponentFailedError, NotPossibleHereError
from e2e.cluster.run import Cluster, attached, running, start, stop

__all__ = [
    "Cluster",
    "ClusterError",
    "ComponentFailedError",
    "NotPossibleHereError",
    "attached",
    "running",
    "start",
    "stop",
]
