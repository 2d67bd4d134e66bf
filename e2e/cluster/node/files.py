"""The configuration files of what runs on the node, as text. Paths are those inside the node."""

import json
from pathlib import Path

import yaml

from e2e.cluster.certificates import Pair
from e2e.cluster.node import init, needs
from e2e.cluster.place import Place

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
READY_PORT = 8181
PROXY_PORT = 10256
_CNI = init.FOLDER / "cni"


def inside(file: Path) -> Path:
    """Where the node finds what `file`, of the node's folder, is outside."""
    return init.FOLDER / file.name


def containerd(*, sandbox_image: str, snapshotter: str) -> str:
    """TOML. Everything that containerd would make outside /var and /run is moved or switched off."""
    return f"""\
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {json.dumps(sandbox_image)}
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = {json.dumps(snapshotter)}
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {json.dumps(str(needs.CNI))}
    conf_dir = {json.dumps(str(_CNI))}
"""


def pod_network(place: Place) -> str:
    """CNI. Every pod has a routed link of its own: no bridge, so Services work without the kernel's br_netfilter."""
    routed = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(place.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "haloy", "plugins": [routed, ports]}, indent=2)


def kubelet(place: Place, *, authority: Path, serving: Pair) -> str:
    """KubeletConfiguration. Nothing is evicted or collected for the machine's sake: it belongs to somebody, who may have a full disk."""
    return _yaml(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": str(place.node_address),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(inside(authority))},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(inside(serving.certificate)),
            "tlsPrivateKeyFile": str(inside(serving.key)),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{place.cgroup}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": False,
            "clusterDomain": "cluster.local",
            "clusterDNS": [str(place.dns_address)],
            "resolvConf": "",
            "readOnlyPort": 0,
            "registerNode": True,
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        }
    )


def proxy(place: Place, *, user: Path) -> str:
    """KubeProxyConfiguration: iptables, with no change to the machine's connection tracking."""
    return _yaml(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(inside(user))},
            "clusterCIDR": str(place.pods),
            "hostnameOverride": place.node_name,
            "healthzBindAddress": f"{place.node_address}:{PROXY_PORT}",
            "metricsBindAddress": "127.0.0.1:10249",
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
    )


def dns(place: Place, *, user: Path) -> str:
    """A Corefile. Names outside the cluster do not resolve: tests ask nobody else."""
    return f"""\
.:53 {{
    bind {place.node_address}
    errors
    ready {place.node_address}:{READY_PORT}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {inside(user)}
        pods insecure
        ttl 5
    }}
    loadbalance
}}
"""


def dns_objects(place: Place, *, user: str) -> str:
    """The Service that pods ask, with CoreDNS on the node behind it, and what CoreDNS may read."""
    labels = {"k8s-app": "kube-dns"}
    ports = [
        {"name": name, "protocol": protocol, "port": 53} for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    of_service = {"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "haloy-e2e"}
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": user},
        "rules": rules,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"clusterIP": str(place.dns_address), "ports": ports},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": of_service},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [str(place.node_address)], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return yaml.safe_dump_all([role, binding, service, endpoints], sort_keys=False)


def _yaml(content: dict[str, object]) -> str:
    return yaml.safe_dump(content, sort_keys=False)
