"""The cluster's node: a machine of its own made of namespaces, with containerd, kubelet, kube-proxy and CoreDNS in it. Needs root."""

from e2e.cluster.node.node import Node

__all__ = ["Node"]
